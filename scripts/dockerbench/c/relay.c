// relay REAL SOCKET: listens at SOCKET and copies what comes to REAL and back, and reads nothing of it: the least
// that any process between a client and the daemon costs.
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int peer[4096]; // by descriptor
static char ended[4096];
static int ep;

static int at(const char *path, int (*f)(int, const struct sockaddr *, socklen_t)) {
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof a.sun_path)
		exit(1);
	strcpy(a.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || f(fd, (struct sockaddr *)&a, sizeof a))
		exit(1);
	return fd;
}

static void watch(int fd) {
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
	if (fd < 0 || fd >= 4096 || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e))
		exit(1);
}

static void end(int fd) {
	int other = peer[fd];
	ended[fd] = 1;
	epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL);
	shutdown(other, SHUT_WR);
	if (ended[other]) {
		ended[fd] = ended[other] = 0;
		close(fd);
		close(other);
	}
}

int main(int argc, char **argv) {
	static char buf[1 << 16];
	if (argc != 3)
		return 1;
	ep = epoll_create1(EPOLL_CLOEXEC);
	int l = at(argv[2], bind);
	if (listen(l, 128))
		return 1;
	watch(l);
	for (;;) {
		struct epoll_event e;
		if (epoll_wait(ep, &e, 1, -1) < 1)
			continue;
		int fd = e.data.fd;
		if (fd == l) {
			int c = accept4(l, NULL, NULL, SOCK_CLOEXEC), s = at(argv[1], connect);
			watch(c);
			watch(s);
			peer[c] = s, peer[s] = c;
			continue;
		}
		ssize_t n = read(fd, buf, sizeof buf), done = 0;
		for (ssize_t w; done < n; done += w)
			if ((w = send(peer[fd], buf + done, n - done, MSG_NOSIGNAL)) < 0)
				break;
		if (n <= 0 || done < n)
			end(fd);
	}
}
