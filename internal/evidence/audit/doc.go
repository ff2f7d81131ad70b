// Package audit reads what a GitHub Actions runner left in its _diag folder, Listener logs, Worker
// logs and this project's own events, and says when two of its Workers were alive at once on one
// _temp, which one's cleanup ran inside the other's life, and what failed because of it
// (actions/runner #4357).
//
// It goes by the text of log lines alone, as src/Runner.Listener/JobDispatcher.cs and
// src/Runner.Worker of actions/runner have written them since v2.160.0 (2019), and by the times in the
// logs' file names (src/Runner.Common/HostTraceListener.cs). Logs are untrusted: a job can write much of
// what stands in them. Nothing read is believed to be well-formed, and every text that is kept is cut.
//
// A file whose name has no time in it may hold several whole logs, or what a container prints: [joined] takes them
// apart. If a log shows what the race does and not the Worker that did it, the answer is that the logs cannot tell
// ([Report.Unsure]).
//
// Files are streamed. What is kept is one [Life] for each Worker, with bounded lists, so memory grows
// with the number of jobs and not with the size of the logs.
package audit
