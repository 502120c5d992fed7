// SPDX-License-Identifier: GPL-2.0
#include <grp.h>
#include <sys/syscall.h>

#include "privilege.h"

int become_user(uid_t user)
{
	if (setgroups(0, NULL) || setresgid(user, user, user))
		return -1;
	return setresuid(user, user, user);
}

int drop_capability(int capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data))
		return -1;
	data[CAP_TO_INDEX(capability)].effective &= ~CAP_TO_MASK(capability);
	data[CAP_TO_INDEX(capability)].permitted &= ~CAP_TO_MASK(capability);
	return syscall(SYS_capset, &header, data);
}
