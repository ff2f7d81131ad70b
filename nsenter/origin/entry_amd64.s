#include "textflag.h"
#include "go_asm.h"

#define SYS_rt_sigaction 13
#define SYS_rt_sigprocmask 14
#define SYS_fcntl 72
#define SYS_rt_sigtimedwait 128
#define SYS_prlimit64 302
#define RLIMIT_NOFILE 7
#define F_GETFD 1
#define EBADF 9

// The kernel starts the program here: no Go stack, no g, RSP at argc.
TEXT ·entry(SB),NOSPLIT|NOFRAME,$0
	MOVQ	SP, ·state+noted_sp(SB)
	MOVL	$1, ·state+noted_entered(SB)

	MOVQ	$SYS_rt_sigprocmask, AX
	XORL	DI, DI
	XORL	SI, SI
	LEAQ	·state+noted_blocked(SB), DX
	MOVQ	$8, R10
	SYSCALL

	// Take what is pending and blocked out of the runtime's reach: it unblocks some signals.
	XORL	R12, R12
	CMPQ	·state+noted_blocked(SB), $0
	JEQ	fd
	LEAQ	·state+noted_pending(SB), R13
pending:
	MOVQ	$SYS_rt_sigtimedwait, AX
	LEAQ	·state+noted_blocked(SB), DI
	MOVQ	R13, SI
	LEAQ	·state+noted_action(SB), DX // still zero: a time of nothing
	MOVQ	$8, R10
	SYSCALL
	TESTQ	AX, AX
	JLE	taken
	INCL	·state+noted_taken(SB)
	ADDQ	$const_infoSize, R13
	CMPL	·state+noted_taken(SB), $const_infos
	JLT	pending
taken:
	XORL	R12, R12
fd:
	MOVQ	$SYS_fcntl, AX
	MOVQ	R12, DI
	MOVQ	$F_GETFD, SI
	SYSCALL
	CMPQ	AX, $-EBADF
	JNE	nextfd
	BTSL	R12, ·state+noted_closed(SB)
nextfd:
	INCQ	R12
	CMPQ	R12, $3
	JLT	fd

	MOVQ	$1, R12
sig:
	MOVQ	$SYS_rt_sigaction, AX
	MOVQ	R12, DI
	XORL	SI, SI
	LEAQ	·state+noted_action(SB), DX
	MOVQ	$8, R10
	SYSCALL
	CMPQ	·state+noted_action(SB), $1 // SIG_IGN
	JNE	nextsig
	LEAQ	-1(R12), CX
	MOVQ	$1, AX
	SHLQ	CX, AX
	ORQ	AX, ·state+noted_ignored(SB)
nextsig:
	INCQ	R12
	CMPQ	R12, $64
	JLE	sig

	XORL	DI, DI
	MOVQ	$RLIMIT_NOFILE, SI
	XORL	DX, DX
	LEAQ	·state+noted_files(SB), R10
	MOVQ	$SYS_prlimit64, AX
	SYSCALL
	TESTQ	AX, AX
	JNE	start
	CMPL	·state+noted_closed(SB), $0
	JNE	start // the runtime opens /dev/null for these, and ends the program where it cannot
	MOVQ	·state+noted_files+8(SB), AX
	MOVQ	AX, ·state+noted_none+8(SB)
	XORL	DI, DI
	MOVQ	$RLIMIT_NOFILE, SI
	LEAQ	·state+noted_none(SB), DX
	XORL	R10, R10
	MOVQ	$SYS_prlimit64, AX
	SYSCALL
	MOVL	$1, ·state+noted_limited(SB)
start:
	// Copy argc, argv and the auxiliary vector below, with environment strings of our own between
	// them. What the stack pointer is set to in the end is 16-byte aligned, as the ABI has it.
	MOVQ	SP, SI
	LEAQ	8(SP), R8
argv:
	MOVQ	(R8), AX
	ADDQ	$8, R8
	TESTQ	AX, AX
	JNE	argv
	MOVQ	R8, R9 // argv's null ends here
env:
	MOVQ	(R9), AX
	ADDQ	$8, R9
	TESTQ	AX, AX
	JNE	env
	MOVQ	R9, R10 // R9: the auxiliary vector
auxv:
	MOVQ	(R10), AX
	ADDQ	$16, R10
	TESTQ	AX, AX // AT_NULL
	JNE	auxv

	MOVQ	R8, AX
	SUBQ	SI, AX
	ADDQ	R10, AX
	SUBQ	R9, AX
	ADDQ	$32, AX // four words: our strings and their null
	MOVQ	SP, DI
	SUBQ	AX, DI
	ANDQ	$~15, DI
	MOVQ	DI, BX
	MOVQ	R8, CX
	SUBQ	SI, CX
	SHRQ	$3, CX
	CLD
	REP; MOVSQ // SI to R8
	LEAQ	·oneCPU(SB), AX
	MOVQ	AX, 0(DI)
	LEAQ	·noTrace(SB), AX
	MOVQ	AX, 8(DI)
	LEAQ	·noPreempt(SB), AX
	MOVQ	AX, 16(DI)
	MOVQ	$0, 24(DI)
	ADDQ	$32, DI
	MOVQ	R9, SI
	MOVQ	R10, CX
	SUBQ	R9, CX
	SHRQ	$3, CX
	REP; MOVSQ // R9 to R10
	MOVQ	BX, SP
	JMP	_rt0_amd64_linux(SB)

// entry under a name that the assembly of other packages can write, for one that does something before.
TEXT origin_entry(SB),NOSPLIT|NOFRAME,$0
	JMP	·entry(SB)
