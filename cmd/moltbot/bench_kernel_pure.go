//go:build !cgo

package main

import "context"

// openKernel says that this program has no engine.
func openKernel(context.Context, plan) (*kernelModel, error) { return nil, errNoEngine }
