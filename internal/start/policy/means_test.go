package policy

// How says how a _temp of its own is made, and what that means for the job.
type How struct {
	Userns bool // in a user namespace: set-user-ID programs have no effect
	Tmpfs  bool // no path of the host leads to it, so no container can be given a part of it
}

// Means returns how the settings want isolation to be done.
func Means(s Settings) How { return How{Userns: s.Userns, Tmpfs: s.Backing == Tmpfs} }

func (h How) made() string {
	what := "a folder in the runner's root, or beside `_temp`"
	if h.Tmpfs {
		what = "a tmpfs"
	}
	if h.Userns {
		return what + ", in a user namespace; needs no privilege"
	}
	return what + ", by root or the file capability"
}

func (h How) sudo() string {
	if h.Userns {
		return "does not work"
	}
	return "works"
}

func (h How) containers() string {
	if h.Tmpfs {
		return "those that mount a part of `_temp` are refused, with a message"
	}
	return "see it"
}
