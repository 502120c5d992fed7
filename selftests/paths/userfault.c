// SPDX-License-Identifier: GPL-2.0
/*
 * Drives move_pages_ptes() and move_pages_huge_pmd(), by UFFDIO_MOVE, and change_pud_range(),
 * by the protection that userfaultfd gives to memory and takes away again.
 *
 * A subscriber must see a CLEAR range of the old place of pages that move, and a
 * PROTECTION_VMA range for each VMA whose protection changes.  Resolving a fault begins no
 * range, since no page was there.
 */
#include "mnck_harness.h"
#include "option.h"
#include "path.h"
#include "tracefs.h"
#include "uffd.h"

#define BY_MOVE "move_pages_ptes move_pages"
#define BY_MOVE_HUGE "move_pages_huge_pmd"

FIXTURE(userfault)
{
	struct path path;
	size_t page;
	int fd;
	/* Eight pages. */
	char *from;
	/* As much untouched memory. */
	char *to;
};

FIXTURE_SETUP(userfault)
{
	self->page = getpagesize();
	self->from = PATH_AREA;
	self->to = PATH_AREA + 64 * self->page;
	REQUIRE_OPTION(has_userfaultfd(), "USERFAULTFD");
	ASSERT_EQ(0, map_pages(self->from, 8 * self->page));
	ASSERT_EQ(0, map_untouched(self->to, 8 * self->page));
	self->fd = uffd_open(0);
	ASSERT_LE(0, self->fd) TH_LOG("%m");
	PATH_ATTACH(&self->path);
}

FIXTURE_TEARDOWN(userfault)
{
	close(self->fd);
	EXPECT_STREQ("", path_close(&self->path));
}

/* Replaces the userfaultfd by one with @_features. */
#define REOPEN(_features)                                       \
	do {                                                    \
		close(self->fd);                                \
		self->fd = uffd_open(_features);                \
		ASSERT_LE(0, self->fd) TH_LOG("%m");            \
	} while (0)

#define REGISTER(_start, _len, _mode)                           \
	ASSERT_EQ(0, uffd_register(self->fd, _start, _len, UFFDIO_REGISTER_MODE_##_mode))

/* Changes the protection, and expects these ranges. */
#define UFFD_PROTECT(_request, _start, _len, _mode, ...)        \
	do {                                                    \
		ASSERT_EQ(0, uffd_protect(self->fd, _request, _start, _len, _mode)); \
		EXPECT_RANGES(&self->path, __VA_ARGS__);        \
	} while (0)

/*
 * UFFDIO_MOVE begins a range of all that it has still to move.  If move_pages_ptes() stops
 * early, for example at a page that another task has locked, it begins a range of the rest.
 */
TEST_F_TIMEOUT(userfault, move, MNCK_TIMEOUT)
{
	size_t len = 4 * self->page;

	REGISTER(self->to, 8 * self->page, MISSING);
	EXPECT_NO_RANGES(&self->path);
	ASSERT_EQ(0, uffd_move(self->fd, self->to, self->from, len, 0));
	EXPECT_RANGES_AND_PARTS(&self->path, self->from, len,
				RANGE(CLEAR, self->from, len, BY_MOVE));
	EXPECT_EQ(0x5a, self->to[len - 1]);
}

/* The range covers holes in the source too, although nothing moves there. */
TEST_F_TIMEOUT(userfault, move_holes, MNCK_TIMEOUT)
{
	size_t len = 4 * self->page;

	ASSERT_EQ(0, madvise(self->from + self->page, self->page, MADV_DONTNEED));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, self->from + self->page, self->page, BY_ZAP));
	REGISTER(self->to, 8 * self->page, MISSING);
	ASSERT_EQ(0, uffd_move(self->fd, self->to, self->from, len,
			       UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES));
	EXPECT_RANGES_AND_PARTS(&self->path, self->from, len,
				RANGE(CLEAR, self->from, len, BY_MOVE));
	EXPECT_EQ(0x5a, self->to[len - 1]);
}

/*
 * A call of move_pages_ptes() stays in one page table of either side, so that UFFDIO_MOVE
 * begins a range of the rest where the next page table begins.
 */
TEST_F_TIMEOUT(userfault, move_tables, MNCK_TIMEOUT)
{
	char *from = PATH_AREA + 4 * pmd_size() - 2 * self->page;
	size_t len = 4 * self->page;

	ASSERT_EQ(0, small_pages());
	ASSERT_EQ(0, map_pages(from, len));
	REGISTER(self->to, 8 * self->page, MISSING);
	ASSERT_EQ(0, uffd_move(self->fd, self->to, from, len, 0));
	EXPECT_RANGES_AND_PARTS(&self->path, from, len, RANGE(CLEAR, from, len, BY_MOVE));
	EXPECT_EQ(0x5a, self->to[len - 1]);
}

/* A huge page moves as a whole, with one range. */
TEST_F_TIMEOUT(userfault, move_huge, MNCK_TIMEOUT)
{
	char *from = PATH_AREA + 4 * pmd_size(), *to = PATH_AREA + 8 * pmd_size();

	REQUIRE_OPTION(has_thp(), "TRANSPARENT_HUGEPAGE");
	ASSERT_EQ(0, map_untouched(from, pmd_size()));
	ASSERT_EQ(0, map_untouched(to, pmd_size()));
	from[0] = 0x5a;
	ASSERT_EQ(0, madvise(from, pmd_size(), MADV_COLLAPSE)) TH_LOG("%m");
	/* The ranges of the collapse are not under test. */
	ASSERT_EQ(0, tracing_clear());
	REGISTER(to, pmd_size(), MISSING);
	ASSERT_EQ(0, uffd_move(self->fd, to, from, pmd_size(), 0));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, from, pmd_size(), BY_MOVE_HUGE));
	EXPECT_EQ(0x5a, to[0]);
}

/* UFFDIO_WRITEPROTECT begins a range both when it protects and when it ends protection. */
TEST_F_TIMEOUT(userfault, write_protect, MNCK_TIMEOUT)
{
	char *p = self->from + 2 * self->page;
	size_t len = 3 * self->page;

	REGISTER(self->from, 8 * self->page, WP);
	EXPECT_NO_RANGES(&self->path);
	UFFD_PROTECT(UFFDIO_WRITEPROTECT, p, len, UFFDIO_WRITEPROTECT_MODE_WP,
		     RANGE(PROTECTION_VMA, p, len, BY_PROTECT));
	UFFD_PROTECT(UFFDIO_WRITEPROTECT, p, len, 0, RANGE(PROTECTION_VMA, p, len, BY_PROTECT));
}

/* UFFDIO_WRITEPROTECT begins a range for each VMA: mwriteprotect_range() loops over them. */
TEST_F_TIMEOUT(userfault, write_protect_two_vmas, MNCK_TIMEOUT)
{
	char *second = self->from + 4 * self->page;

	ASSERT_EQ(0, madvise(second, 4 * self->page, MADV_DONTFORK));
	REGISTER(self->from, 8 * self->page, WP);
	UFFD_PROTECT(UFFDIO_WRITEPROTECT, self->from, 8 * self->page,
		     UFFDIO_WRITEPROTECT_MODE_WP,
		     RANGE(PROTECTION_VMA, self->from, 4 * self->page, BY_PROTECT),
		     RANGE(PROTECTION_VMA, second, 4 * self->page, BY_PROTECT));
}

/*
 * Unregistering memory that can be write-protected begins a range, whether a page is
 * protected or not: see userfaultfd_clear_vma().
 */
TEST_F_TIMEOUT(userfault, unregister, MNCK_TIMEOUT)
{
	REGISTER(self->from, 8 * self->page, WP);
	ASSERT_EQ(0, uffd_unregister(self->fd, self->from + self->page, 4 * self->page));
	EXPECT_RANGES(&self->path,
		      RANGE(PROTECTION_VMA, self->from + self->page, 4 * self->page, BY_PROTECT));
}

/* The last close of a userfaultfd unregisters all VMAs, with a range for each. */
TEST_F_TIMEOUT(userfault, close, MNCK_TIMEOUT)
{
	REGISTER(self->from, 3 * self->page, WP);
	REGISTER(self->from + 5 * self->page, 2 * self->page, WP);
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_RANGES(&self->path,
		      RANGE(PROTECTION_VMA, self->from, 3 * self->page, BY_PROTECT),
		      RANGE(PROTECTION_VMA, self->from + 5 * self->page, 2 * self->page,
			    BY_PROTECT));
}

/* UFFDIO_RWPROTECT, which also protects against reads, begins ranges like WRITEPROTECT. */
TEST_F_TIMEOUT(userfault, access_protect, MNCK_TIMEOUT)
{
	char *p = self->from + 2 * self->page;
	size_t len = 3 * self->page;

	REOPEN(UFFD_FEATURE_RWP);
	REGISTER(self->from, 8 * self->page, RWP);
	EXPECT_NO_RANGES(&self->path);
	UFFD_PROTECT(UFFDIO_RWPROTECT, p, len, UFFDIO_RWPROTECT_MODE_RWP,
		     RANGE(PROTECTION_VMA, p, len, BY_PROTECT));
	UFFD_PROTECT(UFFDIO_RWPROTECT, p, len, 0, RANGE(PROTECTION_VMA, p, len, BY_PROTECT));
	ASSERT_EQ(0, uffd_unregister(self->fd, self->from, 8 * self->page));
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_VMA, self->from, 8 * self->page, BY_PROTECT));
}

/*
 * With UFFD_FEATURE_RWP_ASYNC the kernel ends the protection of a page by itself when the
 * page is accessed, and begins no range: a secondary MMU dropped the page when it was
 * protected.
 */
TEST_F_TIMEOUT(userfault, access, MNCK_TIMEOUT)
{
	REOPEN(UFFD_FEATURE_RWP | UFFD_FEATURE_RWP_ASYNC);
	REGISTER(self->from, 8 * self->page, RWP);
	UFFD_PROTECT(UFFDIO_RWPROTECT, self->from, 8 * self->page, UFFDIO_RWPROTECT_MODE_RWP,
		     RANGE(PROTECTION_VMA, self->from, 8 * self->page, BY_PROTECT));
	EXPECT_EQ(0x5a, *(volatile char *)self->from);
	self->from[self->page] = 1;
	EXPECT_NO_RANGES(&self->path);
}

/*
 * Resolving a fault, with a page or with poison, begins no range.  Unregistering memory that
 * could not be protected begins no range either.
 */
TEST_F_TIMEOUT(userfault, silent, MNCK_TIMEOUT)
{
	struct uffdio_zeropage zero = {
		.range = { .start = (unsigned long)self->to, .len = self->page },
	};
	struct uffdio_copy copy = {
		.dst = (unsigned long)self->to + self->page, .src = (unsigned long)self->from,
		.len = 2 * self->page,
	};
	struct uffdio_poison poison = {
		.range = { .start = (unsigned long)self->to + 3 * self->page, .len = self->page },
	};

	REOPEN(UFFD_FEATURE_POISON);
	REGISTER(self->to, 8 * self->page, MISSING);
	ASSERT_EQ(0, ioctl(self->fd, UFFDIO_ZEROPAGE, &zero));
	ASSERT_EQ(0, ioctl(self->fd, UFFDIO_COPY, &copy));
	ASSERT_EQ(0, ioctl(self->fd, UFFDIO_POISON, &poison));
	EXPECT_EQ(0, self->to[0]);
	EXPECT_EQ(0x5a, self->to[self->page]);
	ASSERT_EQ(0, uffd_unregister(self->fd, self->to, 8 * self->page));
	EXPECT_NO_RANGES(&self->path);
}

/* Resolving a minor fault maps a page that the file already has, and begins no range. */
TEST_F_TIMEOUT(userfault, minor, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + 128 * self->page;
	struct uffdio_continue resolve = {
		.range = { .start = (unsigned long)p, .len = self->page },
	};
	int file;

	REQUIRE_OPTION(has_memfd(), "MEMFD_CREATE");
	file = map_memfd(p, 2 * self->page);
	ASSERT_LE(0, file) TH_LOG("%m");
	ASSERT_EQ(1, pwrite(file, "1", 1, 0));
	REOPEN(UFFD_FEATURE_MINOR_SHMEM);
	REGISTER(p, 2 * self->page, MINOR);
	ASSERT_EQ(0, ioctl(self->fd, UFFDIO_CONTINUE, &resolve));
	EXPECT_EQ('1', p[0]);
	EXPECT_NO_RANGES(&self->path);
	close(file);
}

TEST_HARNESS_MAIN
