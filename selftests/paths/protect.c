// SPDX-License-Identifier: GPL-2.0
/*
 * Memory whose protection changes: PROTECTION_VMA, once for each VMA that changes,
 * of what changes of it.
 */
#include <linux/const.h>

#include "mnck_harness.h"
#include "path.h"

/* What one entry of the level of page tables that mm looks at first covers. */
#define PUD _BITUL(30)

FIXTURE(protect)
{
	struct path path;
	size_t page;
};

FIXTURE_SETUP(protect)
{
	self->path.fd = -1;
	self->page = getpagesize();
	ASSERT_EQ(0, small_pages());
	ASSERT_EQ(0, map_pages(PATH_AREA, 8 * self->page));
	ASSERT_EQ(0, own_pages());
	PATH_ATTACH(&self->path);
}

FIXTURE_TEARDOWN(protect)
{
	EXPECT_STREQ("", path_close(&self->path));
}

/* Whether it takes rights away or gives them. */
TEST_F_TIMEOUT(protect, whole, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, mprotect(PATH_AREA, 8 * self->page, PROT_READ));
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_VMA, PATH_AREA, 8 * self->page, BY_PROTECT));
	ASSERT_EQ(0, mprotect(PATH_AREA, 8 * self->page, PROT_READ | PROT_WRITE));
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_VMA, PATH_AREA, 8 * self->page, BY_PROTECT));
	ASSERT_EQ(0, mprotect(PATH_AREA, 8 * self->page, PROT_NONE));
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_VMA, PATH_AREA, 8 * self->page, BY_PROTECT));
}

TEST_F_TIMEOUT(protect, part, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + 2 * self->page;

	ASSERT_EQ(0, mprotect(p, 3 * self->page, PROT_READ));
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_VMA, p, 3 * self->page, BY_PROTECT));
}

/* A range for each VMA, in the order of their addresses. */
TEST_F_TIMEOUT(protect, two_vmas, MNCK_TIMEOUT)
{
	char *second = PATH_AREA + 4 * self->page;

	ASSERT_EQ(0, mprotect(PATH_AREA, 4 * self->page, PROT_READ));
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_VMA, PATH_AREA, 4 * self->page, BY_PROTECT));
	ASSERT_EQ(0, mprotect(PATH_AREA + self->page, 6 * self->page, PROT_NONE));
	EXPECT_RANGES(&self->path,
		      RANGE(PROTECTION_VMA, PATH_AREA + self->page, 3 * self->page, BY_PROTECT),
		      RANGE(PROTECTION_VMA, second, 3 * self->page, BY_PROTECT));
}

/* Of two VMAs one changes: nobody hears of the other. */
TEST_F_TIMEOUT(protect, same, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, mprotect(PATH_AREA, 8 * self->page, PROT_READ | PROT_WRITE));
	EXPECT_NO_RANGES(&self->path);
	ASSERT_EQ(0, mprotect(PATH_AREA, 4 * self->page, PROT_READ));
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_VMA, PATH_AREA, 4 * self->page, BY_PROTECT));
	ASSERT_EQ(0, mprotect(PATH_AREA, 8 * self->page, PROT_READ));
	EXPECT_RANGES(&self->path,
		      RANGE(PROTECTION_VMA, PATH_AREA + 4 * self->page, 4 * self->page,
			    BY_PROTECT));
}

/* It fails at the hole, and what came before has changed. */
TEST_F_TIMEOUT(protect, hole, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + 4 * self->page;

	EXPECT_ERRNO(ENOMEM, mprotect(p, 8 * self->page, PROT_READ));
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_VMA, p, 4 * self->page, BY_PROTECT));
}

/* Where the machine has no keys, this is mprotect(). */
TEST_F_TIMEOUT(protect, key, MNCK_TIMEOUT)
{
	int key = pkey_alloc(0, 0);

	if (key < 0)
		TH_LOG("no protection keys here: %m");
	ASSERT_EQ(0, pkey_mprotect(PATH_AREA, 2 * self->page, PROT_READ, key < 0 ? -1 : key));
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_VMA, PATH_AREA, 2 * self->page, BY_PROTECT));
}

/*
 * Where there are no page tables nobody can have looked anything up.  To be sure of
 * that one needs all that an entry of the PUD covers: a neighbour has tables too.
 */
TEST_F_TIMEOUT(protect, untouched, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + 2 * PUD;

	ASSERT_EQ(0, map_untouched(p, 4 * self->page));
	ASSERT_EQ(0, mprotect(p, 4 * self->page, PROT_READ));
	EXPECT_NO_RANGES(&self->path);
}

/* One range, in however many page tables it is. */
TEST_F_TIMEOUT(protect, two_puds, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + 3 * PUD - 2 * self->page;

	ASSERT_EQ(0, map_pages(p, 4 * self->page));
	ASSERT_EQ(0, mprotect(p, 4 * self->page, PROT_READ));
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_VMA, p, 4 * self->page, BY_PROTECT));
}

/*
 * The range may leave out what has no page tables at its beginning, as it does, and
 * at its end, as it does not.
 */
TEST_F_TIMEOUT(protect, second_pud, MNCK_TIMEOUT)
{
	char *border = PATH_AREA + 3 * PUD, *p = border - 2 * self->page;

	ASSERT_EQ(0, map_untouched(p, 4 * self->page));
	border[self->page] = 1;
	ASSERT_EQ(0, mprotect(p, 4 * self->page, PROT_READ));
	EXPECT_RANGES_WITHIN(&self->path, p, 4 * self->page,
			     RANGE(PROTECTION_VMA, border, 2 * self->page, BY_PROTECT));
}

TEST_F_TIMEOUT(protect, first_pud, MNCK_TIMEOUT)
{
	char *border = PATH_AREA + 3 * PUD, *p = border - 2 * self->page;

	ASSERT_EQ(0, map_untouched(p, 4 * self->page));
	p[0] = 1;
	ASSERT_EQ(0, mprotect(p, 4 * self->page, PROT_READ));
	EXPECT_RANGES_WITHIN(&self->path, p, 4 * self->page,
			     RANGE(PROTECTION_VMA, p, 2 * self->page, BY_PROTECT));
}

/*
 * Memory at address 0, which who may use raw I/O may map.
 *
 * Mirrors change_pud_range() of mm/mprotect.c, which knows by the start of its range
 * whether it has begun one.  Up to Linux 7.3 that of a range from 0 is never ended:
 * a KVM guest with that memory would fault for ever, and who has an interval of it
 * would wait for ever to remove that.  So there is but one subscriber here, that
 * waits for nothing, and that nothing else happens to before it is detached.
 */
FIXTURE(zero)
{
	size_t page;
	int fd;
	struct subscriber sub;
};

FIXTURE_SETUP(zero)
{
	self->page = getpagesize();
	ASSERT_EQ(0, small_pages());
	ASSERT_EQ(NULL, mmap(NULL, 2 * self->page, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0))
		TH_LOG("%m: not root?");
	ASSERT_EQ(0, own_pages());
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_COUNTER, &self->sub));
}

FIXTURE_TEARDOWN(zero)
{
	struct mnck_stats stats;

	EXPECT_EQ(0, mnck_detach(&self->sub, &stats));
	EXPECT_EQ(0, stats.violations[MNCK_RULE_PAIRING]);
	close(self->fd);
	munmap(NULL, 2 * self->page);
}

/* Right above it all is well. */
TEST_F_TIMEOUT(zero, second_page, MNCK_TIMEOUT)
{
	void *second = (void *)self->page;

	ASSERT_EQ(0, mprotect(second, self->page, PROT_READ));
	EXPECT_STATS(&self->sub, saw(MNCK_KIND_COUNTER, 1, MNCK_EVENT_PROTECTION_VMA,
				     MNCK_RANGE_BLOCKABLE, second, self->page, self->page));
}

TEST_F_TIMEOUT(zero, first_page, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, mprotect(NULL, self->page, PROT_READ));
	if (stats_now(&self->sub).open)
		XFAIL(return, "a range that begins at address 0 never ends");
	EXPECT_STATS(&self->sub, saw(MNCK_KIND_COUNTER, 1, MNCK_EVENT_PROTECTION_VMA,
				     MNCK_RANGE_BLOCKABLE, NULL, self->page, self->page));
}

TEST_HARNESS_MAIN
