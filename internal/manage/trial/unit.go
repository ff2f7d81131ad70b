package trial

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/worker-wrap/worker-wrap/internal/start/plan"
)

// Unit is what systemd keeps the processes of a service from.
type Unit struct {
	Name     string
	Settings []string // KEY=VALUE, as systemctl show has them
}

var units atomic.Int32

// tryIn has systemd start it as it would start the service: a unit of its own with the same settings, of which nothing is
// left. Only root can. It is not looked at from outside: that it became its program says that it was isolated.
func (p Places) tryIn() (t Tried) {
	if _, err := plan.ParseSettings(p.Env); err != nil {
		return Tried{Refused: fmt.Errorf("%s: %w", filepath.Join(p.Layout.Root, ".env"), err)}
	}
	held, err := hold(p.Binary)
	if err != nil {
		return Tried{Refused: err}
	}
	held.Close()
	u, err := remember(p.Layout)
	if err != nil {
		return Tried{Refused: err}
	}
	defer u.close()
	dir, err := os.MkdirTemp("/run", "worker-wrap-trial-")
	if err != nil {
		return Tried{Refused: err}
	}
	defer os.RemoveAll(dir)
	said := filepath.Join(dir, "said")
	name := fmt.Sprintf("worker-wrap-trial-%d-%d.service", os.Getpid(), units.Add(1))
	args := []string{"--quiet", "--collect", "--unit=" + name, "--property=Type=oneshot", "--property=StandardError=truncate:" + said, "--property=TimeoutStartSec=" + patience.String()}
	for _, setting := range p.In.Settings {
		args = append(args, "--property="+setting)
	}
	for _, e := range environment(p.Env) {
		args = append(args, "--setenv="+e)
	}
	args = append(append(args, "--", p.Binary), over(p.Layout.Temp)...)
	args = append(args, "--temp", strings.ReplaceAll(p.Layout.Temp, "$", "$$"), "--", "/proc/self/exe", "--version")
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	out, rerr := exec.CommandContext(ctx, "systemd-run", args...).CombinedOutput()
	data, _ := os.ReadFile(said)
	if text := strings.TrimSpace(string(data)); rerr == nil {
		t.Said = strings.ReplaceAll(text, "worker-wrap: ", "")
	} else if why := reason(text); why != "" {
		t.Refused = errors.New(strings.ReplaceAll(why, name, p.In.Name))
	} else {
		t.Refused = fmt.Errorf("%w: %s", rerr, slices.Compact(strings.Split(strings.TrimSpace(string(out)), "\n"))[0])
	}
	u.anyone = true
	t.Left = u.patiently()
	return t
}
