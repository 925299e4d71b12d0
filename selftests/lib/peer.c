// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "peer.h"

struct message {
	peer_fn fn;
	long result;
	size_t len;
	char arg[PEER_ARG_MAX];
};

static int msg_send(int sock, const struct message *msg, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { (void *)msg, sizeof(*msg) };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	if (fd >= 0) {
		hdr.msg_control = control;
		hdr.msg_controllen = sizeof(control);
		cmsg = CMSG_FIRSTHDR(&hdr);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	}
	if (sendmsg(sock, &hdr, MSG_NOSIGNAL) == sizeof(*msg))
		return 0;
	/* It died before it could read this, instead of after. */
	return errno == EPIPE ? -ECONNRESET : -errno;
}

static int msg_recv(int sock, struct message *msg, int *fd)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { msg, sizeof(*msg) };
	struct msghdr hdr = {
		.msg_iov	= &iov,
		.msg_iovlen	= 1,
		.msg_control	= control,
		.msg_controllen	= sizeof(control),
	};
	struct cmsghdr *cmsg;
	ssize_t n;

	do {
		n = recvmsg(sock, &hdr, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n != sizeof(*msg))
		return -ECONNRESET;
	cmsg = CMSG_FIRSTHDR(&hdr);
	if (fd) {
		*fd = -1;
		if (cmsg && cmsg->cmsg_type == SCM_RIGHTS)
			memcpy(fd, CMSG_DATA(cmsg), sizeof(int));
	}
	return 0;
}

/* A message without a function carries a descriptor, or asks for one. */
static void peer_loop(int sock)
{
	struct message msg;
	int fd, out;

	while (!msg_recv(sock, &msg, &fd)) {
		out = -1;
		if (msg.fn)
			msg.result = msg.fn(msg.arg);
		else if (fd >= 0)
			msg.result = fd;
		else
			out = msg.result;
		if (msg_send(sock, &msg, out))
			break;
	}
	_exit(0);
}

static int start(struct peer *peer, bool inherit)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	peer->pid = fork();
	if (peer->pid < 0)
		return -errno;
	if (!peer->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* The harness ends a test by a signal to its own process. */
		signal(SIGALRM, SIG_DFL);
		if (inherit) {
			close(pair[0]);
		} else {
			pair[1] = dup2(pair[1], STDERR_FILENO + 1);
			close_range(STDERR_FILENO + 2, ~0U, 0);
		}
		peer_loop(pair[1]);
	}
	close(pair[1]);
	peer->sock = pair[0];
	return 0;
}

int peer_start(struct peer *peer)
{
	return start(peer, false);
}

int peer_start_inherit(struct peer *peer)
{
	return start(peer, true);
}

int peer_post(struct peer *peer, peer_fn fn, const void *arg, size_t len)
{
	struct message msg = { .fn = fn, .len = len };

	if (len > sizeof(msg.arg))
		return -E2BIG;
	if (len)
		memcpy(msg.arg, arg, len);
	return msg_send(peer->sock, &msg, -1);
}

long peer_result(struct peer *peer, void *arg, size_t len)
{
	struct message msg;
	int ret;

	ret = msg_recv(peer->sock, &msg, NULL);
	if (ret)
		return ret;
	if (len)
		memcpy(arg, msg.arg, len);
	return msg.result;
}

bool peer_has_result(struct peer *peer)
{
	struct pollfd pfd = { .fd = peer->sock, .events = POLLIN };

	return poll(&pfd, 1, 0) > 0;
}

long peer_call(struct peer *peer, peer_fn fn, void *arg, size_t len)
{
	int ret;

	ret = peer_post(peer, fn, arg, len);
	return ret ? ret : peer_result(peer, arg, len);
}

int peer_give_fd(struct peer *peer, int fd)
{
	struct message msg = { 0 };
	int ret;

	ret = msg_send(peer->sock, &msg, fd);
	return ret ? ret : (int)peer_result(peer, NULL, 0);
}

int peer_get_fd(struct peer *peer, int fd)
{
	struct message msg = { .result = fd };
	int ret, got = -1;

	ret = msg_send(peer->sock, &msg, -1);
	if (!ret)
		ret = msg_recv(peer->sock, &msg, &got);
	return ret ? ret : got;
}

static void peer_reap(struct peer *peer)
{
	while (waitpid(peer->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(peer->sock);
	peer->pid = 0;
}

void peer_stop(struct peer *peer)
{
	shutdown(peer->sock, SHUT_RDWR);
	peer_reap(peer);
}

void peer_kill(struct peer *peer)
{
	kill(peer->pid, SIGKILL);
	peer_reap(peer);
}

long in_child(peer_fn fn, void *arg, size_t len)
{
	struct peer peer;
	long ret;

	ret = peer_start_inherit(&peer);
	if (ret)
		return ret;
	ret = peer_call(&peer, fn, arg, len);
	peer_stop(&peer);
	return ret;
}
