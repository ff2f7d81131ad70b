// Package claim finds out whether others are in the real _temp, waits for them, and keeps them out of it.
package claim
