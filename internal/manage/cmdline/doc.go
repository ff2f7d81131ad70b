// Package cmdline is how worker-wrap's command line behaves, whatever the subcommand: what it refuses and in which words,
// how it ends, and how it prints. The subcommands themselves are in cmd.
package cmdline
