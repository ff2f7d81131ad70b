// Package logs reads a runner's logs for an audit: it turns Runner_*.log and Worker_*.log into one [Life] for each Worker.
//
// It goes by the text of log lines alone, as actions/runner has written them since v2.160.0 (2019) in
// src/Runner.Listener/JobDispatcher.cs and src/Runner.Worker; and by the times in the logs' file names
// (src/Runner.Common/HostTraceListener.cs). Logs are untrusted: a job can write much of what stands in them. Nothing
// read is believed to be well-formed, and every text that is kept is cut.
//
// A file whose name has no time in it may hold several whole logs, or what containers and services print: [several] takes
// them apart, and [workers] the lines of Workers that live at once.
//
// Files are streamed. Each [Life] has bounded lists, so memory grows with the number of jobs and not with the size of the
// logs.
package logs
