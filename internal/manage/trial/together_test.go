package trial

import (
	"os"
	"slices"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestAll: runners that differ in their folders only are tried by one process, and each by its own once one of them is not
// well. Of either nothing is left.
func TestAll(t *testing.T) {
	testkit.RequireRoot(t)
	binary := capable(t)
	const config = `{"workFolder": "_work"}`
	var places []Places
	for _, folders := range [][]string{{"_work/_temp"}, {"_work/_temp", "_work/.worker-wrap"}, {}} {
		places = append(places, Places{Layout: aRunner(t, config, folders...), Binary: binary, UID: nobody})
	}
	run := func(what string, want ...string) {
		t.Helper()
		all := func() (out []string) {
			for _, p := range places {
				out = append(out, listing(t, p.Layout.Root)...)
			}
			return out
		}
		before := all()
		var got []string
		for _, tried := range All(places) {
			is := "well"
			if tried.Refused != nil || tried.Left != nil {
				is = "refused"
			}
			if len(tried.pids) > 0 {
				is += " by itself"
			}
			got = append(got, is)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
		if after := all(); !slices.Equal(after, before) {
			t.Errorf("%s: something else is there than was before:\n%q\n%q", what, before, after)
		}
	}
	run("alike", "well", "well", "well")
	places[1].Env = []string{"WORKER_WRAP_BACKING=tmpfs"}
	run("two alike", "well", "well by itself", "well")
	places[1].Env = nil
	if err := os.Chown(places[1].Layout.Temp, 61234, 61234); err != nil {
		t.Fatal(err)
	}
	run("one is another's", "well by itself", "refused by itself", "well by itself")
}
