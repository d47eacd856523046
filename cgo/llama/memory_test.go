package llama

import (
	"errors"
	"slices"
	"testing"
)

func TestForkGivesTheSameLogits(t *testing.T) {
	m := openModel(t, "smollm2")
	x := openContext(t, m, small)
	prompt := tokenize(t, m.Vocab(), "The quick brown fox jumps over the lazy")
	n := Pos(len(prompt))
	feed(t, x, 0, 0, prompt...)
	x.Memory().SeqCp(0, 1, 0, n)

	a := feed(t, x, 0, n, prompt[0])
	b := feed(t, x, 1, n, prompt[0])
	if !slices.Equal(a, b) {
		t.Error("the fork has other logits than its origin")
	}
	if got := x.Memory().SeqPosMax(1); got != n {
		t.Errorf("the fork ends at %d, want %d", got, n)
	}
}

func TestRemovedTailIsComputedAnew(t *testing.T) {
	m := openModel(t, "smollm2")
	x := openContext(t, m, small)
	prompt := tokenize(t, m.Vocab(), "The capital of France is")
	n := Pos(len(prompt))
	want := greedy(t, x, 0, n, feed(t, x, 0, 0, prompt...), 8)

	if !x.Memory().SeqRm(0, n-1, -1) {
		t.Fatal("a plain KV cache must forget a tail")
	}
	if got := x.Memory().SeqPosMax(0); got != n-2 {
		t.Errorf("after the cut the sequence ends at %d, want %d", got, n-2)
	}
	got := greedy(t, x, 0, n, feed(t, x, 0, n-1, prompt[n-1]), 8)
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSlidingWindowForgets(t *testing.T) {
	m := openModel(t, "gemma3")
	if m.SWA() == 0 {
		t.Fatal("the model has no sliding window")
	}
	p := small
	p.Cells, p.Seqs = 4096, 1
	x := openContext(t, m, p)
	b := NewBatch(p.Rows)
	defer b.Close()
	for from := 0; from < 2*m.SWA(); from += p.Rows {
		b.Clear()
		for i := range p.Rows {
			b.Add(2, Pos(from+i), 0, false)
		}
		if err := x.Decode(b); err != nil {
			t.Fatal(err)
		}
	}
	if first := x.Memory().SeqPosMin(0); first <= 0 {
		t.Errorf("after two windows the first position is %d, want one that the window has passed", first)
	}
	x.Memory().Clear()
	if last := x.Memory().SeqPosMax(0); last != -1 {
		t.Errorf("a cleared sequence ends at %d, want -1", last)
	}
}

func TestStateComesBack(t *testing.T) {
	for _, name := range []string{"smollm2", "gemma3"} {
		t.Run(name, func(t *testing.T) {
			m := openModel(t, name)
			x := openContext(t, m, small)
			prompt := tokenize(t, m.Vocab(), "The quick brown fox jumps over the lazy")
			n := Pos(len(prompt))
			feed(t, x, 0, 0, prompt...)
			blob := make([]byte, x.SeqSize(0))
			if got, err := x.SeqGet(blob, 0); err != nil || got != len(blob) {
				t.Fatalf("got %d bytes of %d, %v", got, len(blob), err)
			}
			want := feed(t, x, 0, n, prompt[0])
			if err := x.SeqSet(blob, 2); err != nil {
				t.Fatal(err)
			}
			if got := feed(t, x, 2, n, prompt[0]); argmax(got) != argmax(want) {
				t.Errorf("got token %d, want %d", argmax(got), argmax(want))
			}
		})
	}
}

func TestBadStateIsRefusedAndLeavesTheSequenceEmpty(t *testing.T) {
	m := openModel(t, "smollm2")
	x := openContext(t, m, small)
	feed(t, x, 0, 0, 1, 2, 3)
	blob := make([]byte, x.SeqSize(0))
	if _, err := x.SeqGet(blob, 0); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{
		"nothing":     nil,
		"half of one": blob[:len(blob)/2],
		"no magic":    append([]byte{0, 0, 0, 0}, blob[4:]...),
	} {
		t.Run(name, func(t *testing.T) {
			if err := x.SeqSet(bad, 1); !errors.Is(err, ErrInvalid) {
				t.Errorf("got %v, want ErrInvalid", err)
			}
			if last := x.Memory().SeqPosMax(1); last != -1 {
				t.Errorf("the sequence ends at %d, want -1", last)
			}
		})
	}
	if _, err := x.SeqGet(blob[:8], 0); !errors.Is(err, ErrInvalid) {
		t.Errorf("a state into too few bytes: got %v, want ErrInvalid", err)
	}
}

func TestSequenceThatIsNotThereIsAPanicInGo(t *testing.T) {
	m := openModel(t, "smollm2")
	x := openContext(t, m, small)
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	x.Memory().SeqRm(4, -1, -1)
}
