#include "go_asm.h"
#include "textflag.h"

#define SYS_clone 56
#define SYS_arch_prctl 158
#define ARCH_SET_FS 0x1002

// OWNG gives this thread the package's g: a Go prologue compares SP with its stack guard, which is 0 here, and assembly
// that calls Go loads the g from thread-local storage. Clobbers AX, CX, DI, SI and R11.
#define OWNG \
	LEAQ	·rooms+room_g(SB), R14 \
	MOVQ	R14, ·rooms+room_tls(SB) \
	MOVQ	$SYS_arch_prctl, AX \
	MOVQ	$ARCH_SET_FS, DI \
	LEAQ	·rooms+(room_tls+8)(SB), SI \
	SYSCALL

// The kernel starts the program here: SP at argc, no g. The runtime sets thread-local storage of its own later.
TEXT ·entry(SB),NOSPLIT|NOFRAME,$0
	MOVQ	SP, R12
	OWNG
	SUBQ	$64, SP
	MOVQ	R12, 48(SP)
	MOVQ	R12, 0(SP)
	CALL	·attempt(SB)
	MOVQ	48(SP), SP
	JMP	origin_entry(SB)

// func spawn(flags, stack, gone, run uintptr) uintptr
TEXT ·spawn(SB),NOSPLIT,$0-40
	MOVQ	flags+0(FP), DI
	MOVQ	stack+8(FP), SI
	XORL	DX, DX
	MOVQ	gone+16(FP), R10
	XORL	R8, R8
	MOVQ	run+24(FP), R12
	MOVQ	$SYS_clone, AX
	SYSCALL
	TESTQ	AX, AX
	JNE	parent
	OWNG
	CALL	R12
	INT	$3
parent:
	MOVQ	AX, ret+32(FP)
	RET

DATA ·runs+0(SB)/8, $·runOne(SB)
DATA ·runs+8(SB)/8, $·runOther(SB)
GLOBL ·runs(SB), RODATA|NOPTR, $16

// Where the program's variables begin and end.
DATA ·variables+0(SB)/8, $runtime·noptrdata(SB)
DATA ·variables+8(SB)/8, $runtime·end(SB)
GLOBL ·variables(SB), RODATA|NOPTR, $16
