// Package mounts lays bind mounts that only the caller's mount namespace sees, without cutting the
// namespace off from the one it was copied from.
//
// The usual way to keep a mount to oneself after unshare(2) is to make every mount private or a
// slave. That costs whoever works in the namespace: what they mount no longer reaches the host. [Bind]
// instead takes only those mounts that its targets lie in out of their peer groups, lays the binds,
// and puts the mounts back in. Mounts and unmounts then travel in both directions as before; only the
// binds themselves stay here. See mount_namespaces(7) on peer groups and propagation.
//
// Everything is done by file descriptor, and nothing is read from /proc/self/mountinfo, whose length
// grows with the number of mounts. Only if a security module denies that a mount is put back, mountinfo is read.
//
// Do not use it in a mount namespace that others share: the binds would be theirs too. Unshare first.
package mounts
