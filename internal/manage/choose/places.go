package choose

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/worker-wrap/worker-wrap/internal/ground/byhand"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/users"
)

// Beside is the place of a store beside, as a runner's is: the folder that is covered.
func Beside(temp string) runner.Layout {
	return runner.Layout{Root: filepath.Dir(temp), Work: filepath.Dir(temp), Temp: temp}
}

// ByHand returns the places of stores of commands by hand, apart from the given runners': the places in which this user
// has started some, and in the current folder and above it. An ordinary user has no business with somebody else's. To
// root each other user's list tells where stores of that user's are, and of nobody else's.
func ByHand(known []runner.Layout) (out []runner.Layout, err error) {
	const anybody = -1
	add := func(temp string, owner int) {
		l := Beside(temp)
		st, err := os.Lstat(perpid.Path(l.Temp))
		if err != nil || owner != anybody && int(st.Sys().(*syscall.Stat_t).Uid) != owner {
			return
		}
		if !slices.ContainsFunc(slices.Concat(known, out), func(k runner.Layout) bool { return slices.Contains(perpid.Paths(k.Root, k.Temp), perpid.Path(l.Temp)) }) {
			out = append(out, l)
		}
	}
	owner := os.Geteuid()
	if owner == 0 {
		owner = anybody
	}
	temps, err := byhand.Noted()
	if dir, err := os.Getwd(); err == nil {
		for ; dir != "/"; dir = filepath.Dir(dir) {
			temps = append(temps, filepath.Join(dir, "_temp"))
		}
	}
	for _, temp := range temps {
		add(temp, owner)
	}
	if owner == anybody {
		homes := users.Homes()
		delete(homes, 0) // the list above
		for _, uid := range slices.Sorted(maps.Keys(homes)) {
			for _, temp := range byhand.NotedBy(uid, homes[uid]) {
				add(temp, uid)
			}
		}
	}
	return out, err
}
