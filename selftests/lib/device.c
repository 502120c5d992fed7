// SPDX-License-Identifier: GPL-2.0
#include "device.h"
#include "stats.h"

int mnck_open(void)
{
	return open(MNCK_DEVICE, O_RDWR | O_CLOEXEC);
}

int mnck_attach_how(int fd, struct mnck_attach how, struct subscriber *sub)
{
	int ret;

	how.size = sizeof(how);
	ret = ioctl(fd, MNCK_ATTACH, &how);
	*sub = (struct subscriber){ .fd = fd, .kind = how.kind, .id = how.id };
	return ret;
}

int mnck_attach(int fd, pid_t pid, __u32 kind, struct subscriber *sub)
{
	return mnck_attach_how(fd, (struct mnck_attach){ .pid = pid, .kind = kind }, sub);
}

int mnck_stats(const struct subscriber *sub, struct mnck_stats *stats)
{
	*stats = (struct mnck_stats){ .size = sizeof(*stats), .id = sub->id };
	return ioctl(sub->fd, MNCK_STATS, stats);
}

struct mnck_stats stats_now(const struct subscriber *sub)
{
	struct mnck_stats stats;

	return mnck_stats(sub, &stats) ? saw_nothing() : stats;
}

int mnck_detach(const struct subscriber *sub, struct mnck_stats *stats)
{
	*stats = (struct mnck_stats){ .size = sizeof(*stats), .id = sub->id };
	return ioctl(sub->fd, MNCK_DETACH, stats);
}

int mnck_lock(const struct subscriber *sub, __u32 op)
{
	struct mnck_lock cmd = {
		.size = sizeof(cmd),
		.id = sub->id,
		.op = op,
	};

	return ioctl(sub->fd, MNCK_LOCK, &cmd);
}

int mnck_touch(const struct subscriber *sub, const void *start, size_t len)
{
	struct mnck_touch cmd = {
		.size = sizeof(cmd),
		.id = sub->id,
		.start = (unsigned long)start,
		.end = (unsigned long)start + len,
	};

	return ioctl(sub->fd, MNCK_TOUCH, &cmd);
}
