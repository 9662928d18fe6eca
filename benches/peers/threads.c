// A server to compare with: C, with a thread per connection.
//
//   build: gcc -O2 -o c-threads threads.c -pthread
//   run:   ./c-threads PORT

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  BACKLOG = 4096,
  BUFFER = 64 * 1024,      // per read, as in all of these servers
  STACK = BUFFER + 32768,  // of a thread, whose buffer is on it
  PAUSE = 100,             // milliseconds, when there are no descriptors left
};

static _Noreturn void die(const char *what) {
  perror(what);
  exit(1);
}

// Returns -1 if the connection failed.
static int send_all(int peer, const char *bytes, ssize_t length) {
  while (length > 0) {
    ssize_t taken = send(peer, bytes, (size_t)length, MSG_NOSIGNAL);
    if (taken < 0 && errno == EINTR) continue;
    if (taken < 0) return -1;
    bytes += taken;
    length -= taken;
  }
  return 0;
}

// Echoes until end of file, or until the connection fails. Closing then sends the FIN after the last byte.
static void *echo(void *argument) {
  int peer = (int)(intptr_t)argument;
  char buffer[BUFFER];
  for (;;) {
    ssize_t length = recv(peer, buffer, BUFFER, 0);
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0 || send_all(peer, buffer, length) < 0) break;
  }
  close(peer);
  return NULL;
}

static int listen_on(int port) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
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
  return listener;
}

int main(int count, char **words) {
  if (count != 2) return fprintf(stderr, "usage: c-threads PORT\n"), 2;
  int listener = listen_on(atoi(words[1]));
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, STACK);
  for (;;) {
    int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (peer < 0) {  // this connection failed, or there are no descriptors left
      usleep(PAUSE * 1000);
      continue;
    }
    pthread_t thread;
    // Without a thread, the connection is closed.
    if (pthread_create(&thread, &attributes, echo, (void *)(intptr_t)peer) != 0) close(peer);
  }
}
