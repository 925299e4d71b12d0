// SPDX-License-Identifier: GPL-2.0
/* Descriptors that go from one worker to another. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "worker.h"

struct message {
	bool is_dev;
	int index;
};

int inbox_send(int to, bool is_dev, int index)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct message msg = { is_dev, index };
	struct iovec iov = { &msg, sizeof(msg) };
	struct msghdr hdr = {
		.msg_iov	= &iov,
		.msg_iovlen	= 1,
		.msg_control	= control,
		.msg_controllen	= sizeof(control),
	};
	unsigned int *in_flight = is_dev ? &shm->dev[index].in_flight :
				  &shm->lease[index].in_flight;
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&hdr);
	int fd = is_dev ? me->dev_fd[index] : me->lease_fd[index];
	int ret = 0;

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));

	model_lock();
	(*in_flight)++;
	model_unlock();
	if (sendmsg(shm->inbox[to][1], &hdr, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		ret = -errno;
	if (!ret)
		return 0;
	model_lock();
	/* Nothing else can have ended it: this process has a descriptor. */
	(*in_flight)--;
	model_unlock();
	return ret;
}

bool inbox_receive(void)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct message msg;
	struct iovec iov = { &msg, sizeof(msg) };
	struct msghdr hdr = {
		.msg_iov	= &iov,
		.msg_iovlen	= 1,
		.msg_control	= control,
		.msg_controllen	= sizeof(control),
	};
	struct cmsghdr *cmsg;
	int fd, *mine;

	if (recvmsg(shm->inbox[slot][0], &hdr, MSG_DONTWAIT) != sizeof(msg))
		return false;
	cmsg = CMSG_FIRSTHDR(&hdr);
	if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS)
		return true;
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(int));
	mine = msg.is_dev ? &me->dev_fd[msg.index] : &me->lease_fd[msg.index];
	/* A second one of the same: away with the first. */
	if (*mine >= 0)
		close(*mine);
	*mine = fd;
	model_lock();
	if (msg.is_dev) {
		shm->dev[msg.index].owners |= MY_BIT;
		shm->dev[msg.index].in_flight--;
	} else {
		shm->lease[msg.index].owners |= MY_BIT;
		shm->lease[msg.index].in_flight--;
	}
	model_unlock();
	did(DID_PASS);
	return true;
}
