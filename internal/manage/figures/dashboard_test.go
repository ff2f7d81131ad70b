package figures

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestDocumented: docs/figures.md and the dashboard know each metric, and no other.
func TestDocumented(t *testing.T) {
	var names []string
	for _, m := range metrics {
		names = append(names, m.name)
	}
	for file, all := range map[string]bool{"figures.md": true, "grafana.json": false} {
		data, err := os.ReadFile(filepath.Join(testkit.Root(), "docs", file))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, ".json") && !json.Valid(data) {
			t.Errorf("%s is no JSON", file)
		}
		told := regexp.MustCompile(`worker_wrap_\w+`).FindAllString(string(data), -1)
		for _, name := range told {
			if !slices.Contains(names, name) {
				t.Errorf("%s: there is no metric %s", file, name)
			}
		}
		for _, name := range names {
			if all && !slices.Contains(told, name) {
				t.Errorf("%s does not tell of %s", file, name)
			}
		}
	}
}
