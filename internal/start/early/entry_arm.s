#include "go_asm.h"
#include "textflag.h"

#define SYS_clone 120

// See entry_amd64.s. On arm the g is in a register of its own.
TEXT ·entry(SB),NOSPLIT|NOFRAME,$0
	MOVW	R13, R4
	MOVW	$·rooms+room_g(SB), g
	SUB	$32, R13
	MOVW	R4, 24(R13)
	MOVW	R4, 4(R13)
	CALL	·attempt(SB)
	MOVW	24(R13), R4
	MOVW	R4, R13
	B	origin_entry(SB)

// func spawn(flags, stack, gone, run uintptr) uintptr
TEXT ·spawn(SB),NOSPLIT,$0-20
	MOVW	flags+0(FP), R0
	MOVW	stack+4(FP), R1
	MOVW	$0, R2
	MOVW	$0, R3
	MOVW	gone+8(FP), R4
	MOVW	run+12(FP), R5
	MOVW	$SYS_clone, R7
	SWI	$0
	CMP	$0, R0
	BNE	parent
	MOVW	$·rooms+room_g(SB), g
	CALL	(R5)
	WORD	$0xe7f000f0 // udf
parent:
	MOVW	R0, ret+16(FP)
	RET

DATA ·runs+0(SB)/4, $·runOne(SB)
DATA ·runs+4(SB)/4, $·runOther(SB)
GLOBL ·runs(SB), RODATA|NOPTR, $8

// Where the program's variables begin and end.
DATA ·variables+0(SB)/4, $runtime·noptrdata(SB)
DATA ·variables+4(SB)/4, $runtime·end(SB)
GLOBL ·variables(SB), RODATA|NOPTR, $8
