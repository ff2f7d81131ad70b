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

	"github.com/worker-wrap/worker-wrap/internal/manage/confine"
	"github.com/worker-wrap/worker-wrap/internal/manage/systemd"
)

// Unit is what systemd keeps the processes of a service from.
type Unit struct {
	Name     string
	Settings []string // KEY=VALUE, as systemctl show has them
	Not      string   // KEY=VALUE for which no start is tried in its view, "" if there is none
	InPlace  bool     // a trial is made as the service is started
}

var units atomic.Int32

// UnitOf is what a unit keeps its processes from, its name "" if that is nothing. A trial under it is not made in place
// if only the unit's files could be read, or a trial would change something.
func UnitOf(u *systemd.Unit) (out Unit) {
	if u.Name == "" {
		return Unit{InPlace: true}
	}
	for _, key := range []string{"RootDirectory", "RootImage", "DynamicUser"} {
		if value := u.Last(key); confine.On(value) {
			out.Not = key + "=" + value
		}
	}
	if out.InPlace = u.Asked && os.Geteuid() == 0 && out.Not == ""; !out.InPlace {
		return out
	}
	for _, s := range u.Settings {
		switch dir, makes := systemd.Made[s.Key]; {
		case !slices.Contains(systemd.Confining, s.Key), s.Value == "" && s.Key != "CapabilityBoundingSet": // only that can be made empty
		case makes: // a trial makes no such folder, and removes none
			for _, word := range systemd.SplitWords(s.Value) {
				name, _, _ := strings.Cut(word, ":")
				out.Settings = append(out.Settings, "ReadWritePaths=-"+dir+"/"+name)
			}
		default:
			if !slices.Contains([]string{"User", "Group", "SupplementaryGroups", "UMask"}, s.Key) {
				out.Name = u.Name
			}
			out.Settings = append(out.Settings, s.Key+"="+s.Value)
		}
	}
	return out
}

// tryIn has systemd start it as it would start the service: a unit of its own with the same settings, of which nothing is
// left. Only root can. It is not looked at from outside: that it became its program says that it was isolated.
func (p Places) tryIn() (t Tried) {
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
	for _, e := range p.environment() {
		args = append(args, "--setenv="+e)
	}
	args = append(args, "--", p.Binary)
	for _, word := range append(p.over(p.Layout.Temp), "--temp", p.Layout.Temp) {
		args = append(args, strings.ReplaceAll(word, "$", "$$"))
	}
	args = append(args, "--", "/proc/self/exe", "--version")
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	out, rerr := exec.CommandContext(ctx, "systemd-run", args...).CombinedOutput()
	data, _ := os.ReadFile(said)
	if text := strings.TrimSpace(string(data)); rerr == nil {
		t.Said = strings.ReplaceAll(text, "worker-wrap: ", "")
	} else if why := reason(text); why != "" {
		t.Refused = errors.New(strings.ReplaceAll(why, name, p.In.Name))
	} else if line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n"); line != "" {
		t.Refused = fmt.Errorf("%w: %s", rerr, line)
	} else {
		t.Refused = fmt.Errorf("systemd could not start %s as it starts the unit %s (%w)", p.Binary, p.In.Name, rerr)
	}
	u.anyone = true
	t.Left = u.patiently()
	return t
}
