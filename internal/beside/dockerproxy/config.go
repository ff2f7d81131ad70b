package dockerproxy

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/hostpath"
)

// Subcommand is the hidden subcommand of worker-wrap that calls [Main]. A proxy's command line begins with Name and
// Subcommand, and Comm is the name of its process, for ps: at most 15 bytes.
const (
	Name       = "worker-wrap"
	Subcommand = "__docker-proxy"
	Comm       = "docker-proxy-ww"
)

// Config says what a proxy stands between. All paths are absolute and the host's.
type Config struct {
	Real    string // the real Docker socket, as package dockersocket finds it
	Socket  string // the proxy's own, which is laid over Real in the job's namespace
	Temp    string // the job's _temp
	Private string // the folder that lies over it in the job's namespace
	Hidden  string // Private again if no path of the host leads to what is mounted there; or ""
	Diag    string // the runner's _diag, for a record of the proxy's end; or ""
	Log     string // a file for what is done, made if missing; or "" for none
	// Places are other folders that the job sees as its own, and what lies over each. No path of the job's in it has a =.
	Places []hostpath.Redirect
}

// fields names the fields on the command line of the process.
func (c *Config) fields() map[string]*string {
	return map[string]*string{
		"real": &c.Real, "socket": &c.Socket, "temp": &c.Temp, "private": &c.Private, "hidden": &c.Hidden, "diag": &c.Diag, "log": &c.Log,
	}
}

// place begins the argument of one of Places.
const place = "place="

// args writes the configuration as a command line, for people who look at ps(1) too.
func (c *Config) args() []string {
	args := []string{Subcommand}
	for _, name := range []string{"real", "socket", "temp", "private", "hidden", "diag", "log"} {
		if value := *c.fields()[name]; value != "" {
			args = append(args, name+"="+value)
		}
	}
	for _, p := range c.Places {
		args = append(args, place+p.Job+"="+p.Host)
	}
	return args
}

// parseArgs reads what args wrote, without the subcommand.
func parseArgs(args []string) (c Config, err error) {
	fields := c.fields()
	for _, arg := range args {
		if pair, ok := strings.CutPrefix(arg, place); ok {
			job, host, _ := strings.Cut(pair, "=")
			if !filepath.IsAbs(job) || !filepath.IsAbs(host) {
				return c, fmt.Errorf("%s: %q does not name absolute paths; only the shim starts this", Subcommand, arg)
			}
			c.Places = append(c.Places, hostpath.Redirect{Job: job, Host: host})
			continue
		}
		name, value, _ := strings.Cut(arg, "=")
		if fields[name] == nil {
			return c, fmt.Errorf("%s: unknown argument %q", Subcommand, arg)
		}
		*fields[name] = value
	}
	for name, value := range fields {
		optional := name == "hidden" || name == "diag" || name == "log"
		if !filepath.IsAbs(*value) && (!optional || *value != "") {
			return c, fmt.Errorf("%s: %s=%q is not an absolute path; only the shim starts this", Subcommand, name, *value)
		}
	}
	return c, nil
}
