package worker

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin/common"
)

// commands are the files through which a step talks to the Worker (src/Runner.Worker/FileCommandManager.cs), the last two
// since 2.336.
var commands = []struct{ prefix, variable string }{
	{"set_output_", "GITHUB_OUTPUT"},
	{"set_env_", "GITHUB_ENV"},
	{"add_path_", "GITHUB_PATH"},
	{"save_state_", "GITHUB_STATE"},
	{"step_summary_", "GITHUB_STEP_SUMMARY"},
	{"artifacts_", "GITHUB_ARTIFACTS"},
	{"artifacts_list_", "GITHUB_ARTIFACTS_LIST"},
}

// fileCommands are one step's files. Steps that run at once have each their own.
type fileCommands struct {
	dir, suffix string
	commands    []struct{ prefix, variable string }
}

// changes are what a step has set for those after it.
type changes struct {
	env  map[string]string
	path []string
}

// newFileCommands makes the files of a step afresh.
func (w *worker) newFileCommands() (*fileCommands, error) {
	f := &fileCommands{dir: filepath.Join(w.root.Temp, "_runner_file_commands"), commands: commands[:5]}
	if w.since(336) {
		f.commands = commands
	}
	if err := os.MkdirAll(f.dir, 0o777); err != nil {
		return nil, err
	}
	var err error
	if f.suffix, err = common.GUID(); err != nil {
		return nil, err
	}
	for _, c := range f.commands {
		if err := os.WriteFile(f.path(c.prefix), nil, 0o666); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *fileCommands) path(prefix string) string { return filepath.Join(f.dir, prefix+f.suffix) }

// issue adds name=value to a file as the actions toolkit does (packages/core/src/file-command.ts): the
// file must be there already.
func (f *fileCommands) issue(prefix, command string) error {
	path := f.path(prefix)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return common.Upstream("Missing file at path: " + path)
	}
	if err != nil {
		return err
	}
	defer file.Close()
	name, value, _ := strings.Cut(command, "=")
	_, err = fmt.Fprintf(file, "%s<<ghadelimiter_%s\n%s\nghadelimiter_%s\n", name, f.suffix, value, f.suffix)
	return err
}

// process reads the files after the step. One that is missing is passed over, as upstream does: the
// error that users see comes from the action that looks for it.
func (f *fileCommands) process(w *worker) (set changes, all []error) {
	set.env = map[string]string{}
	for _, c := range f.commands {
		if err := f.processOne(w, &set, c.prefix); err != nil {
			all = append(all, common.Upstream(fmt.Sprintf("Unable to process file command '%s' successfully. %v", strings.Trim(c.prefix, "_"), err)))
		}
	}
	return set, all
}

func (f *fileCommands) processOne(w *worker, set *changes, prefix string) error {
	path := f.path(prefix)
	data, err := os.ReadFile(path)
	if prefix == "step_summary_" {
		if err != nil {
			w.info("CreateStepSummaryCommand", "Step Summary file (%s) does not exist; skipping attachment upload", path)
		} else if len(data) == 0 {
			w.info("CreateStepSummaryCommand", "Step Summary file (%s) is empty; skipping attachment upload", path)
		}
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if strings.HasPrefix(prefix, "artifacts_") {
		return nil // read only with a feature that is off
	}
	if prefix == "add_path_" {
		for line := range strings.Lines(string(data)) {
			if line = strings.TrimRight(line, "\r\n"); line != "" {
				set.path = append([]string{line}, set.path...)
			}
		}
		return nil
	}
	pairs, err := parsePairs(string(data))
	if err != nil {
		return err
	}
	for _, p := range pairs {
		switch prefix {
		case "set_env_":
			set.env[p[0]] = p[1]
		case "set_output_":
			if w.echo {
				w.note("ExecutionContext", "Set output "+p[0]+" = "+p[1])
			}
		}
	}
	return nil
}

// apply has what a step has set count for those that start from now on.
func (w *worker) apply(set changes) {
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.Copy(w.env, set.env)
	w.path = append(set.path, w.path...)
}

// note tells the Listener what upstream writes to the job's own log, and not to _diag.
func (w *worker) note(source, text string) {
	fmt.Print(common.Echo(time.Now(), common.Info, source, text))
}

// parsePairs reads NAME=VALUE lines and NAME<<DELIMITER blocks.
func parsePairs(text string) ([][2]string, error) {
	var pairs [][2]string
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if line == "" {
			continue
		}
		equals, block := strings.Index(line, "="), strings.Index(line, "<<")
		switch {
		case equals >= 0 && (block < 0 || equals < block):
			name, value, _ := strings.Cut(line, "=")
			pairs = append(pairs, [2]string{name, value})
		case block >= 0:
			name, delimiter, _ := strings.Cut(line, "<<")
			if name == "" || delimiter == "" {
				return nil, common.Upstream("Invalid format '" + line + "'. Name must not be empty and delimiter must not be empty")
			}
			end := i + 1
			for end < len(lines) && lines[end] != delimiter {
				end++
			}
			if end == len(lines) {
				return nil, common.Upstream("Invalid value. Matching delimiter not found '" + delimiter + "'")
			}
			pairs = append(pairs, [2]string{name, strings.Join(lines[i+1:end], "\n")})
			i = end
		default:
			return nil, common.Upstream("Invalid format '" + line + "'")
		}
	}
	return pairs, nil
}
