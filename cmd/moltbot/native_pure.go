//go:build !cgo

package main

import (
	"errors"

	"github.com/rs/zerolog"
)

// nativeLibraries says that this program has none.
func nativeLibraries() libraries {
	return libraries{Version: "none", Err: errors.New("this moltbot was built without cgo and uses no native libraries")}
}

// logNative has nothing to send to the log.
func logNative(zerolog.Logger) {}
