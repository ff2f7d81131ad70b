// Package tree has a start and a sweep make one folder like another, and delete and measure whole trees, without ever
// leaving their mount or following a link: what is in them is a job's.
package tree
