// SPDX-License-Identifier: GPL-2.0
/*
 * Fork, and the copies that are made on write.
 *
 * A fork takes the right to write away from the parent: PROTECTION_PAGE, of each
 * private VMA that has pages of its own, as a whole.  Who then writes gets a page
 * of his own: CLEAR, of that page, unless nobody else has it any more.
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
	/* Behind the area. */
	char *other;
	pid_t child;
	struct victim victim;
};

FIXTURE_SETUP(cow)
{
	self->path.fd = -1;
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

/* A child that writes to the first @pages pages, and then waits to be killed. */
static pid_t begin_child(size_t pages)
{
	int ready[2];
	char byte;
	pid_t child;

	if (pipe2(ready, O_CLOEXEC))
		return -1;
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (size_t i = 0; i < pages; i++)
			PATH_AREA[i * getpagesize()] = 2;
		if (write(ready[1], "", 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	close(ready[1]);
	if (child > 0 && read(ready[0], &byte, 1) != 1)
		child = -1;
	close(ready[0]);
	return child;
}

TEST_F_TIMEOUT(cow, fork, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, map_pages(PATH_AREA, self->len));
	PATH_ATTACH(&self->path);
	self->child = begin_child(0);
	ASSERT_LT(0, self->child);
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_PAGE, PATH_AREA, self->len, BY_FORK));
}

/* A range for each VMA, however little of it there is. */
TEST_F_TIMEOUT(cow, fork_two_vmas, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, map_untouched(PATH_AREA, self->len));
	PATH_AREA[self->page] = 1;
	ASSERT_EQ(0, map_pages(self->other, self->len));
	ASSERT_EQ(0, mprotect(self->other, self->len, PROT_READ));
	PATH_ATTACH(&self->path);
	self->child = begin_child(0);
	ASSERT_LT(0, self->child);
	EXPECT_RANGES(&self->path, RANGE(PROTECTION_PAGE, PATH_AREA, self->len, BY_FORK),
		      RANGE(PROTECTION_PAGE, self->other, self->len, BY_FORK));
}

/* What the child does not get, or may write to as well, or what is not there. */
TEST_F_TIMEOUT(cow, fork_silent, MNCK_TIMEOUT)
{
	char *shared = self->other, *untouched = self->other + 2 * self->len;

	ASSERT_EQ(0, map_pages(PATH_AREA, self->len));
	ASSERT_EQ(0, madvise(PATH_AREA, 2 * self->page, MADV_DONTFORK));
	ASSERT_EQ(0, madvise(PATH_AREA + 2 * self->page, 2 * self->page, MADV_WIPEONFORK));
	ASSERT_EQ(shared, mmap(shared, self->len, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
	memset(shared, 1, self->len);
	ASSERT_EQ(0, map_untouched(untouched, self->len));
	PATH_ATTACH(&self->path);
	self->child = begin_child(0);
	ASSERT_LT(0, self->child);
	EXPECT_NO_RANGES(&self->path);
}

/* Its child has the same address space, and leaves it. */
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

TEST_F_TIMEOUT(cow, write, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, map_pages(PATH_AREA, self->len));
	PATH_ATTACH(&self->path);
	self->child = begin_child(0);
	ASSERT_LT(0, self->child);
	path_collect(&self->path);

	PATH_AREA[self->page] = 3;
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA + self->page, self->page, BY_COPY));
	/* It has its own now. */
	PATH_AREA[self->page] = 4;
	EXPECT_NO_RANGES(&self->path);
}

/*
 * Who is the last to have a page may write to it as it is: nobody's page changes.  He
 * is not the last while a CPU has it on its list of new pages, and then gets a copy.
 */
TEST_F_TIMEOUT(cow, reuse_silent, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, map_pages(PATH_AREA, self->len));
	WAIT_UNTIL(pages_on_lru(PATH_AREA, self->len));
	PATH_ATTACH(&self->path);
	self->child = begin_child(1);
	ASSERT_LT(0, self->child);
	path_collect(&self->path);

	/* The child has copied it. */
	*PATH_AREA = 3;
	EXPECT_NO_RANGES(&self->path);
	ASSERT_EQ(0, child_kill(&self->child));
	/* The child has gone. */
	PATH_AREA[self->page] = 3;
	EXPECT_NO_RANGES(&self->path);
}

/* What was read before it was written is the zero page. */
TEST_F_TIMEOUT(cow, zero_page, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, map_untouched(PATH_AREA, self->len));
	PATH_ATTACH(&self->path);
	EXPECT_EQ(0, *(volatile char *)PATH_AREA);
	EXPECT_NO_RANGES(&self->path);
	*PATH_AREA = 1;
	EXPECT_RANGES(&self->path, RANGE(CLEAR, PATH_AREA, self->page, BY_COPY));
	/* Where nothing is, nothing is copied. */
	PATH_AREA[self->page] = 1;
	EXPECT_NO_RANGES(&self->path);
}

/* A debugger writes where the process itself may only read, and it is he who does it. */
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
