#include "go_asm.h"
#include "textflag.h"

#define SYS_clone 220

// See entry_amd64.s. On arm64 the g is in a register of its own.
TEXT ·entry(SB),NOSPLIT|NOFRAME,$0
	MOVD	RSP, R19
	MOVD	$·r+room_g(SB), g
	SUB	$64, RSP
	MOVD	R19, 48(RSP)
	MOVD	R19, 8(RSP)
	CALL	·attempt(SB)
	MOVD	48(RSP), R19
	MOVD	R19, RSP
	B	origin_entry(SB)

// func spawn(flags, stack uintptr) uintptr
TEXT ·spawn(SB),NOSPLIT,$0-24
	MOVD	flags+0(FP), R0
	MOVD	stack+8(FP), R1
	MOVD	ZR, R2
	MOVD	ZR, R3
	MOVD	ZR, R4
	MOVD	$SYS_clone, R8
	SVC
	CBNZ	R0, parent
	MOVD	$·r+room_g(SB), g
	CALL	·between(SB)
	BRK
parent:
	MOVD	R0, ret+16(FP)
	RET

// Where the program's variables begin and end.
DATA ·variables+0(SB)/8, $runtime·noptrdata(SB)
DATA ·variables+8(SB)/8, $runtime·end(SB)
GLOBL ·variables(SB), RODATA|NOPTR, $16
