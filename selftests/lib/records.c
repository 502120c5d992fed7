// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "records.h"

int watch_how(int fd, struct mnck_watch how)
{
	how.size = sizeof(how);
	return ioctl(fd, MNCK_WATCH, &how) ? -1 : how.fd;
}

int watch_process(pid_t pid)
{
	int fd = mnck_open();
	int watch = fd < 0 ? -1 : watch_how(fd, (struct mnck_watch){ .pid = pid });
	int error = errno;

	/* The watch does without it. */
	if (fd >= 0)
		close(fd);
	errno = error;
	return watch;
}

int record_read(int watch, union record *record)
{
	ssize_t len = read(watch, record, sizeof(*record));

	if (len < 0)
		return -1;
	/* There is no room for two. */
	if ((size_t)len != record->size) {
		errno = EPROTO;
		return -1;
	}
	return 0;
}

bool record_is_ready(int watch)
{
	struct pollfd poll_watch = { .fd = watch, .events = POLLIN };

	return poll(&poll_watch, 1, 0) == 1 && poll_watch.revents == POLLIN;
}

int watch_never_waits(int watch)
{
	return fcntl(watch, F_SETFL, O_NONBLOCK) ? -1 : 0;
}

int record_find(int watch, enum mnck_record_type type, enum mnck_rule rule, const char *driver,
		struct mnck_record_event *event)
{
	union record record;

	while (!record_read(watch, &record)) {
		if (record.type != type || strcmp(record.event.driver, driver))
			continue;
		if (type == MNCK_RECORD_VIOLATION && record.event.rule != rule)
			continue;
		*event = record.event;
		return 0;
	}
	return -1;
}

int summary_read(int watch, const char *name, struct mnck_record_callback *callback,
		 struct mnck_record_unseen *unseen)
{
	union record record;

	memset(callback, 0, sizeof(*callback));
	if (ioctl(watch, MNCK_SUMMARY))
		return -1;
	for (;;) {
		if (record_read(watch, &record))
			return -1;
		if (record.type == MNCK_RECORD_CALLBACK && !strcmp(record.callback.name, name))
			*callback = record.callback;
		if (record.type == MNCK_RECORD_UNSEEN) {
			*unseen = record.unseen;
			return 0;
		}
	}
}

bool saw_all(const struct mnck_record_unseen *unseen)
{
	return !unseen->flags && !unseen->calls && !unseen->ends && !unseen->sequences &&
	       !unseen->drivers && !unseen->findings && !unseen->records &&
	       !unseen->processes && !unseen->late;
}
