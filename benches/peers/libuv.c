// A server to compare with: libuv, writing at once what the kernel takes.
//
//   build: gcc -O2 -o libuv libuv.c -luv
//   run:   ./libuv PORT

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { BACKLOG = 4096, BUFFER = 64 * 1024 };

// Bytes that the kernel did not take yet.
struct pending {
  uv_write_t request;
  char bytes[];
};

static char buffer[BUFFER];  // shared by all peers: pending bytes are copied out of it

static void read_next(uv_stream_t *peer);

static void free_peer(uv_handle_t *peer) { free(peer); }

// Closing sends the FIN after all that was written.
static void end(uv_stream_t *peer) {
  if (!uv_is_closing((uv_handle_t *)peer)) uv_close((uv_handle_t *)peer, free_peer);
}

static void lend_buffer(uv_handle_t *peer, size_t wanted, uv_buf_t *lent) {
  (void)peer, (void)wanted;
  *lent = uv_buf_init(buffer, BUFFER);
}

static void have_written(uv_write_t *request, int status) {
  uv_stream_t *peer = request->handle;
  free(request->data);
  if (status < 0) end(peer);
  else read_next(peer);
}

// Keeps what the kernel did not take, and stops reading from the peer until it is written.
static void write_later(uv_stream_t *peer, const char *bytes, size_t length) {
  struct pending *pending = malloc(sizeof *pending + length);
  if (!pending) { end(peer); return; }
  memcpy(pending->bytes, bytes, length);
  pending->request.data = pending;
  uv_buf_t left = uv_buf_init(pending->bytes, (unsigned)length);
  uv_read_stop(peer);
  if (uv_write(&pending->request, peer, &left, 1, have_written) < 0) {
    free(pending);
    end(peer);
  }
}

static void have_read(uv_stream_t *peer, ssize_t length, const uv_buf_t *bytes) {
  if (length < 0) { end(peer); return; }  // end of file, or the connection failed
  if (length == 0) return;                // nothing to read after all
  uv_buf_t all = uv_buf_init(bytes->base, (unsigned)length);
  int taken = uv_try_write(peer, &all, 1);
  if (taken == UV_EAGAIN) taken = 0;
  if (taken < 0) end(peer);
  else if (taken < length) write_later(peer, bytes->base + taken, (size_t)(length - taken));
}

static void read_next(uv_stream_t *peer) {
  if (uv_read_start(peer, lend_buffer, have_read) < 0) end(peer);
}

static void have_peer(uv_stream_t *listener, int status) {
  if (status < 0) return;  // this connection failed; without descriptors libuv itself closes new connections
  uv_tcp_t *peer = malloc(sizeof *peer);
  if (!peer) return;
  uv_tcp_init(listener->loop, peer);
  if (uv_accept(listener, (uv_stream_t *)peer) < 0) { end((uv_stream_t *)peer); return; }
  uv_tcp_nodelay(peer, 1);
  read_next((uv_stream_t *)peer);
}

static int failed(const char *what, int error) {
  fprintf(stderr, "%s: %s\n", what, uv_strerror(error));
  return 1;
}

int main(int count, char **words) {
  if (count != 2) return fprintf(stderr, "usage: libuv PORT\n"), 2;
  signal(SIGPIPE, SIG_IGN);
  uv_tcp_t listener;
  struct sockaddr_in at;
  int size = sizeof at, error;
  uv_tcp_init(uv_default_loop(), &listener);
  uv_ip4_addr("127.0.0.1", atoi(words[1]), &at);
  if ((error = uv_tcp_bind(&listener, (struct sockaddr *)&at, 0)) < 0) return failed("bind", error);
  if ((error = uv_listen((uv_stream_t *)&listener, BACKLOG, have_peer)) < 0) return failed("listen", error);
  uv_tcp_getsockname(&listener, (struct sockaddr *)&at, &size);
  printf("listening on 127.0.0.1:%d\n", ntohs(at.sin_port));
  fflush(stdout);
  return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
