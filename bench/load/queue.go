package load

import (
	"sync"
	"time"
)

// visit is a session under way.
type visit struct {
	number  int // of the session; streams don't share numbers
	session Session
	turn    int
	history []Message
}

func (v *visit) more() bool { return v.turn < len(v.session.Turns) }

// answered puts the answer into the history; after a failure there is no next turn.
func (v *visit) answered(r Record) {
	v.turn++
	if r.Kind != OK {
		v.turn = len(v.session.Turns)
		return
	}
	v.history = append(v.history, Message{Role: "assistant", Content: r.Text})
}

// sessionsPerStream keeps the numbers of sessions of different streams apart.
const sessionsPerStream = 1_000_000

// queue hands out the sessions of one stream.
type queue struct {
	stream Stream
	first  int // number of the first session
	start  time.Time

	mu     sync.Mutex
	made   int
	parked []*visit // oldest first
}

func newQueue(stream int, s Stream, start time.Time) *queue {
	return &queue{stream: s, first: stream * sessionsPerStream, start: start}
}

// next returns what is to be done now: a fresh session, else the one that waited longest; nil: nothing.
func (q *queue) next() *visit {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.fresh() {
		s := q.stream.Session(q.made)
		v := &visit{number: q.first + q.made, session: s, history: append([]Message(nil), s.Opening...)}
		q.made++
		return v
	}
	if len(q.parked) == 0 {
		return nil
	}
	v := q.parked[0]
	q.parked = q.parked[1:]
	return v
}

// fresh tells whether one more session may start.
func (q *queue) fresh() bool {
	if q.stream.Count > 0 && q.made >= q.stream.Count {
		return false
	}
	return q.stream.For == 0 || time.Since(q.start) < q.stream.For
}

// back puts a session behind all others until its next turn.
func (q *queue) back(v *visit) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if v.more() {
		q.parked = append(q.parked, v)
	}
}
