// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "mistakes.h"

int mistakes_subscribe(const char *line)
{
	int fd = open(MISTAKES_DEVICE, O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, line, strlen(line)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int mistakes_let_go(void)
{
	return file_write(MISTAKES_DEVICE, "go");
}

bool mistakes_calls(const char *driver, struct mistakes_calls *calls)
{
	size_t len = strcspn(driver, " ");
	char text[4096];

	file_read(text, sizeof(text), MISTAKES_DEVICE);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (!strncmp(line, driver, len) && line[len] == ' ')
			return sscanf(line + len, "%ld %ld", &calls->begun, &calls->ended) == 2;
	return false;
}
