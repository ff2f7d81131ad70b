#!/bin/sh
# golang.org/x/sys/unix.Prctl loses what the kernel writes through a pointer, at some depths of the stack, without an
# error and without a word from go vet, the race detector or checkptr.
#
# Versions: golang.org/x/sys v0.49.0 (unix.Prctl of any version has this signature), Go 1.26, Linux.
#
# The good guess: unix.Prctl(unix.PR_GET_PDEATHSIG, uintptr(unsafe.Pointer(&n)), 0, 0, 0) is to prctl(2) what
# unix.Syscall with the same conversion is to a system call: the address holds until the call returns. Such code is
# vetted, tested, and works each time in a small program.
#
# What happens: only assembly functions and those of package syscall get that promise (rule 4 of package unsafe). Prctl is
# an ordinary Go function of numbers, so n stays on the stack, and Prctl's own frame can be what the stack has to grow
# for. Then n is copied elsewhere, the number is not, and the kernel writes into the old stack: n keeps its zero and the
# error is nil. It depends on nothing but how deep the caller is, so one build fails in one place always and in others
# never. x/sys has PrctlRetInt for results that prctl(2) returns; for those that it writes there is RawSyscall.
#
# Output seen:
#   go vet: nothing
#   unix.Prctl:      wrong at 6 of 300 depths, error <nil>
#   unix.RawSyscall: wrong at 0 of 300 depths
#
# Needs Go 1.26 with a C compiler, and its module proxy. It leaves nothing but Go's caches. It ends with 0 if this is still so, and with 1 if
# it has changed.
set -eu
dir=$(mktemp -d "${TMPDIR:-/tmp}/finding-XXXXXX")
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26

require golang.org/x/sys v0.49.0
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

func prctl() (n int32, err error) {
	err = unix.Prctl(unix.PR_GET_PDEATHSIG, uintptr(unsafe.Pointer(&n)), 0, 0, 0)
	return n, err
}

func raw() (n int32, err error) {
	if _, _, e := unix.RawSyscall(unix.SYS_PRCTL, unix.PR_GET_PDEATHSIG, uintptr(unsafe.Pointer(&n)), 0); e != 0 {
		err = e
	}
	return n, err
}

//go:noinline
func below(depth int, get func() (int32, error)) (int32, error) {
	if depth == 0 {
		return get()
	}
	return below(depth-1, get)
}

// wrong counts the depths at which get does not tell the thread's signal, each on a stack of its own.
func wrong(get func() (int32, error)) (count int, with error) {
	for depth := range 300 {
		done := make(chan bool)
		go func() {
			runtime.LockOSThread() // the signal is the thread's, which ends with the goroutine
			if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGUSR1), 0, 0, 0); err != nil {
				panic(err)
			}
			n, err := below(depth, get)
			if n != int32(unix.SIGUSR1) {
				count, with = count+1, err
			}
			done <- true
		}()
		<-done
	}
	return count, with
}

func main() {
	viaPrctl, err := wrong(prctl)
	viaRaw, _ := wrong(raw)
	fmt.Printf("unix.Prctl:      wrong at %d of 300 depths, error %v\n", viaPrctl, err)
	fmt.Printf("unix.RawSyscall: wrong at %d of 300 depths\n", viaRaw)
	if viaPrctl == 0 || err != nil || viaRaw != 0 {
		os.Exit(1)
	}
}
END
GOFLAGS=-mod=mod GOWORK=off
export GOFLAGS GOWORK
go mod download golang.org/x/sys@v0.49.0
said=$(go vet . 2>&1) && echo "go vet: ${said:-nothing}"
[ -z "$said" ]
CGO_ENABLED=1 go build -race -o raced . # checkptr is on with it
said=$(./raced 2>&1) || echo "raced: $said"
case $said in *"DATA RACE"* | *checkptr*) exit 1 ;; esac
go build -o finding . && ./finding
