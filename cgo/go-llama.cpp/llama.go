// Package llama has the Go API of github.com/go-skynet/go-llama.cpp, over
// Moltbot's own binding of today's llama.cpp, so that a program written for it
// builds and runs as it is.
//
// Owns: the API's types, options and habits; one context of one sequence per LLama.
// Must not import: Moltbot's engine; a program that wants batching talks to that.
// Flow: New loads a model; Predict fills the context with a prompt, samples with
// engine/sample and appends, token by token. Calls on one LLama wait for each
// other. What today's llama.cpp or the binding lacks is refused with
// ErrNotOffered, never left out in silence.
package llama

import (
	"fmt"
	"runtime"
	"strconv"
	"sync"

	native "github.com/moltbot/moltbot/cgo/llama"
)

// LLama is a loaded model with a context of its own.
type LLama struct {
	mu    sync.Mutex // one call at a time
	model *native.Model
	opts  ModelOptions
	mem   *memory

	hook     sync.RWMutex // of callback, which may change while a prediction runs
	callback func(token string) bool
}

// New loads a GGUF file. Errors: ErrNotOffered for an option, else llama.cpp's reason.
func New(model string, opts ...ModelOption) (*LLama, error) {
	mo := NewModelOptions(opts...)
	if err := mo.check(); err != nil {
		return nil, err
	}
	params, err := mo.native()
	if err != nil {
		return nil, err
	}
	m, err := native.LoadModel(model, params)
	if err != nil {
		return nil, err
	}
	l := &LLama{model: m, opts: mo}
	if err := l.open(DefaultOptions.Threads); err != nil {
		m.Close()
		return nil, err
	}
	return l, nil
}

// native says where the weights go.
func (mo ModelOptions) native() (native.ModelParams, error) {
	p := native.ModelParams{GPULayers: mo.NGPULayers, LoadMode: native.LoadRead}
	if mo.MMap {
		p.LoadMode = native.LoadMmap
	}
	if mo.MainGPU != "" {
		gpu, err := strconv.Atoi(mo.MainGPU)
		if err != nil || gpu < 0 {
			return p, fmt.Errorf("main GPU %q is not a number of a GPU", mo.MainGPU)
		}
		p.SplitMode, p.MainGPU = native.SplitNone, gpu
	}
	return p, nil
}

// open makes the context anew when it has another number of threads. What it
// held on purpose moves over.
func (l *LLama) open(threads int) error {
	threads = min(max(threads, 1), runtime.NumCPU())
	var held state
	if old := l.mem; old != nil {
		if old.threads == threads {
			return nil
		}
		var err error
		l.mem = nil
		if held, err = old.leave(); err != nil {
			return err
		}
	}
	mem, err := newMemory(l.model, l.opts, threads)
	if err != nil {
		return err
	}
	l.mem = mem
	return mem.restore(held)
}

// Free gives the memory back. A second call does nothing; every other call
// fails from then on.
func (l *LLama) Free() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.model == nil {
		return
	}
	if l.mem != nil {
		l.mem.close()
	}
	l.model.Close()
	l.mem, l.model = nil, nil
}

// begin checks the options of a call and gets the context ready; mu is held.
func (l *LLama) begin(po PredictOptions) error {
	if l.model == nil {
		return ErrFreed
	}
	if err := po.check(l.opts); err != nil {
		return err
	}
	return l.open(po.Threads)
}

// SetTokenCallback has f called with each token that Predict generates, as the
// bytes come: a character may span two tokens. False ends the prediction before
// that token. Nil takes the callback away. Safe while a prediction runs.
func (l *LLama) SetTokenCallback(f func(token string) bool) {
	l.hook.Lock()
	defer l.hook.Unlock()
	l.callback = f
}

// heard calls the callback of the call, or else of l, and tells whether to go on.
func (l *LLama) heard(po PredictOptions, token string) bool {
	f := po.TokenCallback
	if f == nil {
		l.hook.RLock()
		f = l.callback
		l.hook.RUnlock()
	}
	return f == nil || f(token)
}

// TokenizeString returns the tokens of a text and their number, with BOS where
// the model wants it. Text such as <|im_end|> becomes its control token.
func (l *LLama) TokenizeString(text string, opts ...PredictOption) (int32, []int32, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.begin(NewPredictOptions(opts...)); err != nil {
		return 0, nil, err
	}
	tokens, err := l.tokenize(text)
	if err != nil {
		return 0, nil, err
	}
	out := make([]int32, len(tokens))
	for i, t := range tokens {
		out[i] = int32(t)
	}
	return int32(len(out)), out, nil
}

func (l *LLama) tokenize(text string) ([]native.Token, error) {
	return l.model.Vocab().Tokenize(text, true, true)
}

// Eval computes a text; a Predict that comes next and begins with it needs not.
func (l *LLama) Eval(text string, opts ...PredictOption) error {
	po := NewPredictOptions(opts...)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.begin(po); err != nil {
		return err
	}
	tokens, err := l.tokenize(text)
	if err != nil {
		return err
	}
	if err := l.mem.prompt(tokens, po.Batch); err != nil {
		return err
	}
	l.mem.resume = true
	return nil
}
