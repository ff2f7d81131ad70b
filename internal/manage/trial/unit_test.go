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
	got, inPlace := UnitOf(&u)
	want := []string{"User=ci", "ReadWritePaths=-/run/a", "ReadWritePaths=-/run/b", "ProtectSystem=strict"}
	if got.Name != "a.service" || !inPlace || !slices.Equal(got.Settings, want) {
		t.Errorf("%+v, %v", got, inPlace)
	}
	u.Settings = u.Settings[:2]
	if got, inPlace := UnitOf(&u); got.Name != "" || !inPlace {
		t.Errorf("nothing confines it: %+v, %v", got, inPlace)
	}
	u.Asked = false
	if _, inPlace := UnitOf(&u); inPlace {
		t.Error("what is in force is not known")
	}
}
