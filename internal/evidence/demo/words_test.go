package demo

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
)

func TestWords(t *testing.T) {
	for d, want := range map[time.Duration]string{6400 * time.Millisecond: "six seconds", time.Second: "one second", 64 * time.Second: "64 seconds"} {
		if got := seconds(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
	for want, r := range map[string]standin.Result{
		"was cancelled (103)": {Code: 103}, "failed (102)": {Code: 102}, "succeeded (100)": {Code: 100}, "crashed (125)": {Code: 125},
		"was ended by signal 9": {Code: -1, Signal: 9},
	} {
		if got := ended(r); got != want {
			t.Errorf("%+v %q, want %q", r, got, want)
		}
	}
}

// TestShowTime: the time stands on one line of a terminal, which is blank at the end; there is none without a terminal.
func TestShowTime(t *testing.T) {
	showTime(nil, time.Second)()
	synctest.Test(t, func(t *testing.T) {
		var terminal bytes.Buffer
		stop := showTime(&terminal, 6*time.Second)
		time.Sleep(250 * time.Millisecond)
		stop()
		line := " of some 6 seconds\r"
		if out, want := terminal.String(), "\r0.0"+line+"0.1"+line+"0.2"+line+strings.Repeat(" ", 21)+"\r"; out != want {
			t.Errorf("%q, want %q", out, want)
		}
	})
}
