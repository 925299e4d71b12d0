/* SPDX-License-Identifier: GPL-2.0 */
/* Processes that are somebody else: user, group, capabilities, namespaces. */
#ifndef SELFTESTS_CREDS_H
#define SELFTESTS_CREDS_H

#include <stdbool.h>
#include <sys/types.h>

#include "peer.h"

struct creds {
	uid_t uid;
	gid_t gid;
	/* As cap_from_text() reads them; NULL: none but those of user 0. */
	const char *caps;
	/* The user that files see, if it is to differ. */
	bool set_fsuid;
	uid_t fsuid;
};

/* The calling process becomes that, for good; 0 or -errno. */
int creds_become(const struct creds *creds);

/* Likewise a peer. */
int peer_become(struct peer *peer, const struct creds *creds);

/*
 * The peer enters a user namespace of its own, with all capabilities there.  The
 * maps are those of /proc/PID/uid_map and gid_map.  -EOPNOTSUPP: there is no such
 * thing.
 */
int peer_userns(struct peer *peer, const char *uid_map, const char *gid_map);

#endif
