// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <rdma/ib_user_ioctl_verbs.h>
#include <rdma/ib_user_verbs.h>
#include <rdma/rdma_netlink.h>
#include <rdma/rdma_user_rxe.h>

#include "file.h"
#include "rdma.h"

#define NETDEV "dummy0"
#define DEVICE "rxe0"
#define ADDRESS "10.9.8.7"
#define DEVICE_DIR "/sys/class/infiniband/" DEVICE
#define UVERBS "/dev/infiniband/uverbs0"

#define PORT 1
#define GIDS 16

/* Of enum ib_qp_state and enum ib_qp_attr_mask, which are not in a header for user space. */
enum { QPS_INIT = 1, QPS_RTR, QPS_RTS };
enum {
	QP_STATE = 1 << 0,
	QP_ACCESS_FLAGS = 1 << 3,
	QP_PKEY_INDEX = 1 << 4,
	QP_PORT = 1 << 5,
	QP_AV = 1 << 7,
	QP_PATH_MTU = 1 << 8,
	QP_TIMEOUT = 1 << 9,
	QP_RETRY_CNT = 1 << 10,
	QP_RNR_RETRY = 1 << 11,
	QP_RQ_PSN = 1 << 12,
	QP_MAX_QP_RD_ATOMIC = 1 << 13,
	QP_MIN_RNR_TIMER = 1 << 15,
	QP_SQ_PSN = 1 << 16,
	QP_MAX_DEST_RD_ATOMIC = 1 << 17,
	QP_DEST_QPN = 1 << 20,
};

#define MTU_1024 3
#define SEND_SIGNALED 2
#define ACCESS (IB_UVERBS_ACCESS_LOCAL_WRITE | IB_UVERBS_ACCESS_REMOTE_WRITE |  \
		IB_UVERBS_ACCESS_REMOTE_READ)

/* Gives the network device its address. */
static int netdev_up(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct ifreq request = { .ifr_name = NETDEV };
	int error = 0;

	inet_pton(AF_INET, ADDRESS, &address.sin_addr);
	memcpy(&request.ifr_addr, &address, sizeof(address));
	if (fd < 0 || ioctl(fd, SIOCSIFADDR, &request) || ioctl(fd, SIOCGIFFLAGS, &request))
		error = errno;
	request.ifr_flags |= IFF_UP;
	if (!error && ioctl(fd, SIOCSIFFLAGS, &request))
		error = errno;
	if (fd >= 0)
		close(fd);
	return error;
}

static void add_attribute(struct nlmsghdr *message, int type, const char *text)
{
	struct nlattr *attribute = (void *)((char *)message + message->nlmsg_len);

	attribute->nla_type = type;
	attribute->nla_len = NLA_HDRLEN + strlen(text) + 1;
	memcpy((char *)attribute + NLA_HDRLEN, text, strlen(text) + 1);
	message->nlmsg_len += NLA_ALIGN(attribute->nla_len);
}

/* Does what `rdma link add rxe0 type rxe netdev dummy0` does. */
static int add_link(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_RDMA), error = 0;
	union {
		struct nlmsghdr header;
		char bytes[512];
	} message = {
		.header = {
			.nlmsg_len = NLMSG_HDRLEN,
			.nlmsg_type = RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_NEWLINK),
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
		},
	};

	add_attribute(&message.header, RDMA_NLDEV_ATTR_DEV_NAME, DEVICE);
	add_attribute(&message.header, RDMA_NLDEV_ATTR_LINK_TYPE, "rxe");
	add_attribute(&message.header, RDMA_NLDEV_ATTR_NDEV_NAME, NETDEV);
	if (fd < 0 || send(fd, &message, message.header.nlmsg_len, 0) < 0 ||
	    recv(fd, &message, sizeof(message), 0) < 0)
		error = errno;
	else
		error = -((struct nlmsgerr *)NLMSG_DATA(&message.header))->error;
	if (fd >= 0)
		close(fd);
	return error;
}

/* Returns the index of the GID that is the IPv4 address, or -1. */
static int find_gid(__u8 gid[16])
{
	char path[128], text[64], wanted[64];

	memset(gid, 0, 16);
	memset(gid + 10, 0xff, 2);
	inet_pton(AF_INET, ADDRESS, gid + 12);
	snprintf(wanted, sizeof(wanted), "0000:0000:0000:0000:0000:ffff:%02x%02x:%02x%02x\n",
		 gid[12], gid[13], gid[14], gid[15]);
	for (int i = 0; i < GIDS; i++) {
		snprintf(path, sizeof(path), DEVICE_DIR "/ports/1/gids/%d", i);
		file_read(text, sizeof(text), path);
		if (!strcmp(text, wanted))
			return i;
	}
	return -1;
}

int rdma_make_device(void)
{
	int error = 0;
	__u8 gid[16];

	if (access(DEVICE_DIR, F_OK)) {
		error = netdev_up();
		if (!error)
			error = add_link();
		if (error)
			return error;
	}
	/* A kernel thread adds the GID some time after the device. */
	for (int i = 0; i < 2000; i++) {
		if (find_gid(gid) >= 0 && !access(UVERBS, F_OK))
			return 0;
		usleep(5000);
	}
	error = ETIMEDOUT;
	return error;
}

bool has_rxe(void)
{
	return if_nametoindex(NETDEV) && !rdma_make_device();
}

/* A command has a header, and ends before @size bytes; the answer has @answer_size. */
static int command(struct rdma *rdma, int number, void *header, size_t size, size_t answer_size)
{
	*(struct ib_uverbs_cmd_hdr *)header = (struct ib_uverbs_cmd_hdr){
		.command = number,
		.in_words = size / 4,
		.out_words = answer_size / 4,
	};
	return write(rdma->uverbs, header, size) == (ssize_t)size ? 0 : errno;
}

#define COMMAND(_rdma, _number, _cmd, _answer)                                  \
	command(_rdma, IB_USER_VERBS_CMD_ ## _number, _cmd, sizeof(*(_cmd)), _answer)

static int get_context(struct rdma *rdma)
{
	struct ib_uverbs_get_context_resp answer;
	struct {
		struct ib_uverbs_cmd_hdr header;
		struct ib_uverbs_get_context body;
	} cmd = { .body.response = (uintptr_t)&answer };

	return COMMAND(rdma, GET_CONTEXT, &cmd, sizeof(answer));
}

static int alloc_pd(struct rdma *rdma)
{
	struct ib_uverbs_alloc_pd_resp answer;
	struct {
		struct ib_uverbs_cmd_hdr header;
		struct ib_uverbs_alloc_pd body;
	} cmd = { .body.response = (uintptr_t)&answer };
	int error = COMMAND(rdma, ALLOC_PD, &cmd, sizeof(answer));

	rdma->pd = answer.pd_handle;
	return error;
}

static int reg_mr(struct rdma *rdma, void *start, size_t len)
{
	struct ib_uverbs_reg_mr_resp answer;
	struct {
		struct ib_uverbs_cmd_hdr header;
		struct ib_uverbs_reg_mr body;
	} cmd = {
		.body = {
			.response = (uintptr_t)&answer,
			.start = (uintptr_t)start,
			.length = len,
			.hca_va = (uintptr_t)start,
			.pd_handle = rdma->pd,
			.access_flags = ACCESS | IB_UVERBS_ACCESS_ON_DEMAND,
		},
	};
	int error = COMMAND(rdma, REG_MR, &cmd, sizeof(answer));

	rdma->lkey = answer.lkey;
	rdma->rkey = answer.rkey;
	return error;
}

/* Maps a queue that the driver has made. */
static struct rxe_queue_buf *map_queue(struct rdma *rdma, const struct mminfo *where)
{
	void *queue = mmap(NULL, where->size, PROT_READ | PROT_WRITE, MAP_SHARED, rdma->uverbs,
			   where->offset);

	return queue == MAP_FAILED ? NULL : queue;
}

static int create_cq(struct rdma *rdma)
{
	struct {
		struct ib_uverbs_create_cq_resp body;
		struct rxe_create_cq_resp driver;
	} answer;
	struct {
		struct ib_uverbs_cmd_hdr header;
		struct ib_uverbs_create_cq body;
	} cmd = {
		.body = {
			.response = (uintptr_t)&answer,
			.cqe = 16,
			.comp_channel = -1,
		},
	};
	int error = COMMAND(rdma, CREATE_CQ, &cmd, sizeof(answer));

	if (error)
		return error;
	rdma->cq = answer.body.cq_handle;
	rdma->completions = map_queue(rdma, &answer.driver.mi);
	return rdma->completions ? 0 : errno;
}

static int create_qp(struct rdma *rdma, int i)
{
	struct {
		struct ib_uverbs_create_qp_resp body;
		struct rxe_create_qp_resp driver;
	} answer;
	struct {
		struct ib_uverbs_cmd_hdr header;
		struct ib_uverbs_create_qp body;
	} cmd = {
		.body = {
			.response = (uintptr_t)&answer,
			.pd_handle = rdma->pd,
			.send_cq_handle = rdma->cq,
			.recv_cq_handle = rdma->cq,
			.max_send_wr = 8,
			.max_recv_wr = 8,
			.max_send_sge = 1,
			.max_recv_sge = 1,
			.qp_type = IB_UVERBS_QPT_RC,
		},
	};
	int error = COMMAND(rdma, CREATE_QP, &cmd, sizeof(answer));

	if (error)
		return error;
	rdma->qp[i].handle = answer.body.qp_handle;
	rdma->qp[i].number = answer.body.qpn;
	if (i)
		return 0;
	rdma->sends = map_queue(rdma, &answer.driver.sq_mi);
	return rdma->sends ? 0 : errno;
}

static int modify_qp(struct rdma *rdma, struct ib_uverbs_modify_qp how)
{
	struct {
		struct ib_uverbs_cmd_hdr header;
		struct ib_uverbs_modify_qp body;
	} cmd = { .body = how };

	return COMMAND(rdma, MODIFY_QP, &cmd, 0);
}

/* Connects queue pair @i to the other one. */
static int connect_qp(struct rdma *rdma, int i)
{
	struct ib_uverbs_modify_qp init = {
		.qp_handle = rdma->qp[i].handle,
		.attr_mask = QP_STATE | QP_PKEY_INDEX | QP_PORT | QP_ACCESS_FLAGS,
		.qp_state = QPS_INIT,
		.port_num = PORT,
		.qp_access_flags = ACCESS,
	};
	struct ib_uverbs_modify_qp receive = {
		.qp_handle = rdma->qp[i].handle,
		.attr_mask = QP_STATE | QP_AV | QP_PATH_MTU | QP_DEST_QPN | QP_RQ_PSN |
			     QP_MAX_DEST_RD_ATOMIC | QP_MIN_RNR_TIMER,
		.qp_state = QPS_RTR,
		.path_mtu = MTU_1024,
		.dest_qp_num = rdma->qp[!i].number,
		.max_dest_rd_atomic = 1,
		.min_rnr_timer = 12,
		.dest = {
			.is_global = 1,
			.port_num = PORT,
			.hop_limit = 1,
		},
	};
	struct ib_uverbs_modify_qp send = {
		.qp_handle = rdma->qp[i].handle,
		.attr_mask = QP_STATE | QP_TIMEOUT | QP_RETRY_CNT | QP_RNR_RETRY | QP_SQ_PSN |
			     QP_MAX_QP_RD_ATOMIC,
		.qp_state = QPS_RTS,
		.timeout = 19,	/* 2 s before a packet is sent again: hosts are slow */
		.retry_cnt = 7,
		.rnr_retry = 7,
		.max_rd_atomic = 1,
	};
	int gid = find_gid(receive.dest.dgid);
	int error = gid < 0 ? ENODEV : 0;

	receive.dest.sgid_index = gid;
	if (!error)
		error = modify_qp(rdma, init);
	if (!error)
		error = modify_qp(rdma, receive);
	return error ? error : modify_qp(rdma, send);
}

int rdma_make(struct rdma *rdma, void *start, size_t len)
{
	int error = 0;

	*rdma = (struct rdma){ .uverbs = open(UVERBS, O_RDWR | O_CLOEXEC) };
	if (rdma->uverbs < 0)
		return errno;
	error = get_context(rdma);
	if (!error)
		error = alloc_pd(rdma);
	if (!error)
		error = reg_mr(rdma, start, len);
	if (!error)
		error = create_cq(rdma);
	for (int i = 0; i < 2 && !error; i++)
		error = create_qp(rdma, i);
	for (int i = 0; i < 2 && !error; i++)
		error = connect_qp(rdma, i);
	return error;
}

static void *queue_slot(struct rxe_queue_buf *queue, __u32 index)
{
	return queue->data + ((size_t)(index & queue->index_mask) << queue->log2_elem_size);
}

/* Rings the doorbell: the driver takes all requests from the queue. */
static int post_send(struct rdma *rdma)
{
	struct ib_uverbs_post_send_resp answer;
	struct {
		struct ib_uverbs_cmd_hdr header;
		struct ib_uverbs_post_send body;
	} cmd = {
		.body = {
			.response = (uintptr_t)&answer,
			.qp_handle = rdma->qp[0].handle,
			.wqe_size = sizeof(struct ib_uverbs_send_wr),
		},
	};

	return COMMAND(rdma, POST_SEND, &cmd, sizeof(answer));
}

/* Waits for a completion, for 20 seconds at most. */
static int complete(struct rdma *rdma)
{
	struct rxe_queue_buf *queue = rdma->completions;
	__u32 status, index = queue->consumer_index;
	int error = ETIMEDOUT;

	for (int i = 0; i < 40000; i++) {
		if (__atomic_load_n(&queue->producer_index, __ATOMIC_ACQUIRE) != index) {
			status = ((struct ib_uverbs_wc *)queue_slot(queue, index))->status;
			__atomic_store_n(&queue->consumer_index, (index + 1) & queue->index_mask,
					 __ATOMIC_RELEASE);
			return status ? EIO : 0;
		}
		usleep(500);
	}
	return error;
}

static int transfer(struct rdma *rdma, int opcode, const void *local, const void *remote,
		    size_t len)
{
	struct rxe_queue_buf *queue = rdma->sends;
	__u32 index = queue->producer_index;
	struct rxe_send_wqe *request = queue_slot(queue, index);
	int error;

	memset(request, 0, sizeof(*request) + sizeof(request->dma.sge[0]));
	request->wr.opcode = opcode;
	request->wr.send_flags = SEND_SIGNALED;
	request->wr.wr.rdma.remote_addr = (uintptr_t)remote;
	request->wr.wr.rdma.rkey = rdma->rkey;
	request->iova = (uintptr_t)remote;
	request->ssn = rdma->sent++;
	request->dma.length = len;
	request->dma.resid = len;
	request->dma.num_sge = 1;
	request->dma.sge[0].addr = (uintptr_t)local;
	request->dma.sge[0].length = len;
	request->dma.sge[0].lkey = rdma->lkey;
	__atomic_store_n(&queue->producer_index, (index + 1) & queue->index_mask,
			 __ATOMIC_RELEASE);
	error = post_send(rdma);
	return error ? error : complete(rdma);
}

int rdma_write(struct rdma *rdma, const void *from, void *to, size_t len)
{
	return transfer(rdma, IB_UVERBS_WR_RDMA_WRITE, from, to, len);
}

int rdma_read(struct rdma *rdma, void *to, const void *from, size_t len)
{
	return transfer(rdma, IB_UVERBS_WR_RDMA_READ, to, from, len);
}
