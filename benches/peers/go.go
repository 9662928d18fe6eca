// A peer to be measured against: Go, with a goroutine per connection.
//
//	build: go build -o go go.go
//	run:   ./go PORT
//
// io.Copy would be shorter, and for bulk data another thing to measure: between two sockets it has the
// kernel move the pages, through a pipe for each connection, and never sees the bytes.
package main

import (
	"fmt"
	"net"
	"os"
	"time"
)

// Bytes read at once; the same in all peers.
const buffer = 64 * 1024

// How long to wait for resources, such as descriptors, to become free.
const pause = 100 * time.Millisecond

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go PORT")
		os.Exit(2)
	}
	// The backlog is the system's limit, net.core.somaxconn: 4096 unless someone has changed it.
	listener, err := net.Listen("tcp4", "127.0.0.1:"+os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("listening on", listener.Addr())
	for {
		peer, err := listener.Accept()
		if err != nil {
			// Either this one peer is gone, or there are no descriptors left.
			time.Sleep(pause)
			continue
		}
		go echo(peer) // with TCP_NODELAY, which Go sets by itself
	}
}

// echo gives everything back; closing sends the FIN behind it. A peer that breaks off is its own affair.
func echo(peer net.Conn) {
	defer peer.Close()
	bytes := make([]byte, buffer)
	for {
		// What was read counts also when an error comes with it.
		length, readErr := peer.Read(bytes)
		if length > 0 {
			if _, err := peer.Write(bytes[:length]); err != nil {
				return
			}
		}
		if readErr != nil {
			return
		}
	}
}
