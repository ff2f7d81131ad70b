package runner

import (
	"bytes"
	"encoding/json"
	"path/filepath"

	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// What a self-update leaves in the work folder (src/Runner.Listener/SelfUpdater.cs and SelfUpdaterV2.cs).
const (
	// UpdateFolder is where it unpacks the new version; it is made anew for each update.
	UpdateFolder = "_update"
	// UpdateScript is what it runs to switch versions. It is written when all is copied and the running job
	// has ended.
	UpdateScript = "_update.sh"
)

// NoUpdates reads disableUpdate out of .runner (src/Runner.Common/ConfigurationStore.cs).
func NoUpdates(root string) bool {
	return parseNoUpdates(untrusted.Text(filepath.Join(root, ConfigName)))
}

func parseNoUpdates(data string) bool {
	var config struct {
		DisableUpdate bool `json:"disableUpdate"`
	}
	return json.Unmarshal(bytes.TrimPrefix([]byte(data), []byte("\xef\xbb\xbf")), &config) == nil && config.DisableUpdate
}
