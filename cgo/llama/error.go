package llama

import (
	"errors"
	"strings"
)

// What Decode, LoadModel and NewContext may wrap.
var (
	ErrNoSlot  = errors.New("no KV slot for the batch") // nothing was computed: make room, try again
	ErrAborted = errors.New("aborted")                  // what was computed stays in memory
	ErrInvalid = errors.New("invalid argument")         // a mistake of the caller; nothing was computed
	ErrFatal   = errors.New("fatal")                    // close the context
	ErrClosed  = errors.New("closed")                   // used after Close
)

// The codes of llama_decode; every other negative one is fatal.
var decodeErrors = map[int32]error{1: ErrNoSlot, 2: ErrAborted, -1: ErrInvalid}

// nativeError is what llama.cpp logged while a call failed.
type nativeError struct{ lines []string }

// Error returns the cause: the first error line, without the C function's name.
func (e *nativeError) Error() string {
	if len(e.lines) == 0 {
		return "llama.cpp gave no reason"
	}
	return withoutFunction(e.lines[0])
}

// withoutFunction cuts "some_c_function: " off a log line.
func withoutFunction(line string) string {
	name, rest, ok := strings.Cut(line, ": ")
	if !ok || strings.ContainsAny(name, " '\"/") {
		return line
	}
	return rest
}
