#!/bin/sh
# A gofrs/flock TryLock that is refused takes away the read lock that its caller has, while RLocked, and even another
# TryRLock, go on to say that it is there.
#
# Versions: github.com/gofrs/flock v0.13.2, golang.org/x/sys v0.49.0, Go 1.26, Linux 6.18.
#
# The good guess: "Try" changes nothing where it answers false. So whoever reads under TryRLock can ask for more with
# TryLock, and goes on reading if another reader is there, too. With fcntl(2)'s locks it is so: one that is refused
# leaves the old one as it was.
#
# What happens: flock(2) removes the lock that is to be converted, looks for conflicts then, and does not put it back
# (flock_lock_inode in fs/locks.c). Its manual page tells of it as of a race, in which another's request may come
# between; but it needs none, and is so each time. The package does not know: it returns false, keeps its note of a read
# lock, and answers TryRLock and RLock from that note without a system call. So one instance has the file exclusively
# while another is told that it may read. Only after Unlock, which clears the note, does it ask for the lock again.
#
# Output seen: a and b read-lock one file, a asks for more, b unlocks, and c asks for all
#               a's upgrade  a says it reads  c gets all  a asks to read again
#   gofrs/flock   false        true             true        true
#   fcntl         false                         false       true
#
# Needs Go 1.26, and its module proxy. It leaves nothing but Go's caches. It ends with 0 if this is still so, and with 1 if
# it has changed.
set -eu
dir=$(mktemp -d "${TMPDIR:-/tmp}/finding-XXXXXX")
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'GO'
module finding

go 1.26

require (
	github.com/gofrs/flock v0.13.2
	golang.org/x/sys v0.49.0
)
GO
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"
)

// must is what a lock's attempt says, which is to be no error.
func must(got bool, err error) bool {
	if err != nil {
		panic(err)
	}
	return got
}

// byFlock has three instances of the package at one file, which are as three processes to flock(2).
func byFlock(path string) string {
	a, b, c := flock.New(path), flock.New(path), flock.New(path)
	if !must(a.TryRLock()) || !must(b.TryRLock()) || must(c.TryLock()) {
		panic("two readers do not keep a writer out")
	}
	upgraded := must(a.TryLock())
	if err := b.Unlock(); err != nil {
		panic(err)
	}
	reads := a.RLocked()
	all := must(c.TryLock())
	return fmt.Sprint(upgraded, reads, all, must(a.TryRLock()))
}

// byFcntl does the same with locks of open file descriptions, which have no notes of their own.
func byFcntl(path string) string {
	open := func() *os.File {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			panic(err)
		}
		return f
	}
	try := func(f *os.File, kind int16) bool {
		err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: kind})
		if err != nil && err != unix.EAGAIN {
			panic(err)
		}
		return err == nil
	}
	a, b, c := open(), open(), open()
	if !try(a, unix.F_RDLCK) || !try(b, unix.F_RDLCK) || try(c, unix.F_WRLCK) {
		panic("two readers do not keep a writer out")
	}
	upgraded := try(a, unix.F_WRLCK)
	try(b, unix.F_UNLCK)
	all := try(c, unix.F_WRLCK)
	return fmt.Sprint(upgraded, all, try(a, unix.F_RDLCK))
}

func main() {
	byPackage, bySystem := byFlock("one"), byFcntl("two")
	fmt.Println("gofrs/flock:", byPackage)
	fmt.Println("fcntl:      ", bySystem)
	if byPackage != "false true true true" || bySystem != "false false true" {
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod GOWORK=off
export GOFLAGS GOWORK
go mod download github.com/gofrs/flock@v0.13.2 golang.org/x/sys@v0.49.0
go build -o finding . && ./finding
