// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "kmsg.h"

int kmsg_open(int flags)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_CLOEXEC | flags);

	if (fd >= 0 && lseek(fd, 0, SEEK_END) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int kmsg_find(int fd, const char * const *texts, int n, char *record, size_t size)
{
	for (;;) {
		ssize_t len = read(fd, record, size - 1);

		if (len < 0 && errno == EPIPE)
			continue;	/* overtaken by the writer: go on */
		if (len <= 0)
			return -1;
		record[len] = '\0';
		for (int i = 0; i < n; i++)
			if (strstr(record, texts[i]))
				return i;
	}
}
