package runner

// What a self-update leaves in the work folder (src/Runner.Listener/SelfUpdater.cs and SelfUpdaterV2.cs).
const (
	// UpdateFolder is where it unpacks the new version; it is made anew for each update.
	UpdateFolder = "_update"
	// UpdateScript is what it runs to switch versions. It is written when all is copied and the running job
	// has ended.
	UpdateScript = "_update.sh"
)
