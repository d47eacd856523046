package openai

import (
	"context"

	"github.com/moltbot/moltbot/kvcache"
)

// Caller is who sent a request, as far as the handlers care.
type Caller struct {
	RequestID string
	Partition kvcache.Key // whose prefixes it may reuse
	Tier      string      // the highest service_tier that its key allows; "": any
}

type callerKey struct{}

// WithCaller attaches the caller to a request's context.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerFrom returns the caller of a request; the zero Caller when nobody said.
func CallerFrom(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}
