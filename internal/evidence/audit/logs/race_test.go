//go:build race

package logs

// raceDetector makes everything ten times slower.
const raceDetector = true
