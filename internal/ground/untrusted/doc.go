// Package untrusted opens what other users can put something else in the place of, at any moment: root's commands
// work in the folders of runners, which belong to their users.
//
// A path may lead to a FIFO, whose opening waits for a writer; to a file with a lease, which waits for its holder
// (fcntl(2), F_SETLEASE); or to a device, whose opening does something: watchdog(4)'s starts a clock that ends in a
// reboot. A folder's path may lead to somebody else's folder.
package untrusted
