// SPDX-License-Identifier: GPL-2.0
/*
 * Probes on the entry and the return of functions, whose handlers do nothing: what such probes cost
 * is the kernel's.  "insmod empty_probes.ko functions=NAME,NAME".
 */
#include <linux/fprobe.h>
#include <linux/module.h>

#define FUNCTIONS_MAX 16

static char *functions[FUNCTIONS_MAX];
static unsigned int number;
module_param_array(functions, charp, &number, 0);

static struct fprobe probes[FUNCTIONS_MAX];

static int entered(struct fprobe *probe, unsigned long ip, unsigned long caller,
		   struct ftrace_regs *regs, void *data)
{
	return 0;
}

static void left(struct fprobe *probe, unsigned long ip, unsigned long caller,
		 struct ftrace_regs *regs, void *data)
{
}

static void unregister_all(void)
{
	for (unsigned int i = 0; i < number; i++)
		unregister_fprobe(&probes[i]);
}

static int __init empty_probes_init(void)
{
	for (unsigned int i = 0; i < number; i++) {
		int error;

		probes[i].entry_handler = entered;
		probes[i].exit_handler = left;
		/* As much as a handler keeps that sees a call and its return. */
		probes[i].entry_data_size = 8 * sizeof(u64);
		error = register_fprobe(&probes[i], functions[i], NULL);
		if (error) {
			number = i;
			unregister_all();
			return error;
		}
	}
	return 0;
}

static void __exit empty_probes_exit(void)
{
	unregister_all();
}

module_init(empty_probes_init);
module_exit(empty_probes_exit);
MODULE_DESCRIPTION("Probes whose handlers do nothing");
MODULE_LICENSE("GPL");
