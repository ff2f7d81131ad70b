package standin

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	// WorkerName is the name under which the Listener starts its Worker (JobDispatcher.cs).
	WorkerName = "Runner.Worker"
	// ScriptCommand is the argument with which a program that calls worker.Main is told to, in the
	// first line of the script that [WriteWorker] makes.
	ScriptCommand = "__standin-worker"
	// Version is the version a runner root is given if none is asked for: the one of issue 4357.
	Version = "2.333.1"

	byteOrderMark = "\ufeff"
)

// RootOptions say what kind of runner to make.
type RootOptions struct {
	Version    string // Version if empty
	Folder     bool   // bin is a folder, as in a runner that never updated itself; else a link to bin.<version>
	WorkFolder string // relative to the root or absolute; "_work" if empty
	// Program is the absolute path of a program that calls worker.Main when its first argument is ScriptCommand;
	// bin/Runner.Worker becomes a script that runs it. If it is empty there is no Worker.
	Program string
}

// Root is where the parts of a runner are.
type Root struct {
	Dir  string // the runner's root
	Bin  string // the resolved folder of its programs
	Diag string // its logs
	Work string // its work folder, which is not made
	Temp string // Work/_temp, which is not made
}

// MakeRoot makes the folder dir the root of a configured runner. dir must not have one yet.
func MakeRoot(dir string, o RootOptions) (Root, error) {
	if o.Version == "" {
		o.Version = Version
	}
	if o.WorkFolder == "" {
		o.WorkFolder = "_work"
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Root{}, err
	}
	r := Root{Dir: dir, Bin: filepath.Join(dir, "bin"), Diag: filepath.Join(dir, "_diag"), Work: o.WorkFolder}
	if !filepath.IsAbs(r.Work) {
		r.Work = filepath.Join(dir, r.Work)
	}
	r.Temp = filepath.Join(r.Work, "_temp")
	if err := os.MkdirAll(r.Diag, 0o755); err != nil {
		return Root{}, err
	}
	if !o.Folder {
		r.Bin += "." + o.Version
		if err := os.Symlink(filepath.Base(r.Bin), filepath.Join(dir, "bin")); err != nil {
			return Root{}, err
		}
	}
	if err := os.Mkdir(r.Bin, 0o755); err != nil {
		return Root{}, err
	}
	config, err := json.MarshalIndent(map[string]any{
		"agentId": 1, "agentName": "stand-in", "poolId": 1, "poolName": "Default",
		"serverUrl": "https://pipelines.actions.example/", "gitHubUrl": "https://github.com/example",
		"workFolder": o.WorkFolder, "useV2Flow": true,
	}, "", "  ")
	if err != nil {
		return Root{}, err
	}
	if err := os.WriteFile(filepath.Join(dir, ".runner"), []byte(byteOrderMark+string(config)), 0o644); err != nil {
		return Root{}, err
	}
	if o.Program == "" {
		return r, nil
	}
	return r, WriteWorker(filepath.Join(r.Bin, WorkerName), o.Program)
}

// WriteWorker makes the executable path a script that is the stand-in Worker, run by program.
func WriteWorker(path, program string) error {
	script := "#!" + program + " " + ScriptCommand + "\n"
	// The kernel takes the first line apart at blanks, and only its first 255 bytes (BINPRM_BUF_SIZE,
	// execve(2)); a shell does not mind.
	if strings.ContainsAny(program, " \t\n") || len(script) > 120 {
		script = fmt.Sprintf("#!/bin/sh\nexec %s %s \"$0\" \"$@\"\n", quote(program), ScriptCommand)
	}
	// A process forked while the file is open for writing could hold it open for a moment, and it could
	// not be run (execve(2), ETXTBSY).
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(path, []byte(script), 0o755)
}

// ReadRoot reads where the parts of the runner are whose programs lie in bin
// (src/Runner.Common/HostContext.cs, ConfigurationStore.cs).
func ReadRoot(bin string) (Root, error) {
	r := Root{Dir: filepath.Dir(bin), Bin: bin}
	r.Diag = filepath.Join(r.Dir, "_diag")
	path := filepath.Join(r.Dir, ".runner")
	data, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	var config struct{ WorkFolder string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(string(data), byteOrderMark)), &config); err != nil {
		return r, fmt.Errorf("%s: %w", path, err)
	}
	if config.WorkFolder == "" {
		return r, fmt.Errorf("%s: no workFolder", path)
	}
	r.Work = config.WorkFolder
	if !filepath.IsAbs(r.Work) {
		r.Work = filepath.Join(r.Dir, r.Work)
	}
	r.Temp = filepath.Join(r.Work, "_temp")
	return r, nil
}
