package engine

import "context"

// Stream delivers one generation. Its methods may be called from one goroutine
// at a time, Close from any.
type Stream struct{}

// Recv waits for text and returns all that came since the last call. After the
// last chunk it returns io.EOF, and Result is set; any other error ended the
// generation. When ctx ends first it returns ctx.Err() and the stream goes on:
// a caller may use a deadline to send a sign of life and call again.
func (s *Stream) Recv(ctx context.Context) (Chunk, error) { panic("contract") }

// Result returns how it ended; valid after Recv returned io.EOF.
func (s *Stream) Result() Result { panic("contract") }

// Close ends the generation; its rows are free before the next step. A second call does nothing.
func (s *Stream) Close() { panic("contract") }
