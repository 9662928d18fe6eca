// Lets sockperf take what an echo server sends for a reply; see outside.py. sockperf drops messages whose header says that
// they come from a client, and an echo does. So the flag is cleared on arrival: bit 0 of byte 9 of its header of 14 bytes.
//
//   cc -O2 -shared -fPIC -o sockperf_echo.so sockperf_echo.c && LD_PRELOAD=./sockperf_echo.so sockperf ping-pong …
//
// This holds for messages that arrive whole, as small ones do in ping-pong.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/socket.h>

enum { HEADER = 14, FLAGS = 9, FROM_CLIENT = 1 };

ssize_t recvfrom(int fd, void *buffer, size_t size, int flags, struct sockaddr *from, socklen_t *length) {
    static ssize_t (*kernel)(int, void *, size_t, int, struct sockaddr *, socklen_t *);
    if (!kernel)
        *(void **)&kernel = dlsym(RTLD_NEXT, "recvfrom");
    ssize_t received = kernel(fd, buffer, size, flags, from, length);
    if (received >= HEADER)
        ((unsigned char *)buffer)[FLAGS] &= ~FROM_CLIENT;
    return received;
}
