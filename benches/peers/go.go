// A server to compare with: Go, with a goroutine per connection.
//
//	build: go build -o go go.go
//	run:   ./go PORT
//
// io.Copy would be shorter, but for bulk data it is not comparable: between two sockets it uses splice(2) through a
// pipe for each connection, and the program never sees the bytes.
package main

import (
	"fmt"
	"net"
	"os"
	"time"
)

// Bytes per read, as in all of these servers.
const buffer = 64 * 1024

// How long to pause when there are no descriptors left.
const pause = 100 * time.Millisecond

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go PORT")
		os.Exit(2)
	}
	// Go uses the system's limit as backlog, net.core.somaxconn, which is 4096 by default.
	listener, err := net.Listen("tcp4", "127.0.0.1:"+os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("listening on", listener.Addr())
	for {
		peer, err := listener.Accept()
		if err != nil {
			// Either this connection failed, or there are no descriptors left.
			time.Sleep(pause)
			continue
		}
		go echo(peer) // Go sets TCP_NODELAY
	}
}

// echo echoes until end of file. Closing then sends the FIN after the last byte. An error ends this connection and
// nothing else.
func echo(peer net.Conn) {
	defer peer.Close()
	bytes := make([]byte, buffer)
	for {
		// A read may return bytes and an error together.
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
