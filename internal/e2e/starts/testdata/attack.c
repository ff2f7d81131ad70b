// What a local user may try on a program with a file capability, and a shell cannot.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/ptrace.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

static void end(int sig) {
	(void)sig;
	stop = 1;
}

// swap N A B…: exchanges the two names of each pair, over and over, until SIGTERM; prints "more" whenever that was done
// N times again, if N is not 0, and at the end how often it was.
static int swap(unsigned long step, char **names, int n) {
	unsigned long done = 0, said = 0;
	signal(SIGTERM, end);
	// Twice each, so that all is in its place in the pauses, and a start gets far enough to be worth attacking.
	for (int round = 1; !stop; round++) {
		for (int i = 0; i + 1 < n; i += 2)
			for (int twice = 0; twice < 2; twice++)
				if (renameat2(AT_FDCWD, names[i], AT_FDCWD, names[i + 1], RENAME_EXCHANGE) == 0)
					done++;
		if (round % 32 == 0)
			usleep(1000);
		for (; step && done >= said + step; said += step) {
			printf("more\n");
			fflush(stdout);
		}
	}
	printf("%lu\n", done);
	return 0;
}

// shuffle DIR: exchanges what is next to each other in a folder, all of it, over and over, until SIGTERM; prints how
// often it was.
static int shuffle(const char *path) {
	unsigned long done = 0;
	char last[256];
	signal(SIGTERM, end);
	while (!stop) {
		DIR *dir = opendir(path); // it may be another by now
		struct dirent *entry;
		*last = 0;
		while (dir && (entry = readdir(dir))) {
			if (*entry->d_name == '.')
				continue;
			for (int twice = 0; *last && twice < 2; twice++)
				if (renameat2(dirfd(dir), last, dirfd(dir), entry->d_name, RENAME_EXCHANGE) == 0)
					done++;
			strcpy(last, entry->d_name);
		}
		if (dir)
			closedir(dir);
		usleep(200);
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

// self gives the name of the folder of this process's own, which it keeps when it becomes another program.
static void self(char *name, size_t size) {
	char line[1024] = "", boot[64] = "", ns[64] = "", *field, *to = boot;
	unsigned long inode = 0;
	FILE *f = fopen("/proc/self/stat", "r");
	if (!f || !fgets(line, sizeof line, f))
		exit(98);
	fclose(f);
	field = strrchr(line, ')');
	for (int i = 2; i < 22; i++) // starttime
		field = strchr(field + 1, ' ');
	f = fopen("/proc/sys/kernel/random/boot_id", "r");
	if (!f || !fgets(boot, sizeof boot, f))
		exit(98);
	fclose(f);
	for (char *from = boot; *from; from++)
		if (*from != '-')
			*to++ = *from;
	boot[12] = 0;
	if (readlink("/proc/self/ns/pid", ns, sizeof ns - 1) < 0 || sscanf(ns, "pid:[%lu]", &inode) != 1)
		exit(98);
	snprintf(name, size, "%d-%lu-%lu-%s", getpid(), strtoul(field, NULL, 10), inode, boot);
}

// inner SHIM STORE TEMP FOLDER PROGRAM ARG…: becomes what a start in a user namespace has as its child, by hand and
// with FOLDER as the private folder.
static int inner(char **args, int n) {
	char path[4096], home[4096], name[256], line[16], parent[16], *argv[64] = {"worker-wrap-inner", line, parent, "0", "0", args[2], home, "", "", ""};
	int fds[2];
	self(name, sizeof name);
	snprintf(home, sizeof home, "%s/..", args[1]);
	snprintf(path, sizeof path, "%s/%s", args[1], name);
	if (rename(args[3], path) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0 || dprintf(fds[1], "{\"Folder\":\"%s\",\"Settings\":{\"NoDocker\":true}}\n", name) < 0)
		return 97;
	snprintf(line, sizeof line, "%d", fds[0]);
	snprintf(parent, sizeof parent, "%d", getppid());
	for (int i = 4; i < n && i < 48; i++)
		argv[10 + i - 4] = args[i];
	execv(args[0], argv);
	return 96;
}

// named PROGRAM ARG…: says the name of its folder, waits for the end of its input, and becomes the program.
static int named(char **argv) {
	char name[256], c;
	self(name, sizeof name);
	printf("%s\n", name);
	fflush(stdout);
	while (read(0, &c, 1) > 0) {
	}
	execv(argv[0], argv);
	return 96;
}

int main(int argc, char **argv) {
	char *none[] = {NULL};
	if (argc > 3 && strcmp(argv[1], "swap") == 0)
		return swap(strtoul(argv[2], NULL, 10), argv + 3, argc - 3);
	if (argc == 3 && strcmp(argv[1], "shuffle") == 0)
		return shuffle(argv[2]);
	if (argc == 3 && strcmp(argv[1], "look") == 0)
		return look(argv[2]);
	if (argc > 6 && strcmp(argv[1], "inner") == 0)
		return inner(argv + 2, argc - 2);
	if (argc > 2 && strcmp(argv[1], "named") == 0)
		return named(argv + 2);
	if (argc == 3 && strcmp(argv[1], "no-arguments") == 0)
		execve(argv[2], none, none);
	return 99;
}
