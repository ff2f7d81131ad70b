//go:build !race

package scripts_test

import (
	"golang.org/x/sys/unix"
)

// capability says what is wrong with the installed binary, "" if nothing is.
func capability() string {
	n, err := unix.Getxattr(place, "security.capability", make([]byte, 64))
	if err != nil {
		return err.Error()
	}
	if n < 8 {
		return "a damaged capability"
	}
	return ""
}
