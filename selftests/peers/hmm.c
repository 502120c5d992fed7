// SPDX-License-Identifier: GPL-2.0
/*
 * Subscribers beside test_hmm, the kernel's own test of HMM, on the mm of a process whose
 * memory its device reads and writes.
 */
#include "mnck_harness.h"
#include "hmm.h"

#define PEER hmm
#define PEER_REAPED hmm_reaped

#include "changes.h"
#include "listed.h"
#include "running.h"
#include "seen.h"
#include "reaped.h"

/* Gets the device of a victim, which has it open.  Returns 0 or an errno. */
static int peer_of(const struct victim *v, struct peer *peer)
{
	char path[64], file[64];
	int error = ENOENT;
	ssize_t len;

	if (make_buffer(peer))
		return errno;
	for (int fd = STDERR_FILENO + 1; fd < 16; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", v->pid, fd);
		len = readlink(path, file, sizeof(file) - 1);
		file[len > 0 ? len : 0] = '\0';
		if (!strcmp(file, HMM_DEVICE)) {
			peer->fd = syscall(SYS_pidfd_getfd, v->pidfd, fd, 0);
			error = peer->fd < 0 ? errno : 0;
		}
	}
	return error;
}

/* The device of a dying process reads its memory until that was reaped. */
PEER_REAPED_TEST(device)
{
	struct victim *v = &self->victim;
	struct peer peer;

	HOLD_LOCK();
	ASSERT_EQ(0, victim_doom(v));
	ASSERT_EQ(0, peer_of(v, &peer));
	EXPECT_EQ(0, peer_read(&peer, PEER_START, PEER_LEN, CLIENT_VALUE));
	if (variant->lock != NO_LOCK) {
		EXPECT_ERRNO(EAGAIN, victim_mrelease(v));
		EXPECT_EQ(0, peer_read(&peer, PEER_START, PEER_LEN, CLIENT_VALUE));
		RELEASE_LOCK();
	}
	ASSERT_EQ(0, victim_mrelease(v));
	EXPECT_EQ(EFAULT, peer_read(&peer, PEER_START, PEER_LEN, CLIENT_VALUE));
	EXPECT_EQ(0, close(peer.fd));
}

TEST_HARNESS_MAIN
