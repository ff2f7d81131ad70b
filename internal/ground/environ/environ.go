// Package environ looks variables up in environments that are not this process's own.
package environ

import "strings"

// PodVar is a variable that each container of a Kubernetes pod is given.
const PodVar = "KUBERNETES_SERVICE_HOST"

// Lookup returns the value of a variable, as getenv(3) does: of several strings for a name the first counts.
func Lookup(env []string, name string) (value string, ok bool) {
	for _, e := range env {
		if value, ok := strings.CutPrefix(e, name+"="); ok {
			return value, true
		}
	}
	return "", false
}

// Get is [Lookup] for whom an empty value is none.
func Get(env []string, name string) string {
	value, _ := Lookup(env, name)
	return value
}

// Parse takes an environment as /proc/PID/environ has it.
func Parse(data []byte) []string {
	return strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
}
