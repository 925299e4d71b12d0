// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <sys/capability.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "creds.h"
#include "util.h"

static int set_caps(const char *text)
{
	cap_t caps = cap_from_text(text);
	int ret;

	if (!caps)
		return -EINVAL;
	ret = cap_set_proc(caps) ? -errno : 0;
	cap_free(caps);
	return ret;
}

int creds_become(const struct creds *creds)
{
	if (prctl(PR_SET_KEEPCAPS, 1) || setgroups(0, NULL))
		return -errno;
	if (setresgid(creds->gid, creds->gid, creds->gid) ||
	    setresuid(creds->uid, creds->uid, creds->uid))
		return -errno;
	if (creds->set_fsuid) {
		if (set_caps("cap_setuid=ep"))
			return -EPERM;
		setfsuid(creds->fsuid);
		if (setfsuid(-1) != (int)creds->fsuid)
			return -EPERM;
	}
	/* What was kept goes, unless it is named. */
	if (creds->caps)
		return set_caps(creds->caps);
	return creds->uid ? set_caps("=") : 0;
}

static long become(void *creds)
{
	return creds_become(creds);
}

int peer_become(struct peer *peer, const struct creds *creds)
{
	struct creds copy = *creds;

	return peer_call(peer, become, &copy, sizeof(copy));
}

static long enter_userns(void *unused)
{
	(void)unused;
	return unshare(CLONE_NEWUSER) ? -errno : 0;
}

static int write_map(pid_t pid, const char *name, const char *map)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return write_text(path, map);
}

int peer_userns(struct peer *peer, const char *uid_map, const char *gid_map)
{
	int ret;

	if (access("/proc/self/ns/user", F_OK))
		return -EOPNOTSUPP;
	ret = peer_call(peer, enter_userns, NULL, 0);
	if (!ret)
		ret = write_map(peer->pid, "uid_map", uid_map);
	if (!ret)
		ret = write_map(peer->pid, "gid_map", gid_map);
	return ret;
}
