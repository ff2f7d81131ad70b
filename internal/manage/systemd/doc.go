// Package systemd has a person's command look at a runner's service, and at the path unit that an install makes for it:
// what systemd says of them, or if it does not answer, what their files say. It changes nothing.
package systemd
