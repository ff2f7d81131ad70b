// What a local user may try on a program with a file capability, and a shell cannot.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

static void end(int sig) {
	(void)sig;
	stop = 1;
}

// swap A B…: exchanges the two names of each pair, over and over, until SIGTERM; prints how often that was done.
static int swap(char **names, int n) {
	unsigned long done = 0;
	signal(SIGTERM, end);
	// Twice each, so that all is in its place in the pauses, and a start gets far enough to be worth attacking.
	for (int round = 1; !stop; round++) {
		for (int i = 0; i + 1 < n; i += 2)
			for (int twice = 0; twice < 2; twice++)
				if (renameat2(AT_FDCWD, names[i], AT_FDCWD, names[i + 1], RENAME_EXCHANGE) == 0)
					done++;
		if (round % 32 == 0)
			usleep(1000);
	}
	printf("%lu\n", done);
	return 0;
}

// look PID: every way to the memory of a process; prints those that are open.
static int look(const char *pid) {
	const char *files[] = {"mem", "maps", "environ", "auxv", "fd", "ns/mnt", "exe", "root", "cwd"};
	char path[64];
	for (unsigned i = 0; i < sizeof files / sizeof *files; i++) {
		snprintf(path, sizeof path, "/proc/%s/%s", pid, files[i]);
		if (open(path, O_RDONLY) >= 0 || errno != EACCES)
			printf("%s ", files[i]);
	}
	if (ptrace(PTRACE_SEIZE, atoi(pid), 0, 0) == 0 || errno != EPERM)
		printf("ptrace ");
	return 0;
}

int main(int argc, char **argv) {
	char *none[] = {NULL};
	if (argc > 2 && strcmp(argv[1], "swap") == 0)
		return swap(argv + 2, argc - 2);
	if (argc == 3 && strcmp(argv[1], "look") == 0)
		return look(argv[2]);
	if (argc == 3 && strcmp(argv[1], "no-arguments") == 0)
		execve(argv[2], none, none);
	return 99;
}
