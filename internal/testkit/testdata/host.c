// What a runner's own Worker is to whoever looks at the file: .NET's host program, bound to the Worker's assembly. It
// becomes a shell that runs the script which stands at its end, before the script's length in four bytes.
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

// As in src/native/corehost of dotnet/runtime, with the placeholder overwritten as a build does it.
__attribute__((used)) static char embed[1025] = "Runner.Worker.dll";

int main(int argc, char **argv)
{
	unsigned length;
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	off_t end = lseek(self, -(off_t)sizeof length, SEEK_END);
	if (end < 0 || pread(self, &length, sizeof length, end) != sizeof length || length > end)
		return 1;
	char *script = calloc(1, length + 1), **args = calloc(argc + 4, sizeof *args);
	if (!script || !args || pread(self, script, length, end - length) != (ssize_t)length)
		return 1;
	args[0] = "sh";
	args[1] = "-c";
	args[2] = script;
	for (int i = 0; i < argc; i++)
		args[3 + i] = argv[i];
	execv("/bin/sh", args);
	return 1;
}
