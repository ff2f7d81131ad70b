package containers

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// TestDocs: docs/docker.md has this table.
func TestDocs(t *testing.T) {
	var want strings.Builder
	want.WriteString("| a job that | alone | private, or `always` | tried with | `doctor` |\n| --- | --- | --- | --- | --- |\n")
	for _, r := range Table() {
		fmt.Fprintf(&want, "| %s | %s | %s | %s | %s |\n", r.Job, r.Alone, r.Private, r.Tried, r.Doctor)
	}
	text, err := os.ReadFile("../../../docs/docker.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "<!-- containers table -->\n")
	table, _, ok := strings.Cut(table, "<!-- /containers table -->")
	if !ok || table != want.String() {
		t.Errorf("docs/docker.md has\n%s\nwant between its marks\n%s", table, &want)
	}
}

func TestSay(t *testing.T) {
	for _, c := range []struct {
		row    Row
		always bool
		want   string
	}{
		{Off, true, "containers of a job that has WORKER_WRAP_DOCKER=off see the host's _temp"},
		{Off, false, "containers of a job that has WORKER_WRAP_DOCKER=off see the host's _temp; of a job that is alone, as without worker-wrap"},
		{Memory, false, "containers of a job that has WORKER_WRAP_BACKING=tmpfs see nothing: what mounts _temp is refused with a message"},
	} {
		if got := c.row.Say(c.always); got != c.want {
			t.Errorf("%s\nwant %s", got, c.want)
		}
	}
}
