#include "textflag.h"
#include "go_asm.h"

#define SYS_rt_sigaction 174
#define SYS_rt_sigprocmask 175
#define SYS_rt_sigtimedwait 177
#define SYS_fcntl64 221
#define SYS_prlimit64 369
#define RLIMIT_NOFILE 7
#define F_GETFD 1
#define EBADF 9

// The kernel starts the program here: no Go stack, no g, R13 at argc.
TEXT ·entry(SB),NOSPLIT|NOFRAME,$0
	MOVW	$·state(SB), R4
	MOVW	R13, noted_sp(R4)
	MOVW	$1, R1
	MOVW	R1, noted_entered(R4)

	MOVW	$SYS_rt_sigprocmask, R7
	MOVW	$0, R0
	MOVW	$0, R1
	ADD	$noted_blocked, R4, R2
	MOVW	$8, R3
	SWI	$0

	// Take what is pending and blocked out of the runtime's reach: it unblocks some signals.
	MOVW	noted_blocked(R4), R1
	MOVW	(noted_blocked+4)(R4), R2
	ORR	R2, R1, R1
	CMP	$0, R1
	BEQ	taken
	MOVW	$0, R5
	ADD	$noted_pending, R4, R6
pending:
	MOVW	$SYS_rt_sigtimedwait, R7
	ADD	$noted_blocked, R4, R0
	MOVW	R6, R1
	ADD	$noted_action, R4, R2 // still zero: a time of nothing
	MOVW	$8, R3
	SWI	$0
	CMP	$0, R0
	BLE	taken
	ADD	$1, R5, R5
	MOVW	R5, noted_taken(R4)
	ADD	$const_infoSize, R6, R6
	CMP	$const_infos, R5
	BLT	pending
taken:
	MOVW	$0, R5
	MOVW	$0, R6
fd:
	MOVW	$SYS_fcntl64, R7
	MOVW	R5, R0
	MOVW	$F_GETFD, R1
	SWI	$0
	CMN	$EBADF, R0
	BNE	nextfd
	MOVW	$1, R1
	ORR	R1<<R5, R6, R6
nextfd:
	ADD	$1, R5, R5
	CMP	$3, R5
	BLT	fd
	MOVW	R6, noted_closed(R4)

	// Signals 1 to 32 make the low word of the mask, 33 to 64 the high one.
	MOVW	$1, R5
	MOVW	$0, R6
	ADD	$noted_ignored, R4, R8
sig:
	MOVW	$SYS_rt_sigaction, R7
	MOVW	R5, R0
	MOVW	$0, R1
	ADD	$noted_action, R4, R2
	MOVW	$8, R3
	SWI	$0
	MOVW	noted_action(R4), R1
	CMP	$1, R1 // SIG_IGN
	BNE	nextsig
	SUB	$1, R5, R2
	AND	$31, R2, R2
	MOVW	$1, R1
	ORR	R1<<R2, R6, R6
nextsig:
	CMP	$32, R5
	BNE	more
	MOVW	R6, 0(R8)
	MOVW	$0, R6
more:
	ADD	$1, R5, R5
	CMP	$64, R5
	BLE	sig
	MOVW	R6, 4(R8)

	MOVW	$SYS_prlimit64, R7
	MOVW	$0, R0
	MOVW	$RLIMIT_NOFILE, R1
	MOVW	$0, R2
	ADD	$noted_files, R4, R3
	SWI	$0
	CMP	$0, R0
	BNE	start
	MOVW	noted_closed(R4), R1
	CMP	$0, R1
	BNE	start // the runtime opens /dev/null for these, and ends the program where it cannot
	MOVW	(noted_files+8)(R4), R1
	MOVW	R1, (noted_none+8)(R4)
	MOVW	(noted_files+12)(R4), R1
	MOVW	R1, (noted_none+12)(R4)
	MOVW	$SYS_prlimit64, R7
	MOVW	$0, R0
	MOVW	$RLIMIT_NOFILE, R1
	ADD	$noted_none, R4, R2
	MOVW	$0, R3
	SWI	$0
	MOVW	$1, R1
	MOVW	R1, noted_limited(R4)
start:
	// Copy argc, argv and the auxiliary vector below, with environment strings of our own between
	// them. What the stack pointer is set to in the end is 8-byte aligned, as the ABI has it.
	MOVW	R13, R1
	ADD	$4, R1, R2
argv:
	MOVW.P	4(R2), R8
	CMP	$0, R8
	BNE	argv
	MOVW	R2, R3 // argv's null ends here
env:
	MOVW.P	4(R3), R8
	CMP	$0, R8
	BNE	env
	MOVW	R3, R4 // R3: the auxiliary vector
auxv:
	MOVW.P	8(R4), R8
	CMP	$0, R8 // AT_NULL
	BNE	auxv

	SUB	R1, R2, R5
	SUB	R3, R4, R6
	ADD	R6, R5, R5
	ADD	$16, R5, R5 // four words: our strings and their null
	SUB	R5, R1, R5
	BIC	$7, R5, R5
	MOVW	R5, R6
first:
	MOVW.P	4(R1), R8
	MOVW.P	R8, 4(R6)
	CMP	R2, R1
	BLO	first
	MOVW	$·oneCPU(SB), R8
	MOVW.P	R8, 4(R6)
	MOVW	$·noTrace(SB), R8
	MOVW.P	R8, 4(R6)
	MOVW	$·noPreempt(SB), R8
	MOVW.P	R8, 4(R6)
	MOVW	$0, R8
	MOVW.P	R8, 4(R6)
second:
	MOVW.P	4(R3), R8
	MOVW.P	R8, 4(R6)
	CMP	R4, R3
	BLO	second
	MOVW	R5, R13
	B	_rt0_arm_linux(SB)

// entry under a name that the assembly of other packages can write, for one that does something before.
TEXT origin_entry(SB),NOSPLIT|NOFRAME,$0
	B	·entry(SB)
