// attacksignals starts a program, sends it a signal at a moment, and says what came of it:
//
//   attacksignals kill SIGNAL MICROSECONDS -- PATH ARG…
//   attacksignals stop SIGNAL MICROSECONDS [A B]… -- PATH ARG…
//
// The moment counts from the execve(2). "stop" stops the program then, looks into it in every way that there is,
// exchanges the names of each pair, sends the signal if it is not 0, and lets the program go on; in the end the
// names are as before. The last line that it prints is
//
//   report STOPPED PRIVILEGED SIGNAL CODE CORE
//
// and before it, where the program was stopped, a line "ways" with the ways into it that are open.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

// What was opened before the program was started with more rights than its user.
static int early_mem, early_environ, early_io, early_proc, pidfd;

static void die(const char *what) {
	perror(what);
	exit(99);
}

static long now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int opened(pid_t pid, const char *name) {
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	return open(path, (strcmp(name, "mem") == 0 ? O_RDWR : O_RDONLY) | O_CLOEXEC);
}

static int denied(void) { return errno == EACCES || errno == EPERM; }

// privileged tells whether a process has a capability; anyone may know that.
static int privileged(pid_t pid) {
	static char text[8192];
	int fd = opened(pid, "status");
	long n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n <= 0) die("status");
	text[n] = 0;
	char *line = strstr(text, "\nCapPrm:");
	if (!line) die("CapPrm");
	return strtoull(line + 8, NULL, 16) != 0;
}

// look tries every way into a process that is stopped; prints those that are open.
static void look(pid_t pid) {
	const char *files[] = {"mem", "maps", "smaps", "pagemap", "environ", "auxv", "fd", "fdinfo", "map_files", "exe", "root", "cwd",
		"ns/mnt", "ns/user", "ns/pid", "task/%/mem", "task/%/environ", "task/%/fd", "task/%/ns/mnt"};
	const char *texts[] = {"io", "syscall", "stack", "personality"};
	static char buf[65536];
	char name[64];
	struct iovec here = {buf, 8}, there = {(void *)look, 8};

	for (unsigned i = 0; i < sizeof files / sizeof *files; i++) {
		char *id = strchr(files[i], '%');
		if (id)
			snprintf(name, sizeof name, "%.*s%d%s", (int)(id - files[i]), files[i], pid, id + 1);
		else
			snprintf(name, sizeof name, "%s", files[i]);
		if (opened(pid, name) >= 0 || !denied()) printf(" %s", files[i]);
		if (openat(early_proc, name, O_RDONLY) >= 0 || !denied()) printf(" early/%s", files[i]);
	}
	for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
		int fd = opened(pid, texts[i]);
		if (fd >= 0 && read(fd, buf, 64) > 0) printf(" %s", texts[i]);
	}
	// Of the memory that it had before, nothing is left; of what it has now, a Go program's lies here.
	unsigned long at[] = {(unsigned long)look, 0x400000, 0x401000, 0x10000};
	for (unsigned i = 0; i < sizeof at / sizeof *at; i++)
		if (pread(early_mem, buf, 8, at[i]) > 0 || pwrite(early_mem, buf, 8, at[i]) > 0) printf(" early-mem");
	if (pread(early_environ, buf, 8, 0) > 0) printf(" early-environ");
	if (pread(early_io, buf, 64, 0) > 0) printf(" early-io");

	if (syscall(SYS_process_vm_readv, pid, &here, 1, &there, 1, 0) >= 0 || !denied()) printf(" vm_readv");
	if (syscall(SYS_process_vm_writev, pid, &here, 1, &there, 1, 0) >= 0 || !denied()) printf(" vm_writev");
	for (int fd = 0; fd < 16; fd++)
		if (syscall(SYS_pidfd_getfd, pidfd, fd, 0) >= 0) printf(" getfd-%d", fd);
	if (syscall(SYS_kcmp, pid, getpid(), KCMP_VM, 0, 0) >= 0) printf(" kcmp");
	if (syscall(SYS_get_robust_list, pid, &here.iov_base, &here.iov_len) == 0) printf(" robust_list");
	if (setns(pidfd, CLONE_NEWNS) == 0) printf(" setns");
	fflush(stdout);
	// Last, as these change what may be done otherwise; the tracer's end undoes them.
	if (ptrace(PTRACE_SEIZE, pid, 0, 0) == 0 || !denied())
		printf(" seize");
	else if (ptrace(PTRACE_ATTACH, pid, 0, 0) == 0 || !denied())
		printf(" attach");
}

static void swap(char **names, int n) {
	for (int i = 0; i + 1 < n; i += 2)
		if (renameat2(AT_FDCWD, names[i], AT_FDCWD, names[i + 1], RENAME_EXCHANGE)) die(names[i]);
}

int main(int argc, char **argv) {
	int go[2], started[2], status, rest = 4, was_stopped = 0, had = 0;
	char c;
	while (rest < argc && strcmp(argv[rest], "--")) rest++;
	if (rest + 1 >= argc) return 99;
	int stop = strcmp(argv[1], "stop") == 0, sig = atoi(argv[2]), core = 0;
	long delay = atol(argv[3]);

	if (pipe2(go, O_CLOEXEC) || pipe2(started, O_CLOEXEC | O_NONBLOCK)) die("pipe");
	pid_t pid = fork();
	if (pid < 0) die("fork");
	if (pid == 0) {
		prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0); // so that Yama does not hide what the kernel allows
		if (read(go[0], &c, 1) != 1) _exit(99);
		execv(argv[rest + 1], argv + rest + 1);
		die(argv[rest + 1]);
	}
	early_mem = opened(pid, "mem"), early_environ = opened(pid, "environ"), early_io = opened(pid, "io"), early_proc = opened(pid, "");
	pidfd = syscall(SYS_pidfd_open, pid, 0);
	if (early_mem < 0 || early_environ < 0 || early_proc < 0 || pidfd < 0) die("before it started");
	close(started[1]);
	if (write(go[1], "", 1) != 1) die("write");
	while (read(started[0], &c, 1) < 0) sched_yield(); // until the execve(2) closes it
	for (long begin = now(); now() - begin < delay;) sched_yield();

	kill(pid, stop ? SIGSTOP : sig);
	if (waitpid(pid, &status, WUNTRACED) != pid) die("waitpid");
	if (WIFSTOPPED(status)) {
		was_stopped = 1;
		if (stop) {
			had = privileged(pid);
			printf("\nways");
			fflush(stdout);
			pid_t looker = fork();
			if (looker == 0) {
				look(pid);
				printf("\n");
				fflush(stdout);
				_exit(0);
			}
			int ended;
			if (waitpid(looker, &ended, 0) != looker || ended) die("look");
			swap(argv + 4, rest - 4);
			if (sig) kill(pid, sig);
		}
		kill(pid, SIGCONT);
		if (waitpid(pid, &status, 0) != pid) die("waitpid");
		if (stop) swap(argv + 4, rest - 4);
	}
	core = WIFSIGNALED(status) && WCOREDUMP(status);
	printf("\nreport %d %d %d %d %d\n", was_stopped, had, WIFSIGNALED(status) ? WTERMSIG(status) : 0, WIFEXITED(status) ? WEXITSTATUS(status) : -1, core);
	return 0;
}
