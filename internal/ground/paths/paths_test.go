package paths

import (
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func TestUnder(t *testing.T) {
	for _, test := range []struct {
		path, dir, rel string
		ok             bool
	}{
		{"/a/b", "/a", "b", true},
		{"/a", "/a", "", true},
		{"/a/", "/a", "", true},
		{"/a/b/c", "/a/", "b/c", true},
		{"/ab", "/a", "", false},
		{"/a", "/a/b", "", false},
		{"/a", "/", "a", true},
		{"/", "/", "", true},
		{"/b", "/a", "", false},
	} {
		if rel, ok := Under(test.path, test.dir); rel != test.rel || ok != test.ok || In(test.path, test.dir) != ok {
			t.Errorf("%s in %s: %q, %v", test.path, test.dir, rel, ok)
		}
	}
}
