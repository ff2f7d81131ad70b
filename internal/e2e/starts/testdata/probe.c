// probe writes everything that a process can see of itself to the file named by its second to last
// argument. Its last argument is the PID that it should have.
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static char out[1 << 20];
static int used;

static void say(const char *format, ...) {
	va_list args;
	va_start(args, format);
	used += vsnprintf(out + used, sizeof out - used, format, args);
	va_end(args);
}

// file says the lines of a file of /proc that begin with one of the names given; all if none is.
static void file(const char *path, ...) {
	static char text[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC), n = 0, r;
	if (fd < 0) {
		say("%s: unreadable\n", path);
		return;
	}
	while ((r = read(fd, text + n, sizeof text - 1 - n)) > 0) n += r;
	close(fd);
	text[n] = 0;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		va_list names;
		const char *name;
		int any = 0, match = 0;
		va_start(names, path);
		while ((name = va_arg(names, const char *))) {
			any = 1;
			if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':') match = 1;
		}
		va_end(names);
		if (!any || match) say("%s: %s\n", path, line);
	}
}

static void leads(const char *path) {
	char to[4096];
	int n = readlink(path, to, sizeof to - 1);
	if (n >= 0) {
		to[n] = 0;
		say("%s -> %s\n", path, to);
	} else
		say("%s unreadable\n", path);
}

int main(int argc, char **argv, char **envp) {
	int i;
	say("pid as before: %d\n", argc > 1 && atoi(argv[argc - 1]) == getpid());
	say("ppid %d sid %d pgid %d\n", getppid(), getsid(0), getpgid(0));
	for (i = 0; i < 2000; i++) {
		int flags = fcntl(i, F_GETFD);
		char path[64];
		if (flags < 0) continue;
		say("fd %d cloexec %d flags %o offset %ld\n", i, flags, fcntl(i, F_GETFL), (long)lseek(i, 0, SEEK_CUR));
		snprintf(path, sizeof path, "/proc/self/fd/%d", i);
		leads(path);
	}
	for (i = 0; i < argc - 1; i++) say("argv %d %s\n", i, argv[i]);
	for (i = 0; envp[i]; i++)
		if (strncmp(envp[i], "WORKER_WRAP_HOST_TEMP=", 22)) say("env %s\n", envp[i]);
	say("execfn %s secure %lu\n", (char *)getauxval(AT_EXECFN), getauxval(AT_SECURE));
	leads("/proc/self/cwd");
	leads("/proc/self/root");
	leads("/proc/self/exe");
	file("/proc/self/comm", NULL);
	file("/proc/self/status", "Name", "Umask", "TracerPid", "Uid", "Gid", "FDSize", "Groups", "Threads", "SigBlk", "SigIgn",
		"SigCgt", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters", "THP_enabled", "CoreDumping",
		"Speculation_Store_Bypass", "SpeculationIndirectBranch", "Cpus_allowed", "Mems_allowed", NULL);
	// Pending for the process or for its only thread: that is the same to it, and to sigpending(2).
	unsigned long pending = 0;
	syscall(SYS_rt_sigpending, &pending, 8);
	say("pending %lx\n", pending);
	for (i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit l;
		getrlimit(i, &l);
		say("rlimit %d %lu %lu\n", i, (unsigned long)l.rlim_cur, (unsigned long)l.rlim_max);
	}
	struct sched_param param;
	sched_getparam(0, &param);
	say("nice %d policy %d priority %d ioprio %ld\n", getpriority(PRIO_PROCESS, 0), sched_getscheduler(0), param.sched_priority,
		syscall(SYS_ioprio_get, 1, 0));
	int signal = -1, reaper = -1;
	prctl(PR_GET_PDEATHSIG, &signal);
	prctl(PR_GET_CHILD_SUBREAPER, &reaper);
	say("dumpable %d pdeathsig %d subreaper %d keepcaps %d securebits %d timerslack %d thp %d\n", prctl(PR_GET_DUMPABLE), signal, reaper,
		prctl(PR_GET_KEEPCAPS), prctl(PR_GET_SECUREBITS), prctl(PR_GET_TIMERSLACK), prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
	say("personality %x\n", personality(0xffffffff));
	for (i = 0; i < 3; i++) {
		struct itimerval t;
		getitimer(i, &t);
		say("timer %d %ld\n", i, (long)(t.it_value.tv_sec + t.it_value.tv_usec));
	}
	for (i = -4; i < 0; i++) // thread, process, session, user keyrings
		say("keyring %d %ld\n", i, syscall(SYS_keyctl, 0, i, 0));
	file("/proc/self/oom_score_adj", NULL);
	file("/proc/self/cgroup", NULL);
	file("/proc/self/coredump_filter", NULL);
	file("/proc/self/loginuid", NULL);
	file("/proc/self/sessionid", NULL);
	file("/proc/thread-self/children", NULL);
	const char *kinds[] = {"cgroup", "ipc", "net", "pid", "pid_for_children", "time", "time_for_children", "user", "uts"};
	for (i = 0; i < (int)(sizeof kinds / sizeof *kinds); i++) {
		char path[64];
		snprintf(path, sizeof path, "/proc/self/ns/%s", kinds[i]);
		leads(path);
	}
	// tty_nr, tpgid and exit_signal of /proc/self/stat.
	static char stat[4096];
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC), n = read(fd, stat, sizeof stat - 1);
	close(fd);
	if (n > 0) {
		int field = 3;
		for (char *f = strtok(strrchr(stat, ')') + 2, " "); f; f = strtok(NULL, " "), field++)
			if (field == 7 || field == 8 || field == 20 || field == 21 || field == 38 || field == 40 || field == 41) say("stat %d %s\n", field, f);
	}
	fd = open(argv[argc - 2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0 || write(fd, out, used) != used) return 98;
	return 0;
}
