#include "go_asm.h"
#include "textflag.h"

#define SYS_clone 220

// See entry_amd64.s. On arm64 the g is in a register of its own.
TEXT ·entry(SB),NOSPLIT|NOFRAME,$0
	MOVD	RSP, R19
	MOVD	$·rooms+room_g(SB), g
	SUB	$64, RSP
	MOVD	R19, 48(RSP)
	MOVD	R19, 8(RSP)
	CALL	·attempt(SB)
	MOVD	48(RSP), R19
	MOVD	R19, RSP
	B	origin_entry(SB)

// func spawn(flags, stack, gone, run uintptr) uintptr
TEXT ·spawn(SB),NOSPLIT,$0-40
	MOVD	flags+0(FP), R0
	MOVD	stack+8(FP), R1
	MOVD	ZR, R2
	MOVD	ZR, R3
	MOVD	gone+16(FP), R4
	MOVD	run+24(FP), R19
	MOVD	$SYS_clone, R8
	SVC
	CBNZ	R0, parent
	MOVD	$·rooms+room_g(SB), g
	CALL	(R19)
	BRK
parent:
	MOVD	R0, ret+32(FP)
	RET

DATA ·runs+0(SB)/8, $·runOne(SB)
DATA ·runs+8(SB)/8, $·runOther(SB)
GLOBL ·runs(SB), RODATA|NOPTR, $16

// Where the program's variables begin and end.
DATA ·variables+0(SB)/8, $runtime·noptrdata(SB)
DATA ·variables+8(SB)/8, $runtime·end(SB)
GLOBL ·variables(SB), RODATA|NOPTR, $16
