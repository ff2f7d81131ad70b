// Package disk changes files as an install does: whole at every moment, on disk before the next step, and locked against
// another worker-wrap.
package disk
