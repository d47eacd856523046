//go:build !cgo

package main

import (
	"context"
	"errors"

	"github.com/rs/zerolog"
)

var errNoEngine = errors.New("this moltbot was built without cgo and has no engine; build one with `make`")

// openLocal says that this program has no engine.
func openLocal(context.Context, plan, zerolog.Logger) (served, error) {
	return nil, errNoEngine
}
