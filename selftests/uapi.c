// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of /dev/mnck with everything a caller can get wrong about them:
 * what fails, with which error, what it leaves behind, and that nobody logs it.
 */
#include <stddef.h>
#include <stdint.h>

#include <assert.h>

#include "expect.h"
#include "proc.h"

/* The layout is the contract, and the same for 32-bit callers. */
#define ASSERT_OFFSET(_struct, _member, _offset) \
	static_assert(offsetof(struct _struct, _member) == (_offset), #_struct "." #_member)

static_assert(sizeof(struct mnck_attach) == 24, "mnck_attach");
ASSERT_OFFSET(mnck_attach, size, 0);
ASSERT_OFFSET(mnck_attach, pid, 4);
ASSERT_OFFSET(mnck_attach, kind, 8);
ASSERT_OFFSET(mnck_attach, flags, 12);
ASSERT_OFFSET(mnck_attach, id, 16);

static_assert(sizeof(struct mnck_stats) == 232, "mnck_stats");
ASSERT_OFFSET(mnck_stats, size, 0);
ASSERT_OFFSET(mnck_stats, flags, 4);
ASSERT_OFFSET(mnck_stats, id, 8);
ASSERT_OFFSET(mnck_stats, starts, 16);
ASSERT_OFFSET(mnck_stats, ends, 24);
ASSERT_OFFSET(mnck_stats, refusals, 32);
ASSERT_OFFSET(mnck_stats, open, 40);
ASSERT_OFFSET(mnck_stats, closed_by_detach, 48);
ASSERT_OFFSET(mnck_stats, releases, 56);
ASSERT_OFFSET(mnck_stats, non_blockable, 64);
ASSERT_OFFSET(mnck_stats, events, 72);
ASSERT_OFFSET(mnck_stats, last_start, 200);
ASSERT_OFFSET(mnck_stats, last_end, 208);
ASSERT_OFFSET(mnck_stats, last_event, 216);
ASSERT_OFFSET(mnck_stats, last_flags, 220);
ASSERT_OFFSET(mnck_stats, bytes, 224);

static_assert(sizeof(struct mnck_lock) == 24, "mnck_lock");
ASSERT_OFFSET(mnck_lock, size, 0);
ASSERT_OFFSET(mnck_lock, flags, 4);
ASSERT_OFFSET(mnck_lock, id, 8);
ASSERT_OFFSET(mnck_lock, op, 16);
ASSERT_OFFSET(mnck_lock, reserved, 20);

/* Nothing that the module says was said since kmsg_open(). */
#define EXPECT_QUIET(_kmsg)                                                       \
	do {                                                                      \
		static const char * const mnck_[] = { "mnck" };                   \
		char record_[4096];                                               \
		int found_ = kmsg_find(_kmsg, mnck_, 1, record_, sizeof(record_)); \
										  \
		EXPECT_EQ(-1, found_)                                             \
			TH_LOG("logged: %s", record_);                            \
	} while (0)

/* One fixture for all calls: each of its tests runs for each of the calls. */
FIXTURE(call)
{
	int fd;
	int kmsg;
	size_t page;
	/* Three pages, of which the last is not mapped. */
	char *pages;
	struct subscriber sub;
};

FIXTURE_VARIANT(call)
{
	unsigned long cmd;
	/* The least that a caller may pass, and all that there is. */
	size_t min;
	size_t size;
	bool writes;
};

FIXTURE_VARIANT_ADD(call, attach)
{
	.cmd = MNCK_ATTACH,
	.min = sizeof(struct mnck_attach),
	.size = sizeof(struct mnck_attach),
	.writes = true,
};

FIXTURE_VARIANT_ADD(call, stats)
{
	.cmd = MNCK_STATS,
	.min = offsetofend(struct mnck_stats, id),
	.size = sizeof(struct mnck_stats),
	.writes = true,
};

FIXTURE_VARIANT_ADD(call, detach)
{
	.cmd = MNCK_DETACH,
	.min = offsetofend(struct mnck_stats, id),
	.size = sizeof(struct mnck_stats),
	.writes = true,
};

FIXTURE_VARIANT_ADD(call, lock)
{
	.cmd = MNCK_LOCK,
	.min = sizeof(struct mnck_lock),
	.size = sizeof(struct mnck_lock),
	.writes = false,
};

FIXTURE_SETUP(call)
{
	self->page = getpagesize();
	self->pages = mmap(NULL, 3 * self->page, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->pages);
	ASSERT_EQ(0, munmap(self->pages + 2 * self->page, self->page));
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	/* While the lock is held, a fault that copies a page would wait for it. */
	ASSERT_EQ(0, own_pages());
	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_TRYLOCK, &self->sub));
}

FIXTURE_TEARDOWN(call)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	EXPECT_QUIET(self->kmsg);
	close(self->kmsg);
}

/* Writes a valid argument of the call to @arg that says it has @size bytes. */
static void fill(unsigned long cmd, const struct subscriber *sub, void *arg, __u32 size)
{
	union {
		struct mnck_attach attach;
		struct mnck_stats stats;
		struct mnck_lock lock;
	} u = {};

	switch (cmd) {
	case MNCK_ATTACH:
		u.attach = (struct mnck_attach){ .size = size, .kind = MNCK_KIND_TRYLOCK };
		memcpy(arg, &u, sizeof(u.attach));
		break;
	case MNCK_LOCK:
		u.lock = (struct mnck_lock){ .size = size, .id = sub->id, .op = MNCK_LOCK_HOLD };
		memcpy(arg, &u, sizeof(u.lock));
		break;
	default:
		u.stats = (struct mnck_stats){ .size = size, .id = sub->id };
		memcpy(arg, &u, sizeof(u.stats));
	}
}

/* The call at @_arg succeeds, and then its effect is undone. */
#define EXPECT_SUCCESS(_arg)                                                      \
	do {                                                                      \
		struct subscriber new_ = self->sub;                               \
		struct mnck_stats gone_;                                          \
										  \
		ASSERT_EQ(0, ioctl(self->fd, variant->cmd, _arg));                \
		if (variant->cmd == MNCK_ATTACH) {                                \
			memcpy(&new_.id, (_arg) + offsetof(struct mnck_attach, id), 8); \
			ASSERT_NE(self->sub.id, new_.id);                         \
			ASSERT_EQ(0, mnck_detach(&new_, &gone_));                 \
		} else if (variant->cmd == MNCK_DETACH) {                         \
			ASSERT_EQ(ENOENT, errno_of(mnck_stats(&self->sub, &gone_))); \
			ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_TRYLOCK, &self->sub)); \
		} else if (variant->cmd == MNCK_LOCK) {                           \
			ASSERT_EQ(0, mnck_lock(&self->sub, MNCK_LOCK_RELEASE));   \
		}                                                                 \
	} while (0)

TEST_F_TIMEOUT(call, length, MNCK_TIMEOUT)
{
	const size_t longer[] = {
		variant->size + 1, variant->size + 4, variant->size + 8, self->page,
	};
	const __u32 too_long[] = { self->page + 1, 2 * self->page, INT32_MAX, UINT32_MAX };
	char *arg = self->pages;

	/* All bytes are there and valid, but it says that they are not. */
	for (size_t size = 0; size < variant->min; size++) {
		fill(variant->cmd, &self->sub, arg, size);
		EXPECT_ERRNO(EINVAL, ioctl(self->fd, variant->cmd, arg));
	}

	for (size_t size = variant->min; size <= variant->size; size++) {
		fill(variant->cmd, &self->sub, arg, size);
		memset(arg + size, 0xa5, self->page - size);
		EXPECT_SUCCESS(arg);
		/* What the caller does not have is not written. */
		for (size_t i = size; i < variant->size + 8; i++)
			ASSERT_EQ((char)0xa5, arg[i]);
	}

	for (size_t i = 0; i < ARRAY_SIZE(longer); i++) {
		memset(arg, 0, self->page);
		fill(variant->cmd, &self->sub, arg, longer[i]);
		EXPECT_SUCCESS(arg);

		/* Each byte that the kernel does not know, the first and the last among them. */
		for (size_t at = variant->size; at < longer[i]; at++) {
			memset(arg, 0, self->page);
			fill(variant->cmd, &self->sub, arg, longer[i]);
			arg[at] = 1;
			EXPECT_ERRNO(E2BIG, ioctl(self->fd, variant->cmd, arg));
		}
	}

	memset(arg, 0, 2 * self->page);
	for (size_t i = 0; i < ARRAY_SIZE(too_long); i++) {
		fill(variant->cmd, &self->sub, arg, too_long[i]);
		EXPECT_ERRNO(E2BIG, ioctl(self->fd, variant->cmd, arg));
	}
}

TEST_F_TIMEOUT(call, pointer, MNCK_TIMEOUT)
{
	char *end = self->pages + 2 * self->page;
	char *const bad[] = {
		NULL,
		end,
		end - 2,				/* size itself is cut */
		end - sizeof(__u32),			/* nothing but the size */
		(char *)-self->page,			/* the kernel's */
		(char *)-1,
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (bad[i] == end - sizeof(__u32))
			memcpy(bad[i], &(__u32){ variant->size }, sizeof(__u32));
		EXPECT_ERRNO(EFAULT, ioctl(self->fd, variant->cmd, bad[i]))
			TH_LOG("pointer %p", bad[i]);
	}

	/* The last byte is missing, and then it is not. */
	fill(variant->cmd, &self->sub, end - variant->size - 8, variant->size);
	memmove(end - variant->size + 1, end - variant->size - 8, variant->size - 1);
	EXPECT_ERRNO(EFAULT, ioctl(self->fd, variant->cmd, end - variant->size + 1));
	fill(variant->cmd, &self->sub, end - variant->size, variant->size);
	EXPECT_SUCCESS(end - variant->size);
}

TEST_F_TIMEOUT(call, read_only, MNCK_TIMEOUT)
{
	char *arg = self->pages;
	struct mnck_stats stats;

	fill(variant->cmd, &self->sub, arg, variant->size);
	ASSERT_EQ(0, mprotect(arg, self->page, PROT_READ));
	if (!variant->writes) {
		EXPECT_SUCCESS(arg);
		return;
	}
	EXPECT_ERRNO(EFAULT, ioctl(self->fd, variant->cmd, arg));

	/* A detach that cannot say so has detached. */
	if (variant->cmd == MNCK_DETACH)
		EXPECT_ERRNO(ENOENT, mnck_stats(&self->sub, &stats));
	if (variant->cmd == MNCK_STATS)
		EXPECT_EQ(0, mnck_stats(&self->sub, &stats));

	/*
	 * An attach that cannot return the id has attached nothing: the session
	 * would be full by now.
	 */
	if (variant->cmd == MNCK_ATTACH) {
		for (int i = 0; i < MNCK_MAX_SUBSCRIBERS; i++)
			EXPECT_ERRNO(EFAULT, ioctl(self->fd, variant->cmd, arg));
		EXPECT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_COUNTER, &self->sub));
	}
}

FIXTURE(uapi)
{
	int fd;
	int kmsg;
	struct subscriber counter;
	struct subscriber trylock;
};

FIXTURE_SETUP(uapi)
{
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	/* While the lock is held, a fault that copies a page would wait for it. */
	ASSERT_EQ(0, own_pages());
	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_COUNTER, &self->counter));
	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_TRYLOCK, &self->trylock));
}

FIXTURE_TEARDOWN(uapi)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	EXPECT_QUIET(self->kmsg);
	close(self->kmsg);
}

TEST_F_TIMEOUT(uapi, unknown_call, MNCK_TIMEOUT)
{
	struct mnck_attach attach = { .size = sizeof(attach) };
	const unsigned long unknown[] = {
		_IO(MNCK_IOCTL_TYPE, MNCK_CMD_LOCK + 1),
		_IO(MNCK_IOCTL_TYPE, 0xff),
		_IO(MNCK_IOCTL_TYPE - 1, MNCK_CMD_ATTACH),
		_IO(MNCK_IOCTL_TYPE + 1, MNCK_CMD_ATTACH),
		_IOR(MNCK_IOCTL_TYPE, MNCK_CMD_ATTACH, struct mnck_attach),
		_IOWR(MNCK_IOCTL_TYPE, MNCK_CMD_ATTACH, struct mnck_attach),
		0,
		UINT32_MAX,
	};

	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		EXPECT_ERRNO(ENOTTY, ioctl(self->fd, unknown[i], &attach))
			TH_LOG("call %#lx", unknown[i]);
	}
}

TEST_F_TIMEOUT(uapi, unknown_kind, MNCK_TIMEOUT)
{
	const __u32 unknown[] = { MNCK_KIND_TRYLOCK + 1, 1U << 31, UINT32_MAX };
	struct subscriber sub;

	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
		EXPECT_ERRNO(EINVAL, mnck_attach(self->fd, 0, unknown[i], &sub));
}

TEST_F_TIMEOUT(uapi, unknown_flag, MNCK_TIMEOUT)
{
	for (int bit = 0; bit < 32; bit++) {
		__u32 flag = 1U << bit;
		struct mnck_attach attach = { .size = sizeof(attach), .flags = flag };
		struct mnck_stats stats = {
			.size = sizeof(stats), .flags = flag, .id = self->counter.id,
		};
		struct mnck_lock flags = {
			.size = sizeof(flags), .flags = flag, .id = self->trylock.id,
			.op = MNCK_LOCK_HOLD,
		};
		struct mnck_lock reserved = {
			.size = sizeof(reserved), .id = self->trylock.id,
			.op = MNCK_LOCK_HOLD, .reserved = flag,
		};

		EXPECT_ERRNO(EINVAL, ioctl(self->fd, MNCK_ATTACH, &attach));
		EXPECT_ERRNO(EINVAL, ioctl(self->fd, MNCK_STATS, &stats));
		EXPECT_ERRNO(EINVAL, ioctl(self->fd, MNCK_DETACH, &stats));
		EXPECT_ERRNO(EINVAL, ioctl(self->fd, MNCK_LOCK, &flags));
		EXPECT_ERRNO(EINVAL, ioctl(self->fd, MNCK_LOCK, &reserved));
	}
	/* None of them had the effect that it failed to have. */
	EXPECT_ERRNO(ENOLCK, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));
	EXPECT_DETACH(&self->counter, saw_nothing());
}

/* Ids are the session's own, and are never given twice. */
TEST_F_TIMEOUT(uapi, unknown_id, MNCK_TIMEOUT)
{
	struct subscriber sub, other, unknown[4];
	struct mnck_stats stats;
	int fd;

	unknown[0] = self->trylock;
	EXPECT_EQ(0, mnck_detach(&unknown[0], &stats));
	unknown[1] = (struct subscriber){ .fd = self->fd, .id = UINT64_MAX };
	unknown[2] = (struct subscriber){ .fd = self->fd, .id = self->counter.id | 1ULL << 32 };

	/* An id of another session, which gave more of them than this one. */
	fd = mnck_open();
	ASSERT_LE(0, fd);
	for (int i = 0; i < 8; i++)
		ASSERT_EQ(0, mnck_attach(fd, 0, MNCK_KIND_TRYLOCK, &other));
	ASSERT_NE(other.id, self->counter.id);
	unknown[3] = (struct subscriber){ .fd = self->fd, .id = other.id };

	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		EXPECT_ERRNO(ENOENT, mnck_stats(&unknown[i], &stats));
		EXPECT_ERRNO(ENOENT, mnck_detach(&unknown[i], &stats));
		EXPECT_ERRNO(ENOENT, mnck_lock(&unknown[i], MNCK_LOCK_HOLD));
		EXPECT_ERRNO(ENOENT, mnck_lock(&unknown[i], MNCK_LOCK_RELEASE));
	}
	EXPECT_EQ(0, mnck_stats(&other, &stats));
	EXPECT_EQ(0, close(fd));

	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_TRYLOCK, &sub));
	EXPECT_NE(unknown[0].id, sub.id);
	EXPECT_NE(self->counter.id, sub.id);
}

TEST_F_TIMEOUT(uapi, lock, MNCK_TIMEOUT)
{
	struct mnck_stats stats;

	EXPECT_ERRNO(EINVAL, mnck_lock(&self->counter, MNCK_LOCK_HOLD));
	EXPECT_ERRNO(EINVAL, mnck_lock(&self->counter, MNCK_LOCK_RELEASE));
	EXPECT_ERRNO(EINVAL, mnck_lock(&self->trylock, MNCK_LOCK_HOLD + 1));
	EXPECT_ERRNO(EINVAL, mnck_lock(&self->trylock, UINT32_MAX));

	EXPECT_ERRNO(ENOLCK, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));
	EXPECT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_HOLD));
	EXPECT_ERRNO(EBUSY, mnck_lock(&self->trylock, MNCK_LOCK_HOLD));
	EXPECT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));
	EXPECT_ERRNO(ENOLCK, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));

	/* Detached with its lock held: it is released, and the id gone. */
	EXPECT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_HOLD));
	EXPECT_EQ(0, mnck_detach(&self->trylock, &stats));
	EXPECT_ERRNO(ENOENT, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));
}

TEST_HARNESS_MAIN
