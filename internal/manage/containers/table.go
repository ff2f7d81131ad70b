package containers

import "strings"

// Sight is what a container finds where its job has _temp.
type Sight string

// The sights.
const (
	Without Sight = "as without worker-wrap"
	Own     Sight = "the job's `_temp`"
	Host    Sight = "the host's `_temp`"
	There   Sight = "the `_temp` of the daemon's machine, if any"
	Pause   Sight = "the `_temp` of the job that started Podman's pause process; after that job, an error"
	Gone    Sight = "an error: that folder is gone"
	Nothing Sight = "nothing: what mounts `_temp` is refused with a message"
)

// Doctor is how doctor tells of a row before a job meets it.
type Doctor string

// Each is a level of doctor's, but for [Silent].
const (
	Silent  Doctor = ""
	Says    Doctor = "says so"
	Warns   Doctor = "warns"
	Problem Doctor = "a problem"
)

// Row is one way to containers.
type Row struct {
	Job     string // what such a job does
	Alone   Sight  // of a job that is alone
	Private Sight  // of one that is private, beside another or because of ISOLATE=always
	Tried   string // with what
	Doctor  Doctor
}

// The rows that doctor tells of.
var (
	Socket   = Row{"reaches the daemon by the default socket, `DOCKER_HOST=unix://…`, or a context's unix socket", Without, Own, all, Says}
	Closed   = Row{"runs `sudo docker` without access to the socket itself", Without, Host, "20.10", Warns}
	Refused  = Row{"has a socket that the proxy's may not be laid over", Without, Host, "20.10", Problem}
	Off      = Row{"has `WORKER_WRAP_DOCKER=off`", Without, Host, all, Warns}
	Memory   = Row{"has `WORKER_WRAP_BACKING=tmpfs`", Nothing, Nothing, "20.10", Warns}
	Remote   = Row{"reaches a daemon by `tcp://`, with TLS or without, or `ssh://`, also by a context", Without, There, "20.10, a stand-in for sshd", Warns}
	Runtime  = Row{"uses the machine's containerd: by `ctr`, nerdctl, or a dockerd that the job starts", Without, Host, "20.10, containerd 1.6, nerdctl 2.2", Says}
	Rootless = Row{"uses rootless Podman by itself", Pause, Pause, "Podman 4.3", Warns}
)

const all = "20.10, 26.1, API 1.56"

// Table returns all rows, in the order of the docs.
func Table() []Row {
	return []Row{
		Socket,
		{"runs `sudo docker`, and can use the socket itself", Without, Own, "20.10", Silent},
		{"has job containers, services or container actions: the runner's own commands", Without, Own, all, Silent},
		{"has the container hooks for Docker: their commands by hand", Without, Own, "20.10", Silent},
		{"uses Compose, Buildx, Testcontainers, the Go SDK, or a swarm's services", Without, Own, all, Silent},
		{"gives a container with `--rm` the socket, and uses that inside", Without, Own, all, Silent},
		{"gives another container the socket, and uses that inside", Without, Host, all, Silent},
		{"mounts others' volumes that lead to `_temp`, or takes `--volumes-from`", Without, Own, all, Silent},
		{"mounts with `volume-subpath`", Without, Own, "26.1, API 1.56", Silent},
		{"mounts a volume that an earlier private job made of a folder in its `_temp`", Gone, Own, all, Silent},
		{"takes `--volumes-from` the runner's own container, whose work folder the daemon has at another path", Without, Own, all, Silent},
		{"starts a dockerd with a containerd of its own", Without, Own, "20.10", Silent},
		{"uses Podman by its socket, with Docker's CLI", Without, Own, "Podman 4.3", Silent},
		{"uses Podman as root, or buildah, by itself: without a daemon", Without, Own, "Podman 4.3, buildah 1.28", Silent},
		Rootless, Runtime, Remote, Closed, Refused, Off, Memory,
	}
}

// See is what the containers see, for people at a terminal. always says that no job of the runner is ever alone.
func (r Row) See(always bool) string {
	text := string(r.Private)
	if !always && r.Alone != r.Private {
		text += "; of a job that is alone, " + string(r.Alone)
	}
	return strings.ReplaceAll(text, "`", "")
}

// Say is the row as a sentence.
func (r Row) Say(always bool) string {
	return "containers of a job that " + strings.ReplaceAll(r.Job, "`", "") + " see " + r.See(always)
}
