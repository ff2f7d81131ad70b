package survey

import "testing"

func TestSource(t *testing.T) {
	u := Unit{Settings: []Setting{{"BindPaths", "/data/r:/srv/r -/data/w:/srv/r/_work:rbind /srv/x"}}}
	for path, want := range map[string]string{
		"/srv/r/_work":  "/data/w",
		"/srv/r/_diag":  "/data/r/_diag",
		"/srv/rest":     "",
		"/srv/x":        "",
		"/srv/r/_works": "/data/r/_works",
	} {
		if got, ok := u.Source(path); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", path, got, ok)
		}
	}
}
