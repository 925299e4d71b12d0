// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exec_fd.h"
#include "lease.h"
#include "testdev.h"
#include "world.h"

static long put_at(int fd, int at)
{
	long ret = 0;

	if (fd < 0)
		return -errno;
	if (dup3(fd, at, O_CLOEXEC) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/* Sent over a socket and received again. */
static long pass(int fd, int at)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	int pair[2], got = -1;
	long ret;

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	ret = sendmsg(pair[0], &msg, 0) < 0 ? -errno : 0;
	if (!ret && recvmsg(pair[1], &msg, MSG_CMSG_CLOEXEC) < 0)
		ret = -errno;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!ret && cmsg)
		memcpy(&got, CMSG_DATA(cmsg), sizeof(int));
	if (!ret)
		ret = put_at(got, at);
	close(pair[0]);
	close(pair[1]);
	return ret;
}

static long nonblock(int fd, int on, bool by_ioctl)
{
	int flags;

	if (by_ioctl)
		return ioctl(fd, FIONBIO, &on);
	flags = fcntl(fd, F_GETFL);
	if (flags < 0)
		return -1;
	return fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

static long do_poll(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN | POLLOUT | POLLPRI };

	if (poll(&pfd, 1, 0) < 0)
		return -1;
	errno = EBADF;
	return pfd.revents & POLLNVAL ? -1 : 0;
}

static long do_epoll(int fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = FILE_FD + FD_EPOLL;

	/* Another thread may be about the same. */
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) && errno != EEXIST)
		return -1;
	if (epoll_wait(epoll, &event, 1, 0) < 0)
		return -1;
	return epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL) && errno != ENOENT ? -1 : 0;
}

static long do_mmap(int fd)
{
	void *map = mmap(NULL, PAGE_SZ, PROT_READ, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return -1;
	munmap(map, PAGE_SZ);
	return 0;
}

static long async(int fd, int on, bool by_ioctl)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETOWN, getpid()))
		return -1;
	if (by_ioctl)
		return ioctl(fd, FIOASYNC, &on);
	return fcntl(fd, F_SETFL, on ? flags | O_ASYNC : flags & ~O_ASYNC);
}

static long do_dup(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return copy < 0 ? -1 : close(copy);
}

static long other(int fd, enum other what)
{
	char buf[64] = { 0 };
	int nr;

	switch (what) {
	case OTHER_READ:
		return read(fd, buf, sizeof(buf));
	case OTHER_WRITE:
		return write(fd, buf, sizeof(buf));
	case OTHER_PREAD:
		return pread(fd, buf, sizeof(buf), 0);
	case OTHER_POLL:
		return do_poll(fd);
	case OTHER_MMAP:
		return do_mmap(fd);
	case OTHER_LSEEK:
		return lseek(fd, 1, SEEK_SET);
	case OTHER_FTRUNCATE:
		return ftruncate(fd, 0);
	case OTHER_FALLOCATE:
		return fallocate(fd, 0, 0, PAGE_SZ);
	case OTHER_FSYNC:
		return fsync(fd);
	case OTHER_SPLICE:
		return splice(fd, NULL, FILE_FD + FD_PIPE, NULL, 1, SPLICE_F_NONBLOCK);
	case OTHER_EPOLL:
		return do_epoll(fd);
	case OTHER_SETLEASE:
		return fcntl(fd, F_SETLEASE, F_WRLCK);
	case OTHER_FLOCK:
		return flock(fd, LOCK_EX | LOCK_NB) ? -1 : flock(fd, LOCK_UN);
	case OTHER_FIONREAD:
		return ioctl(fd, FIONREAD, &nr);
	default:
		return do_dup(fd);
	}
}

static long fdinfo(int fd)
{
	char path[64], text[1024];
	ssize_t ret;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	ret = read_text(path, text, sizeof(text));
	if (ret < 0)
		return ret;
	return strstr(text, "lease:\t") ? 1 : 0;
}

long run_fd_call(const struct call *call, int fd, int dev)
{
	int to = LEASE_FD + call->arg[A_TO];
	long ret = 0;

	errno = 0;
	switch (call->op) {
	case OP_OPEN:
		return put_at(open(LEASE_DEV, call->arg[A_FLAGS] | O_CLOEXEC), fd);
	case OP_DEV_OPEN:
		return put_at(open(TESTDEV_DEV, O_RDWR | O_CLOEXEC), dev);
	case OP_PASS:
		return pass(fd, to);
	case OP_FDINFO:
		return fdinfo(fd);
	case OP_CLOSE:
		ret = close(fd);
		break;
	case OP_DEV_CLOSE:
		ret = close(dev);
		break;
	case OP_DUP:
		ret = fd == to ? fcntl(fd, F_GETFD) : dup3(fd, to, O_CLOEXEC);
		break;
	case OP_NONBLOCK:
		ret = nonblock(fd, call->arg[A_NR] & 1, call->arg[A_WHAT]);
		break;
	case OP_ASYNC:
		ret = async(fd, call->arg[A_NR] & 1, call->arg[A_WHAT]);
		break;
	case OP_OTHER:
		ret = other(fd, call->arg[A_WHAT]);
		break;
	default:
		break;
	}
	return ret < 0 ? -errno : 0;
}
