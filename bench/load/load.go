// Package load sends requests to one OpenAI-compatible endpoint and writes down
// when everything happened.
//
// Owns: the client (plain HTTP and SSE, every event's arrival timed before it is
// decoded), the closed and the open loop, and the Record of each request.
// Must not import: anything of Moltbot; a target is known by its URL alone.
// Flow: a workload describes a Phase of Streams of Sessions; Client.Run plays it
// and returns one Record for each request that was due.
package load

import "time"

// Target is an endpoint to measure.
type Target struct {
	Name  string         `json:"name"`
	URL   string         `json:"url"` // without /v1: "http://127.0.0.1:8080"
	Model string         `json:"model"`
	Key   string         `json:"-"`
	Extra map[string]any `json:"extra,omitempty"` // fields put into every request
	// Completions sends the messages' text to /v1/completions, for models without a chat template.
	Completions bool `json:"completions,omitempty"`
}

// Message is one of a chat.
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Turn is one request of a session.
type Turn struct {
	Class  string         // under which its record is counted
	Add    []Message      // put behind the history before it is sent
	Tokens int            // max_tokens
	Fields map[string]any // further fields of the request
	Leave  Leave
	Check  func(answer string) error // the task; nil: any answer will do
}

// Leave says when a client goes away; zero: it stays.
type Leave struct {
	Events int           // after so many events with text
	After  time.Duration // after so long from sending
}

// Session is what one client does: turns one after the other, each on top of
// the history of those before it, the target's own answers included. A turn that
// fails ends it.
type Session struct {
	Opening []Message
	Turns   []Turn
}

// Stream is a kind of client. With a Rate it is an open loop: sessions start at
// random times (Poisson) whether or not the target keeps up. Without, it is a
// closed loop: each of Clients starts a session when its last one is over.
type Stream struct {
	Session    func(i int) Session // the i-th, from 0
	Count      int                 // sessions in all; 0: until For is over
	For        time.Duration       // no session starts later; 0: no limit
	Clients    int                 // closed loop
	Rate       float64             // open loop: sessions per second
	Seed       uint64              // of the arrival times
	Interleave bool                // closed loop: a session goes to the back of the queue after each turn
	Background bool                // runs for as long as the other streams do, then stops
}

// Phase is streams that run at the same time.
type Phase struct {
	Name    string
	Counted bool // false: a warm-up
	Streams []Stream
}
