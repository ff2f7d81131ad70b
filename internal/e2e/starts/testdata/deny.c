// deny makes the kernel refuse some system calls to its process and all that come after, and becomes a program:
//
//   deny [uid=UID] RULE… -- PATH ARGV0 ARG…
//
// A RULE is NAME:ERRNO[:INDEX&MASK=VALUE]…: the call of that name fails if in each of the arguments named the bits
// of the mask are those of the value. With "kill" as ERRNO it ends the process, with "trap" it is answered by SIGSYS. Unlike strace's faults these do not depend on which thread makes the call.
#define _GNU_SOURCE
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;

static const struct { const char *name; int nr; } calls[] = {
#ifdef SYS_chown
	{"chown", SYS_chown},
#endif
	{"capset", SYS_capset}, {"clone", SYS_clone}, {"close_range", 436}, {"dup3", SYS_dup3},
	{"fchmod", SYS_fchmod}, {"fchown", SYS_fchown}, {"fchownat", SYS_fchownat}, {"fcntl", SYS_fcntl}, {"flock", SYS_flock},
	{"fsconfig", 431}, {"fsmount", 432}, {"fsopen", 430}, {"ftruncate", SYS_ftruncate}, {"getdents64", SYS_getdents64},
	{"ioprio_set", SYS_ioprio_set}, {"mkdirat", SYS_mkdirat}, {"mount", SYS_mount}, {"mount_setattr", 442}, {"move_mount", 429}, {"open_tree", 428},
	{"openat", SYS_openat}, {"pidfd_open", 434}, {"pipe2", SYS_pipe2}, {"ppoll", SYS_ppoll}, {"pread64", SYS_pread64},
	{"prctl", SYS_prctl}, {"pwrite64", SYS_pwrite64}, {"renameat2", SYS_renameat2}, {"setpriority", SYS_setpriority}, {"socketpair", SYS_socketpair},
	{"unshare", SYS_unshare}, {"wait4", SYS_wait4},
};

static struct sock_filter code[512];
static int n;

static void die(const char *what) {
	perror(what);
	exit(99);
}

static void add(unsigned short op, unsigned char yes, unsigned char no, unsigned value) {
	code[n++] = (struct sock_filter){op, yes, no, value};
}

static void rule(char *text) {
	char *part = strtok(text, ":");
	int first = n, i, nr = -1;
	unsigned answer;
	for (i = 0; i < (int)(sizeof calls / sizeof *calls); i++)
		if (!strcmp(calls[i].name, part)) nr = calls[i].nr;
	if (nr < 0 || !(part = strtok(NULL, ":"))) {
		fprintf(stderr, "deny: %s?\n", text);
		exit(99);
	}
	if (!strcmp(part, "kill")) answer = SECCOMP_RET_KILL_PROCESS;
	else if (!strcmp(part, "trap")) answer = SECCOMP_RET_TRAP;
	else answer = SECCOMP_RET_ERRNO | atoi(part);
	add(BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
	add(BPF_JMP | BPF_JEQ | BPF_K, 0, 255, nr);
	while ((part = strtok(NULL, ":"))) {
		unsigned index, mask, value;
		if (sscanf(part, "%u&%i=%i", &index, (int *)&mask, (int *)&value) != 3) die(part);
		add(BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, args[0]) + 8 * index);
		add(BPF_ALU | BPF_AND | BPF_K, 0, 0, mask);
		add(BPF_JMP | BPF_JEQ | BPF_K, 0, 255, value);
	}
	add(BPF_RET | BPF_K, 0, 0, answer);
	for (i = first; i < n; i++) // to the next rule
		if (code[i].jf == 255) code[i].jf = n - 1 - i;
}

int main(int argc, char **argv) {
	int i, uid = -1;
	for (i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strncmp(argv[i], "uid=", 4)) uid = atoi(argv[i] + 4);
		else rule(argv[i]);
	if (i + 2 >= argc) return 99;
	add(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
	struct sock_fprog program = {n, code};
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) die("seccomp"); // as root, without no_new_privs
	if (uid >= 0 && (setgroups(0, NULL) || setgid(uid) || setuid(uid))) die("setuid");
	execve(argv[i + 1], argv + i + 2, environ);
	die(argv[i + 1]);
}
