// Package checks has doctor and status judge the facts that package survey and others gather: what keeps the jobs of a
// runner from being protected, what that leads to, and what mends it. It tries nothing.
package checks
