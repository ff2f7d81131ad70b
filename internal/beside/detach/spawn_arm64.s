#include "textflag.h"

#define SYS_clone 220

// func spawn(flags, stack, gone uintptr, c *child, last uintptr) uintptr
TEXT ·spawn(SB),NOSPLIT,$16-48
	MOVD	flags+0(FP), R0
	MOVD	stack+8(FP), R1
	MOVD	gone+16(FP), R4
	MOVD	c+24(FP), R20
	MOVD	last+32(FP), R19
	MOVD	ZR, R2
	MOVD	ZR, R3
	MOVD	$SYS_clone, R8
	SVC
	CBNZ	R0, parent
	MOVD	R20, 8(RSP)
	CBNZ	R19, last
	MOVD	$·between(SB), R1 // the linker sees no cycle in this
	CALL	(R1)
	BRK
last:
	CALL	·become(SB)
	BRK
parent:
	MOVD	R0, ret+40(FP)
	RET
