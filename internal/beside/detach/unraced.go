//go:build !race

package detach

// raced is true in a program with the race detector. The compiler's wrapper of a function with arguments calls that on the
// stack of the thread whose memory is borrowed, which must stand still meanwhile.
const raced = false
