package trial

import (
	"slices"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/manage/systemd"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestUnitOf: of a unit a trial is given what confines its processes, and no folder that systemd would make.
func TestUnitOf(t *testing.T) {
	testkit.RequireRoot(t)
	u := systemd.Unit{Name: "a.service", Asked: true, User: "1", Settings: []systemd.Setting{
		{Key: "ExecStart", Value: "/x"}, {Key: "User", Value: "1"}, {Key: "RuntimeDirectory", Value: "a b:c"}, {Key: "ProtectSystem", Value: "strict"},
	}}
	got := UnitOf(&u, 1)
	want := []string{"User=1", "ReadWritePaths=-/run/a", "ReadWritePaths=-/run/b", "ProtectSystem=strict"}
	if got.Name != "a.service" || !got.InPlace || !slices.Equal(got.Settings, want) {
		t.Errorf("%+v", got)
	}
	if got := UnitOf(&u, 61234).Settings; !slices.Equal(got, append(want, "User=61234")) {
		t.Errorf("of another user: %q", got)
	}
	u.Settings = u.Settings[:2]
	if got := UnitOf(&u, 1); got.Name != "" || !got.InPlace {
		t.Errorf("nothing confines it: %+v", got)
	}
	for _, line := range []systemd.Setting{{Key: "RootImage", Value: "/image"}, {Key: "RootDirectory", Value: "/root"}, {Key: "DynamicUser", Value: "yes"}} {
		is := systemd.Unit{Name: "a.service", Asked: true, Settings: []systemd.Setting{line}}
		if got := UnitOf(&is, 0); got.Name != "" || got.InPlace || got.Not != line.Key+"="+line.Value {
			t.Errorf("%v: %+v", line, got)
		}
	}
	u.Asked = false
	if UnitOf(&u, 1).InPlace {
		t.Error("what is in force is not known")
	}
}
