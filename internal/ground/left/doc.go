// Package left finds the processes that a job has left running, whatever they did to their environment, session or
// parent: they are in the mount namespace that the Worker had to itself.
//
// A start notes that namespace in the runner's _diag, one [Record] in a file for each Worker. Its inode number is given
// to another namespace as soon as it is gone. So a process counts as left only if one of these is sure:
//
//   - the kernel tells an ID that no other namespace gets (Linux 6.11), and that is the one on record
//   - the keeper of the Worker lives, which holds the namespace open
//
// Else it is left perhaps, and nothing ends it.
//
// # Whom root believes
//
// _diag is the runner's user's, who could have root end anybody by a record that is made up. So a start seals what it
// writes, if it may: in an extended attribute of the class trusted, which only CAP_SYS_ADMIN in the machine's first user
// namespace can set (xattr(7)). A start has that for the moment, and notes nothing but the namespace that it has made.
// Of a record without that seal root believes what its owner could do: it counts for the owner's own processes only.
package left
