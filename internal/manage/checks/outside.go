package checks

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/dockersocket"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/manage/containers"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
)

// always reports whether no job of a runner is ever alone, and so as without worker-wrap.
func always(r *judged) bool { return r.set.Isolate == policy.Always }

// docker judges how container steps will see _temp: the daemon looks up paths in its own namespace.
func docker(r *judged) []Result {
	out := []Result{daemon(r)}
	d := r.Docker
	if d.List != "" {
		out = append(out, Result{
			Check: "docker", Level: Warn, What: d.List,
			Why:  "sockets that are named there are left as they are, and container steps see the host's _temp",
			Mend: "sudo chown root:root " + filepath.Dir(dockersocket.ListPath) + " " + dockersocket.ListPath + " && sudo chmod 755 " + filepath.Dir(dockersocket.ListPath) + " && sudo chmod 644 " + dockersocket.ListPath + ", and name one absolute path a line there",
		})
	}
	if d.Context != "" {
		out = append(out, Result{
			Check: "docker", Level: Warn, What: fmt.Sprintf("the docker of %s uses the context %q", r.User, d.Context),
			Why:  "worker-wrap follows a context to a unix socket of this machine only, and this one leads to none that " + r.User + " can use; containers see " + containers.Remote.See(always(r)),
			Mend: "name the socket of a daemon of this machine by DOCKER_HOST in " + whence(r, "DOCKER_HOST") + ", or as that user: docker context use default",
		})
	}
	if d.Containerd {
		out = append(out, Result{Check: "containerd", Level: OK, What: containers.Runtime.Say(always(r))})
	}
	return out
}

// daemon judges the daemon that a start finds.
func daemon(r *judged) Result {
	d := r.Docker
	res := Result{Check: "docker", Level: Warn}
	scheme, _, remote := strings.Cut(d.Host, "://")
	switch {
	case remote && scheme != "unix" && scheme != "fd":
		res.What = "DOCKER_HOST is " + d.Host
		res.Why = "that daemon looks up -v paths on its own machine: containers see " + containers.Remote.See(always(r))
		res.Mend = "use the daemon of this machine: take DOCKER_HOST out of " + whence(r, "DOCKER_HOST")
	case d.Unknown != "":
		res.What = "whether jobs reach a Docker daemon cannot be told: " + d.Unknown
		res.Why = "container steps may see the host's _temp"
		res.Mend = "sudo " + r.do("doctor")
		if r.UID < 0 {
			res.Mend = "correct User= in the unit: sudo systemctl cat " + visible.Word(r.Unit.Name)
		}
	case d.Socket == "" && d.Host != "":
		res.What = d.Missing
		res.Why = "jobs that use Docker fail"
		res.Mend = "let " + r.User + " use it (its group, and a restart of the runner), or take DOCKER_HOST out of " + whence(r, "DOCKER_HOST")
	case d.Closed != "" && d.Socket == "":
		res.What = r.User + " cannot use the Docker socket " + d.Closed + ", so worker-wrap's proxy is not laid over it"
		res.Why = containers.Closed.Say(always(r))
		res.Mend = "sudo usermod -aG \"$(stat -Lc %G " + d.Closed + ")\" " + visible.Word(r.User) + " # and restart the runner; not needed if no job uses Docker"
	case d.Socket == "":
		return Result{Check: "docker", Level: OK, What: "no Docker socket here that " + r.User + " can use"}
	case r.set.noDocker:
		res.What = "WORKER_WRAP_DOCKER=off, and there is a Docker daemon at " + d.Socket
		res.Why = "outputs of container steps and actions are lost: containers see " + containers.Off.See(always(r))
		res.Mend = "take the line out of " + whence(r, "WORKER_WRAP_DOCKER") + " and restart the runner, unless no job uses Docker"
	case d.Refused != "" && (r.UID == 0 || !r.set.userns): // in a user namespace any socket can be covered
		res.Level = Fail
		res.What = "the Docker socket " + d.Refused
		res.Why = "jobs start without worker-wrap's proxy, and outputs are lost or come to another job: containers see " + containers.Refused.See(always(r))
		res.Mend = "if a Docker or Podman daemon is there: " + visible.Write("echo "+visible.Word(d.Socket), "-a", dockersocket.ListPath)
	case d.Elsewhere:
		at := "nothing of the work folder " + r.Layout.Work
		if d.There != "" {
			at = "the work folder " + r.Layout.Work + " at " + d.There
		}
		res.What = "the daemon at " + d.Socket + " has started this container, and sees " + at
		res.Why = "container steps are given other folders than their job's, with worker-wrap and without"
		res.Mend = "start the runner's container with its work folder at a path that is the host's too (-v PATH:PATH, and config.sh --work)"
	case r.set.inMemory:
		res.What = "WORKER_WRAP_BACKING=tmpfs, and there is a Docker daemon at " + d.Socket
		res.Why = "no path of the host leads to a _temp that is in memory, and container steps fail: containers see " + containers.Memory.See(always(r))
		res.Mend = "take the line out of " + whence(r, "WORKER_WRAP_BACKING") + " and restart the runner, unless no job uses containers"
	case d.Snap && strings.HasPrefix(r.Work.Path, "/home/"):
		return Result{Check: "docker", Level: OK, What: "a snap, which sees " + r.Work.Path + " since it is below /home"}
	case d.Snap:
		res.What = "Docker is installed as a snap"
		res.Why = "its daemon has a mount namespace of its own and sees only some folders (/home, /media, …)"
		res.Mend = "sudo snap remove docker, and install Docker's own packages"
	case d.Rootless:
		return Result{Check: "docker", Level: OK, What: "a rootless daemon at " + d.Socket + ", which jobs reach through worker-wrap's proxy"}
	default:
		return Result{Check: "docker", Level: OK, What: "the daemon at " + d.Socket + ", which jobs reach through worker-wrap's proxy: containers see " + containers.Socket.See(always(r))}
	}
	return res
}

// whence says where a variable is set: its file, as one word of a command. One that is to be set belongs into .env.
func whence(r *judged, name string) string {
	v, ok := r.Setting(name)
	switch {
	case !ok:
		return visible.Word(filepath.Join(r.Layout.Root, ".env"))
	case filepath.IsAbs(v.From):
		return visible.Word(v.From)
	}
	return v.From + ", which the unit or whatever starts it gives it"
}

// podman judges what rootless Podman's commands will see: they join the namespaces of the user's pause
// process, whatever namespace they are run in.
func podman(r *judged) []Result {
	var out []Result
	if len(r.Pauses) == 0 && r.Docker.Podman && r.UID != 0 {
		return []Result{{Check: "podman", Level: OK, What: containers.Rootless.Say(always(r))}}
	}
	for _, p := range r.Pauses {
		view := "an unknown view of it"
		switch {
		case p.Sees == r.Layout.Temp:
			view = "the host's _temp"
		case p.Sees != "":
			view = "the _temp of one Worker, " + filepath.Base(p.Sees)
			if owner, _, ok := perpid.Parse(filepath.Base(p.Sees)); ok {
				view = fmt.Sprintf("the _temp of Worker %d", owner.PID)
			}
		}
		out = append(out, Result{
			Check: "podman", Level: Warn, What: fmt.Sprintf("Podman's pause process of %s (PID %d) holds %s", r.User, p.PID, view),
			Why:  "podman commands of every job of this user join its namespaces: containers see " + containers.Rootless.See(always(r)),
			Mend: fmt.Sprintf("sudo -iu %s podman system migrate (ends it, and the user's containers); in jobs, use the folder in WORKER_WRAP_HOST_TEMP for podman run -v", visible.Word(r.User)),
		})
	}
	return out
}
