// Package machine has install and uninstall put on a machine what its runners share, and take it away again:
//
//   - the binary, once, owned by root, with its file capability: <prefix>/lib/worker-wrap/worker-wrap, or the path that
//     a package gave it ([Machine.Place]);
//   - under systemd a path unit for each runner, which starts `worker-wrap watch` when the runner updates itself;
//   - a list of the runners' roots ([discover.ListFile]), so that an uninstall forgets none.
//
// Everything is first planned as tasks ([Task]).
package machine
