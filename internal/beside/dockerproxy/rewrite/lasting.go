package rewrite

import "strings"

// lasts reports whether a container that a request makes can outlive the job: the daemon does not remove it when it
// ends, and the runner did not make it.
//
// What lasts gets what it asked for: the proxy's socket and the folder of the job are gone by the next start of the
// container. It fails, and dockerd makes folders of root's in their places.
func lasts(body []byte, n *node) bool {
	remove := false
	for _, host := range hostConfigs(n) {
		if v := host.last("AutoRemove"); v != nil {
			remove = string(body[v.start:v.end]) == "true"
		}
	}
	return !remove && !byRunner(n)
}

// byRunner reports whether a container has the label of the runner or its container hooks for Docker. By it they find
// what to remove at the end of a job and before the next one. It is hexadecimal digits without a value: of a hash of
// .runner (DockerCommandManager.cs), or of the runner's name.
func byRunner(n *node) bool {
	for _, labels := range n.all("Labels") {
		for i, key := range labels.names {
			if len(key.text) >= 6 && strings.Trim(key.text, "0123456789abcdef") == "" && labels.values[i].kind == '"' && labels.values[i].text == "" {
				return true
			}
		}
	}
	return false
}
