// innocent is a Worker that says what it may do and what it was given, and needs nothing of the machine to do so:
//
//   innocent FILE TEMP MICROSECONDS
//
// It writes to FILE, or to its standard output where that is "-", leaves a mark in the folder TEMP, and lingers.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char out[16384];
static int used;

static void say(const char *format, ...) {
	va_list args;
	va_start(args, format);
	used += vsnprintf(out + used, sizeof out - used, format, args);
	va_end(args);
}

int main(int argc, char **argv) {
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct caps[2] = {{0}};
	uid_t uids[3];
	gid_t gids[3];
	struct stat st;
	char mark[4096];
	int ambient = 0;

	if (argc != 4) return 99;
	syscall(SYS_capget, &header, caps);
	for (int i = 0; i < 64; i++)
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, i, 0, 0) == 1) ambient++;
	getresuid(&uids[0], &uids[1], &uids[2]);
	getresgid(&gids[0], &gids[1], &gids[2]);
	say("rights %x %x %x %x %x %x %d uid %d %d %d gid %d %d %d nnp %d dumpable %d shadow %d\n", caps[0].inheritable, caps[0].permitted,
		caps[0].effective, caps[1].inheritable, caps[1].permitted, caps[1].effective, ambient, uids[0], uids[1], uids[2], gids[0],
		gids[1], gids[2], prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), prctl(PR_GET_DUMPABLE), faccessat(AT_FDCWD, "/etc/shadow", R_OK, AT_EACCESS) == 0);
	if (stat(argv[2], &st) == 0) say("temp %lu:%lu\n", (unsigned long)st.st_dev, (unsigned long)st.st_ino);
	say("host %s\n", getenv("WORKER_WRAP_HOST_TEMP") ? getenv("WORKER_WRAP_HOST_TEMP") : "");
	for (int fd = 0; fd < 64; fd++)
		if (fstat(fd, &st) == 0)
			say("fd %d %lx:%lu %o flags %x %x at %ld\n", fd, (unsigned long)st.st_dev, (unsigned long)st.st_ino, st.st_mode,
				fcntl(fd, F_GETFL), fcntl(fd, F_GETFD), (long)lseek(fd, 0, SEEK_CUR));

	int to = strcmp(argv[1], "-") ? open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0600) : 1;
	if (to < 0 || write(to, out, used) != used) return 98;
	snprintf(mark, sizeof mark, "%s/mark", argv[2]);
	open(mark, O_WRONLY | O_CREAT, 0600);
	usleep(atoi(argv[3]));
	return 0;
}
