//go:build race

package detach

const raced = true
