// Package hostpath turns a path that a job wrote into the path under which dockerd, in the host's mount
// namespace, finds what the job meant.
//
// A job sees some places differently from the host: its _temp is another folder, and the Docker
// socket another socket. Each such place is a [Redirect]. Everything else is the same for both, so most
// paths need no change, and those that do are changed as little as possible.
//
// The calling process must be in the host's mount namespace. Nothing here changes a file.
package hostpath
