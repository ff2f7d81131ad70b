package policy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Settings are what a runner's owner chooses. The zero value is the default.
type Settings struct {
	// Userns isolates in a user namespace (WORKER_WRAP_USERNS).
	Userns bool
	// Wait is how long a start waits for earlier Workers of the runner to end (WORKER_WRAP_WAIT); see
	// [Settings.Patience].
	Wait time.Duration
	// Fallback is what happens if isolation fails (WORKER_WRAP_FALLBACK).
	Fallback Fallback
	// Isolate says which Workers are isolated (WORKER_WRAP_ISOLATE).
	Isolate Extent
	// Backing is what an isolated Worker's _temp is made of (WORKER_WRAP_BACKING).
	Backing Backing
	// Size limits a tmpfs, as the size option of tmpfs(5) has it; "" is the kernel's default, half of
	// the memory.
	Size string
}

// Fallback is a value of WORKER_WRAP_FALLBACK.
type Fallback int

// The fallbacks.
const (
	FallbackWait Fallback = iota // run in the plain _temp if no other Worker is in it, and wait for those that are
	FallbackNone                 // no Worker is started
	FallbackRun                  // run in the plain _temp
)

func (f Fallback) String() string { return [...]string{"wait", "none", "run"}[f] }

// Extent is a value of WORKER_WRAP_ISOLATE.
type Extent int

// The values of Extent.
const (
	Always  Extent = iota // every Worker
	Overlap               // those that find another Worker of the runner alive
	Alone                 // those that find another in the plain _temp
)

func (e Extent) String() string { return [...]string{"always", "overlap", "alone"}[e] }

// Backing is the kind of a value of WORKER_WRAP_BACKING.
type Backing int

// The backings.
const (
	Dir   Backing = iota // a folder of the file system that _temp is on
	Tmpfs                // a file system in memory, which the kernel frees with the namespace
)

func (b Backing) String() string { return [...]string{"dir", "tmpfs"}[b] }

// Set takes the value of the variable WORKER_WRAP_<name>; the empty value is the default. known is false
// for a name that is no setting of this package.
func (s *Settings) Set(name, value string) (known bool, err error) {
	switch name {
	case "USERNS":
		s.Userns, err = parseSwitch(value)
	case "WAIT":
		s.Wait, err = parseWait(value)
	case "FALLBACK":
		s.Fallback, err = parseWord[Fallback](value, "wait", "none", "run")
	case "ISOLATE":
		s.Isolate, err = parseWord[Extent](value, "always", "overlap", "alone")
	case "BACKING":
		s.Backing, s.Size, err = parseBacking(value)
	default:
		return false, nil
	}
	return true, err
}

func parseSwitch(value string) (bool, error) {
	switch value {
	case "1", "yes", "true", "on":
		return true, nil
	case "", "0", "no", "false", "off":
		return false, nil
	}
	return false, errors.New("use 1 or 0")
}

func parseWait(value string) (time.Duration, error) {
	switch value {
	case "", "0", "off", "no":
		return 0, nil
	}
	d, err := time.ParseDuration(value)
	switch {
	case err != nil:
		return 0, errors.New("not a duration; use seconds such as 20s, or 0 for none")
	case d < 0:
		return 0, errors.New("a duration cannot be negative; use seconds such as 20s, or 0 for none")
	}
	return d, nil
}

// parseWord takes one of the words, whose places are the values of T.
func parseWord[T ~int](value string, words ...string) (T, error) {
	if value == "" {
		return 0, nil
	}
	for i, word := range words {
		if value == word {
			return T(i), nil
		}
	}
	return 0, fmt.Errorf("use %s", strings.Join(words, " or "))
}

func parseBacking(value string) (Backing, string, error) {
	kind, size, sized := strings.Cut(value, ":")
	b, err := parseWord[Backing](kind, "dir", "tmpfs")
	if err == nil && sized && (b != Tmpfs || !validSize(size)) {
		err = errors.New("wrong size")
	}
	if err != nil {
		return Dir, "", errors.New("use dir, tmpfs, or tmpfs with a size such as tmpfs:2g or tmpfs:25%")
	}
	return b, size, nil
}

// validSize holds a size to what tmpfs(5) understands: a number above 0, with k, m, g or t behind it, or
// percents of the memory. Anything else the kernel would refuse at each start.
func validSize(size string) bool {
	percent := strings.HasSuffix(size, "%")
	if n := len(size); n > 0 && strings.Contains("kKmMgGtT%", size[n-1:]) {
		size = size[:n-1]
	}
	n, err := strconv.ParseUint(size, 10, 32)
	return err == nil && n > 0 && size[0] != '+' && (!percent || n <= 100)
}
