#!/bin/sh
# A server to compare with: HAProxy in TCP mode in front of our own server, which shows what a proxy adds.
#
#   run: ./haproxy.sh PORT MIO-ECHO

"$2" serve --quiet --listen "127.0.0.2:$1" &
PATH=$PATH:/usr/sbin:/sbin exec haproxy -q -f /dev/stdin <<END
global
    maxconn 4000
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen echo
    bind 127.0.0.1:$1 backlog 4096
    server ours 127.0.0.2:$1
END
