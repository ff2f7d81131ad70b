// attackstate starts a program in a state that is meant to confuse it, or is that program:
//
//   attackstate report                  what this process may do, in the form of /proc/PID/status
//   attackstate held FILE               the same, and to FILE how its descriptors differ from those that "hand" gave
//   attackstate hand MASK PROGRAM ARG…  descriptors 0 to 10 of every kind, but those in MASK closed
//   attackstate traced PROGRAM ARG…     traced, through execve(2)
//   attackstate shared PROGRAM ARG…     with the working directory and root shared with another process (CLONE_FS)
//   attackstate mounts SECONDS PROGRAM DIR…   as root of a user namespace mounts /etc and others over each DIR, over and
//                                       over, and starts the program there, at least until stdin ends; prints how often
//                                       either was done
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int report(void) {
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {{0}};
	unsigned r, e, s;
	unsigned long long ambient = 0;
	syscall(SYS_capget, &header, data);
	for (int i = 0; i < 64; i++)
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, i, 0, 0) == 1)
			ambient |= 1ULL << i;
	getresuid(&r, &e, &s);
	printf("Uid:\t%u\t%u\t%u\t%u\n", r, e, s, e);
	getresgid(&r, &e, &s);
	printf("Gid:\t%u\t%u\t%u\t%u\n", r, e, s, e);
	printf("CapInh:\t%08x%08x\nCapPrm:\t%08x%08x\nCapEff:\t%08x%08x\nCapAmb:\t%016llx\n", data[1].inheritable, data[0].inheritable,
		data[1].permitted, data[0].permitted, data[1].effective, data[0].effective, ambient);
	if (open("/etc/shadow", O_RDONLY | O_CLOEXEC) >= 0)
		printf("HAVE\n");
	return fflush(stdout) != 0;
}

// list describes the open descriptors.
static void list(char *out, size_t size) {
	size_t n = 0;
	out[0] = 0;
	for (int fd = 0; fd < 256; fd++) {
		struct stat st;
		int flags = fcntl(fd, F_GETFD);
		if (flags < 0 || fstat(fd, &st) != 0)
			continue;
		n += snprintf(out + n, size - n, "%d:%lx:%lx:%o:%x:%x ", fd, (long)st.st_dev, (long)st.st_ino, st.st_mode, flags, fcntl(fd, F_GETFL));
	}
}

static int held(const char *file) {
	char now[8192];
	const char *given = getenv("HELD");
	int same, fd;
	list(now, sizeof now);
	same = given && strcmp(given, now) == 0;
	fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		return 95;
	if (dup2(fd, 1) < 0)
		return 94;
	if (same)
		printf("same\n");
	else
		printf("given %s\nfound %s\n", given, now);
	return report();
}

static int hand(int mask, char **argv) {
	char text[8192];
	int pair[2], pipes[2];
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	if (pipe(pipes) != 0)
		return 97;
	// A message with a descriptor waits in the socket.
	char space[CMSG_SPACE(sizeof(int))] = {0}, byte = 1;
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
	struct cmsghdr *control = CMSG_FIRSTHDR(&message);
	control->cmsg_level = SOL_SOCKET;
	control->cmsg_type = SCM_RIGHTS;
	control->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(control), &pipes[0], sizeof(int));
	sendmsg(pair[0], &message, 0);
	int fds[] = {
		open("/", O_PATH), pipes[1], open("/proc/self/mem", O_RDWR), pair[1], pair[0], open("/", O_RDONLY | O_DIRECTORY), pipes[0],
		epoll_create1(0), memfd_create("attack", 0), open("/proc/self/exe", O_PATH | O_NOFOLLOW), syscall(434 /* pidfd_open */, getpid(), 0),
	};
	const int count = sizeof fds / sizeof *fds;
	for (int i = 0; i < count; i++) // out of the way first
		if ((fds[i] = fcntl(fds[i], F_DUPFD, 100)) < 0)
			return 96;
	for (int i = 0; i < 100; i++)
		close(i);
	for (int i = 0; i < count; i++)
		if (!(mask & 1 << i) && dup2(fds[i], i) < 0)
			return 93;
	for (int i = 0; i < 256; i++)
		if (i >= count)
			close(i);
	list(text, sizeof text);
	setenv("HELD", text, 1);
	execv(argv[0], argv);
	return 92;
}

static int status(pid_t pid) {
	int status;
	while (waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status))
		ptrace(PTRACE_CONT, pid, 0, WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 91;
}

static int traced(char **argv) {
	pid_t pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		execv(argv[0], argv);
		_exit(92);
	}
	return status(pid);
}

static int become(void *argv) {
	execv(*(char **)argv, argv);
	return 92;
}

static int shared(char **argv) {
	static char stack[65536];
	return status(clone(become, stack + sizeof stack, CLONE_FS | SIGCHLD, argv));
}

static void put(const char *path, const char *text) {
	int fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		perror(path);
	close(fd);
}

static int mounts(int seconds, char *program, char **dirs, int n) {
	char map[64];
	unsigned long done = 0, starts = 0;
	snprintf(map, sizeof map, "0 %d 1", getuid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
		return 90;
	put("/proc/self/setgroups", "deny");
	put("/proc/self/uid_map", map);
	const char *over[] = {"/etc", "/proc", "/"};
	pid_t starter = 0;
	struct pollfd in = {0, POLLIN, 0};
	for (time_t end = time(NULL) + seconds; time(NULL) < end || done < 20 || poll(&in, 1, 0) == 0;) {
		if (starter == 0 || waitpid(starter, NULL, WNOHANG) == starter) {
			if ((starter = fork()) == 0) {
				char *argv[] = {program, "report", NULL};
				execv(program, argv);
				_exit(92);
			}
			starts++;
		}
		for (int i = 0; i < n; i++) {
			if (mount(over[done % 3], dirs[i], NULL, MS_BIND | MS_REC, NULL) == 0) {
				done++;
				umount2(dirs[i], MNT_DETACH);
			}
			if (mount("attack", dirs[i], "tmpfs", 0, NULL) == 0) {
				done++;
				umount2(dirs[i], MNT_DETACH);
			}
		}
	}
	waitpid(starter, NULL, 0);
	printf("%lu %lu\n", done, starts);
	return 0;
}

int main(int argc, char **argv) {
	if (argc < 2)
		return 99;
	if (strcmp(argv[1], "report") == 0)
		return report();
	if (argc > 2 && strcmp(argv[1], "held") == 0)
		return held(argv[2]);
	if (argc > 3 && strcmp(argv[1], "hand") == 0)
		return hand(atoi(argv[2]), argv + 3);
	if (argc > 2 && strcmp(argv[1], "traced") == 0)
		return traced(argv + 2);
	if (argc > 2 && strcmp(argv[1], "shared") == 0)
		return shared(argv + 2);
	if (argc > 4 && strcmp(argv[1], "mounts") == 0)
		return mounts(atoi(argv[2]), argv[3], argv + 4, argc - 4);
	return 99;
}
