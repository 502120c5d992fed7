// SPDX-License-Identifier: GPL-2.0
/*
 * Drives copy_page_range(), by fork(), and wp_page_copy(), by writes to pages that are
 * shared with a child.
 *
 * fork() makes the parent's private pages read-only.  The parent's subscribers must see a
 * PROTECTION_PAGE range for each private VMA that has pages of its own, of the whole VMA.
 * A write then replaces the shared page by a copy: a subscriber must see a CLEAR range of
 * that page.  If no other process has the page any more, it is written in place, without a
 * range.
 */
#include <sys/wait.h>

#include "mnck_harness.h"
#include "pages.h"
#include "path.h"
#include "victim.h"

#define AREA_PAGES 4

FIXTURE(cow)
{
	struct path path;
	size_t page;
	size_t len;
	/* Memory above the area. */
	char *other;
	pid_t child;
	struct victim victim;
};

FIXTURE_SETUP(cow)
{
	self->page = getpagesize();
	self->len = AREA_PAGES * self->page;
	self->other = PATH_AREA + 2 * self->len;
	ASSERT_EQ(0, small_pages());
}

FIXTURE_TEARDOWN(cow)
{
	EXPECT_EQ(0, child_kill(&self->child));
	EXPECT_STREQ("", path_close(&self->path));
	victim_kill(&self->victim);
}

/* fork() begins one range, of the whole VMA, in the parent. */
TEST_F_TIMEOUT(cow, fork, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, map_pages(PATH_AREA, self->len));
	PATH_ATTACH(&self->path);
	self->child = child_start();
	ASSERT_LT(0, self->child);
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_PAGE, PATH_AREA, self->len, BY_FORK));
}

/*
 * copy_page_range() begins a range for each VMA: of the whole VMA even if one page of it
 * is there, and of a VMA that is read-only now but might become writable.
 */
TEST_F_TIMEOUT(cow, fork_two_vmas, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, map_untouched(PATH_AREA, self->len));
	PATH_AREA[self->page] = 1;
	ASSERT_EQ(0, map_pages(self->other, self->len));
	ASSERT_EQ(0, mprotect(self->other, self->len, PROT_READ));
	PATH_ATTACH(&self->path);
	self->child = child_start();
	ASSERT_LT(0, self->child);
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_PAGE, PATH_AREA, self->len, BY_FORK),
		      RANGE(PROTECTION_PAGE, self->other, self->len, BY_FORK));
}

/*
 * fork() begins no range for what it does not copy.  dup_mmap() skips MADV_DONTFORK and
 * MADV_WIPEONFORK; vma_needs_copy() skips shared and untouched memory, which has no
 * anon_vma.
 */
TEST_F_TIMEOUT(cow, fork_silent, MNCK_TIMEOUT)
{
	char *shared = self->other, *untouched = self->other + 2 * self->len;

	ASSERT_EQ(0, map_pages(PATH_AREA, self->len));
	ASSERT_EQ(0, madvise(PATH_AREA, 2 * self->page, MADV_DONTFORK));
	ASSERT_EQ(0, madvise(PATH_AREA + 2 * self->page, 2 * self->page, MADV_WIPEONFORK));
	ASSERT_EQ(0, map_shared(shared, self->len));
	ASSERT_EQ(0, map_untouched(untouched, self->len));
	PATH_ATTACH(&self->path);
	self->child = child_start();
	ASSERT_LT(0, self->child);
	EXPECT_NO_RANGES(&self->path);
}

/* vfork() begins no range: the child uses the parent's address space until it exits. */
TEST_F_TIMEOUT(cow, vfork_silent, MNCK_TIMEOUT)
{
	pid_t child;

	ASSERT_EQ(0, map_pages(PATH_AREA, self->len));
	PATH_ATTACH(&self->path);
	child = vfork();
	if (!child)
		_exit(0);
	ASSERT_EQ(child, waitpid(child, NULL, 0));
	EXPECT_NO_RANGES(&self->path);
}

/*
 * The first write to a page after fork() begins a range of that page, in wp_page_copy().
 * The second write finds the copy, which no other process shares.
 */
TEST_F_TIMEOUT(cow, write, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, map_pages(PATH_AREA, self->len));
	PATH_ATTACH(&self->path);
	self->child = child_start();
	ASSERT_LT(0, self->child);
	path_collect(&self->path);

	PATH_AREA[self->page] = 3;
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA + self->page, self->page, BY_COPY));
	PATH_AREA[self->page] = 4;
	EXPECT_NO_RANGES(&self->path);
}

/*
 * A write begins no range if the process is the last to have the page: it is written in place,
 * see wp_can_reuse_anon_folio().  The child has copied the first page, and exits before the
 * write to the second one.  A page on another CPU's list of new pages would be copied even so,
 * and the test waits until all are on the LRU.
 */
TEST_F_TIMEOUT(cow, reuse_silent, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, map_pages(PATH_AREA, self->len));
	WAIT_UNTIL(pages_on_lru(PATH_AREA, self->len));
	PATH_ATTACH(&self->path);
	self->child = child_start_writing(PATH_AREA, 1);
	ASSERT_LT(0, self->child);
	path_collect(&self->path);

	*PATH_AREA = 3;
	EXPECT_NO_RANGES(&self->path);
	ASSERT_EQ(0, child_kill(&self->child));
	PATH_AREA[self->page] = 3;
	EXPECT_NO_RANGES(&self->path);
}

/*
 * A read of untouched memory maps the zero page, which the first write replaces: that
 * begins a range.  A write without a read before it maps a new page, and begins none.
 */
TEST_F_TIMEOUT(cow, zero_page, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, map_untouched(PATH_AREA, self->len));
	PATH_ATTACH(&self->path);
	EXPECT_EQ(0, *(volatile char *)PATH_AREA);
	EXPECT_NO_RANGES(&self->path);
	*PATH_AREA = 1;
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->page, BY_COPY));
	PATH_AREA[self->page] = 1;
	EXPECT_NO_RANGES(&self->path);
}

/*
 * A debugger writes to memory that the process itself may only read.  wp_page_copy() begins
 * the range of the copy, in the task of the debugger.
 */
TEST_F_TIMEOUT(cow, debugger, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, map_pages(PATH_AREA, self->len));
	ASSERT_EQ(0, mprotect(PATH_AREA, self->len, PROT_READ));
	ASSERT_EQ(0, victim_start(&self->victim, self->page));
	PATH_ATTACH_TO(&self->path, self->victim.pid, PATH_LIVES);
	ASSERT_EQ(0, ptrace(PTRACE_ATTACH, self->victim.pid, NULL, NULL));
	ASSERT_EQ(self->victim.pid, waitpid(self->victim.pid, NULL, 0));
	EXPECT_NO_RANGES(&self->path);

	ASSERT_EQ(0, ptrace(PTRACE_POKEDATA, self->victim.pid, PATH_AREA + self->page, 1L));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA + self->page, self->page, BY_COPY));
	ASSERT_EQ(0, ptrace(PTRACE_POKEDATA, self->victim.pid, PATH_AREA + self->page, 2L));
	EXPECT_NO_RANGES(&self->path);
}

TEST_HARNESS_MAIN
