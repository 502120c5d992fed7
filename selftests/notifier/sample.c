// SPDX-License-Identifier: GPL-2.0
/*
 * Proves that the driver samples/mnck_sample does what its documentation says: the
 * device has the translations of the process that opened it, and loses each one
 * before the process's page table changes.
 */
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "mnck_harness.h"
#include "module.h"
#include "pages.h"

#define MNCK_SAMPLE_READ _IOWR('|', 0x81, __u64)

#define AREA_PAGES 4

FIXTURE(sample)
{
	int fd;
	size_t page;
	char *area;
};

static char *map_touched(char *address, size_t len)
{
	int fixed = address ? MAP_FIXED_NOREPLACE : 0;
	char *p = mmap(address, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | fixed, -1, 0);

	return p == MAP_FAILED ? NULL : memset(p, 1, len);
}

FIXTURE_SETUP(sample)
{
	self->fd = -1;
	self->page = getpagesize();
	if (module_insert("MNCK_SAMPLE_KO", "mnck_sample", "")) {
		ASSERT_EQ(ENOENT, errno);
		SKIP(return, "no mnck_sample.ko; set MNCK_SAMPLE_KO");
	}
	ASSERT_EQ(0, small_pages());
	self->area = map_touched(NULL, AREA_PAGES * self->page);
	ASSERT_NE(NULL, self->area);
	self->fd = open("/dev/mnck-sample", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(sample)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, module_remove("mnck_sample"));
}

/*
 * Translates @address by the device, into the page's frame number.  Returns 1 if the
 * device had the translation already, 0 if it has looked it up now, or -1 and errno.
 */
static int device_read(int fd, const char *address, __u64 *frame)
{
	*frame = (uintptr_t)address;
	return ioctl(fd, MNCK_SAMPLE_READ, frame);
}

/* The device translates @_address to the frame that the kernel has there. */
#define EXPECT_READ(_known, _address)                           \
	do {                                                    \
		__u64 frame_;                                   \
								\
		EXPECT_EQ(_known, device_read(self->fd, _address, &frame_)); \
		EXPECT_EQ(page_frame(_address), frame_);        \
	} while (0)

#define EXPECT_NO_READ(_errno, _fd, _address)                   \
	do {                                                    \
		__u64 frame_;                                   \
								\
		EXPECT_ERRNO(_errno, device_read(_fd, _address, &frame_)); \
	} while (0)

/* The device keeps a translation until the page is unmapped. */
TEST_F_TIMEOUT(sample, munmap, MNCK_TIMEOUT)
{
	EXPECT_READ(0, self->area);
	EXPECT_READ(1, self->area);
	EXPECT_READ(1, self->area + self->page - 1);

	ASSERT_EQ(0, munmap(self->area, self->page));
	EXPECT_NO_READ(EFAULT, self->fd, self->area);

	ASSERT_EQ(self->area, map_touched(self->area, self->page));
	EXPECT_READ(0, self->area);
	EXPECT_READ(1, self->area);
}

/* The device keeps the translations of pages that are not unmapped. */
TEST_F_TIMEOUT(sample, neighbours, MNCK_TIMEOUT)
{
	for (int i = 0; i < AREA_PAGES; i++)
		EXPECT_READ(0, self->area + i * self->page);

	ASSERT_EQ(0, munmap(self->area + self->page, 2 * self->page));
	EXPECT_READ(1, self->area);
	EXPECT_NO_READ(EFAULT, self->fd, self->area + self->page);
	EXPECT_NO_READ(EFAULT, self->fd, self->area + 2 * self->page);
	EXPECT_READ(1, self->area + 3 * self->page);
}

/* The device loses the translation when another page comes to the same address. */
TEST_F_TIMEOUT(sample, dontneed, MNCK_TIMEOUT)
{
	EXPECT_READ(0, self->area);
	ASSERT_EQ(0, madvise(self->area, self->page, MADV_DONTNEED));
	self->area[0] = 2;
	EXPECT_READ(0, self->area);
}

/* The device faults in an untouched page: it gets the zero page, and loses it at a write. */
TEST_F_TIMEOUT(sample, untouched, MNCK_TIMEOUT)
{
	char *page = mmap(NULL, self->page, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, page);
	EXPECT_READ(0, page);
	EXPECT_READ(1, page);
	page[0] = 1;
	EXPECT_READ(0, page);
}

/* Wrong addresses, arguments and commands fail. */
TEST_F_TIMEOUT(sample, nonsense, MNCK_TIMEOUT)
{
	EXPECT_NO_READ(EFAULT, self->fd, (char *)0);
	EXPECT_NO_READ(EFAULT, self->fd, (char *)-1L);
	EXPECT_ERRNO(EFAULT, ioctl(self->fd, MNCK_SAMPLE_READ, -1L));
	EXPECT_ERRNO(ENOTTY, ioctl(self->fd, _IO('|', 0x81), 0));
}

/* The module cannot be removed while its device is open. */
TEST_F_TIMEOUT(sample, refuses_removal, MNCK_TIMEOUT)
{
	EXPECT_READ(0, self->area);
	EXPECT_ERRNO(EWOULDBLOCK, module_remove("mnck_sample"));
}

/* A process that has opened the device and used it, and then waits. */
struct opener {
	pid_t pid;
	int pidfd;
	int fd;		/* a copy of the file descriptor of its device */
};

static int opener_start(struct opener *opener, const char *address)
{
	int said[2], fd;
	__u64 frame;

	if (pipe2(said, O_CLOEXEC))
		return -1;
	opener->pid = fork();
	if (opener->pid < 0)
		return -1;
	if (!opener->pid) {
		fd = open("/dev/mnck-sample", O_RDWR | O_CLOEXEC);
		if (own_pages() || device_read(fd, address, &frame) != 0 ||
		    device_read(fd, address, &frame) != 1)
			_exit(1);
		if (write(said[1], &fd, sizeof(fd)) != sizeof(fd))
			_exit(1);
		for (;;)
			pause();
	}
	close(said[1]);
	if (read(said[0], &fd, sizeof(fd)) != sizeof(fd))
		return -1;
	close(said[0]);
	opener->pidfd = syscall(SYS_pidfd_open, opener->pid, 0);
	opener->fd = syscall(SYS_pidfd_getfd, opener->pidfd, fd, 0);
	return opener->fd < 0 ? -1 : 0;
}

/* The device outlives the process that opened it, and does not keep that memory. */
TEST_F_TIMEOUT(sample, opener_exits, MNCK_TIMEOUT)
{
	struct opener opener;
	int status;

	ASSERT_EQ(0, opener_start(&opener, self->area));
	ASSERT_EQ(0, kill(opener.pid, SIGKILL));
	ASSERT_EQ(opener.pid, waitpid(opener.pid, &status, 0));
	EXPECT_NO_READ(ESRCH, opener.fd, self->area);
	EXPECT_EQ(0, close(opener.fd));
}

/* The device loses the translations of a dying process whose memory is reaped. */
TEST_F_TIMEOUT(sample, opener_reaped, MNCK_TIMEOUT)
{
	struct opener opener;
	__u64 frame;
	int status;

	ASSERT_EQ(0, opener_start(&opener, self->area));
	ASSERT_EQ(0, ptrace(PTRACE_SEIZE, opener.pid, NULL,
			    PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL));
	ASSERT_EQ(0, kill(opener.pid, SIGKILL));
	ASSERT_EQ(opener.pid, waitpid(opener.pid, &status, 0));
	ASSERT_EQ(SIGTRAP | PTRACE_EVENT_EXIT << 8, status >> 8);

	EXPECT_EQ(1, device_read(opener.fd, self->area, &frame));
	ASSERT_EQ(0, syscall(SYS_process_mrelease, opener.pidfd, 0));
	EXPECT_NO_READ(EFAULT, opener.fd, self->area);

	ASSERT_EQ(0, ptrace(PTRACE_CONT, opener.pid, NULL, 0));
	ASSERT_EQ(opener.pid, waitpid(opener.pid, &status, 0));
	EXPECT_EQ(0, close(opener.fd));
}

TEST_HARNESS_MAIN
