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

// func spawn(flags, stack, gone uintptr, r *room, keeper uintptr) uintptr
TEXT ·spawn(SB),NOSPLIT,$8-24
	MOVW	flags+0(FP), R0
	MOVW	stack+4(FP), R1
	MOVW	$0, R2
	MOVW	$0, R3
	MOVW	gone+8(FP), R4
	MOVW	r+12(FP), R6
	MOVW	keeper+16(FP), R5
	MOVW	$SYS_clone, R7
	SWI	$0
	CMP	$0, R0
	BNE	parent
	MOVW	$·rooms+room_g(SB), g
	MOVW	R6, 4(R13)
	CMP	$0, R5
	BNE	keeper
	CALL	·between(SB)
	WORD	$0xe7f000f0 // udf
keeper:
	CALL	·keep(SB)
	WORD	$0xe7f000f0
parent:
	MOVW	R0, ret+20(FP)
	RET

// Where the program's variables begin and end.
DATA ·variables+0(SB)/4, $runtime·noptrdata(SB)
DATA ·variables+4(SB)/4, $runtime·end(SB)
GLOBL ·variables(SB), RODATA|NOPTR, $8
