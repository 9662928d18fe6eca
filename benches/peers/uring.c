// A server to compare with: C on io_uring, through liburing, on one thread.
//
//   build: gcc -O2 -o uring uring.c -luring
//   run:   ./uring PORT
//          ./uring --probe   (exits with 1 and the reason where io_uring cannot be used)
//
// Each connection has one operation in flight, so no bytes can overtake others, and no socket is closed under an
// operation. A receive takes a buffer from a ring when bytes have arrived, so idle connections hold none. The echo is
// sent without waiting; what the kernel does not take is copied, and the buffer goes back to the ring. A connection
// whose peer does not read thus holds a copy of its own, no shared buffer, and is not read from meanwhile. A multishot
// receive would save one submission per message, but it goes on reading from such a peer until no buffer is left for
// the others.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <liburing.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  BACKLOG = 4096,
  BUFFER = 64 * 1024,
  BUFFERS = 1024,     // at most; a power of two
  GROUP = 0,          // the number of their ring
  SUBMISSIONS = 4096,
  COMPLETIONS = 16384,
  PAUSE = 100,        // milliseconds without accepting, when there are no descriptors left
};

struct peer {
  int socket;
  enum { RECEIVING, ECHOING, SENDING_PENDING } operation;  // the one in flight
  unsigned buffer;       // while echoing
  size_t length;         // of the bytes in this buffer, or of the pending bytes
  unsigned more;         // the last receive left bytes behind
  char *pending;         // bytes that the kernel did not take, while they are sent
};

static struct io_uring ring;
static struct io_uring_buf_ring *lent;  // the buffers that receives may take
static char (*buffers)[BUFFER];
static unsigned made;  // the buffers that were ever lent: as many as were needed at once
static int listener;
// The user data of what belongs to no peer.
static char accepting, pausing;

static _Noreturn void die(const char *what, int error) {
  fprintf(stderr, "%s: %s\n", what, strerror(error));
  exit(1);
}

static struct io_uring_sqe *submission(void) {
  struct io_uring_sqe *sqe;
  while (!(sqe = io_uring_get_sqe(&ring))) io_uring_submit(&ring);
  return sqe;
}

// Waits for bytes first, unless some are known to be there.
static void receive(struct peer *peer) {
  struct io_uring_sqe *sqe = submission();
  peer->operation = RECEIVING;
  io_uring_prep_recv(sqe, peer->socket, NULL, BUFFER, 0);
  io_uring_sqe_set_data(sqe, peer);
  io_uring_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
  sqe->buf_group = GROUP;
  if (!peer->more) sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
}

static void send_some(struct peer *peer, const char *bytes, size_t length, int flags) {
  struct io_uring_sqe *sqe = submission();
  io_uring_prep_send(sqe, peer->socket, bytes, length, MSG_NOSIGNAL | flags);
  io_uring_sqe_set_data(sqe, peer);
}

static void lend(unsigned buffer) {
  io_uring_buf_ring_add(lent, buffers[buffer], BUFFER, (unsigned short)buffer, io_uring_buf_ring_mask(BUFFERS), 0);
  io_uring_buf_ring_advance(lent, 1);
}

// Closing sends the FIN after all that was sent.
static void end(struct peer *peer) {
  close(peer->socket);
  free(peer->pending);
  free(peer);
}

static void have_received(struct peer *peer, int length, unsigned flags) {
  // All buffers are taken. They are soon back, since no send that waits holds one.
  if (length == -ENOBUFS && made < BUFFERS) lend(made++);
  if (length == -ENOBUFS || length == -EINTR || length == -EAGAIN) { receive(peer); return; }
  if (length <= 0) {  // end of file, or the connection failed
    if (flags & IORING_CQE_F_BUFFER) lend(flags >> IORING_CQE_BUFFER_SHIFT);
    end(peer);
    return;
  }
  peer->more = (flags & IORING_CQE_F_SOCK_NONEMPTY) != 0;
  peer->buffer = flags >> IORING_CQE_BUFFER_SHIFT;
  peer->length = (size_t)length;
  peer->operation = ECHOING;
  send_some(peer, buffers[peer->buffer], peer->length, MSG_DONTWAIT);
}

// With MSG_WAITALL, the kernel goes on until all is sent.
static void send_pending(struct peer *peer, const char *bytes, size_t length) {
  if (!(peer->pending = malloc(length))) { end(peer); return; }
  memcpy(peer->pending, bytes, length);
  peer->length = length;
  peer->operation = SENDING_PENDING;
  send_some(peer, peer->pending, length, MSG_WAITALL);
}

static void have_echoed(struct peer *peer, int taken) {
  unsigned buffer = peer->buffer;
  if (taken == -EAGAIN || taken == -EINTR) taken = 0;
  if (taken < 0) end(peer);
  else if ((size_t)taken == peer->length) receive(peer);
  else send_pending(peer, buffers[buffer] + taken, peer->length - (size_t)taken);
  lend(buffer);
}

static void have_sent_pending(struct peer *peer, int taken) {
  if (taken < 0 || (size_t)taken < peer->length) { end(peer); return; }  // the connection failed
  free(peer->pending);
  peer->pending = NULL;
  receive(peer);
}

// Without memory, the connection is closed.
static void admit(int socket) {
  struct peer *peer = calloc(1, sizeof *peer);
  if (!peer) { close(socket); return; }
  peer->socket = socket;
  receive(peer);
}

static void accept_all(void) {
  struct io_uring_sqe *sqe = submission();
  io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
  io_uring_sqe_set_data(sqe, &accepting);
}

static void accept_later(void) {
  static struct __kernel_timespec pause = {.tv_nsec = PAUSE * 1000000LL};
  struct io_uring_sqe *sqe = submission();
  io_uring_prep_timeout(sqe, &pause, 0, 0);
  io_uring_sqe_set_data(sqe, &pausing);
}

static void have_accepted(int socket, unsigned flags) {
  if (socket >= 0) admit(socket);
  if (flags & IORING_CQE_F_MORE) return;
  if (socket == -EMFILE || socket == -ENFILE || socket == -ENOBUFS || socket == -ENOMEM) accept_later();
  else accept_all();  // this connection failed
}

static void complete(const struct io_uring_cqe *cqe) {
  void *data = io_uring_cqe_get_data(cqe);
  if (data == &accepting) { have_accepted(cqe->res, cqe->flags); return; }
  if (data == &pausing) { accept_all(); return; }
  struct peer *peer = data;
  switch (peer->operation) {
    case RECEIVING: have_received(peer, cqe->res, cqe->flags); return;
    case ECHOING: have_echoed(peer, cqe->res); return;
    case SENDING_PENDING: have_sent_pending(peer, cqe->res); return;
  }
}

static void set_up(void) {
  struct io_uring_params params = {.cq_entries = COMPLETIONS};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
  int result = io_uring_queue_init_params(SUBMISSIONS, &ring, &params);
  if (result == -EINVAL) die("io_uring needs Linux 6.1", -result);
  if (result < 0) die("io_uring_setup", -result);
  void *memory;
  if ((result = posix_memalign(&memory, 4096, BUFFERS * sizeof(struct io_uring_buf)))) die("memory", result);
  lent = memory;
  io_uring_buf_ring_init(lent);
  struct io_uring_buf_reg registration = {.ring_addr = (unsigned long)lent, .ring_entries = BUFFERS, .bgid = GROUP};
  if ((result = io_uring_register_buf_ring(&ring, &registration, 0)) < 0) die("io_uring_register", -result);
  if (!(buffers = malloc(sizeof *buffers * BUFFERS))) die("memory", errno);
}

static void listen_on(int port) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  int on = 1;
  listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) die("socket", errno);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // Accepted sockets inherit these two.
  setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(listener, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&at, sizeof at) < 0) die("bind", errno);
  if (listen(listener, BACKLOG) < 0) die("listen", errno);
  getsockname(listener, (struct sockaddr *)&at, &size);
  printf("listening on 127.0.0.1:%d\n", ntohs(at.sin_port));
  fflush(stdout);
}

int main(int count, char **words) {
  if (count != 2) return fprintf(stderr, "usage: uring PORT | --probe\n"), 2;
  set_up();
  if (strcmp(words[1], "--probe") == 0) return 0;
  listen_on(atoi(words[1]));
  accept_all();
  for (;;) {
    int result = io_uring_submit_and_wait(&ring, 1);
    if (result < 0 && result != -EINTR && result != -EBUSY && result != -EAGAIN) die("io_uring_enter", -result);
    struct io_uring_cqe *cqe;
    unsigned head, completions = 0;
    io_uring_for_each_cqe(&ring, head, cqe) {
      complete(cqe);
      completions++;
    }
    io_uring_cq_advance(&ring, completions);
  }
}
