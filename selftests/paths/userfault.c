// SPDX-License-Identifier: GPL-2.0
/*
 * What userfaultfd does to memory: it moves pages, CLEAR of where they were, and
 * protects them, PROTECTION_VMA for each VMA.  To resolve a fault with a page is for
 * nobody to know: there was none.
 */
#include "mnck_harness.h"
#include "option.h"
#include "path.h"
#include "tracefs.h"
#include "uffd.h"

#define MOVE "move_pages_ptes move_pages"
#define MOVE_HUGE "move_pages_huge_pmd"

FIXTURE(userfault)
{
	struct path path;
	size_t page;
	/* What one page table maps, and what a huge page has. */
	size_t table;
	int fd;
	/* Eight pages, and as much untouched. */
	char *from;
	char *to;
};

FIXTURE_SETUP(userfault)
{
	self->path.fd = -1;
	self->page = getpagesize();
	self->table = self->page * self->page / 8;
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

/* Again, with @features. */
#define REOPEN(_features)                                       \
	do {                                                    \
		close(self->fd);                                \
		self->fd = uffd_open(_features);                \
		ASSERT_LE(0, self->fd) TH_LOG("%m");            \
	} while (0)

#define REGISTER(_start, _len, _mode) \
	ASSERT_EQ(0, uffd_register(self->fd, _start, _len, UFFDIO_REGISTER_MODE_##_mode))

#define UFFD_PROTECT(_request, _start, _len, _mode) \
	ASSERT_EQ(0, uffd_protect(self->fd, _request, _start, _len, _mode))

/*
 * At first it says all that is to move.  If it comes no further than to a page that
 * somebody has locked, it begins anew there, and says the rest again.
 */
TEST_F_TIMEOUT(userfault, move, MNCK_TIMEOUT)
{
	size_t len = 4 * self->page;

	REGISTER(self->to, 8 * self->page, MISSING);
	EXPECT_NO_RANGES(&self->path);
	ASSERT_EQ(0, uffd_move(self->fd, self->to, self->from, len, 0));
	EXPECT_RANGES_AND_PARTS(&self->path, self->from, len, RANGE(CLEAR, self->from, len, MOVE));
	EXPECT_EQ(0x5a, self->to[len - 1]);
}

/* What is not there does not move, and is told as well. */
TEST_F_TIMEOUT(userfault, move_holes, MNCK_TIMEOUT)
{
	size_t len = 4 * self->page;

	ASSERT_EQ(0, madvise(self->from + self->page, self->page, MADV_DONTNEED));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, self->from + self->page, self->page,
					 BY_ZAP));
	REGISTER(self->to, 8 * self->page, MISSING);
	ASSERT_EQ(0, uffd_move(self->fd, self->to, self->from, len,
			       UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES));
	EXPECT_RANGES_AND_PARTS(&self->path, self->from, len, RANGE(CLEAR, self->from, len, MOVE));
	EXPECT_EQ(0x5a, self->to[len - 1]);
}

/* It says the rest anew with each page table, of either side. */
TEST_F_TIMEOUT(userfault, move_tables, MNCK_TIMEOUT)
{
	char *from = PATH_AREA + 4 * self->table - 2 * self->page;
	size_t len = 4 * self->page;

	ASSERT_EQ(0, small_pages());
	ASSERT_EQ(0, map_pages(from, len));
	REGISTER(self->to, 8 * self->page, MISSING);
	ASSERT_EQ(0, uffd_move(self->fd, self->to, from, len, 0));
	EXPECT_RANGES_AND_PARTS(&self->path, from, len, RANGE(CLEAR, from, len, MOVE));
	EXPECT_EQ(0x5a, self->to[len - 1]);
}

/* A huge page stays one. */
TEST_F_TIMEOUT(userfault, move_huge, MNCK_TIMEOUT)
{
	char *from = PATH_AREA + 4 * self->table, *to = PATH_AREA + 8 * self->table;

	REQUIRE_OPTION(has_thp(), "TRANSPARENT_HUGEPAGE");
	ASSERT_EQ(0, map_untouched(from, self->table));
	ASSERT_EQ(0, map_untouched(to, self->table));
	from[0] = 0x5a;
	ASSERT_EQ(0, madvise(from, self->table, MADV_COLLAPSE)) TH_LOG("%m");
	/* How it has become one is not what this is about. */
	ASSERT_EQ(0, tracing_clear());
	REGISTER(to, self->table, MISSING);
	ASSERT_EQ(0, uffd_move(self->fd, to, from, self->table, 0));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, from, self->table, MOVE_HUGE));
	EXPECT_EQ(0x5a, to[0]);
}

TEST_F_TIMEOUT(userfault, write_protect, MNCK_TIMEOUT)
{
	char *p = self->from + 2 * self->page;

	REGISTER(self->from, 8 * self->page, WP);
	EXPECT_NO_RANGES(&self->path);
	UFFD_PROTECT(UFFDIO_WRITEPROTECT, p, 3 * self->page, UFFDIO_WRITEPROTECT_MODE_WP);
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_VMA, p, 3 * self->page, BY_PROTECT));
	UFFD_PROTECT(UFFDIO_WRITEPROTECT, p, 3 * self->page, 0);
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_VMA, p, 3 * self->page, BY_PROTECT));
}

TEST_F_TIMEOUT(userfault, write_protect_two_vmas, MNCK_TIMEOUT)
{
	char *second = self->from + 4 * self->page;

	ASSERT_EQ(0, madvise(second, 4 * self->page, MADV_DONTFORK));
	REGISTER(self->from, 8 * self->page, WP);
	UFFD_PROTECT(UFFDIO_WRITEPROTECT, self->from, 8 * self->page, UFFDIO_WRITEPROTECT_MODE_WP);
	EXPECT_RANGES(&self->path,
		      RANGE(PROTECTION_VMA, self->from, 4 * self->page, BY_PROTECT),
		      RANGE(PROTECTION_VMA, second, 4 * self->page, BY_PROTECT));
}

/* Whether any page is protected or not. */
TEST_F_TIMEOUT(userfault, unregister, MNCK_TIMEOUT)
{
	REGISTER(self->from, 8 * self->page, WP);
	ASSERT_EQ(0, uffd_unregister(self->fd, self->from + self->page, 4 * self->page));
	EXPECT_RANGES(&self->path,
		      RANGE(PROTECTION_VMA, self->from + self->page, 4 * self->page, BY_PROTECT));
}

/* The last close unregisters each VMA. */
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

/* Against reading too. */
TEST_F_TIMEOUT(userfault, access_protect, MNCK_TIMEOUT)
{
	char *p = self->from + 2 * self->page;

	REOPEN(UFFD_FEATURE_RWP);
	REGISTER(self->from, 8 * self->page, RWP);
	EXPECT_NO_RANGES(&self->path);
	UFFD_PROTECT(UFFDIO_RWPROTECT, p, 3 * self->page, UFFDIO_RWPROTECT_MODE_RWP);
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_VMA, p, 3 * self->page, BY_PROTECT));
	UFFD_PROTECT(UFFDIO_RWPROTECT, p, 3 * self->page, 0);
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_VMA, p, 3 * self->page, BY_PROTECT));
	ASSERT_EQ(0, uffd_unregister(self->fd, self->from, 8 * self->page));
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_VMA, self->from, 8 * self->page, BY_PROTECT));
}

/* Who touches what is protected against reading gets it back, and no other page. */
TEST_F_TIMEOUT(userfault, access, MNCK_TIMEOUT)
{
	REOPEN(UFFD_FEATURE_RWP | UFFD_FEATURE_RWP_ASYNC);
	REGISTER(self->from, 8 * self->page, RWP);
	UFFD_PROTECT(UFFDIO_RWPROTECT, self->from, 8 * self->page, UFFDIO_RWPROTECT_MODE_RWP);
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_VMA, self->from, 8 * self->page, BY_PROTECT));
	EXPECT_EQ(0x5a, *(volatile char *)self->from);
	self->from[self->page] = 1;
	EXPECT_NO_RANGES(&self->path);
}

/* A fault gets its page, or none and an error. */
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
	/* Nothing was protected, and so nothing is freed of that. */
	ASSERT_EQ(0, uffd_unregister(self->fd, self->to, 8 * self->page));
	EXPECT_NO_RANGES(&self->path);
}

/* The page is there already, in the file. */
TEST_F_TIMEOUT(userfault, minor, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + 128 * self->page;
	struct uffdio_continue resolve = {
		.range = { .start = (unsigned long)p, .len = self->page },
	};
	int file = memfd_create("userfault", MFD_CLOEXEC);

	REQUIRE_OPTION(has_memfd(), "MEMFD_CREATE");
	ASSERT_LE(0, file) TH_LOG("%m");
	ASSERT_EQ(0, ftruncate(file, 2 * self->page));
	ASSERT_EQ(1, pwrite(file, "1", 1, 0));
	ASSERT_EQ(p, mmap(p, 2 * self->page, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_FIXED_NOREPLACE, file, 0));
	REOPEN(UFFD_FEATURE_MINOR_SHMEM);
	REGISTER(p, 2 * self->page, MINOR);
	ASSERT_EQ(0, ioctl(self->fd, UFFDIO_CONTINUE, &resolve));
	EXPECT_EQ('1', p[0]);
	EXPECT_NO_RANGES(&self->path);
	close(file);
}

TEST_HARNESS_MAIN
