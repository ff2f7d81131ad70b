// Package plan is what a start is to do, read before it does anything: whose _temp it covers, which program it becomes,
// and its settings. Every start that Go's runtime makes begins here; doctor and the trial read the settings by it, too.
package plan
