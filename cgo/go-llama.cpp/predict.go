package llama

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	native "github.com/moltbot/moltbot/cgo/llama"
)

// Predict continues a text. It ends with an end token, before a stop word, when
// the callback returns false, or after that many tokens; a line break at the
// very beginning is dropped. After an error it returns the text so far too.
func (l *LLama) Predict(text string, opts ...PredictOption) (string, error) {
	po := NewPredictOptions(opts...)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.begin(po); err != nil {
		return "", err
	}
	return l.produce(text, po, (*generation).run)
}

// errDone ends a generation that came to its end.
var errDone = errors.New("done")

// produce computes the prompt, has the rest generated, and keeps what the
// prompt cache is to keep.
func (l *LLama) produce(text string, po PredictOptions, generate func(*generation) error) (string, error) {
	begun := time.Now()
	g, err := l.generation(text, po)
	if err != nil {
		return "", err
	}
	if err = generate(g); errors.Is(err, errDone) {
		err = nil
	}
	if err == nil && po.PromptCacheAll {
		err = l.storeCache(po)
	}
	if po.DebugMode {
		fmt.Fprintf(os.Stderr, "llama: %d tokens of prompt, %d generated, %v\n", g.prompt, g.count, time.Since(begun))
	}
	return strings.TrimPrefix(g.text, "\n"), err
}

// generation is one run of Predict or SpeculativeSampling.
type generation struct {
	l       *LLama
	po      PredictOptions
	sampler *sampler
	prompt  int // tokens
	limit   int // tokens
	count   int // generated tokens
	text    string
}

// generation computes the prompt.
func (l *LLama) generation(text string, po PredictOptions) (*generation, error) {
	if err := l.loadCache(po); err != nil {
		return nil, err
	}
	tokens, err := l.promptTokens(text)
	if err != nil {
		return nil, err
	}
	s, err := newSampler(po, l.opts, l.model.Vocab(), tokens)
	if err != nil {
		return nil, err
	}
	if err := l.mem.prompt(tokens, po.Batch); err != nil {
		return nil, err
	}
	g := &generation{l: l, po: po, sampler: s, prompt: len(tokens), limit: po.Tokens}
	if po.Tokens <= 0 {
		g.limit = math.MaxInt
	}
	return g, l.storeCache(po)
}

// promptTokens tokenises a prompt. No text is what the prompt cache holds, or
// else the start of a text.
func (l *LLama) promptTokens(text string) ([]native.Token, error) {
	if text == "" && l.mem.resume {
		return slices.Clone(l.mem.past), nil
	}
	tokens, err := l.tokenize(text)
	if bos := l.model.Vocab().BOS(); err == nil && len(tokens) == 0 && bos >= 0 {
		tokens = []native.Token{bos}
	}
	return tokens, err
}

// run generates until something ends it.
func (g *generation) run() error {
	for {
		t, err := g.sampler.next(g.l.mem.logits(-1))
		if err != nil {
			return err
		}
		if !g.take(t) {
			return errDone
		}
		if err := g.makeRoom(1); err != nil {
			return err
		}
		if err := g.l.mem.feed([]native.Token{t}, 1, false); err != nil {
			return err
		}
	}
}

// makeRoom drops the middle of a context that n more tokens don't fit into.
func (g *generation) makeRoom(n int) error {
	if len(g.l.mem.past)+n <= g.l.mem.ctx.NCtx() {
		return nil
	}
	return g.l.mem.swap(g.keep(), g.po.Batch)
}

// keep is how much of the prompt stays when the context is full.
func (g *generation) keep() int {
	if g.po.NKeep < 0 || g.po.NKeep > g.prompt {
		return g.prompt
	}
	return max(g.po.NKeep, 1) // BOS
}

// take adds a token to the text and tells whether to go on.
func (g *generation) take(t native.Token) bool {
	v := g.l.model.Vocab()
	if v.IsEOG(t) && !g.po.IgnoreEOS {
		return false
	}
	piece := string(v.Piece(nil, t, false))
	if !g.l.heard(g.po, piece) {
		return false
	}
	from := len(g.text)
	g.text += piece
	g.count++
	return !g.stop(from) && g.count < g.limit
}

// stop cuts the text before the first stop word that ends behind from.
func (g *generation) stop(from int) bool {
	first := -1
	for _, word := range g.po.StopPrompts {
		if word == "" {
			continue
		}
		start := max(0, from-len(word)+1)
		if i := strings.Index(g.text[start:], word); i >= 0 && (first < 0 || start+i < first) {
			first = start + i
		}
	}
	if first < 0 {
		return false
	}
	g.text = g.text[:first]
	return true
}
