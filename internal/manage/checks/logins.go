package checks

import (
	"path/filepath"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/manage/users"
)

// logins says of a runner whose user is logged in to registries that its jobs share that, unless they do not.
func logins(r *judged) []Result {
	if c := r.set; len(c.private) > 0 {
		var places []string
		for _, p := range c.private {
			places = append(places, p.Path)
		}
		return []Result{{Check: "private", Level: OK, What: "each Worker has its own " + strings.Join(places, ", ") + " (WORKER_WRAP_PRIVATE)"}}
	}
	home, ok := users.Home(r.UID)
	if !ok {
		return nil
	}
	path := filepath.Join(home, ".docker", "config.json")
	if text := untrusted.Text(path); !strings.Contains(text, `"auth"`) && !strings.Contains(text, `"identitytoken"`) {
		return nil
	}
	return []Result{{Check: "private", Level: OK, What: "jobs share the logins in " + path + ", and add to them; WORKER_WRAP_PRIVATE=~/.docker=copy gives each job its own copy"}}
}
