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
	u := systemd.Unit{Name: "a.service", Asked: true, Settings: []systemd.Setting{
		{Key: "ExecStart", Value: "/x"}, {Key: "User", Value: "ci"}, {Key: "RuntimeDirectory", Value: "a b:c"}, {Key: "ProtectSystem", Value: "strict"},
	}}
	got := UnitOf(&u)
	want := []string{"User=ci", "ReadWritePaths=-/run/a", "ReadWritePaths=-/run/b", "ProtectSystem=strict"}
	if got.Name != "a.service" || !got.InPlace || !slices.Equal(got.Settings, want) {
		t.Errorf("%+v", got)
	}
	u.Settings = u.Settings[:2]
	if got := UnitOf(&u); got.Name != "" || !got.InPlace {
		t.Errorf("nothing confines it: %+v", got)
	}
	for _, line := range []systemd.Setting{{Key: "RootImage", Value: "/image"}, {Key: "RootDirectory", Value: "/root"}, {Key: "DynamicUser", Value: "yes"}} {
		is := systemd.Unit{Name: "a.service", Asked: true, Settings: []systemd.Setting{line}}
		if got := UnitOf(&is); got.Name != "" || got.InPlace || got.Not != line.Key+"="+line.Value {
			t.Errorf("%v: %+v", line, got)
		}
	}
	u.Asked = false
	if UnitOf(&u).InPlace {
		t.Error("what is in force is not known")
	}
}
