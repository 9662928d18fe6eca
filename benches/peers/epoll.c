// A server to compare with, and the lower bound: little more than the system calls that an edge-triggered echo server
// on one thread needs.
//
//   build: gcc -O2 -o epoll epoll.c
//   run:   ./epoll PORT
//
// A message costs one recv, one send, and its share of an epoll_wait: a read that does not fill the buffer has emptied
// the socket (epoll(7)), and is not repeated unless a FIN or urgent data was reported.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  BACKLOG = 4096,
  BUFFER = 64 * 1024,
  EVENTS = 1024,  // per epoll_wait
  READS = 16,     // per turn of a peer
  PAUSE = 100,    // milliseconds without accepting, when there are no descriptors left
};

struct peer {
  int socket;
  unsigned readable : 1, writable : 1;  // as the last event or call showed
  unsigned flagged : 1;                 // a FIN or urgent data may follow a short read
  unsigned queued : 1;                  // it is in the run queue
  struct peer *next;                    // in the run queue
  char *pending;                        // bytes that the kernel did not take, or NULL
  size_t length, sent;                  // of these bytes
};

static char buffer[BUFFER];
static int poll, listener;
static int paused;  // there are no descriptors left: the listener is ignored for a while
static struct peer *first, **last = &first;  // the run queue

static _Noreturn void die(const char *what) {
  perror(what);
  exit(1);
}

static void watch_listener(int operation, unsigned events) {
  struct epoll_event event = {.events = events, .data.ptr = NULL};
  if (epoll_ctl(poll, operation, listener, &event) < 0) die("epoll_ctl");
}

// Closing sends the FIN after all that was written.
static void end(struct peer *peer) {
  close(peer->socket);
  free(peer->pending);
  free(peer);
}

static void enqueue(struct peer *peer) {
  if (peer->queued) return;
  peer->queued = 1;
  peer->next = NULL;
  *last = peer;
  last = &peer->next;
}

// Sends as much of `length` bytes as the kernel takes. Returns how much that was, or -1 if the connection failed.
static ssize_t send_some(struct peer *peer, const char *bytes, size_t length) {
  ssize_t taken;
  do taken = send(peer->socket, bytes, length, MSG_NOSIGNAL);
  while (taken < 0 && errno == EINTR);
  if (taken < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) taken = 0;
  if (taken >= 0 && (size_t)taken < length) peer->writable = 0;
  return taken;
}

// Sends pending bytes. Returns -1 if the connection failed.
static int flush_pending(struct peer *peer) {
  ssize_t taken = send_some(peer, peer->pending + peer->sent, peer->length - peer->sent);
  if (taken < 0) return -1;
  peer->sent += (size_t)taken;
  if (peer->sent == peer->length) {
    free(peer->pending);
    peer->pending = NULL;
  }
  return 0;
}

// Echoes `length` bytes of the buffer, and keeps what the kernel does not take. Returns -1 if the connection failed.
static int echo(struct peer *peer, size_t length) {
  ssize_t taken = send_some(peer, buffer, length);
  if (taken < 0) return -1;
  size_t left = length - (size_t)taken;
  if (left == 0) return 0;
  if (!(peer->pending = malloc(left))) return -1;
  memcpy(peer->pending, buffer + taken, left);
  peer->length = left;
  peer->sent = 0;
  return 0;
}

// One turn: it ends when the peer is not ready, when it has used up its reads, or when the connection is closed.
static void serve(struct peer *peer) {
  for (int reads = 0;;) {
    if (peer->pending) {
      if (!peer->writable) return;
      if (flush_pending(peer) < 0) { end(peer); return; }
      continue;
    }
    if (!peer->readable) return;
    if (reads++ == READS) { enqueue(peer); return; }
    ssize_t length = recv(peer->socket, buffer, BUFFER, 0);
    if (length > 0) {
      if (length < BUFFER && !peer->flagged) peer->readable = 0;
      if (echo(peer, (size_t)length) < 0) { end(peer); return; }
    } else if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      peer->readable = 0;
    } else if (length == 0 || errno != EINTR) {
      end(peer);
      return;
    }
  }
}

// Without memory, the connection is closed.
static void admit(int socket) {
  struct peer *peer = calloc(1, sizeof *peer);
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET};
  event.data.ptr = peer;
  if (!peer || epoll_ctl(poll, EPOLL_CTL_ADD, socket, &event) < 0) {
    close(socket);
    free(peer);
    return;
  }
  peer->socket = socket;
  peer->writable = 1;
}

static void accept_all(void) {
  for (;;) {
    int socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket >= 0) {
      admit(socket);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      paused = 1;
      watch_listener(EPOLL_CTL_MOD, 0);
      return;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return;
    }  // else this connection failed: accept the next one
  }
}

static void note(const struct epoll_event *event) {
  struct peer *peer = event->data.ptr;
  if (!peer) { accept_all(); return; }
  if (event->events & EPOLLOUT) peer->writable = 1;
  if (event->events & ~(unsigned)EPOLLOUT) peer->readable = 1;
  if (event->events & ~(unsigned)(EPOLLIN | EPOLLOUT)) peer->flagged = peer->writable = 1;
  if (!peer->queued) serve(peer);
}

// A turn for each peer in the run queue. Those that are enqueued meanwhile get theirs next time.
static void serve_queue(void) {
  struct peer *peer = first;
  first = NULL;
  last = &first;
  while (peer) {
    struct peer *next = peer->next;
    peer->queued = 0;
    serve(peer);
    peer = next;
  }
}

static void listen_on(int port) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  int on = 1;
  listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
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
  if (count != 2) return fprintf(stderr, "usage: epoll PORT\n"), 2;
  static struct epoll_event events[EVENTS];
  listen_on(atoi(words[1]));
  if ((poll = epoll_create1(EPOLL_CLOEXEC)) < 0) die("epoll_create1");
  watch_listener(EPOLL_CTL_ADD, EPOLLIN);
  for (;;) {
    int ready = epoll_wait(poll, events, EVENTS, first ? 0 : paused ? PAUSE : -1);
    if (ready < 0 && errno != EINTR) die("epoll_wait");
    if (ready == 0 && paused) {
      paused = 0;
      watch_listener(EPOLL_CTL_MOD, EPOLLIN);
    }
    for (int i = 0; i < ready; i++) note(&events[i]);
    serve_queue();
  }
}
