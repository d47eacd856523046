package server_test

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/moltbot/moltbot/engine"
)

// pipes is a listener in memory. Together with a bubble's clock it makes a test
// exact: nothing moves on before all that could happen has happened.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes {
	return &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	mine, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return mine, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// stepTime is how long a step takes of the bubble's time in a paced rig.
const stepTime = 10 * time.Millisecond

// paced makes steps take time, so that each token is sent before the next is made.
func paced(c *config) {
	c.memory = true
	c.toy.Before = func(int, []engine.Row) error {
		time.Sleep(stepTime)
		return nil
	}
}
