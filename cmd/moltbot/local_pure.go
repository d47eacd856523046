//go:build !cgo

package main

import (
	"context"
	"errors"

	"github.com/rs/zerolog"
)

var errNoEngine = errors.New("this moltbot was built without cgo and has no engine; build one with `make`")

// openLocalEncoder says the same as openLocal.
func openLocalEncoder(context.Context, encoderPlan, zerolog.Logger) (servedEmbedder, error) {
	return nil, errNoEngine
}

// openLocal says that this program has no engine.
func openLocal(context.Context, plan, zerolog.Logger) (served, error) {
	return nil, errNoEngine
}
