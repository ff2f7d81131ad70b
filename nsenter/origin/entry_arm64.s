#include "textflag.h"
#include "go_asm.h"

#define SYS_fcntl 25
#define SYS_rt_sigaction 134
#define SYS_rt_sigprocmask 135
#define SYS_rt_sigtimedwait 137
#define SYS_prlimit64 261
#define RLIMIT_NOFILE 7
#define F_GETFD 1
#define EBADF 9

// The kernel starts the program here: no Go stack, no g, SP at argc.
TEXT ·entry(SB),NOSPLIT|NOFRAME,$0
	MOVD	$·state(SB), R19
	MOVD	RSP, R1
	MOVD	R1, noted_sp(R19)
	MOVW	$1, R1
	MOVW	R1, noted_entered(R19)

	MOVD	$SYS_rt_sigprocmask, R8
	MOVD	ZR, R0
	MOVD	ZR, R1
	ADD	$noted_blocked, R19, R2
	MOVD	$8, R3
	SVC

	// Take what is pending and blocked out of the runtime's reach: it unblocks some signals.
	MOVD	noted_blocked(R19), R1
	CBZ	R1, taken
	MOVD	ZR, R20
	ADD	$noted_pending, R19, R21
pending:
	MOVD	$SYS_rt_sigtimedwait, R8
	ADD	$noted_blocked, R19, R0
	MOVD	R21, R1
	ADD	$noted_action, R19, R2 // still zero: a time of nothing
	MOVD	$8, R3
	SVC
	CMP	$0, R0
	BLE	taken
	ADD	$1, R20, R20
	MOVW	R20, noted_taken(R19)
	ADD	$const_infoSize, R21, R21
	CMP	$const_infos, R20
	BLT	pending
taken:
	MOVD	ZR, R20
	MOVD	ZR, R21
fd:
	MOVD	$SYS_fcntl, R8
	MOVD	R20, R0
	MOVD	$F_GETFD, R1
	SVC
	CMN	$EBADF, R0
	BNE	nextfd
	MOVD	$1, R1
	LSL	R20, R1, R1
	ORR	R1, R21, R21
nextfd:
	ADD	$1, R20, R20
	CMP	$3, R20
	BLT	fd
	MOVW	R21, noted_closed(R19)

	MOVD	$1, R20
	MOVD	ZR, R21
sig:
	MOVD	$SYS_rt_sigaction, R8
	MOVD	R20, R0
	MOVD	ZR, R1
	ADD	$noted_action, R19, R2
	MOVD	$8, R3
	SVC
	MOVD	noted_action(R19), R1
	CMP	$1, R1 // SIG_IGN
	BNE	nextsig
	SUB	$1, R20, R2
	MOVD	$1, R1
	LSL	R2, R1, R1
	ORR	R1, R21, R21
nextsig:
	ADD	$1, R20, R20
	CMP	$64, R20
	BLE	sig
	MOVD	R21, noted_ignored(R19)

	MOVD	$SYS_prlimit64, R8
	MOVD	ZR, R0
	MOVD	$RLIMIT_NOFILE, R1
	MOVD	ZR, R2
	ADD	$noted_files, R19, R3
	SVC
	CBNZ	R0, start
	MOVW	noted_closed(R19), R1
	CBNZ	R1, start // the runtime opens /dev/null for these, and ends the program where it cannot
	MOVD	noted_files+8(R19), R1
	MOVD	R1, noted_none+8(R19)
	MOVD	$SYS_prlimit64, R8
	MOVD	ZR, R0
	MOVD	$RLIMIT_NOFILE, R1
	ADD	$noted_none, R19, R2
	MOVD	ZR, R3
	SVC
	MOVW	$1, R1
	MOVW	R1, noted_limited(R19)
start:
	// Copy argc, argv and the auxiliary vector below, with environment strings of our own between
	// them. What the stack pointer is set to in the end is 16-byte aligned, as the ABI has it.
	MOVD	RSP, R1
	ADD	$8, R1, R2
argv:
	MOVD.P	8(R2), R9
	CBNZ	R9, argv
	MOVD	R2, R3 // argv's null ends here
env:
	MOVD.P	8(R3), R9
	CBNZ	R9, env
	MOVD	R3, R4 // R3: the auxiliary vector
auxv:
	MOVD.P	16(R4), R9
	CBNZ	R9, auxv // AT_NULL

	SUB	R1, R2, R5
	SUB	R3, R4, R6
	ADD	R6, R5, R5
	ADD	$32, R5, R5 // four words: our strings and their null
	SUB	R5, R1, R5
	AND	$~15, R5, R5
	MOVD	R5, R6
first:
	MOVD.P	8(R1), R9
	MOVD.P	R9, 8(R6)
	CMP	R2, R1
	BLT	first
	MOVD	$·oneCPU(SB), R9
	MOVD.P	R9, 8(R6)
	MOVD	$·noTrace(SB), R9
	MOVD.P	R9, 8(R6)
	MOVD	$·noPreempt(SB), R9
	MOVD.P	R9, 8(R6)
	MOVD.P	ZR, 8(R6)
second:
	MOVD.P	8(R3), R9
	MOVD.P	R9, 8(R6)
	CMP	R4, R3
	BLT	second
	MOVD	R5, RSP
	B	_rt0_arm64_linux(SB)

// entry under a name that the assembly of other packages can write, for one that does something before.
TEXT origin_entry(SB),NOSPLIT|NOFRAME,$0
	B	·entry(SB)
