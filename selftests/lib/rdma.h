/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An RDMA client of rdma_rxe (soft RoCE), with memory that is registered for on-demand
 * paging: the driver has no page of it pinned, and follows the page tables.
 *
 * It is two connected queue pairs of one process, so that all data goes from the memory
 * region to the memory region itself.  It uses the kernel's own interface, because the
 * libraries are hard to link statically.
 *
 * Functions that return int return 0, or an errno.
 */
#ifndef MNCK_SELFTEST_RDMA_H
#define MNCK_SELFTEST_RDMA_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

struct rxe_queue_buf;

struct rdma {
	int uverbs;
	__u32 pd;
	__u32 cq;
	/* The queue pairs: the first sends, the second answers. */
	struct {
		__u32 handle;
		__u32 number;
	} qp[2];
	struct rxe_queue_buf *completions;
	struct rxe_queue_buf *sends;
	__u32 lkey;
	__u32 rkey;
	__u32 sent;
};

/* Makes the device rxe0 on the dummy network device dummy0, if it does not exist. */
int rdma_make_device(void);

/* Returns whether that device exists or can be made. */
bool has_rxe(void);

/* Registers @len bytes at @start for on-demand paging, and connects the queue pairs. */
int rdma_make(struct rdma *rdma, void *start, size_t len);

/*
 * Writes or reads memory by RDMA, within the region, and waits for the completion.  EIO
 * stands for a completion with an error, after which nothing more can be sent.
 */
int rdma_write(struct rdma *rdma, const void *from, void *to, size_t len);
int rdma_read(struct rdma *rdma, void *to, const void *from, size_t len);

#endif /* MNCK_SELFTEST_RDMA_H */
