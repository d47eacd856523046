package llama

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestGreedyTextMakesSense(t *testing.T) {
	for name, rule := range map[string]struct{ prompt, want string }{
		"smollm2": {"<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n", "Paris"},
		"gemma3":  {"1, 2, 3, 4, 5, 6,", "7, 8, 9"},
	} {
		t.Run(name, func(t *testing.T) {
			m := openModel(t, name)
			x := openContext(t, m, small)
			prompt := tokenize(t, m.Vocab(), rule.prompt)
			row := feed(t, x, 0, 0, prompt...)
			out := text(m.Vocab(), greedy(t, x, 0, Pos(len(prompt)), row, 12))
			if !strings.Contains(out, rule.want) {
				t.Errorf("got %q, want %q in it", out, rule.want)
			}
		})
	}
}

func TestRestOfBatchDoesNotChangeAnswer(t *testing.T) {
	m := openModel(t, "smollm2")
	x := openContext(t, m, small)
	prompt := tokenize(t, m.Vocab(), "Once upon a time")
	alone := argmax(feed(t, x, 0, 0, prompt...))

	b := NewBatch(x.rows)
	defer b.Close()
	for seq := SeqID(1); seq < 4; seq++ {
		for i, token := range prompt {
			b.Add(token, Pos(i), seq, i == len(prompt)-1)
		}
	}
	if err := x.Decode(b); err != nil {
		t.Fatal(err)
	}
	for seq := 1; seq < 4; seq++ {
		if got := argmax(x.Logits(seq*len(prompt) - 1)); got != alone {
			t.Errorf("sequence %d: got token %d, want %d", seq, got, alone)
		}
	}
}

func TestLogitsOfRowWithoutOutputAreNil(t *testing.T) {
	m := openModel(t, "smollm2")
	x := openContext(t, m, small)
	last := feed(t, x, 0, 0, 1, 2, 3)
	if len(last) != m.Vocab().NTokens() {
		t.Errorf("got %d logits, want %d", len(last), m.Vocab().NTokens())
	}
	for _, row := range []int{-1, 0, 1, 3, 1000} {
		if x.Logits(row) != nil {
			t.Errorf("row %d wanted no output and has logits", row)
		}
	}
}

func TestBadBatchIsRefusedAndContextLivesOn(t *testing.T) {
	m := openModel(t, "smollm2")
	p := small
	p.Outputs = 4
	x := openContext(t, m, p)
	for name, fill := range map[string]func(*Batch){
		"no rows at all":             func(*Batch) {},
		"more rows than the context": func(b *Batch) { rows(b, 65, false) },
		"more outputs than promised": func(b *Batch) { rows(b, 5, true) },
		"token after the vocabulary": func(b *Batch) { b.Add(Token(m.Vocab().NTokens()), 0, 0, true) },
		"negative token":             func(b *Batch) { b.Add(-1, 0, 0, true) },
		"sequence after the last":    func(b *Batch) { b.Add(1, 0, 4, true) },
		"negative sequence":          func(b *Batch) { b.Add(1, 0, -1, true) },
		"gap before the position":    func(b *Batch) { b.Add(1, 7, 0, true); b.Add(1, 9, 0, true) },
	} {
		t.Run(name, func(t *testing.T) {
			b := NewBatch(80)
			defer b.Close()
			fill(b)
			if err := x.Decode(b); !errors.Is(err, ErrInvalid) {
				t.Errorf("got %v, want ErrInvalid", err)
			}
			x.Memory().Clear()
			feed(t, x, 0, 0, 1, 2, 3)
			x.Memory().Clear()
		})
	}
}

func rows(b *Batch, n int, output bool) {
	for i := range n {
		b.Add(1, Pos(i), 0, output)
	}
}

func TestFullCacheIsErrNoSlotAndChangesNothing(t *testing.T) {
	m := openModel(t, "smollm2")
	p := small
	p.Cells = 256
	x := openContext(t, m, p)
	b := NewBatch(p.Rows)
	defer b.Close()
	for from := 0; from < x.NCtx(); from += p.Rows {
		b.Clear()
		for i := range p.Rows {
			b.Add(1, Pos(from+i), 0, false)
		}
		if err := x.Decode(b); err != nil {
			t.Fatal(err)
		}
	}
	b.Clear()
	b.Add(1, 0, 1, true)
	if err := x.Decode(b); !errors.Is(err, ErrNoSlot) {
		t.Fatalf("got %v, want ErrNoSlot", err)
	}
	if got := x.Memory().SeqPosMax(0); got != Pos(x.NCtx()-1) {
		t.Errorf("the full sequence ends at %d, want %d", got, x.NCtx()-1)
	}
	x.Memory().SeqRm(0, -1, -1)
	if err := x.Decode(b); err != nil {
		t.Errorf("after room was made: %v", err)
	}
}

func TestAbortEndsTheRunningDecodeOnly(t *testing.T) {
	m := openModel(t, "smollm2")
	x := openContext(t, m, ContextParams{Cells: 2048, Rows: 2048, Seqs: 1, Threads: 1, ThreadsBatch: 1, Unified: true})
	b := NewBatch(2048)
	defer b.Close()
	rows(b, 2048, false)
	done := make(chan error)
	go func() { done <- x.Decode(b) }()
	for waiting := true; waiting; { // an Abort before the Decode began has no effect
		select {
		case err := <-done:
			if !errors.Is(err, ErrAborted) {
				t.Errorf("got %v, want ErrAborted", err)
			}
			waiting = false
		case <-time.After(5 * time.Millisecond):
			x.Abort()
		}
	}
	x.Memory().Clear()
	x.Abort()
	feed(t, x, 0, 0, 1, 2, 3)
}

func TestContextIsClosedTwiceAndModelLastsAsLongAsItsContexts(t *testing.T) {
	m := openModel(t, "smollm2")
	x := openContext(t, m, small)
	m.Close()
	m.Close()
	feed(t, x, 0, 0, 1, 2, 3)
	x.Close()
	x.Close()
	x.Abort()
	b := NewBatch(1)
	defer b.Close()
	if err := x.Decode(b); !errors.Is(err, ErrClosed) {
		t.Errorf("decode after close: got %v, want ErrClosed", err)
	}
	if _, err := NewContext(m, small); !errors.Is(err, ErrClosed) {
		t.Errorf("context of a closed model: got %v, want ErrClosed", err)
	}
}

func TestImpossibleParamsAreRefused(t *testing.T) {
	m := openModel(t, "smollm2")
	for name, change := range map[string]func(*ContextParams){
		"no cells":               func(p *ContextParams) { p.Cells = 0 },
		"more rows than cells":   func(p *ContextParams) { p.Rows = 513 },
		"no sequence":            func(p *ContextParams) { p.Seqs = 0 },
		"too many sequences":     func(p *ContextParams) { p.Seqs = MaxSeqs + 1 },
		"no threads":             func(p *ContextParams) { p.Threads = 0 },
		"poll over 100":          func(p *ContextParams) { p.Poll = 101 },
		"more outputs than rows": func(p *ContextParams) { p.Outputs = 65 },
		"quantised V, no flash":  func(p *ContextParams) { p.TypeV, p.FlashAttn = KVQ8, FlashOff },
	} {
		t.Run(name, func(t *testing.T) {
			p := small
			change(&p)
			x, err := NewContext(m, p)
			if err == nil {
				x.Close()
				t.Fatal("no error")
			}
		})
	}
}

func TestEveryShapeOfContextGivesTheSameToken(t *testing.T) {
	m := openModel(t, "smollm2")
	prompt := tokenize(t, m.Vocab(), "The capital of France is")
	want := argmax(feed(t, openContext(t, m, small), 0, 0, prompt...))
	for name, change := range map[string]func(*ContextParams){
		"two thread pools":        func(p *ContextParams) { p.ThreadsBatch = 2 },
		"one pool of two threads": func(p *ContextParams) { p.Threads, p.ThreadsBatch = 2, 2 },
		"threads that sleep":      func(p *ContextParams) { p.Poll = 0 },
		"fewer rows than seqs":    func(p *ContextParams) { p.Rows, p.Seqs = 16, 32 },
		"one output":              func(p *ContextParams) { p.Outputs = 1 },
		"cells of each sequence":  func(p *ContextParams) { p.Unified = false },
		"eight-bit cells":         func(p *ContextParams) { p.TypeK, p.TypeV, p.FlashAttn = KVQ8, KVQ8, FlashOn },
		"no fused attention":      func(p *ContextParams) { p.FlashAttn = FlashOff },
		"the most sequences ever": func(p *ContextParams) { p.Seqs = MaxSeqs },
	} {
		t.Run(name, func(t *testing.T) {
			p := small
			change(&p)
			if got := argmax(feed(t, openContext(t, m, p), 0, 0, prompt...)); got != want {
				t.Errorf("got token %d, want %d", got, want)
			}
		})
	}
}

func TestAContextComputesOnTheThreadsOfAnother(t *testing.T) {
	m := openModel(t, "smollm2")
	prompt := tokenize(t, m.Vocab(), "The capital of France is")
	p := small
	p.Threads, p.ThreadsBatch = 2, 2
	first, err := NewContext(m, p)
	if err != nil {
		t.Fatal(err)
	}
	want := argmax(feed(t, first, 0, 0, prompt...))
	p.Beside = first
	second := openContext(t, m, p)
	for range 2 { // the threads outlast the context that brought them
		second.Memory().SeqRm(0, 0, -1)
		if got := argmax(feed(t, second, 0, 0, prompt...)); got != want {
			t.Errorf("got token %d, want %d", got, want)
		}
		first.Close()
	}
	for rule, change := range map[string]func(*ContextParams){
		"one that is closed has none to lend": func(*ContextParams) {},
		"nor as many as another needs":        func(p *ContextParams) { p.Beside, p.ThreadsBatch = second, 1 },
	} {
		t.Run(rule, func(t *testing.T) {
			p := p
			change(&p)
			if _, err := NewContext(m, p); !errors.Is(err, ErrInvalid) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAddAllocatesNothing(t *testing.T) {
	b := NewBatch(64)
	defer b.Close()
	fill := func() {
		b.Clear()
		rows(b, 64, true)
	}
	if n := testing.AllocsPerRun(10, fill); n != 0 {
		t.Errorf("filling a batch allocates %v times", n)
	}
	if b.Len() != 64 || b.Cap() != 64 || b.outputs != 64 {
		t.Errorf("got %d rows of %d with %d outputs, want 64 of each", b.Len(), b.Cap(), b.outputs)
	}
	b.Close()
	if !slices.Equal(b.seq, nil) {
		t.Error("a closed batch still has memory")
	}
}
