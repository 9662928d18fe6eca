#!/bin/sh
# A server to compare with: the echo service that is built into xinetd, a process per connection, without its limits.
#
#   run: ./xinetd.sh PORT FOLDER   (it reads its configuration from FOLDER/xinetd.conf)

mkdir -p "$2"
cat > "$2/xinetd.conf" <<END
defaults
{
    instances = UNLIMITED
    cps = 100000 1
    per_source = UNLIMITED
}
service echo
{
    type = INTERNAL UNLISTED
    id = echo-stream
    socket_type = stream
    protocol = tcp
    wait = no
    bind = 127.0.0.1
    port = $1
}
END
PATH=$PATH:/usr/sbin:/sbin exec xinetd -dontfork -f "$2/xinetd.conf"
