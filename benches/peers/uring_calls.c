// A server to compare with: C on io_uring, by its system calls alone. The same server as epoll.c in the other model: the
// program hands over a buffer with each operation, and the kernel reports when the operation is done.
//
// Each connection has one operation at a time: a receive into its buffer, or a send out of it. So it does not receive
// while bytes are pending, which is the backpressure, and nothing has to be cancelled before it is closed. The price is a
// buffer for every connection, idle ones too: it belongs to the kernel while the receive waits. (Provided buffers,
// io_uring_register_buf_ring(3), avoid that.)
//
// build: gcc -O2 -o uring_calls uring_calls.c
// run:   ./uring_calls PORT

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BACKLOG 4096
#define BUFFER (64 * 1024)  // bytes per receive, as in all of these servers
#define ENTRIES 1024        // submissions between two calls of io_uring_enter(2)
#define PAUSE 100000000     // nanoseconds before a failed accept is tried again

struct peer {
  int socket;
  enum { RECEIVING, SENDING } doing;  // the operation that the kernel has
  size_t sent, length;                // of the bytes in the buffer
  char buffer[BUFFER];
};

// What the two rings need. The program writes at the tail of the first and reads at the head of the second.
static struct {
  int fd;
  unsigned *head, *tail, *mask, *array;
  struct io_uring_sqe *entries;
  unsigned *done_head, *done_tail, *done_mask;
  struct io_uring_cqe *done;
  unsigned unsubmitted;
} ring;

static int listener;
static struct __kernel_timespec pause_time = {.tv_nsec = PAUSE};
// The user data of the two operations that belong to no peer.
static char accepting, pausing;

static void die(const char *what) {
  perror(what);
  exit(1);
}

// Submits what there is, and sleeps until `wanted` operations are done.
static void enter(unsigned wanted) {
  unsigned flags = wanted ? IORING_ENTER_GETEVENTS : 0;
  long taken = syscall(SYS_io_uring_enter, ring.fd, ring.unsubmitted, wanted, flags, NULL, 0);
  if (taken >= 0) ring.unsubmitted -= (unsigned)taken;
  // Too many completions wait to be read: they are, next.
  else if (errno != EINTR && errno != EAGAIN && errno != EBUSY) die("io_uring_enter");
}

// The next free submission. It is submitted with the next `enter`.
static struct io_uring_sqe *submission(uint8_t operation, int fd, void *user_data) {
  unsigned tail = *ring.tail;
  while (tail - __atomic_load_n(ring.head, __ATOMIC_ACQUIRE) > *ring.mask) enter(0);
  unsigned index = tail & *ring.mask;
  struct io_uring_sqe *entry = &ring.entries[index];
  memset(entry, 0, sizeof *entry);
  entry->opcode = operation;
  entry->fd = fd;
  entry->user_data = (uint64_t)(uintptr_t)user_data;
  ring.array[index] = index;
  return entry;
}

// The kernel may look at it from here on.
static void publish(void) {
  __atomic_store_n(ring.tail, *ring.tail + 1, __ATOMIC_RELEASE);
  ring.unsubmitted++;
}

static void accept_one(void) {
  submission(IORING_OP_ACCEPT, listener, &accepting)->accept_flags = SOCK_CLOEXEC;
  publish();
}

static void pause_accepting(void) {
  struct io_uring_sqe *entry = submission(IORING_OP_TIMEOUT, -1, &pausing);
  entry->addr = (uint64_t)(uintptr_t)&pause_time;
  entry->len = 1;
  publish();
}

static void receive(struct peer *peer) {
  struct io_uring_sqe *entry = submission(IORING_OP_RECV, peer->socket, peer);
  entry->addr = (uint64_t)(uintptr_t)peer->buffer;
  entry->len = BUFFER;
  peer->doing = RECEIVING;
  publish();
}

// MSG_WAITALL: the kernel itself repeats a short send.
static void send_rest(struct peer *peer) {
  struct io_uring_sqe *entry = submission(IORING_OP_SEND, peer->socket, peer);
  entry->addr = (uint64_t)(uintptr_t)(peer->buffer + peer->sent);
  entry->len = (uint32_t)(peer->length - peer->sent);
  entry->msg_flags = MSG_NOSIGNAL | MSG_WAITALL;
  peer->doing = SENDING;
  publish();
}

// The kernel has no operation of this peer, so no buffer of it either. Closing sends the FIN after all that was sent.
static void end(struct peer *peer) {
  close(peer->socket);
  free(peer);
}

static void received(struct peer *peer, int result) {
  if (result == -EINTR || result == -EAGAIN) { receive(peer); return; }
  if (result <= 0) { end(peer); return; }
  peer->sent = 0;
  peer->length = (size_t)result;
  send_rest(peer);
}

static void sent(struct peer *peer, int result) {
  if (result == -EINTR || result == -EAGAIN) result = 0;
  if (result < 0) { end(peer); return; }
  peer->sent += (size_t)result;
  if (peer->sent < peer->length) send_rest(peer);
  else receive(peer);
}

// Without memory, the connection is closed. Without descriptors, accepting pauses.
static void accepted(int result) {
  if (result == -EMFILE || result == -ENFILE || result == -ENOBUFS || result == -ENOMEM) { pause_accepting(); return; }
  accept_one();
  if (result < 0) return;  // this connection failed
  struct peer *peer = malloc(sizeof *peer);
  if (!peer) { close(result); return; }
  peer->socket = result;
  receive(peer);
}

static void complete(const struct io_uring_cqe *done) {
  void *data = (void *)(uintptr_t)done->user_data;
  if (data == &accepting) { accepted(done->res); return; }
  if (data == &pausing) { accept_one(); return; }
  struct peer *peer = data;
  if (peer->doing == RECEIVING) received(peer, done->res);
  else sent(peer, done->res);
}

static void *map(size_t size, off_t offset) {
  void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd, offset);
  if (at == MAP_FAILED) die("mmap");
  return at;
}

// The rings of io_uring_setup(2), shared with the kernel. It needs Linux 5.19 for the flag, which saves interrupts of
// this thread.
static void set_up(void) {
  struct io_uring_params params = {.flags = IORING_SETUP_COOP_TASKRUN};
  ring.fd = (int)syscall(SYS_io_uring_setup, ENTRIES, &params);
  if (ring.fd < 0) die("io_uring_setup");
  char *in = map(params.sq_off.array + params.sq_entries * sizeof(unsigned), IORING_OFF_SQ_RING);
  char *out = map(params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
  ring.entries = map(params.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
  ring.head = (unsigned *)(in + params.sq_off.head);
  ring.tail = (unsigned *)(in + params.sq_off.tail);
  ring.mask = (unsigned *)(in + params.sq_off.ring_mask);
  ring.array = (unsigned *)(in + params.sq_off.array);
  ring.done_head = (unsigned *)(out + params.cq_off.head);
  ring.done_tail = (unsigned *)(out + params.cq_off.tail);
  ring.done_mask = (unsigned *)(out + params.cq_off.ring_mask);
  ring.done = (struct io_uring_cqe *)(out + params.cq_off.cqes);
}

static void listen_on(int port) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  int on = 1;
  listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) die("socket");
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // Accepted sockets inherit these two.
  setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(listener, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&at, sizeof at) < 0) die("bind");
  if (listen(listener, BACKLOG) < 0) die("listen");
  getsockname(listener, (struct sockaddr *)&at, &size);
  printf("listening on 127.0.0.1:%d\n", ntohs(at.sin_port));
  fflush(stdout);
}

int main(int count, char **words) {
  if (count != 2) return fprintf(stderr, "usage: uring_calls PORT | --probe\n"), 2;
  // Some container runtimes forbid it.
  set_up();
  if (!strcmp(words[1], "--probe")) return 0;
  listen_on(atoi(words[1]));
  accept_one();
  for (;;) {
    enter(1);
    unsigned head = *ring.done_head;
    for (; head != __atomic_load_n(ring.done_tail, __ATOMIC_ACQUIRE); head++) {
      struct io_uring_cqe done = ring.done[head & *ring.done_mask];
      // The slot is free for the kernel before what follows submits more.
      __atomic_store_n(ring.done_head, head + 1, __ATOMIC_RELEASE);
      complete(&done);
    }
  }
}
