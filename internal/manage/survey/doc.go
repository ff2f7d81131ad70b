// Package survey gathers facts about this machine and the runners on it: what the kernel, a service
// manager, a container or a file system gives and takes away. It judges nothing and changes nothing;
// what cannot be read is left at its zero value, which each fact documents.
package survey
