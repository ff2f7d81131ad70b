// Package rewrite changes the host paths in the bodies of Engine API requests, and changes them back in
// what the daemon answers.
//
// A body is never decoded and encoded again: the places to change are found by their offsets and only those bytes are
// replaced: unknown fields, the order of keys, the form of numbers and white space stay as the client wrote them. Keys
// are matched as dockerd matches them, with encoding/json: without regard to case, and if a key stands twice both are
// taken.
//
// A body that is no JSON passes as it is, and the daemon says why it refuses it.
package rewrite
