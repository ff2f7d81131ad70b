package install

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/settings"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
	"github.com/worker-wrap/worker-wrap/internal/testkit/scratch"
)

// TestSettingText: what an install adds to a file, and takes out again, leaves what a person wrote as it was.
func TestSettingText(t *testing.T) {
	for _, text := range []string{"", "A=1\n", "A=1", "# a\n\nWORKER_WRAP_WAIT=1s\n", assignment("always") + "\n", mark("alone") + "\n", mark("alone") + "\n" + assignment("always") + "\n"} {
		with := withSetting(text, "alone")
		whole := text
		if text != "" {
			whole = strings.TrimSuffix(text, "\n") + "\n"
		}
		if with != whole+mark("alone")+"\n"+assignment("alone")+"\n" {
			t.Errorf("%q becomes %q", text, with)
		}
		if again := withSetting(with, "always"); again != strings.ReplaceAll(with[len(whole):], "alone", "always") && again != whole+strings.ReplaceAll(with[len(whole):], "alone", "always") {
			t.Errorf("%q becomes %q", with, again)
		}
		if rest, value := withoutSetting(with); rest != whole || value != "alone" {
			t.Errorf("%q without: %q, %q", with, rest, value)
		}
		if rest, value := withoutSetting(text); rest != text || value != "" {
			t.Errorf("%q without: %q, %q", text, rest, value)
		}
	}
}

// TestInstallChooses: what an install and then an uninstall make of files with settings.
func TestInstallChooses(t *testing.T) {
	testkit.RequireRoot(t)
	const machine, env, mine = "/etc/worker-wrap/settings", "/home/ci/r/.env", "/home/ci/r/" + settings.RunnerFile
	ours := func(value string) string { return mark(value) + "\n" + assignment(value) + "\n" }
	for name, c := range map[string]struct {
		before  map[string]string
		isolate string
		binOnly bool
		want    map[string]string // what is new or other
		failed  string
	}{
		"nobody has":             {want: map[string]string{machine: ours("alone")}},
		"beside another setting": {before: map[string]string{machine: "WORKER_WRAP_WAIT=5s"}, want: map[string]string{machine: "WORKER_WRAP_WAIT=5s\n" + ours("alone")}},
		"the machine's":          {before: map[string]string{machine: assignment("always") + "\n"}},
		"the runner's":           {before: map[string]string{mine: assignment("always") + "\n"}},
		".env":                   {before: map[string]string{env: assignment("overlap") + "\n"}},
		"for one runner":         {binOnly: true, want: map[string]string{mine: ours("alone")}},
		"always":                 {isolate: "always", want: map[string]string{mine: ours("always")}},
		"always, which is so":    {isolate: "always", before: map[string]string{env: assignment("always") + "\n"}},
		"always, over the machine's": {
			isolate: "always", before: map[string]string{machine: assignment("alone") + "\n"}, want: map[string]string{mine: ours("always")},
		},
		"always, and .env says else": {isolate: "always", before: map[string]string{env: assignment("alone") + "\n"}, failed: env + " says WORKER_WRAP_ISOLATE=alone, and comes first"},
		"always, and a person's":     {isolate: "always", before: map[string]string{mine: assignment("alone") + "\n"}, failed: mine + " says"},
		"always, beside another":     {isolate: "always", before: map[string]string{mine: "# mine\n"}, want: map[string]string{mine: "# mine\n" + ours("always")}},
		"too long":                   {before: map[string]string{machine: strings.Repeat("#\n", settings.MaxSize/2-20)}, failed: "longer than a start reads"},
		"unreadable":                 {before: map[string]string{machine: strings.Repeat("#\n", settings.MaxSize)}, failed: "its settings cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			m := aMachine(t)
			l := scratch.Runner(t, m.Root, "r", "", scratch.OwnWorker)
			for path, data := range c.before {
				scratch.Text(t, filepath.Join(m.Root, path), data)
			}
			scratch.Own(t, l.Root)
			was := scratch.Tree(t, m.Root)
			o := Options{Machine: m, Layouts: []runner.Layout{l}, Isolate: c.isolate}
			output(&o)
			if c.binOnly {
				good(t, "install of another", Install(Options{Machine: m, Layouts: []runner.Layout{scratch.Runner(t, m.Root, "other", "", scratch.OwnWorker)}, Isolate: "always", Say: func(string) {}}))
				o.BinOnly = true
			}
			r := Install(o)
			if c.failed != "" {
				if len(r.Failed) != 1 || !strings.Contains(r.Failed[0].Error(), c.failed) {
					t.Errorf("%v", r.Failed)
				}
			} else {
				good(t, "install", r)
			}
			for _, path := range []string{machine, env, mine} {
				want, ok := c.want[path]
				if !ok {
					want = c.before[path]
				}
				data, err := os.ReadFile(filepath.Join(m.Root, path))
				if err != nil && !errors.Is(err, os.ErrNotExist) || string(data) != want {
					t.Errorf("%s is %q (%v), want %q", path, data, err, want)
				}
			}
			if c.binOnly || c.failed != "" {
				return
			}
			if again := Install(o); again.Steps != 0 || len(again.Failed) > 0 {
				t.Errorf("a second install: %+v", again)
			}
			o.Isolate = ""
			good(t, "uninstall", Uninstall(o))
			now := scratch.Tree(t, m.Root)
			for path := range c.want {
				if data, ok := c.before[path]; ok {
					if is, _ := os.ReadFile(filepath.Join(m.Root, path)); string(is) != strings.TrimSuffix(data, "\n")+"\n" {
						t.Errorf("%s is %q afterwards", path, is)
					}
					delete(was, path)
					delete(now, path)
				}
			}
			scratch.Same(t, "afterwards", now, was)
		})
	}
}

// TestOwnSettingIsNoLink: root copies nothing that a runner's user leads it to.
func TestOwnSettingIsNoLink(t *testing.T) {
	testkit.RequireRoot(t)
	m := aMachine(t)
	secret := filepath.Join(m.Root, "secret")
	if err := os.WriteFile(secret, []byte("# secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, lead := range map[string]func(from, to string) error{"link": os.Symlink, "hard link": os.Link} {
		l := scratch.Runner(t, m.Root, name, "", scratch.OwnWorker)
		if err := lead(secret, filepath.Join(l.Root, settings.RunnerFile)); err != nil {
			t.Fatal(err)
		}
		o := Options{Machine: m, Layouts: []runner.Layout{l}, Isolate: "always", Force: true} // its user cannot read it, so no job would start
		output(&o)
		before := scratch.Tree(t, filepath.Join(l.Root, settings.RunnerFile))
		if r := Install(o); len(r.Failed) != 1 || !strings.Contains(r.Failed[0].Error(), "change it by hand") {
			t.Errorf("%s: %v", name, r.Failed)
		}
		scratch.Same(t, name, scratch.Tree(t, filepath.Join(l.Root, settings.RunnerFile)), before)
	}
}

// TestMachinesSettingIsSaidOnce: what keeps it from being written is said once, however many runners there are.
func TestMachinesSettingIsSaidOnce(t *testing.T) {
	testkit.RequireRoot(t)
	m := aMachine(t)
	path := m.Path(settings.MachineFile)
	scratch.Text(t, filepath.Join(m.Root, "shared"), "# mine\n")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	scratch.Link(t, "../../shared", path)
	o := Options{Machine: m}
	for _, name := range []string{"r", "s"} {
		o.Layouts = append(o.Layouts, scratch.Runner(t, m.Root, name, "", scratch.OwnWorker))
	}
	output(&o)
	if r := Install(o); len(r.Failed) != 1 || !strings.Contains(r.Failed[0].Error(), path+" is not a regular file") {
		t.Errorf("%v", r.Failed)
	}
}

// TestFileOfRootsStaysAsItWasMade: owner, mode and links are a person's, as the lines around an install's are.
func TestFileOfRootsStaysAsItWasMade(t *testing.T) {
	testkit.RequireRoot(t)
	const person, group = "# mine\n", 7
	with := func(text string) string { return withSetting(text, Alone) }
	without := func(text string) string { rest, _ := withoutSetting(text); return rest }
	for name, c := range map[string]struct {
		link, to, text string
		change         func(string) string
		failed         bool
	}{
		"closed":                    {text: person, change: with},
		"linked":                    {link: "etc/settings", to: "shared", text: person, change: with, failed: true},
		"linked, nothing else":      {link: "etc/settings", to: "shared", text: with(""), change: without, failed: true},
		"in a folder that is":       {link: "etc", to: "elsewhere", change: with},
		"in that, a person's lines": {link: "etc", to: "elsewhere", text: person, change: with},
	} {
		t.Run(name, func(t *testing.T) {
			dir := testkit.Dir(t)
			path := filepath.Join(dir, "etc/settings")
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if c.text != "" {
				scratch.Text(t, path, c.text)
				if err := errors.Join(os.Chown(path, 0, group), os.Chmod(path, 0o640)); err != nil {
					t.Fatal(err)
				}
			}
			if c.link != "" {
				scratch.Move(t, filepath.Join(dir, c.link), filepath.Join(filepath.Dir(filepath.Join(dir, c.link)), c.to))
				scratch.Link(t, c.to, filepath.Join(dir, c.link))
			}
			before := timeless(t, dir)
			if err := editFile(path, c.change); (err != nil) != c.failed || c.failed && !strings.Contains(err.Error(), path+" is not a regular file") {
				t.Errorf("%v", err)
			}
			if err := editFile(path, without); err != nil && !c.failed {
				t.Error(err)
			}
			scratch.Same(t, "afterwards", timeless(t, dir), before)
		})
	}
}

// timeless is everything below root, with no times.
func timeless(t *testing.T, root string) map[string]string {
	tree := scratch.Tree(t, root)
	for path, is := range tree {
		if f := strings.Fields(is); f[0][0] == '-' {
			tree[path] = f[0] + f[1] + f[len(f)-1]
		}
	}
	return tree
}
