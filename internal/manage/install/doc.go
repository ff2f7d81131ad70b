// Package install puts the shim where a runner starts its Worker, keeps it there through the runner's
// self-updates, and takes it out again.
//
// What is put where:
//
//   - the binary, once, owned by root, with its file capability: <prefix>/lib/worker-wrap/worker-wrap,
//     or where a package has put it ([Machine.Place]);
//   - in each bin folder of a runner an entry, Runner.Worker, which starts it ([runner.Entry]), and beside it what was
//     there, unchanged, by two names: Runner.Worker.real, and one that no other tool uses;
//   - under systemd a path unit for each runner, which starts `worker-wrap watch` when the runner updates
//     itself;
//   - the runner's root in a list ([discover.ListFile]), so that an uninstall forgets none.
//
// Everything that is done is first planned as steps ([Step]). Each step leaves a runner that can start a
// job, so it does not matter where the power goes; the next run goes on from what it finds.
package install
