package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/left"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
)

// Settings are the WORKER_WRAP_… variables: a runner's .env, which the Listener loads, is where people
// put them.
type Settings struct {
	// Debug makes each step be reported on stderr (WORKER_WRAP_LOG=debug).
	Debug bool
	// NoDocker leaves the Docker socket as it is (WORKER_WRAP_DOCKER=off).
	NoDocker bool
	// Leftovers says what becomes of processes that a job leaves running (WORKER_WRAP_LEFTOVERS).
	Leftovers Leftovers
	// Private are the places over which each Worker gets a folder of its own (WORKER_WRAP_PRIVATE).
	Private string
	// Fallback is true if WORKER_WRAP_FALLBACK is set to something.
	Fallback bool
	// Policy are those that decide what is done: WORKER_WRAP_USERNS, _WAIT, _FALLBACK, _ISOLATE and _BACKING.
	Policy policy.Settings
	// Unknown is the first variable that looks like a setting but is not one, "" if there is no such: most likely a
	// name written wrong. It is no error, since it may be the setting of another version.
	Unknown string
}

// Leftovers is a value of WORKER_WRAP_LEFTOVERS.
type Leftovers string

// The values of Leftovers.
const (
	LeftAlone  Leftovers = ""     // nobody can tell which they are
	LeftListed Leftovers = "list" // each Worker has a mount namespace of its own, by which they are found
	LeftEnded  Leftovers = "end"  // the keeper ends them, too
)

const settingsPrefix = "WORKER_WRAP_"

// marks are variables that worker-wrap sets itself, for what it starts.
var marks = []string{perpid.HostTempVar, left.EnteredVar}

// UnknownSetting says what to do about a name that is no setting.
const UnknownSetting = "is not a setting, so it does nothing; correct its name, or remove it: there are LOG, FALLBACK, WAIT, ISOLATE, BACKING, DOCKER, LEFTOVERS, PRIVATE and USERNS"

// ParseSettings reads the settings from an environment. As with getenv(3) the first of several
// strings for a name counts. An error names each wrong variable, its value and what it may be, in one line.
func ParseSettings(env []string) (Settings, error) {
	var s Settings
	var seen []string
	var wrong error
	for _, e := range env {
		rest, ok := strings.CutPrefix(e, settingsPrefix)
		if !ok {
			continue
		}
		name, value, ok := strings.Cut(rest, "=")
		if !ok || slices.Contains(seen, name) {
			continue
		}
		seen = append(seen, name)
		err := s.set(name, value)
		if err == nil {
			continue
		}
		err = fmt.Errorf("%s%s=%.200q: %w", settingsPrefix, name, value, err)
		if wrong != nil {
			err = fmt.Errorf("%w; and %w", wrong, err)
		}
		wrong = err
	}
	if wrong != nil {
		return Settings{}, wrong
	}
	if len(s.Private) > 0 || s.Policy.Backing == policy.Tmpfs { // they ask for a mount, whoever is alone
		s.Policy.Isolate = policy.Always
	}
	return s, nil
}

func (s *Settings) set(name, value string) error {
	switch name {
	case "DOCKER":
		switch value {
		case "", "on":
		case "off":
			s.NoDocker = true
		default:
			return fmt.Errorf("use off for no Docker proxy, or leave it unset")
		}
	case "LEFTOVERS":
		switch value {
		case "", "off":
		case string(LeftListed), string(LeftEnded):
			s.Leftovers = Leftovers(value)
		default:
			return fmt.Errorf("use list or end, or leave it unset")
		}
	case "PRIVATE":
		s.Private = value
		_, err := parseOwn(value)
		return err
	case "LOG":
		switch value {
		case "", "warn", "warning", "error", "info":
		case "debug":
			s.Debug = true
		default:
			return fmt.Errorf("not a level; use debug, or leave it unset")
		}
	default:
		s.Fallback = s.Fallback || name == "FALLBACK" && value != ""
		known, err := s.Policy.Set(name, value)
		if !known && s.Unknown == "" && !slices.Contains(marks, settingsPrefix+name) && !strings.HasPrefix(name, "TEST_") {
			s.Unknown = settingsPrefix + name
		}
		return err
	}
	return nil
}
