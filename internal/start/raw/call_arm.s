#include "textflag.h"

// func kernel(nr, a, b, c, d, e, f uintptr) uintptr
TEXT ·kernel(SB),NOSPLIT,$0-32
	MOVW	nr+0(FP), R7
	MOVW	a+4(FP), R0
	MOVW	b+8(FP), R1
	MOVW	c+12(FP), R2
	MOVW	d+16(FP), R3
	MOVW	e+20(FP), R4
	MOVW	f+24(FP), R5
	SWI	$0
	MOVW	R0, ret+28(FP)
	RET
