// Package record has a person's command read which starts a runner's event log tells of.
package record
