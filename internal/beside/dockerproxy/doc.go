// Package dockerproxy lets containers that a job starts see the job's own _temp.
//
// dockerd looks up the sources of a container's mounts in the host's mount namespace, in which _temp is another folder.
// So the shim lays, in the job's namespace only, another socket over the Docker socket. Behind it a process of the
// runner's user relays everything to the real one: as it comes, but for host paths, which become those that dockerd
// finds.
//
// [Start] is for the shim, before it leaves the host's mount namespace. [Main] is the
// process. Its parts: tunnel relays HTTP, rewrite knows the API's bodies, hostpath the file system.
//
// The socket must outlive the daemon, as one that systemd holds does (docker.socket). A daemon that removes
// its socket and makes another takes the mount over it along, in every namespace (detach_mounts in
// fs/namespace.c): the rest of the job reaches the daemon itself, and its containers the host's _temp.
//
// It is no security boundary: who reaches the real socket may as well use that.
package dockerproxy
