package survey

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/dockersocket"
	"github.com/worker-wrap/worker-wrap/internal/ground/environ"
	"github.com/worker-wrap/worker-wrap/internal/manage/users"
)

// Docker is how a runner's jobs reach a Docker daemon.
type Docker struct {
	Host    string // DOCKER_HOST, "" for the default socket
	Socket  string // the socket's path, "" if there is none that the runner's user can use
	Missing string // why there is none
	Refused string // why a start leaves the socket as it is, "" if it lays the proxy's over it
	Unknown string // why it cannot be told what a start would do
	List    string // what is wrong with root's list of sockets
	// Context is the Docker context that the CLI uses, if that leads to another daemon than Socket's.
	Context string
	// Rootless is true if the socket is that of a daemon in the user's own namespaces
	// (dockerd-rootless.sh has it in $XDG_RUNTIME_DIR).
	Rootless bool
	// Closed is the default socket, if there is one that others than the runner's user can use, and no other.
	Closed string
	// Elsewhere is true if the daemon has started this container, and sees the work folder at the path There, "" for nowhere.
	Elsewhere bool
	There     string
	// Containerd is true if this machine's containerd listens where each dockerd looks for one first.
	Containerd bool
	Podman     bool // Podman is installed
	Snap       bool // Docker is installed as a snap, whose daemon has a mount namespace of its own
}

// docker looks for the daemon as a start would, with the rights of the runner's user.
func (s System) docker(r *Runner) Docker {
	env, as := r.Env(), dockersocket.User{UID: r.UID}
	if r.Listener != nil {
		as.GID, as.Groups = r.Listener.GID, r.Listener.Groups
	} else {
		as.GID = r.UID
		if groups := users.Groups(r.UID); len(groups) > 0 {
			as.GID, as.Groups = groups[0], groups[1:]
		}
	}
	if home, ok := users.Home(r.UID); ok {
		env = append(env[:len(env):len(env)], "HOME="+home)
	}
	d := Docker{Host: environ.Get(env, "DOCKER_HOST")}
	found, err := dockersocket.Look(env, as)
	d.Socket, d.Missing, d.Refused = found.Path, found.Missing, found.Refused
	if r.UID < 0 {
		d.Unknown = "this machine knows no user " + r.User
	} else if err != nil {
		d.Unknown = err.Error()
	}
	if _, err := dockersocket.List(); err != nil {
		d.List = err.Error()
	} else if at := users.HiddenBy(s.path(dockersocket.ListPath), r.UID); at != "" {
		d.List = fmt.Sprintf("%s counts for nothing: %s may not read it, as the mode of %s has it", dockersocket.ListPath, r.User, at)
	}
	var st unix.Stat_t
	if d.Socket == "" && d.Host == "" && err == nil && unix.Stat(s.path(dockersocket.Default), &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFSOCK {
		d.Closed = dockersocket.Default
	}
	if d.Socket != "" && s.container() != "" {
		there, told := s.daemonsPath(d.Socket, r.Layout.Work)
		d.Elsewhere, d.There = told && there != r.Layout.Work, there
	}
	d.Rootless = strings.HasPrefix(d.Socket, "/run/user/")
	d.Snap = d.Socket != "" && !d.Rootless && s.exists("var/snap/docker")
	d.Podman = s.exists("usr/bin/podman")
	d.Containerd = s.exists("run/containerd/containerd.sock")
	if name, host := dockersocket.Context(env); host != "unix://"+d.Socket {
		d.Context = name
	}
	return d
}
