package dockersocket

import (
	"encoding/json"
	"path/filepath"

	"github.com/worker-wrap/worker-wrap/internal/ground/environ"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// maxContexts bounds how many of a user's contexts are looked at.
const maxContexts = 1000

// Context returns the name of the context that the docker CLI uses in this environment, "" for the default one. It also
// returns the daemon's address in it, "" if that cannot be read (docker context(1), resolveContextName in docker/cli).
func Context(env []string) (name, host string) {
	if environ.Get(env, "DOCKER_HOST") != "" {
		return "", ""
	}
	dir := environ.Get(env, "DOCKER_CONFIG")
	if home := environ.Get(env, "HOME"); dir == "" && home != "" {
		dir = filepath.Join(home, ".docker")
	}
	name = environ.Get(env, "DOCKER_CONTEXT")
	if name == "" && dir != "" {
		var config struct {
			CurrentContext string `json:"currentContext"`
		}
		_ = json.Unmarshal([]byte(untrusted.Text(filepath.Join(dir, "config.json"))), &config)
		name = config.CurrentContext
	}
	if name == "" || name == "default" {
		return "", ""
	}
	// By the name in it, and not by the folder's, which is its SHA-256: a Go program that has that is 32 MiB larger in
	// memory (crypto/internal/fips140/drbg), which a start under a limit would pay for.
	all, _ := filepath.Glob(filepath.Join(dir, "contexts", "meta", "*", "meta.json"))
	for _, path := range all[:min(len(all), maxContexts)] {
		var meta struct {
			Name      string
			Endpoints map[string]struct{ Host string }
		}
		if json.Unmarshal([]byte(untrusted.Text(path)), &meta) == nil && meta.Name == name {
			return name, meta.Endpoints["docker"].Host
		}
	}
	return name, ""
}
