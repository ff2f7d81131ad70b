// Package runner knows how a GitHub Actions self-hosted runner lies on disk: its root, bin, work
// folder and _temp, as src/Runner.Common/HostContext.cs and ConfigurationStore.cs of actions/runner
// 2.336.0 have them. It reads and never writes.
package runner

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

const (
	// ConfigName is the file in a runner's root that config.sh writes.
	ConfigName = ".runner"
	// ServiceName is the file in a runner's root in which svc.sh install leaves its unit's name.
	ServiceName = ".service"
	// maxConfig bounds what is read of a .runner file, in bytes; real ones have some hundred.
	maxConfig = 1 << 20
)

// Layout is where one runner's parts are. All paths are absolute; none is resolved through links.
type Layout struct {
	Root string // folder with .runner, bin, _diag
	Work string // the work folder, from .runner's workFolder
	Temp string // Work/_temp
	// Guessed is true if .runner does not tell Work, see [Unconfigured].
	Guessed bool
}

// Bin returns the runner's bin: a folder, or a link to bin.<version>.
func (l Layout) Bin() string { return filepath.Join(l.Root, "bin") }

// Diag returns the folder of the runner's own logs.
func (l Layout) Diag() string { return filepath.Join(l.Root, "_diag") }

// FromRoot reads the layout of the runner configured in root, which is made absolute. If its .runner is the reason that
// there is none, the error is a [ConfigError], which wraps [fs.ErrNotExist] if root has no .runner.
func FromRoot(root string) (Layout, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return Layout{}, err
	}
	path := filepath.Join(root, ConfigName)
	work, err := readWorkFolder(path)
	if err != nil {
		return Layout{}, &ConfigError{root, err}
	}
	if !filepath.IsAbs(work) {
		work = filepath.Join(root, work)
	}
	work = filepath.Clean(work)
	return Layout{Root: root, Work: work, Temp: filepath.Join(work, "_temp")}, nil
}

// FromWorkerPath reads the layout of the runner whose Worker is at path: argv[0] as the Listener gives it,
// <root>/bin/Runner.Worker or <root>/bin.<version>/Runner.Worker. If the folder above has no .runner because bin is a
// link that leads elsewhere, the folder above its target is tried.
func FromWorkerPath(path string) (Layout, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Layout{}, err
	}
	bin := filepath.Dir(path)
	layout, err := FromRoot(filepath.Dir(bin))
	if !errors.Is(err, fs.ErrNotExist) {
		return layout, err
	}
	resolved, rerr := filepath.EvalSymlinks(bin)
	if rerr != nil || resolved == bin {
		return layout, err
	}
	return FromRoot(filepath.Dir(resolved))
}

// FindUp looks for a runner in dir and each folder above it.
// The error says which folders were searched and wraps [fs.ErrNotExist] if there is none.
func FindUp(dir string) (Layout, error) {
	start, err := filepath.Abs(dir)
	if err != nil {
		return Layout{}, err
	}
	for d := start; ; d = filepath.Dir(d) {
		layout, err := FromRoot(d)
		if !errors.Is(err, fs.ErrNotExist) {
			return layout, err
		}
		if d == filepath.Dir(d) {
			return Layout{}, noRunner(fmt.Sprintf("no runner found: there is no %s in %s and the folders above it", ConfigName, start))
		}
	}
}

// noRunner is an [fs.ErrNotExist] in words of its own.
type noRunner string

func (n noRunner) Error() string      { return string(n) }
func (noRunner) Is(target error) bool { return target == fs.ErrNotExist }

// readWorkFolder reads workFolder out of a .runner file.
func readWorkFolder(path string) (string, error) {
	data, err := untrusted.Head(path, maxConfig+1)
	if err != nil {
		return "", err
	}
	if len(data) > maxConfig {
		return "", fmt.Errorf("%s is longer than %d bytes, and no runner writes that much", path, maxConfig)
	}
	work, err := parseWorkFolder(data)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return work, nil
}

// parseWorkFolder takes the contents of a .runner file: JSON, usually with a UTF-8 byte order mark,
// whose keys are read without regard to case (as encoding/json does; the last of equal keys counts).
func parseWorkFolder(data []byte) (string, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	var config struct {
		WorkFolder *string `json:"workFolder"`
	}
	if err := json.Unmarshal(data, &config); err != nil {
		return "", fmt.Errorf("not the JSON that config.sh writes: %w; correct it, or configure the runner again (config.sh)", err)
	}
	switch {
	case config.WorkFolder == nil || *config.WorkFolder == "":
		return "", errors.New("has no workFolder; configure the runner again (config.sh)")
	case bytes.IndexByte([]byte(*config.WorkFolder), 0) >= 0:
		return "", errors.New("workFolder contains a NUL byte")
	}
	return *config.WorkFolder, nil
}
