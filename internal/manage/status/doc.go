// Package status tells in a line for each runner whether it is protected, which Workers are alive, and how the last
// start went.
package status
