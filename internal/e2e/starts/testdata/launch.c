// launch puts its own process into an awkward state and becomes a program:
//
//   launch OPTION… -- PATH ARGV0 ARG…
//
// ign=N block=N pend=N close=FD fd=FROM:TO nofile=SOFT umask=OCTAL nnp env=STRING cwd=DIR pid
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void die(const char *what) {
	perror(what);
	exit(99);
}

int main(int argc, char **argv) {
	static char *env[256];
	static char pid[32];
	unsigned long block = 0;
	int n = 0, i, want_pid = 0;

	for (i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		char *value = strchr(argv[i], '=');
		if (value) value++;
		if (!strncmp(argv[i], "ign=", 4)) {
			struct { void *handler; unsigned long flags; void *restorer; unsigned long mask; } a = {SIG_IGN, 0, 0, 0};
			if (syscall(SYS_rt_sigaction, atoi(value), &a, NULL, 8)) die("sigaction");
		} else if (!strncmp(argv[i], "block=", 6)) {
			block |= 1UL << (atoi(value) - 1);
			if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, &block, NULL, 8)) die("sigprocmask");
		} else if (!strncmp(argv[i], "pend=", 5)) {
			if (kill(getpid(), atoi(value))) die("kill");
		} else if (!strncmp(argv[i], "close=", 6)) {
			close(atoi(value));
		} else if (!strncmp(argv[i], "fd=", 3)) {
			if (dup2(atoi(value), atoi(strchr(value, ':') + 1)) < 0) die("dup2");
			close(atoi(value));
		} else if (!strncmp(argv[i], "nofile=", 7)) {
			struct rlimit l;
			getrlimit(RLIMIT_NOFILE, &l);
			l.rlim_cur = atoi(value);
			if (setrlimit(RLIMIT_NOFILE, &l)) die("setrlimit");
		} else if (!strncmp(argv[i], "umask=", 6)) {
			umask(strtol(value, NULL, 8));
		} else if (!strcmp(argv[i], "nnp")) {
			if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) die("prctl");
		} else if (!strncmp(argv[i], "env=", 4)) {
			env[n++] = value;
		} else if (!strncmp(argv[i], "cwd=", 4)) {
			if (chdir(value)) die("chdir");
		} else if (!strcmp(argv[i], "pid")) {
			want_pid = 1;
		} else {
			fprintf(stderr, "launch: %s?\n", argv[i]);
			return 99;
		}
	}
	if (i + 2 >= argc) return 99;
	char **args = argv + i + 2;
	if (want_pid) { // the last argument becomes the PID, for the program to compare
		snprintf(pid, sizeof pid, "%d", getpid());
		argv[argc - 1] = pid;
	}
	execve(argv[i + 1], args, env);
	die(argv[i + 1]);
}
