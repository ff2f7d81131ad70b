// Package common has what both programs of the stand-in runner need: the messages on their pipes, their logs, the processes
// below a process, and how fast time passes. Upstream it is src/Runner.Common and src/Runner.Sdk.
package common
