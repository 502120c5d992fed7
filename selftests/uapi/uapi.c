// SPDX-License-Identifier: GPL-2.0
/*
 * Each ioctl of /dev/mnck with each kind of wrong argument: it fails with the
 * documented error, has no effect, and writes nothing to the kernel's log.  What is
 * the same for all ioctls, such as the size of the argument, is in uapi_call.c.
 */
#include <stdint.h>

#include "kmsg.h"
#include "mnck_harness.h"

FIXTURE(uapi)
{
	int fd;
	int kmsg;
	size_t page;
	struct subscriber counter;
	struct subscriber trylock;
	struct subscriber mirror;
	struct subscriber aging;
};

/* The mirror's range, where nothing is mapped. */
#define MIRROR_START 0x200000000ULL
#define MIRROR_PAGES (MNCK_MIRROR_PAGES + 2)

static int attach_mirror(int fd, struct subscriber *sub)
{
	struct mnck_attach how = {
		.kind = MNCK_KIND_MIRROR,
		.start = MIRROR_START,
		.end = MIRROR_START + MIRROR_PAGES * getpagesize(),
	};

	return mnck_attach_how(fd, how, sub);
}

FIXTURE_SETUP(uapi)
{
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	/* While a lock is held, a copy-on-write fault of this process would wait for it. */
	ASSERT_EQ(0, own_pages());
	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_COUNTER, &self->counter));
	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_TRYLOCK, &self->trylock));
	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_AGING, &self->aging));
	ASSERT_EQ(0, attach_mirror(self->fd, &self->mirror));
	self->page = getpagesize();
}

FIXTURE_TEARDOWN(uapi)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	EXPECT_NOTHING_LOGGED(self->kmsg);
	close(self->kmsg);
}

/* An ioctl that mnck does not have fails with ENOTTY. */
TEST_F_TIMEOUT(uapi, unknown_call, MNCK_TIMEOUT)
{
	struct mnck_attach attach = { .size = sizeof(attach) };
	const unsigned long unknown[] = {
		_IOW(MNCK_IOCTL_TYPE, MNCK_CMD_TOUCH + 1, struct mnck_touch),
		_IOWR(MNCK_IOCTL_TYPE, 0xff, struct mnck_attach),
		_IOWR(MNCK_IOCTL_TYPE - 1, MNCK_CMD_ATTACH, struct mnck_attach),
		_IOWR(MNCK_IOCTL_TYPE + 1, MNCK_CMD_ATTACH, struct mnck_attach),
		_IO(MNCK_IOCTL_TYPE, MNCK_CMD_ATTACH),
		/* The number of the first version, which nsfs and remoteproc use, too. */
		_IO(0xb7, MNCK_CMD_ATTACH),
		0,
		UINT32_MAX,
	};

	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		EXPECT_ERRNO(ENOTTY, ioctl(self->fd, unknown[i], &attach))
			TH_LOG("call %#lx", unknown[i]);
	}
}

/* An unknown kind of subscriber fails with EINVAL. */
TEST_F_TIMEOUT(uapi, unknown_kind, MNCK_TIMEOUT)
{
	const __u32 unknown[] = { MNCK_KIND_CHAIN + 1, 1U << 31, UINT32_MAX };
	struct subscriber sub;

	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
		EXPECT_ERRNO(EINVAL, mnck_attach(self->fd, 0, unknown[i], &sub));
}

/* Each unknown flag, and each bit of a reserved member, fails with EINVAL. */
TEST_F_TIMEOUT(uapi, unknown_flag, MNCK_TIMEOUT)
{
	for (int bit = 0; bit < 32; bit++) {
		__u32 flag = 1U << bit;
		struct mnck_attach attach = { .size = sizeof(attach), .flags = flag };
		struct mnck_stats stats = {
			.size = sizeof(stats), .flags = flag, .id = self->counter.id,
		};
		struct mnck_lock lock = {
			.size = sizeof(lock), .flags = flag, .id = self->trylock.id,
			.op = MNCK_LOCK_HOLD,
		};
		struct mnck_touch touch = {
			.size = sizeof(touch), .flags = flag, .id = self->aging.id,
			.end = self->page,
		};
		struct mnck_mirror mirror = {
			.size = sizeof(mirror), .flags = flag, .id = self->mirror.id,
			.start = MIRROR_START, .end = MIRROR_START + self->page,
		};

		if (!(flag & (MNCK_ATTACH_LOCKED | MNCK_ATTACH_IN_CHAIN)))
			EXPECT_ERRNO(EINVAL, ioctl(self->fd, MNCK_ATTACH, &attach));
		EXPECT_ERRNO(EINVAL, ioctl(self->fd, MNCK_STATS, &stats));
		EXPECT_ERRNO(EINVAL, ioctl(self->fd, MNCK_DETACH, &stats));
		EXPECT_ERRNO(EINVAL, ioctl(self->fd, MNCK_LOCK, &lock));
		EXPECT_ERRNO(EINVAL, ioctl(self->fd, MNCK_TOUCH, &touch));
		for (mirror.op = 0; mirror.op <= MNCK_MIRROR_LET_GO; mirror.op++) {
			if (mirror.op == MNCK_MIRROR_FAULT &&
			    flag & (MNCK_MIRROR_WRITE | MNCK_MIRROR_WAIT))
				continue;
			EXPECT_ERRNO(EINVAL, ioctl(self->fd, MNCK_MIRROR, &mirror));
		}
		lock.flags = 0;
		lock.reserved = flag;
		EXPECT_ERRNO(EINVAL, ioctl(self->fd, MNCK_LOCK, &lock));
		mirror.flags = 0;
		mirror.reserved = flag;
		mirror.op = MNCK_MIRROR_LET_GO;
		mirror.start = 0;
		mirror.end = 0;
		EXPECT_ERRNO(EINVAL, ioctl(self->fd, MNCK_MIRROR, &mirror));
	}
	/* No failed call had an effect. */
	EXPECT_ERRNO(ENOLCK, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));
	EXPECT_DETACH(&self->counter, saw_nothing());
}

/* A call for one kind of subscriber fails with EINVAL on every other kind. */
TEST_F_TIMEOUT(uapi, wrong_kind, MNCK_TIMEOUT)
{
	for (__u32 kind = 0; kind <= MNCK_KIND_CHAIN; kind++) {
		struct mnck_attach how = { .kind = kind };
		struct mnck_mirror mirror = { .size = sizeof(mirror) };
		struct subscriber sub;

		if (kind == MNCK_KIND_MIRROR || kind == MNCK_KIND_TWO_PASS)
			how.end = self->page;
		ASSERT_EQ(0, mnck_attach_how(self->fd, how, &sub));
		mirror.id = sub.id;

		if (kind != MNCK_KIND_TRYLOCK) {
			EXPECT_ERRNO(EINVAL, mnck_lock(&sub, MNCK_LOCK_HOLD));
			EXPECT_ERRNO(EINVAL, mnck_lock(&sub, MNCK_LOCK_RELEASE));
		}
		if (kind != MNCK_KIND_AGING)
			EXPECT_ERRNO(EINVAL, mnck_touch(&sub, NULL, self->page));
		if (kind == MNCK_KIND_MIRROR)
			continue;
		for (mirror.op = 0; mirror.op <= MNCK_MIRROR_LET_GO; mirror.op++) {
			mirror.end = mirror.op <= MNCK_MIRROR_READ ? self->page : 0;
			EXPECT_ERRNO(EINVAL, ioctl(self->fd, MNCK_MIRROR, &mirror));
		}
	}
}

struct range {
	__u64 start;
	__u64 end;
};

#define NO_RANGES 9

/* Returns the @nth invalid range: empty, reversed, or not aligned to pages. */
static struct range no_range(int nth, __u64 page)
{
	const struct range ranges[NO_RANGES] = {
		{ 0, 0 },
		{ MIRROR_START, MIRROR_START },
		{ MIRROR_START + page, MIRROR_START },
		{ MIRROR_START, 0 },
		{ MIRROR_START + 1, MIRROR_START + page },
		{ MIRROR_START, MIRROR_START + page - 1 },
		{ MIRROR_START + 8, MIRROR_START + page + 8 },
		{ UINT64_MAX - page + 1, 0 },
		{ MIRROR_START, UINT64_MAX },
	};

	return ranges[nth];
}

/* A kind that takes a range rejects each invalid one, any other kind rejects all ranges. */
TEST_F_TIMEOUT(uapi, attach_range, MNCK_TIMEOUT)
{
	struct subscriber sub;

	for (__u32 kind = 0; kind <= MNCK_KIND_CHAIN; kind++) {
		struct mnck_attach how = {
			.kind = kind, .start = MIRROR_START, .end = MIRROR_START + self->page,
		};
		bool wanted = kind == MNCK_KIND_MIRROR || kind == MNCK_KIND_TWO_PASS;

		EXPECT_ERRNO(wanted ? 0 : EINVAL, mnck_attach_how(self->fd, how, &sub))
			TH_LOG("kind %u", kind);
		for (int i = 0; i < NO_RANGES; i++) {
			how.start = no_range(i, self->page).start;
			how.end = no_range(i, self->page).end;
			if (!wanted && !how.start && !how.end)
				continue;
			EXPECT_ERRNO(EINVAL, mnck_attach_how(self->fd, how, &sub))
				TH_LOG("kind %u, %#llx-%#llx", kind, how.start, how.end);
		}
	}
}

/* MNCK_TOUCH rejects a range that is invalid or too long. */
TEST_F_TIMEOUT(uapi, touch_range, MNCK_TIMEOUT)
{
	const struct range long_ones[] = {
		{ 0, (MNCK_TOUCH_PAGES + 1) * self->page },
		{ 0, -self->page },
	};
	struct mnck_touch touch = { .size = sizeof(touch), .id = self->aging.id };

	for (size_t i = 0; i < NO_RANGES + ARRAY_SIZE(long_ones); i++) {
		struct range r = i < NO_RANGES ? no_range(i, self->page) : long_ones[i - NO_RANGES];

		touch.start = r.start;
		touch.end = r.end;
		EXPECT_ERRNO(EINVAL, ioctl(self->fd, MNCK_TOUCH, &touch))
			TH_LOG("%#llx-%#llx", touch.start, touch.end);
	}
	/* The device uses the pages, so the process need not have mapped them. */
	EXPECT_EQ(0, mnck_touch(&self->aging, NULL, MNCK_TOUCH_PAGES * self->page));
	EXPECT_EQ(0, mnck_touch(&self->aging, (char *)MIRROR_START, self->page));
	EXPECT_STATS(&self->aging, saw_nothing());
}

/* MNCK_MIRROR rejects a range that is invalid, too long or not within the mirror's. */
TEST_F_TIMEOUT(uapi, mirror_range, MNCK_TIMEOUT)
{
	const __u64 end = MIRROR_START + MIRROR_PAGES * self->page;
	const struct range outside[] = {
		{ MIRROR_START, MIRROR_START + (MNCK_MIRROR_PAGES + 1) * self->page },
		{ MIRROR_START - self->page, MIRROR_START },
		{ MIRROR_START - self->page, MIRROR_START + self->page },
		{ end, end + self->page },
		{ end - self->page, end + self->page },
	};
	__u64 entries[MNCK_MIRROR_PAGES];
	struct mnck_mirror mirror = { .size = sizeof(mirror), .id = self->mirror.id };

	for (size_t i = 0; i < NO_RANGES + ARRAY_SIZE(outside); i++) {
		struct range r = i < NO_RANGES ? no_range(i, self->page) : outside[i - NO_RANGES];

		mirror.start = r.start;
		mirror.end = r.end;
		mirror.op = MNCK_MIRROR_FAULT;
		mirror.entries = 0;
		EXPECT_ERRNO(EINVAL, ioctl(self->fd, MNCK_MIRROR, &mirror))
			TH_LOG("%#llx-%#llx", mirror.start, mirror.end);
		mirror.op = MNCK_MIRROR_READ;
		mirror.entries = (uintptr_t)entries;
		EXPECT_ERRNO(EINVAL, ioctl(self->fd, MNCK_MIRROR, &mirror))
			TH_LOG("%#llx-%#llx", mirror.start, mirror.end);
	}

	/* The longest range, at the mirror's end, is read; without a buffer the read fails. */
	mirror.start = end - MNCK_MIRROR_PAGES * self->page;
	mirror.end = end;
	EXPECT_EQ(0, ioctl(self->fd, MNCK_MIRROR, &mirror));
	for (int i = 0; i < MNCK_MIRROR_PAGES; i++)
		EXPECT_EQ(0, entries[i]);
	mirror.entries = 0;
	EXPECT_ERRNO(EFAULT, ioctl(self->fd, MNCK_MIRROR, &mirror));
}

/* An unknown operation fails with EINVAL, and so does a member that an operation does not use. */
TEST_F_TIMEOUT(uapi, mirror_op, MNCK_TIMEOUT)
{
	const __u32 unknown[] = { MNCK_MIRROR_LET_GO + 1, 1U << 31, UINT32_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		struct mnck_mirror mirror = {
			.size = sizeof(mirror), .id = self->mirror.id, .op = unknown[i],
		};

		EXPECT_ERRNO(EINVAL, ioctl(self->fd, MNCK_MIRROR, &mirror));
	}
	for (__u32 op = MNCK_MIRROR_HOLD; op <= MNCK_MIRROR_LET_GO; op++) {
		struct mnck_mirror range = {
			.size = sizeof(range), .id = self->mirror.id, .op = op,
			.start = MIRROR_START, .end = MIRROR_START + self->page,
		};
		struct mnck_mirror entries = {
			.size = sizeof(entries), .id = self->mirror.id, .op = op,
			.entries = self->page,
		};

		EXPECT_ERRNO(EINVAL, ioctl(self->fd, MNCK_MIRROR, &range));
		EXPECT_ERRNO(EINVAL, ioctl(self->fd, MNCK_MIRROR, &entries));
	}
}

/* An id is valid only in its session, and a session never reuses one. */
TEST_F_TIMEOUT(uapi, unknown_id, MNCK_TIMEOUT)
{
	struct mnck_mirror mirror = { .size = sizeof(mirror), .op = MNCK_MIRROR_LET_GO };
	struct subscriber sub, other, unknown[4];
	struct mnck_stats stats;
	int fd;

	unknown[0] = self->trylock;
	EXPECT_EQ(0, mnck_detach(&unknown[0], &stats));
	unknown[1] = (struct subscriber){ .fd = self->fd, .id = UINT64_MAX };
	unknown[2] = (struct subscriber){ .fd = self->fd, .id = self->counter.id | 1ULL << 32 };

	/* An id of another session, which has attached more subscribers than this one. */
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
		EXPECT_ERRNO(ENOENT, mnck_touch(&unknown[i], NULL, self->page));
		mirror.id = unknown[i].id;
		EXPECT_ERRNO(ENOENT, ioctl(self->fd, MNCK_MIRROR, &mirror));
	}
	EXPECT_EQ(0, mnck_stats(&other, &stats));
	EXPECT_EQ(0, close(fd));

	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_TRYLOCK, &sub));
	EXPECT_NE(unknown[0].id, sub.id);
	EXPECT_NE(self->counter.id, sub.id);
}

/* A lock can be held only once, and released only while it is held. */
TEST_F_TIMEOUT(uapi, lock, MNCK_TIMEOUT)
{
	struct mnck_stats stats;

	EXPECT_ERRNO(EINVAL, mnck_lock(&self->trylock, MNCK_LOCK_HOLD + 1));
	EXPECT_ERRNO(EINVAL, mnck_lock(&self->trylock, UINT32_MAX));

	EXPECT_ERRNO(ENOLCK, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));
	EXPECT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_HOLD));
	EXPECT_ERRNO(EBUSY, mnck_lock(&self->trylock, MNCK_LOCK_HOLD));
	EXPECT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));
	EXPECT_ERRNO(ENOLCK, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));

	/* A detach while the lock is held succeeds, and then the id is unknown. */
	EXPECT_EQ(0, mnck_lock(&self->trylock, MNCK_LOCK_HOLD));
	EXPECT_EQ(0, mnck_detach(&self->trylock, &stats));
	EXPECT_ERRNO(ENOENT, mnck_lock(&self->trylock, MNCK_LOCK_RELEASE));
}

TEST_HARNESS_MAIN
