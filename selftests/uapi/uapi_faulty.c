// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers that break rules, and chains with policies that do, are refused, unless mnck was
 * inserted with faulty=1 and the session was opened with CAP_SYS_ADMIN.
 */
#include "child.h"
#include "kmsg.h"
#include "mnck_harness.h"
#include "module.h"
#include "privilege.h"

/* What mnck logs once if faulty=1 is missing. */
#define HINT "insert mnck with faulty=1"

FIXTURE(uapi_faulty)
{
	int fd;
	int kmsg;
};

FIXTURE_VARIANT(uapi_faulty)
{
	const char *parameters;
	/* The errno of an attach by a privileged opener, or 0. */
	int error;
};

FIXTURE_VARIANT_ADD(uapi_faulty, off)
{
	.parameters = "faulty=0",
	.error = EOPNOTSUPP,
};

FIXTURE_VARIANT_ADD(uapi_faulty, on)
{
	.parameters = "faulty=1",
};

FIXTURE_SETUP(uapi_faulty)
{
	REQUIRE_MNCK_KO();
	ASSERT_EQ(0, mnck_remove());
	ASSERT_EQ(0, mnck_insert(variant->parameters));
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, own_pages());
}

FIXTURE_TEARDOWN(uapi_faulty)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	close(self->kmsg);
	EXPECT_EQ(0, mnck_remove());
	EXPECT_EQ(0, mnck_insert(""));
}

/* Attaches the faulty driver that makes no mistake, to this process or to a chain. */
static int attach_faulty(int fd, const struct subscriber *chain)
{
	struct mnck_attach how = { .kind = MNCK_KIND_FAULTY };
	struct subscriber sub;

	if (chain) {
		how.flags = MNCK_ATTACH_IN_CHAIN;
		how.chain = chain->id;
	}
	return mnck_attach_how(fd, how, &sub);
}

static int attach_chain(int fd, __u32 policy)
{
	struct mnck_attach how = { .kind = MNCK_KIND_CHAIN, .policy = policy };
	struct subscriber sub;

	return mnck_attach_how(fd, how, &sub);
}

/* Without faulty=1 each attach fails with EOPNOTSUPP, and the first says why in the log. */
TEST_F_TIMEOUT(uapi_faulty, parameter, MNCK_TIMEOUT)
{
	static const char * const hint[] = { HINT };
	struct subscriber chain;
	char record[4096];

	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_CHAIN, &chain));
	for (int i = 0; i < 3; i++) {
		EXPECT_ERRNO(variant->error, attach_faulty(self->fd, NULL));
		EXPECT_ERRNO(variant->error, attach_faulty(self->fd, &chain));
		EXPECT_ERRNO(variant->error, attach_chain(self->fd, MNCK_POLICY_SKIP));
		EXPECT_ERRNO(variant->error, attach_chain(self->fd, MNCK_POLICY_ALL));
	}
	if (variant->error)
		EXPECT_EQ(0, kmsg_find(self->kmsg, hint, 1, record, sizeof(record)));
	EXPECT_NOTHING_LOGGED(self->kmsg);
}

/* A session that was opened without CAP_SYS_ADMIN gets EPERM, and cannot write to the log. */
TEST_F_TIMEOUT(uapi_faulty, capability, MNCK_TIMEOUT)
{
	struct subscriber sub, chain;
	pid_t child;
	int fd;

	child = fork();
	if (!child) {
		ASSERT_EQ(0, drop_capability(CAP_SYS_ADMIN));
		fd = mnck_open();
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, mnck_attach(fd, 0, MNCK_KIND_CHAIN, &chain));
		EXPECT_ERRNO(EPERM, attach_faulty(fd, NULL));
		EXPECT_ERRNO(EPERM, attach_faulty(fd, &chain));
		EXPECT_ERRNO(EPERM, attach_chain(fd, MNCK_POLICY_SKIP));
		EXPECT_ERRNO(EPERM, attach_chain(fd, MNCK_POLICY_ALL));
		EXPECT_EQ(0, mnck_attach(fd, 0, MNCK_KIND_COUNTER, &sub));
		EXPECT_NOTHING_LOGGED(self->kmsg);

		/* What counts is the opener of the file, not the caller. */
		EXPECT_ERRNO(variant->error, attach_faulty(self->fd, NULL));
		_exit(0);
	}
	JOIN_CHILD(child);
}

TEST_HARNESS_MAIN
