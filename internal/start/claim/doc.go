// Package claim finds out whether others are in the plain _temp, waits for them, and keeps them out of it.
package claim
