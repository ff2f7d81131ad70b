package runner

import (
	"strings"
	"unicode"
)

// maxName is the length of a file's name in bytes that Linux takes (NAME_MAX of limits.h).
const maxName = 255

// UnitName takes the contents of a file [ServiceName], which is the runner's user's. What cannot be a file's name, and
// so no unit's, is none: "".
func UnitName(text string) string {
	name := strings.TrimSpace(strings.TrimPrefix(text, "\xef\xbb\xbf"))
	if name == "." || name == ".." || len(name) > maxName || strings.ContainsFunc(name, func(r rune) bool { return r == '/' || unicode.IsControl(r) }) {
		return ""
	}
	return name
}
