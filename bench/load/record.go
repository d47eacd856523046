package load

import "time"

// Kind says how a request ended.
type Kind string

// The kinds of ends. OK, Left and Ended are no errors.
const (
	OK         Kind = ""
	Left       Kind = "left"      // the client went away, as it was meant to
	Ended      Kind = "ended"     // a background stream was over
	Connect    Kind = "connect"   // no connection, or it broke before the answer's headers
	Timeout    Kind = "timeout"   // the answer was not whole in time
	Busy       Kind = "429"       // too many requests
	Status4xx  Kind = "4xx"       // refused otherwise
	Status5xx  Kind = "5xx"       // the server failed
	ErrorEvent Kind = "error"     // an error in the stream, after it began well
	Cut        Kind = "cut"       // the stream ended without its end
	Malformed  Kind = "malformed" // an event that can't be read
	Empty      Kind = "empty"     // a whole stream without text
)

// Record is one request. Times count from the start of the phase; those of what
// did not happen are 0. Token counts are the server's own; nil is unknown.
type Record struct {
	Class    string          `json:"class"`
	Session  int             `json:"session"`
	Turn     int             `json:"turn"`
	Intended time.Duration   `json:"intended_ns"` // when it was due
	Sent     time.Duration   `json:"sent_ns"`
	Events   []time.Duration `json:"events_ns"` // arrivals of events with text
	End      time.Duration   `json:"end_ns"`
	Prompt   *int            `json:"prompt_tokens"`
	Cached   *int            `json:"cached_tokens"`
	Output   *int            `json:"output_tokens"`
	Finish   string          `json:"finish_reason,omitempty"`
	Kind     Kind            `json:"kind,omitempty"`
	Detail   string          `json:"detail,omitempty"` // of an error
	Text     string          `json:"text"`
	Task     Task            `json:"task,omitempty"`
	Why      string          `json:"why,omitempty"` // the task failed
}

// Task says whether an answer did what was asked for.
type Task string

// Unchecked is for turns that ask for nothing that can be checked.
const (
	Unchecked Task = ""
	Solved    Task = "solved"
	Failed    Task = "failed"
)

// Failed tells whether the request ended in an error.
func (r Record) Failed() bool { return r.Kind != OK && r.Kind != Left && r.Kind != Ended }

// First returns when the first text came, and whether any did.
func (r Record) First() (time.Duration, bool) {
	if len(r.Events) == 0 {
		return 0, false
	}
	return r.Events[0], true
}

// TTFT is the time to the first token, from when the request was due.
func (r Record) TTFT() (time.Duration, bool) {
	first, ok := r.First()
	return first - r.Intended, ok
}

// ITL returns the gaps between neighbouring events with text.
func (r Record) ITL() []time.Duration {
	var gaps []time.Duration
	for i := 1; i < len(r.Events); i++ {
		gaps = append(gaps, r.Events[i]-r.Events[i-1])
	}
	return gaps
}

// Latency is the whole time from when the request was due.
func (r Record) Latency() time.Duration { return r.End - r.Intended }
