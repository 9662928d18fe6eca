#!/bin/sh
# A server to compare with: OpenBSD's inetd, which starts a cat for each connection.
#
#   run: ./inetd.sh PORT

# Without -R, it stops a service that is used more than 256 times a minute.
PATH=$PATH:/usr/sbin:/sbin exec inetd -i -R 1000000 /dev/stdin <<END
127.0.0.1:$1 stream tcp nowait $(id -un) /bin/cat cat
END
