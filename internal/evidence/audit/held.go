package audit

// held are the latest records of a file, while it is not known which log they are of.
type held struct {
	all   []heldLine
	bytes []byte
}

// heldLine is a record's first line without its header, or a line that says a file is gone.
type heldLine struct {
	from, to int // in bytes
	now      at
	host     bool // of HostContext: each process's first records are
	gone     bool
}

// Bounds on what is held.
const (
	maxHeld      = 64
	maxHeldBytes = 128 << 10
)

func (h *held) any() bool { return len(h.all) > 0 }

func (h *held) full() bool { return len(h.all) >= maxHeld || len(h.bytes) >= maxHeldBytes }

func (h *held) add(m []byte, now at, host, gone bool) {
	from := len(h.bytes)
	h.bytes = append(h.bytes, m...)
	h.all = append(h.all, heldLine{from, len(h.bytes), now, host, gone})
}

func (h *held) clear() { h.all, h.bytes = h.all[:0], h.bytes[:0] }

// version reports whether the last record is a process's word on its version.
func (h *held) version() bool {
	last := h.all[len(h.all)-1]
	_, ok := after(h.bytes[last.from:last.to], "Version: ")
	return ok
}

// firstOfHost is the first record of HostContext, or the last record of all.
func (h *held) firstOfHost() int {
	for i, line := range h.all {
		if line.host {
			return i
		}
	}
	return len(h.all) - 1
}

// lastOfHost is the first of the records of HostContext that stand just before the last record.
func (h *held) lastOfHost() int {
	i := len(h.all) - 1
	for i > 0 && h.all[i-1].host {
		i--
	}
	return i
}

// kindOf goes by a record's trace source, and says whether that is HostContext. Sources that both
// programs have tell nothing.
func kindOf(source []byte) (k kind, host bool) {
	switch string(source) {
	case "HostContext":
		return unknownLog, true
	case "JobDispatcher", "Listener", "MessageListener", "BrokerMessageListener", "JobNotification", "SelfUpdater", "SelfUpdaterV2":
		return runnerLog, false
	case "Worker", "JobRunner", "JobExtension", "StepsRunner", "ExecutionContext", "TempDirectoryManager", "ActionManager",
		"ActionRunner", "ActionManifestManager", "ScriptHandler", "NodeScriptActionHandler", "ContainerActionHandler",
		"PipelineDirectoryManager", "TrackingManager", "JobServerQueue", "ResultsServer", "FileCommandManager",
		"CreateStepSummaryCommand", "SetOutputFileCommand", "DockerCommandManager", "ContainerOperationProvider", "DiagnosticLogManager":
		return workerLogFile, false
	}
	return unknownLog, false
}
