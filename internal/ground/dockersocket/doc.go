// Package dockersocket is the one description of where a job's Docker socket is, and of whether another may be laid
// over it. A start goes by it, and doctor and status say by it what a start would do.
//
// [Find] says which socket a process uses. [Open] opens it as a place to mount on, or says why the process's user may
// not have anything laid there: programs with more rights trust who answers at a socket, and DOCKER_HOST may name any.
package dockersocket
