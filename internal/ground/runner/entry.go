package runner

import "strings"

// EntryWord tells worker-wrap that it was started as a Worker: an entry is a script, and its second line is never read.
const EntryWord = "__worker"

// maxEntry is how much of a script the kernel looks at for its interpreter (BINPRM_BUF_SIZE, execve(2)).
const maxEntry = 256

// Entry is the text of the file that stands in a Worker's place: a script whose interpreter is the worker-wrap at
// place. It is no link to that: whoever writes over it changes this one file of this one runner, as if worker-wrap were
// not there. ok is false if the kernel could not start such a script (execve(2)).
func Entry(place string) (text string, ok bool) {
	line := "#!" + place + " " + EntryWord + "\n"
	if !strings.HasPrefix(place, "/") || strings.ContainsAny(place, " \t\n\x00") || len(line) > maxEntry {
		return "", false
	}
	return line + "# worker-wrap stands here in place of the runner's own Worker, which it keeps beside this file\n" +
		"# as " + RealWorkerName + " or " + KeptWorkerName + ": worker-wrap doctor, worker-wrap uninstall\n", true
}

// ParseEntry takes the beginning of a file, and returns which worker-wrap it starts if it is an entry, of any version.
func ParseEntry(text []byte) (place string, ok bool) {
	line, _, _ := strings.Cut(string(text[:min(len(text), maxEntry)]), "\n")
	place, ok = strings.CutPrefix(line, "#!")
	if !ok {
		return "", false
	}
	place, ok = strings.CutSuffix(place, " "+EntryWord)
	return place, ok && strings.HasPrefix(place, "/") && !strings.ContainsAny(place, " \t\x00")
}

// EntrySize is how much of a file [ParseEntry] needs.
const EntrySize = maxEntry

// Arguments returns the arguments of a Worker, argv[0] first, if that is what a process with these was started as: by
// an entry, by whatever name another tool has moved that to, or by a link to the program.
func Arguments(argv []string) ([]string, bool) {
	switch {
	case len(argv) > 0 && IsWorker(argv[0]):
		return argv, true
	case len(argv) > 2 && argv[1] == EntryWord && argv[2] != "":
		return argv[2:], true
	}
	return nil, false
}

// Started takes the contents of /proc/PID/cmdline, and returns the path by which the process was started: if that was
// an entry, and the process is worker-wrap still, the entry's, see [Standing].
func Started(cmdline []byte) string {
	const enough = 4
	argv := strings.SplitN(string(cmdline), "\x00", enough)
	if args, ok := Arguments(argv); ok {
		return Standing(args[0])
	}
	return argv[0]
}
