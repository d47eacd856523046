//go:build cgo

package guidance

import (
	"errors"
	"fmt"
	"sync"

	cguidance "github.com/moltbot/moltbot/cgo/guidance"
	"github.com/moltbot/moltbot/engine/constrain"
)

// constraint implements constrain.Constraint. It keeps one matcher at the start
// whose caches hold what the first mask needs, and hands out clones.
type constraint struct {
	vocab Vocab
	mu    sync.Mutex
	start *cguidance.Matcher
}

func newConstraint(m *cguidance.Matcher, v Vocab) (*constraint, error) {
	first := make([]uint32, (v.Len()+31)/32)
	if err := m.Mask(first); err != nil {
		m.Close()
		return nil, &constrain.RefusedError{Reason: fmt.Sprintf("no answer can begin (%v)", err)}
	}
	if empty(first) {
		m.Close()
		return nil, &constrain.RefusedError{Reason: "no answer can satisfy it"}
	}
	return &constraint{vocab: v, start: m}, nil
}

func empty(mask []uint32) bool {
	for _, w := range mask {
		if w != 0 {
			return false
		}
	}
	return true
}

// Start implements constrain.Constraint.
func (c *constraint) Start() (constrain.Matcher, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, err := c.start.Clone()
	if err != nil {
		return nil, err
	}
	return &matcher{c: m, vocab: c.vocab}, nil
}

// matcher implements constrain.Matcher.
type matcher struct {
	c     *cguidance.Matcher
	vocab Vocab
}

// Mask implements constrain.Matcher. A grammar may turn out to have no way on from
// a state; that is an error too.
func (m *matcher) Mask(mask []uint32) error {
	if err := m.c.Mask(mask); err != nil {
		return err
	}
	if empty(mask) {
		return errDeadEnd
	}
	return nil
}

var errDeadEnd = errors.New("guidance: the grammar leaves no token that could come next")

// Accept implements constrain.Matcher. llguidance stops by itself where only an end
// may follow, and takes no more tokens then.
func (m *matcher) Accept(t constrain.Token) error {
	switch {
	case t < 0 || int(t) >= m.vocab.Len():
		return fmt.Errorf("guidance: there is no token %d", t)
	case m.c.Stopped() && m.vocab.IsEOG(t):
		return nil
	}
	return m.c.Consume(uint32(t))
}

func (m *matcher) Forced(buf []constrain.Token) []constrain.Token {
	for _, t := range m.c.Forced(nil) {
		buf = append(buf, constrain.Token(t))
	}
	return buf
}

func (m *matcher) Ended() bool { return m.c.Stopped() }
func (m *matcher) Close()      { m.c.Close() }
