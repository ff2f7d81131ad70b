package install

import (
	"bytes"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// workerCode is what tells the versions of a Worker apart: Runner.Worker itself only starts it (a .NET
// apphost).
const workerCode = "Runner.Worker.dll"

// restore puts back a Worker that is lost, from what the runner's last self-update unpacked and leaves in
// its work folder, if that is the version in b. It reports whether it did.
func (r *run) restore(l runner.Layout, b Bin) bool {
	bin, err := r.bin(l, b)
	if err != nil {
		return false
	}
	defer bin.Close()
	source, err := r.folder(l, filepath.Join(l.Work, UpdateFolder, "bin"))
	if err != nil {
		return false
	}
	defer source.Close()
	same, err := sameContent(filepath.Join(untrusted.Through(bin), workerCode), filepath.Join(untrusted.Through(source), workerCode))
	if err != nil || !same {
		return false
	}
	worker, err := ownFile(source, runner.WorkerName)
	if err != nil {
		return false
	}
	t := task{
		b.Dir + ": restore the runner's own Worker from " + filepath.Join(source.Name(), runner.WorkerName),
		func() error { return restoreReal(bin, worker) },
	}
	if !r.root && unix.Access(untrusted.Through(bin), unix.W_OK) != nil {
		return false
	}
	return r.tasks([]task{t})
}

type file struct {
	info os.FileInfo
	data []byte
}

// ownFile reads a file of dir. Root must not be led by a link to a file that dir's owner could not read.
func ownFile(dir *os.File, name string) (file, error) {
	folder, err := dir.Stat()
	if err != nil {
		return file{}, err
	}
	path := filepath.Join(untrusted.Through(dir), name)
	f, err := untrusted.Open(path)
	if err != nil {
		return file{}, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return file{}, err
	}
	here, err := os.Lstat(path)
	if err != nil {
		return file{}, err
	}
	owner, _ := ownerOf(folder)
	if uid, _ := ownerOf(st); uid != owner || !os.SameFile(st, here) {
		return file{}, os.ErrPermission
	}
	const limit = 64 << 20
	data, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil || len(data) == limit || bytes.Contains(data, []byte("worker-wrap/cmd/worker-wrap")) {
		return file{}, os.ErrInvalid
	}
	return file{st, data}, nil
}

func restoreReal(dir *os.File, f file) error {
	root, err := os.OpenRoot(untrusted.Through(dir))
	if err != nil {
		return err
	}
	defer root.Close()
	_ = root.Remove(newReal)
	out, err := root.OpenFile(newReal, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := out.Write(f.data); err != nil {
		return err
	}
	if uid, gid := ownerOf(f.info); os.Geteuid() == 0 {
		if err := out.Chown(uid, gid); err != nil {
			return err
		}
	}
	if err := out.Chmod(f.info.Mode().Perm()); err != nil {
		return err
	}
	if err := out.Sync(); err != nil {
		return err
	}
	if err := root.Chtimes(newReal, f.info.ModTime(), f.info.ModTime()); err != nil {
		return err
	}
	if err := root.Rename(newReal, runner.RealWorkerName); err != nil {
		return err
	}
	return syncFolder(dir)
}
