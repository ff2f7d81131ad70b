package confine

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/manage/systemd"
)

// ownDropIn ends the names of the drop-ins that doctor tells people to make.
const ownDropIn = "worker-wrap.conf"

// Mend is a command that takes all of these obstacles out of a unit.
func Mend(u *systemd.Unit, all []Obstacle) string {
	var lines []string
	for i, o := range all {
		if i == 0 || !slices.Equal(o.Mend, all[i-1].Mend) {
			lines = append(lines, o.Mend...)
		}
	}
	return DropIn(u, lines)
}

// DropIn is a command that adds lines to a unit, in a drop-in that comes after all others. Run once more it changes nothing.
func DropIn(u *systemd.Unit, lines []string) string {
	dir := "/etc/systemd/system/" + u.Name + ".d"
	path := filepath.Join(dir, lastName(u, dir))
	var all []string
	for _, line := range u.Lines {
		if line.From == path { // it is ours: what it says already stays
			all = append(all, line.Key+"="+line.Value)
		}
	}
	text := `[Service]\n`
	for _, line := range append(all, lines...) {
		text += strings.NewReplacer(`\`, `\\`, "%", "%%", "'", `'\''`).Replace(line) + `\n` // for printf(1), in quotes
	}
	return visible.Write("printf '"+text+"'", "", path) + " && sudo systemctl daemon-reload && sudo systemctl restart " + visible.Word(u.Name)
}

// lastName is the name of a drop-in that comes after the others. systemd reads those of all folders by the order of their
// names (systemd.unit(5)). One of ours that is the last already is taken again.
func lastName(u *systemd.Unit, dir string) string {
	name := "zz-" + ownDropIn
	for _, path := range u.DropIns {
		other := filepath.Base(path)
		switch {
		case filepath.Dir(path) == dir && strings.HasSuffix(other, "-"+ownDropIn) && other >= name:
			name = other
		case other >= name:
			name = strings.TrimSuffix(other, ".conf") + ".conf-" + ownDropIn // which is longer, and so comes after it
		}
	}
	return name
}
