// Package first is initialised before the other packages of the program, after Go's runtime: it imports none of them.
package first

import "unsafe"

// begun is called with where the heap is about to be used. It is nil, unless another package defines it by its link name,
// with a value that needs no code to be run.
//
//go:linkname begun
var begun func(heap uintptr)

var object *[16]byte

func init() {
	if begun != nil {
		object = new([16]byte)
		begun(uintptr(unsafe.Pointer(object)))
	}
}
