// Package demo replays issue actions/runner#4357 with a stand-in for the runner, once without and once
// with worker-wrap, and shows both side by side. What it prints comes from what the processes did and
// logged; what the issue says should happen is only compared with that.
package demo
