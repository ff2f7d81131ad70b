package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/start/policy"
)

func TestSet(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        policy.Settings
	}{
		{"USERNS", "1", policy.Settings{Userns: true}},
		{"USERNS", "0", policy.Settings{}},
		{"USERNS", "", policy.Settings{}},
		{"WAIT", "20s", policy.Settings{Wait: 20 * time.Second}},
		{"WAIT", "1500ms", policy.Settings{Wait: 1500 * time.Millisecond}},
		{"WAIT", "0", policy.Settings{}},
		{"WAIT", "off", policy.Settings{}},
		{"FALLBACK", "none", policy.Settings{Fallback: policy.FallbackNone}},
		{"FALLBACK", "", policy.Settings{}},
		{"FALLBACK", "wait", policy.Settings{}},
		{"FALLBACK", "run", policy.Settings{Fallback: policy.FallbackRun}},
		{"ISOLATE", "always", policy.Settings{}},
		{"ISOLATE", "overlap", policy.Settings{Isolate: policy.Overlap}},
		{"ISOLATE", "alone", policy.Settings{Isolate: policy.Alone}},
		{"BACKING", "dir", policy.Settings{}},
		{"BACKING", "tmpfs", policy.Settings{Backing: policy.Tmpfs}},
		{"BACKING", "tmpfs:2g", policy.Settings{Backing: policy.Tmpfs, Size: "2g"}},
		{"BACKING", "tmpfs:512M", policy.Settings{Backing: policy.Tmpfs, Size: "512M"}},
		{"BACKING", "tmpfs:25%", policy.Settings{Backing: policy.Tmpfs, Size: "25%"}},
		{"BACKING", "tmpfs:1048576", policy.Settings{Backing: policy.Tmpfs, Size: "1048576"}},
	} {
		var s policy.Settings
		if known, err := s.Set(c.name, c.value); !known || err != nil || s != c.want {
			t.Errorf("Set(%q, %q): %v, %v, %+v", c.name, c.value, known, err, s)
		}
	}
	for _, c := range []struct{ name, value, says string }{
		{"USERNS", "2", "1 or 0"},
		{"WAIT", "20", "20s"},
		{"WAIT", "-1s", "negative"},
		{"WAIT", "soon", "not a duration"},
		{"FALLBACK", "yes", "wait or none or run"},
		{"ISOLATE", "never", "always or overlap"},
		{"BACKING", "ramfs", "tmpfs:2g"},
		{"BACKING", "dir:1g", "tmpfs:2g"},
		{"BACKING", "tmpfs:", "tmpfs:2g"},
		{"BACKING", "tmpfs:0", "tmpfs:2g"},
		{"BACKING", "tmpfs:-1", "tmpfs:2g"},
		{"BACKING", "tmpfs:+1", "tmpfs:2g"},
		{"BACKING", "tmpfs:101%", "tmpfs:2g"},
		{"BACKING", "tmpfs:1g,mode=777", "tmpfs:2g"},
		{"BACKING", "tmpfs:g", "tmpfs:2g"},
	} {
		var s policy.Settings
		if known, err := s.Set(c.name, c.value); !known || err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("Set(%q, %q): %v, %v; want an error in one line that says %q", c.name, c.value, known, err, c.says)
		}
	}
	if known, err := new(policy.Settings).Set("LOG", "debug"); known || err != nil {
		t.Errorf("a setting of another package: %v, %v", known, err)
	}
}

func TestPatience(t *testing.T) {
	for _, c := range []struct {
		wait     time.Duration
		fallback policy.Fallback
		channel  string
		want     time.Duration
		warns    bool
	}{
		{0, policy.Settings{}.Fallback, "", 20 * time.Second, false}, // the default is to wait
		{0, policy.FallbackNone, "", 0, false},
		{0, policy.FallbackRun, "", 0, false},
		{0, policy.FallbackWait, "", 20 * time.Second, false},
		{5 * time.Second, policy.FallbackWait, "", 5 * time.Second, false},
		{23 * time.Second, policy.FallbackNone, "", 23 * time.Second, false},
		{24 * time.Second, policy.FallbackRun, "", 23 * time.Second, true},
		{time.Hour, policy.FallbackWait, "", 23 * time.Second, true},
		{time.Hour, policy.FallbackNone, "5", 23 * time.Second, true},
		{60 * time.Second, policy.FallbackNone, "120", 60 * time.Second, false},
		{time.Hour, policy.FallbackNone, "100000", 293 * time.Second, true},
		{time.Hour, policy.FallbackNone, "long", 23 * time.Second, true},
	} {
		d, warning := policy.Settings{Wait: c.wait, Fallback: c.fallback}.Patience(c.channel)
		if d != c.want || (warning != "") != c.warns || strings.Contains(warning, "\n") {
			t.Errorf("%+v: %v, %q", c, d, warning)
		}
	}
}
