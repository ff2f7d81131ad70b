package rewrite

import (
	"fmt"
	"path"

	"github.com/worker-wrap/worker-wrap/internal/ground/paths"
)

// CheckHidden returns an error, for the client, if a request's body asks for a mount of a _temp that is in memory
// ([Job.Hidden]). What lies above it can be mounted; it is not added there.
func (t *Translator) CheckHidden(body []byte) error {
	if !t.Hidden {
		return nil
	}
	n, ok := parse(body)
	if !ok {
		return nil
	}
	look := t.paths.Look()
	for _, source := range t.mounted(n) {
		if path.IsAbs(source) && t.hides(look.Source(source).Host) {
			return fmt.Errorf("worker-wrap: %s is in the memory of this job alone (WORKER_WRAP_BACKING=tmpfs), so no container can mount it; use a folder outside of _temp, or set WORKER_WRAP_BACKING=dir for this runner", source)
		}
	}
	return nil
}

// hides reports whether a path of the host's is in what is hidden.
func (t *Translator) hides(host string) bool {
	in := paths.In(path.Clean(host), path.Clean(t.Temp.Host))
	return t.Hidden && in
}

// mounted lists the host's paths that a request to make a container, service or volume has in it, or in a volume that
// it names.
func (t *Translator) mounted(n *node) (sources []string) {
	mounts := n.at("TaskTemplate", "ContainerSpec", "Mounts")
	for _, host := range hostConfigs(n) {
		mounts = append(mounts, host.all("Mounts")...)
		for _, array := range host.all("Binds") {
			for _, item := range array.items() {
				if b, ok := parseBind(item.text); ok {
					sources = append(sources, b.source, t.device(b.source))
				}
			}
		}
	}
	for _, array := range mounts {
		for _, m := range array.items() {
			for _, source := range m.all("Source") {
				sources = append(sources, source.text)
			}
			if m.string("Type") == "volume" {
				sources = append(sources, path.Join(t.device(m.string("Source")), m.last("VolumeOptions").string("Subpath")))
			}
			for _, device := range m.at("VolumeOptions", "DriverConfig", "Options", "device") {
				sources = append(sources, device.text)
			}
		}
	}
	for _, device := range n.at("DriverOpts", "device") {
		sources = append(sources, device.text)
	}
	return sources
}
