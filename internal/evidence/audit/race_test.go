//go:build race

package audit

// raceDetector makes everything ten times slower.
const raceDetector = true
