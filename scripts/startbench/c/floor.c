/*
 * The floor: what must be done to give a command a private directory over another, and nothing else.
 *
 *     floor TEMP DIRS COMMAND [ARGUMENT...]
 *
 * makes DIRS/<pid>, binds it over TEMP in a new mount namespace, and becomes COMMAND.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char dir[4096];

	if (argc < 4)
		return 125;
	snprintf(dir, sizeof dir, "%s/%d", argv[2], getpid());
	if (mkdir(dir, 0755) || unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount(dir, argv[1], NULL, MS_BIND, NULL)) {
		perror("floor");
		return 125;
	}
	execv(argv[3], argv + 3);
	perror(argv[3]);
	return 127;
}
