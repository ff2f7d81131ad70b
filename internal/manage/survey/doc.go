// Package survey has a person's command gather facts about this machine and the runners on it: what the kernel, a service
// manager, a container or a file system gives and takes away. It judges nothing and changes nothing. A fact that cannot be
// read is left at its zero value, which each one documents.
package survey
