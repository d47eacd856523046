// Package engine runs one loaded model: the step loop, sampling, streams.
package engine

import "context"

// Engine owns a Backend and the goroutine that calls it.
type Engine struct{}

// Submit hands a request to the step loop and waits until it is admitted.
// When ctx ends, so does the generation. Errors: *ContextError, *BusyError,
// ErrClosed, ctx.Err().
func (e *Engine) Submit(ctx context.Context, r Request) (*Stream, error) { panic("contract") }
