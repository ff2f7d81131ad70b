// Package standin is a GitHub Actions runner without GitHub: a [Listener] that starts Workers, and the Worker it starts
// (package worker). By its processes, pipes, files, exit codes and logs it does what actions/runner 2.336.0 does, or an
// older one whose version its root has; each part names the upstream file that its facts are from. What it leaves out
// is the service: jobs come from the caller, and nothing is uploaded.
//
// It exists to replay issue actions/runner#4357 where no runner is registered, for `worker-wrap demo` and for tests.
// Nothing that runs real jobs imports it. It knows nothing of worker-wrap's own ways of finding things, so that a
// mistake there cannot hide here.
//
// All durations in its API are the runner's own; [Listener.Scale] says how much faster they pass.
package standin
