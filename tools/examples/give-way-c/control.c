// SPDX-License-Identifier: GPL-2.0
/*
 * The control channel: lines of text over TCP.
 *
 *	client			server
 *	HELLO qpn gid
 *				HELLO qpn gid
 *				REGION address rkey	write there
 *	WROTE batch checksum				it has arrived
 *				DONE batch		it is safe
 *				PAUSE			stop writing
 *	PAUSED						nothing is in flight
 *				AGAIN batch		it is lost, send it again
 *				CONNECT			reset the queue pair
 *				REGION address rkey	go on, there
 *	FAILED batch					a write ended in an error
 *	BYE
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "give-way.h"

int control_listen(void)
{
	const struct addrinfo hints = {
		.ai_family = AF_INET,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE,
	};
	struct addrinfo *address;
	int fd, ret, one = 1;

	ret = getaddrinfo(NULL, PORT, &hints, &address);
	if (ret)
		fail("looking up an address to listen on: %s", gai_strerror(ret));
	fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, 0);
	if (fd < 0)
		fail_errno("making a socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, address->ai_addr, address->ai_addrlen) || listen(fd, 1))
		fail_errno("listening on port " PORT "; does another server run?");
	freeaddrinfo(address);
	return fd;
}

int control_connect(const char *host)
{
	const struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
	struct addrinfo *address;
	int fd, ret;

	ret = getaddrinfo(host, PORT, &hints, &address);
	if (ret)
		fail("looking up %s: %s", host, gai_strerror(ret));
	fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, 0);
	if (fd < 0)
		fail_errno("making a socket");
	if (connect(fd, address->ai_addr, address->ai_addrlen))
		fail_errno("connecting to %s, port " PORT "; start the server there first", host);
	freeaddrinfo(address);
	return fd;
}

void control_open(struct control *c, int fd)
{
	int one = 1;

	c->fd = fd;
	c->used = 0;
	/* Short lines that are waited for. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

void control_send(struct control *c, const char *format, ...)
{
	char line[160];
	size_t len, sent = 0;
	va_list args;
	ssize_t ret;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	if (len > sizeof(line) - 2)
		fail("a line of %zu bytes is too long to be sent", len);
	line[len++] = '\n';
	while (sent < len) {
		ret = send(c->fd, line + sent, len - sent, MSG_NOSIGNAL);
		/* That the other side has gone shows when it is listened to. */
		if (ret < 0)
			return;
		sent += ret;
	}
}

bool control_receive(struct control *c)
{
	ssize_t got;

	if (c->used == sizeof(c->buf))
		fail("a line of %zu bytes on the control channel: is that give-way?", c->used);
	do {
		got = recv(c->fd, c->buf + c->used, sizeof(c->buf) - c->used, 0);
	} while (got < 0 && errno == EINTR);
	if (got <= 0)
		return false;
	c->used += got;
	return true;
}

bool control_line(struct control *c, char *line, size_t size)
{
	char *end = memchr(c->buf, '\n', c->used);
	size_t len;

	if (!end)
		return false;
	len = end - c->buf;
	snprintf(line, size, "%.*s", (int)len, c->buf);
	c->used -= len + 1;
	memmove(c->buf, end + 1, c->used);
	return true;
}
