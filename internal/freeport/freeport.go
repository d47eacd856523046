// Package freeport finds ports for tests that must name one before a server takes it.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// Address returns one of this machine whose port is below those that Linux hands out
// by itself: nobody else gets it before the server does.
func Address() string {
	for {
		address := fmt.Sprintf("127.0.0.1:%d", 10000+rand.IntN(20000))
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
}
