// SPDX-License-Identifier: GPL-2.0
/*
 * Proves that a fault installs the entries of the page table in the shadow of a mirror,
 * and that an operation that takes pages away from the process removes the same pages,
 * and no others, from the shadow.
 */
#include "child.h"
#include "guarded_area.h"
#include "mnck_harness.h"
#include "shadow.h"
#include "victim.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

#define AREA_PAGES 8
#define ALL 0xffUL

/* The data of both fixtures: an area of the test, and a mirror of the area. */
struct mirrored_area {
	int fd;
	int pagemap;
	size_t page;
	char *area;
	struct subscriber mirror;
};

FIXTURE(mirror)
{
	struct mirrored_area m;
};

/* An address in the area and a length, both counted in pages. */
#define AT(_page) (self->m.area + (_page) * self->m.page)
#define BYTES(_pages) ((_pages) * self->m.page)

static void set_up(struct __test_metadata *_metadata, struct mirrored_area *m)
{
	m->page = getpagesize();
	m->fd = mnck_open();
	ASSERT_LE(0, m->fd);
	m->pagemap = pagemap_open(0);
	ASSERT_LE(0, m->pagemap);
	ASSERT_EQ(0, small_pages());
	m->area = guarded_area(AREA_PAGES * m->page);
	ASSERT_NE(NULL, m->area);
	ASSERT_EQ(0, interval_attach(m->fd, 0, MNCK_KIND_MIRROR, 0, m->area,
				     AREA_PAGES * m->page, &m->mirror));
}

FIXTURE_SETUP(mirror)
{
	set_up(_metadata, &self->m);
}

FIXTURE_TEARDOWN(mirror)
{
	if (self->m.fd >= 0)
		EXPECT_EQ(0, close(self->m.fd));
}

#define FAULT(_flags, _from, _to)                                                       \
	mirror_fault(&self->m.mirror, _flags, AT(_from), BYTES((_to) - (_from)))

/* The shadow has the pages of the bitmap @_present, those of @_writable for writing. */
#define EXPECT_SHADOW(_present, _writable)                                              \
	EXPECT_STREQ("", shadow_differs(&self->m.mirror, self->m.pagemap, self->m.area, \
					AREA_PAGES, _present, _writable))

/* A fault for writing installs touched and untouched pages, and only those asked for. */
TEST_F_TIMEOUT(mirror, fault_write, MNCK_TIMEOUT)
{
	memset(AT(0), 1, BYTES(4));
	EXPECT_SHADOW(0, 0);
	ASSERT_EQ(0, FAULT(MNCK_MIRROR_WRITE, 2, 6));
	EXPECT_SHADOW(0x3c, 0x3c);
	ASSERT_EQ(0, FAULT(MNCK_MIRROR_WRITE, 0, AREA_PAGES));
	EXPECT_SHADOW(ALL, ALL);
	/* Faulting pages that the shadow has already changes nothing. */
	ASSERT_EQ(0, FAULT(MNCK_MIRROR_WRITE, 0, AREA_PAGES));
	EXPECT_SHADOW(ALL, ALL);
	EXPECT_EQ(1, *AT(3));
	EXPECT_EQ(0, *AT(4));
	EXPECT_DETACH(&self->m.mirror, saw_nothing());
}

/*
 * A fault for reading of untouched memory installs the zero page, read-only.  A write by
 * the process or a fault for writing replaces it by a page of the process.
 */
TEST_F_TIMEOUT(mirror, fault_read, MNCK_TIMEOUT)
{
	__u64 zeros[AREA_PAGES], own[AREA_PAGES];

	ASSERT_EQ(0, FAULT(0, 0, AREA_PAGES));
	EXPECT_SHADOW(ALL, 0);
	ASSERT_EQ(0, mirror_read(&self->m.mirror, AT(0), BYTES(AREA_PAGES), zeros));
	EXPECT_EQ(zeros[0], zeros[7]);

	*AT(1) = 1;
	EXPECT_SHADOW(ALL & ~0x2, 0);
	ASSERT_EQ(0, FAULT(MNCK_MIRROR_WRITE, 1, 3));
	EXPECT_SHADOW(ALL, 0x6);
	ASSERT_EQ(0, mirror_read(&self->m.mirror, AT(0), BYTES(AREA_PAGES), own));
	EXPECT_EQ(zeros[0], own[0]);
	EXPECT_NE(zeros[1], own[1]);
	EXPECT_NE(zeros[2], own[2]);
	EXPECT_NE(own[1], own[2]);
}

/* A fault that fails installs none of its pages. */
TEST_F_TIMEOUT(mirror, fault_fails, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, mprotect(AT(5), BYTES(1), PROT_READ));
	ASSERT_EQ(0, mprotect(AT(6), BYTES(1), PROT_NONE));
	ASSERT_EQ(0, munmap(AT(7), BYTES(1)));

	EXPECT_ERRNO(EFAULT, FAULT(0, 7, 8));
	EXPECT_ERRNO(EFAULT, FAULT(MNCK_MIRROR_WRITE, 7, 8));
	/* For HMM memory that cannot be read is the same as no memory. */
	EXPECT_ERRNO(EFAULT, FAULT(0, 6, 7));
	EXPECT_ERRNO(EPERM, FAULT(MNCK_MIRROR_WRITE, 5, 6));
	EXPECT_ERRNO(EPERM, FAULT(MNCK_MIRROR_WRITE, 2, 6));
	EXPECT_ERRNO(EFAULT, FAULT(0, 0, 8));
	EXPECT_SHADOW(0, 0);
	ASSERT_EQ(0, FAULT(0, 5, 6));
	EXPECT_SHADOW(0x20, 0);

	/* Pages outside of the mirror's range. */
	EXPECT_ERRNO(EINVAL, FAULT(0, -1, 1));
	EXPECT_ERRNO(EINVAL, FAULT(0, 7, 9));
	EXPECT_ERRNO(EINVAL, FAULT(0, 8, 9));
}

/*
 * fork() shares the pages with the child, and removes them from the shadow.  A write then
 * copies the page, which removes the shared page from the shadow.
 */
TEST_F_TIMEOUT(mirror, fork_and_write, MNCK_TIMEOUT)
{
	__u64 shared[AREA_PAGES], own[AREA_PAGES];
	pid_t child;

	memset(AT(0), 1, BYTES(AREA_PAGES));
	ASSERT_EQ(0, FAULT(MNCK_MIRROR_WRITE, 0, AREA_PAGES));
	ASSERT_EQ(0, mirror_read(&self->m.mirror, AT(0), BYTES(AREA_PAGES), own));
	child = child_start();
	ASSERT_LT(0, child);
	EXPECT_SHADOW(0, 0);

	ASSERT_EQ(0, FAULT(0, 0, AREA_PAGES));
	EXPECT_SHADOW(ALL, 0);
	ASSERT_EQ(0, mirror_read(&self->m.mirror, AT(0), BYTES(AREA_PAGES), shared));
	EXPECT_EQ(own[3] & ~(__u64)MNCK_PAGE_WRITABLE, shared[3]);

	/* The process writes to one page, and the device faults another one for writing. */
	*AT(3) = 2;
	EXPECT_SHADOW(ALL & ~0x8, 0);
	ASSERT_EQ(0, FAULT(MNCK_MIRROR_WRITE, 5, 6));
	EXPECT_SHADOW(ALL & ~0x8, 0x20);
	ASSERT_EQ(0, mirror_read(&self->m.mirror, AT(0), BYTES(AREA_PAGES), own));
	EXPECT_NE(shared[5] >> 2, own[5] >> 2);

	ASSERT_EQ(0, child_kill(&child));
}

/* A mirror of another process follows that process, and is empty after its exit. */
TEST_F_TIMEOUT(mirror, other_process, MNCK_TIMEOUT)
{
	struct victim victim;
	__u64 entries[4];

	ASSERT_EQ(0, victim_start(&victim, BYTES(8)));
	self->m.pagemap = pagemap_open(victim.pid);
	ASSERT_LE(0, self->m.pagemap);
	ASSERT_EQ(0, interval_attach(self->m.fd, victim.pid, MNCK_KIND_MIRROR, 0, VICTIM_AREA,
				     BYTES(8), &self->m.mirror));
	self->m.area = VICTIM_AREA;
	ASSERT_EQ(0, FAULT(MNCK_MIRROR_WRITE, 0, 8));
	EXPECT_SHADOW(ALL, ALL);
	ASSERT_EQ(0, victim_do(&victim, VICTIM_DONTNEED, AT(2), BYTES(2)));
	EXPECT_SHADOW(ALL & ~0xc, ALL);
	ASSERT_EQ(0, FAULT(MNCK_MIRROR_WRITE, 3, 4));
	EXPECT_SHADOW(ALL & ~0x4, ALL);

	ASSERT_EQ(SIGKILL, victim_kill(&victim));
	ASSERT_EQ(0, mirror_read(&self->m.mirror, AT(0), BYTES(4), entries));
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, entries[i]);
	EXPECT_ERRNO(ESRCH, FAULT(0, 0, 8));
}

/* Operations that take pages away from the process, and some that do not. */
FIXTURE(mirror_loses)
{
	struct mirrored_area m;
};

FIXTURE_VARIANT(mirror_loses)
{
	/* Operates on pages 2 to 4; returns 0, or -1 and errno. */
	int (*lose)(char *start, size_t len);
	/* A bitmap of the pages that the shadow must still have. */
	unsigned long left;
};

static int lose_munmap(char *start, size_t len)
{
	return munmap(start, len);
}

static int lose_dontneed(char *start, size_t len)
{
	return madvise(start, len, MADV_DONTNEED);
}

static int lose_free(char *start, size_t len)
{
	return madvise(start, len, MADV_FREE);
}

static int lose_read_only(char *start, size_t len)
{
	return mprotect(start, len, PROT_READ);
}

static int lose_prot_none(char *start, size_t len)
{
	return mprotect(start, len, PROT_NONE);
}

static int lose_moved_away(char *start, size_t len)
{
	char *to = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mremap(start, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to ? 0 : -1;
}

static int lose_moved_over(char *start, size_t len)
{
	char *from = mmap(NULL, len, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return mremap(from, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, start) == start ? 0 : -1;
}

static int lose_shrunk(char *start, size_t len)
{
	/* Shrinks the area to its first two pages. */
	return mremap(start - 2 * len / 3, len * 8 / 3, 2 * len / 3, 0) == MAP_FAILED ? -1 : 0;
}

static int lose_mapped_over(char *start, size_t len)
{
	char *p = mmap(start, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE, -1, 0);

	return p == start ? 0 : -1;
}

static int lose_guarded(char *start, size_t len)
{
	return madvise(start, len, MADV_GUARD_INSTALL);
}

/* Takes no page away. */
static int lose_cold(char *start, size_t len)
{
	return madvise(start, len, MADV_COLD) || mlock(start, len) || munlock(start, len) ? -1 : 0;
}

/* Unmaps the guard pages on both sides of the area. */
static int lose_beside(char *start, size_t len)
{
	size_t page = len / 3;

	return munmap(start - 3 * page, page) || munmap(start + 6 * page, page) ? -1 : 0;
}

FIXTURE_VARIANT_ADD(mirror_loses, munmap)
{
	.lose = lose_munmap,
	.left = 0xe3,
};

FIXTURE_VARIANT_ADD(mirror_loses, dontneed)
{
	.lose = lose_dontneed,
	.left = 0xe3,
};

FIXTURE_VARIANT_ADD(mirror_loses, free)
{
	.lose = lose_free,
	.left = 0xe3,
};

FIXTURE_VARIANT_ADD(mirror_loses, read_only)
{
	.lose = lose_read_only,
	.left = 0xe3,
};

FIXTURE_VARIANT_ADD(mirror_loses, prot_none)
{
	.lose = lose_prot_none,
	.left = 0xe3,
};

FIXTURE_VARIANT_ADD(mirror_loses, moved_away)
{
	.lose = lose_moved_away,
	.left = 0xe3,
};

FIXTURE_VARIANT_ADD(mirror_loses, moved_over)
{
	.lose = lose_moved_over,
	.left = 0xe3,
};

FIXTURE_VARIANT_ADD(mirror_loses, shrunk)
{
	.lose = lose_shrunk,
	.left = 0x03,
};

FIXTURE_VARIANT_ADD(mirror_loses, mapped_over)
{
	.lose = lose_mapped_over,
	.left = 0xe3,
};

FIXTURE_VARIANT_ADD(mirror_loses, guarded)
{
	.lose = lose_guarded,
	.left = 0xe3,
};

FIXTURE_VARIANT_ADD(mirror_loses, cold)
{
	.lose = lose_cold,
	.left = ALL,
};

FIXTURE_VARIANT_ADD(mirror_loses, beside)
{
	.lose = lose_beside,
	.left = ALL,
};

FIXTURE_SETUP(mirror_loses)
{
	set_up(_metadata, &self->m);
}

FIXTURE_TEARDOWN(mirror_loses)
{
	if (self->m.fd >= 0)
		EXPECT_EQ(0, close(self->m.fd));
}

/* The shadow loses the pages that the process loses, and no others. */
TEST_F_TIMEOUT(mirror_loses, pages, MNCK_TIMEOUT)
{
	struct mirrored_area *m = &self->m;

	memset(AT(0), 1, BYTES(AREA_PAGES));
	ASSERT_EQ(0, mirror_fault(&m->mirror, MNCK_MIRROR_WRITE, AT(0), BYTES(AREA_PAGES)));
	ASSERT_EQ(0, variant->lose(AT(2), BYTES(3)));
	EXPECT_STREQ("", shadow_differs(&m->mirror, m->pagemap, m->area, AREA_PAGES,
					variant->left, variant->left));
}

TEST_HARNESS_MAIN
