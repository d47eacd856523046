// Package llama binds llama.h, one file per noun of the header.
//
// Owns: the C memory of models, contexts and batches; the loading of ggml's
// plug-ins; the turning of return codes and log lines into Go errors.
// Must not import: anything of Moltbot; it holds no policy.
// Flow: Init, LoadModel, NewContext; then Batch.Add, Context.Decode and
// Context.Logits, over and over, by one goroutine per Context. No C++ exception
// and no failed assertion that can be foreseen crosses into Go: arguments are
// checked before the call.
package llama

// #cgo CPPFLAGS: -I${SRCDIR}/../../build/native/include
// #cgo CXXFLAGS: -std=c++17 -O2
// #cgo LDFLAGS: -L${SRCDIR}/../../build/native/lib -lllama -lggml -lggml-base -ldl
// #cgo LDFLAGS: -Wl,-rpath,$ORIGIN/../lib -Wl,-rpath,${SRCDIR}/../../build/native/lib
import "C"

// Token is a vocabulary id.
type Token int32

// Pos is a place in a sequence, from 0.
type Pos int32

// SeqID is a sequence of a context, from 0 to ContextParams.Seqs-1.
type SeqID int32
