// SPDX-License-Identifier: GPL-2.0
/*
 * The argument of every ioctl of /dev/mnck: its size may be less or more than the size
 * that the kernel knows, and its memory may be missing or read-only.
 */
#include <stddef.h>
#include <stdint.h>

#include "kmsg.h"
#include "mnck_harness.h"
#include "uapi_layout.h"

/* Each test runs for each ioctl. */
FIXTURE(uapi_call)
{
	int fd;
	int kmsg;
	size_t page;
	/* Two pages; the page behind them is not mapped. */
	char *pages;
	struct subscriber sub;
};

FIXTURE_VARIANT(uapi_call)
{
	unsigned long cmd;
	/* The kind of subscriber that the call is for. */
	__u32 kind;
	/* The least size that the call takes, and the size that the kernel knows. */
	size_t min;
	size_t size;
	/* Whether the call writes its argument back. */
	bool writes;
};

FIXTURE_VARIANT_ADD(uapi_call, attach)
{
	.cmd = MNCK_ATTACH,
	.kind = MNCK_KIND_TRYLOCK,
	.min = MNCK_ATTACH_SIZE_V1,
	.size = sizeof(struct mnck_attach),
	.writes = true,
};

FIXTURE_VARIANT_ADD(uapi_call, stats)
{
	.cmd = MNCK_STATS,
	.kind = MNCK_KIND_COUNTER,
	.min = offsetofend(struct mnck_stats, id),
	.size = sizeof(struct mnck_stats),
	.writes = true,
};

FIXTURE_VARIANT_ADD(uapi_call, detach)
{
	.cmd = MNCK_DETACH,
	.kind = MNCK_KIND_COUNTER,
	.min = offsetofend(struct mnck_stats, id),
	.size = sizeof(struct mnck_stats),
	.writes = true,
};

FIXTURE_VARIANT_ADD(uapi_call, lock)
{
	.cmd = MNCK_LOCK,
	.kind = MNCK_KIND_TRYLOCK,
	.min = sizeof(struct mnck_lock),
	.size = sizeof(struct mnck_lock),
	.writes = false,
};

FIXTURE_VARIANT_ADD(uapi_call, mirror)
{
	.cmd = MNCK_MIRROR,
	.kind = MNCK_KIND_MIRROR,
	.min = sizeof(struct mnck_mirror),
	.size = sizeof(struct mnck_mirror),
	.writes = false,
};

FIXTURE_VARIANT_ADD(uapi_call, touch)
{
	.cmd = MNCK_TOUCH,
	.kind = MNCK_KIND_AGING,
	.min = sizeof(struct mnck_touch),
	.size = sizeof(struct mnck_touch),
	.writes = false,
};

/* Attaches a subscriber of @kind to this process, with a range if the kind takes one. */
static int attach_kind(int fd, __u32 kind, struct subscriber *sub)
{
	struct mnck_attach how = { .kind = kind };

	if (kind == MNCK_KIND_MIRROR)
		how.end = getpagesize();
	return mnck_attach_how(fd, how, sub);
}

FIXTURE_SETUP(uapi_call)
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
	/* While a lock is held, a copy-on-write fault of this process would wait for it. */
	ASSERT_EQ(0, own_pages());
	ASSERT_EQ(0, attach_kind(self->fd, variant->kind, &self->sub));
}

FIXTURE_TEARDOWN(uapi_call)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	EXPECT_NOTHING_LOGGED(self->kmsg);
	close(self->kmsg);
}

/* Writes a valid argument of call @cmd to @arg, whose member size is @size. */
static void fill(unsigned long cmd, const struct subscriber *sub, void *arg, __u32 size)
{
	union {
		struct mnck_attach attach;
		struct mnck_stats stats;
		struct mnck_lock lock;
		struct mnck_mirror mirror;
		struct mnck_touch touch;
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
	case MNCK_MIRROR:
		u.mirror = (struct mnck_mirror){
			.size = size, .id = sub->id, .op = MNCK_MIRROR_LET_GO,
		};
		memcpy(arg, &u, sizeof(u.mirror));
		break;
	case MNCK_TOUCH:
		u.touch = (struct mnck_touch){
			.size = size, .id = sub->id, .end = getpagesize(),
		};
		memcpy(arg, &u, sizeof(u.touch));
		break;
	default:
		u.stats = (struct mnck_stats){ .size = size, .id = sub->id };
		memcpy(arg, &u, sizeof(u.stats));
	}
}

/* The call @_cmd with the argument at @_arg succeeds; then undoes its effect. */
#define EXPECT_SUCCESS(_cmd, _arg)                                                      \
	do {                                                                      \
		struct subscriber new_ = self->sub;                               \
		struct mnck_stats gone_;                                          \
											\
		ASSERT_EQ(0, ioctl(self->fd, _cmd, _arg));                        \
		if (variant->cmd == MNCK_ATTACH) {                                \
			memcpy(&new_.id, (_arg) + offsetof(struct mnck_attach, id), 8); \
			ASSERT_NE(self->sub.id, new_.id);                         \
			ASSERT_EQ(0, mnck_detach(&new_, &gone_));                 \
		} else if (variant->cmd == MNCK_DETACH) {                         \
			ASSERT_EQ(ENOENT, errno_of(mnck_stats(&self->sub, &gone_))); \
			ASSERT_EQ(0, attach_kind(self->fd, variant->kind, &self->sub)); \
		} else if (variant->cmd == MNCK_LOCK) {                           \
			ASSERT_EQ(0, mnck_lock(&self->sub, MNCK_LOCK_RELEASE));   \
		}                                                                 \
	} while (0)

/*
 * A size from the call's minimum to a page is taken if the bytes that the kernel does not
 * know are zero; any other size fails.
 */
TEST_F_TIMEOUT(uapi_call, length, MNCK_TIMEOUT)
{
	const size_t longer[] = {
		variant->size + 1, variant->size + 4, variant->size + 8, self->page,
	};
	const __u32 too_long[] = { self->page + 1, 2 * self->page, INT32_MAX, UINT32_MAX };
	char *arg = self->pages;

	/* All bytes are there and valid, but the size says otherwise. */
	for (size_t size = 0; size < variant->min; size++) {
		fill(variant->cmd, &self->sub, arg, size);
		EXPECT_ERRNO(EINVAL, ioctl(self->fd, variant->cmd, arg));
	}

	/* The sizes of all versions of the argument are among these. */
	for (size_t size = variant->min; size <= variant->size; size++) {
		fill(variant->cmd, &self->sub, arg, size);
		memset(arg + size, 0xa5, self->page - size);
		EXPECT_SUCCESS(variant->cmd, arg);
		/* No byte beyond the caller's size is written. */
		for (size_t i = size; i < variant->size + 8; i++)
			ASSERT_EQ((char)0xa5, arg[i]);
	}

	for (size_t i = 0; i < ARRAY_SIZE(longer); i++) {
		memset(arg, 0, self->page);
		fill(variant->cmd, &self->sub, arg, longer[i]);
		EXPECT_SUCCESS(variant->cmd, arg);

		/* Each byte that the kernel does not know must be zero, the first and last too. */
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

/*
 * The size in the number of a call may be that of any version of the argument; any other
 * type, direction or number is another call.
 */
TEST_F_TIMEOUT(uapi_call, number, MNCK_TIMEOUT)
{
	const unsigned int dir = _IOC_DIR(variant->cmd), nr = _IOC_NR(variant->cmd);
	const size_t sizes[] = {
		variant->min, variant->size, variant->size + 8, _IOC_SIZEMASK,
	};
	char *arg = self->pages;

	EXPECT_EQ(variant->size, _IOC_SIZE(variant->cmd));
	EXPECT_EQ(variant->writes ? _IOC_READ | _IOC_WRITE : _IOC_WRITE, dir);

	/* The size of the argument does not change. */
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		fill(variant->cmd, &self->sub, arg, variant->size);
		EXPECT_SUCCESS(_IOC(dir, MNCK_IOCTL_TYPE, nr, sizes[i]), arg);
	}
	for (unsigned int other = 0; other <= _IOC_DIRMASK; other++) {
		size_t size = other == dir ? variant->min - 1 : variant->size;

		fill(variant->cmd, &self->sub, arg, variant->size);
		EXPECT_ERRNO(ENOTTY, ioctl(self->fd, _IOC(other, MNCK_IOCTL_TYPE, nr, size), arg));
	}
}

/* An argument that cannot be read in full fails with EFAULT. */
TEST_F_TIMEOUT(uapi_call, pointer, MNCK_TIMEOUT)
{
	char *end = self->pages + 2 * self->page;
	char *const bad[] = {
		NULL,
		end,
		end - 2,				/* half of the member size */
		end - sizeof(__u32),			/* only the member size */
		(char *)-self->page,			/* kernel memory */
		(char *)-1,
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (bad[i] == end - sizeof(__u32))
			memcpy(bad[i], &(__u32){ variant->size }, sizeof(__u32));
		EXPECT_ERRNO(EFAULT, ioctl(self->fd, variant->cmd, bad[i]))
			TH_LOG("pointer %p", bad[i]);
	}

	/* The call fails if the last byte is missing, and succeeds if it is there. */
	fill(variant->cmd, &self->sub, end - variant->size - 8, variant->size);
	memmove(end - variant->size + 1, end - variant->size - 8, variant->size - 1);
	EXPECT_ERRNO(EFAULT, ioctl(self->fd, variant->cmd, end - variant->size + 1));
	fill(variant->cmd, &self->sub, end - variant->size, variant->size);
	EXPECT_SUCCESS(variant->cmd, end - variant->size);
}

/* A call that cannot write its argument back fails with EFAULT. */
TEST_F_TIMEOUT(uapi_call, read_only, MNCK_TIMEOUT)
{
	char *arg = self->pages;
	struct mnck_stats stats;

	fill(variant->cmd, &self->sub, arg, variant->size);
	ASSERT_EQ(0, mprotect(arg, self->page, PROT_READ));
	if (!variant->writes) {
		EXPECT_SUCCESS(variant->cmd, arg);
		return;
	}
	EXPECT_ERRNO(EFAULT, ioctl(self->fd, variant->cmd, arg));

	/* A detach that cannot write the statistics has still detached. */
	if (variant->cmd == MNCK_DETACH)
		EXPECT_ERRNO(ENOENT, mnck_stats(&self->sub, &stats));
	if (variant->cmd == MNCK_STATS)
		EXPECT_EQ(0, mnck_stats(&self->sub, &stats));

	/* An attach that cannot write the id attaches nothing: else the session would be full. */
	if (variant->cmd == MNCK_ATTACH) {
		for (int i = 0; i < MNCK_MAX_SUBSCRIBERS; i++)
			EXPECT_ERRNO(EFAULT, ioctl(self->fd, variant->cmd, arg));
		EXPECT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_COUNTER, &self->sub));
	}
}

TEST_HARNESS_MAIN
