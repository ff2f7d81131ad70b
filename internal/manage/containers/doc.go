// Package containers is the one table of what a job's containers see of _temp, by how the job makes them. docs/docker.md
// shows it, and doctor takes from it what it says of a runner.
package containers
