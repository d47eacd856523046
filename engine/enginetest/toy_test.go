package enginetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/kvcache"
)

// errorsOf counts what a toy reports.
type errorsOf []string

func (e *errorsOf) Errorf(format string, args ...any) { *e = append(*e, fmt.Sprintf(format, args...)) }

func write(t *testing.T, b *Toy, seq engine.SeqID, from int, tokens ...engine.Token) {
	t.Helper()
	for i, token := range tokens {
		if err := b.Decode([]engine.Row{{Token: token, Pos: engine.Pos(from + i), Seq: seq}}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestForkedCellsCountOnce(t *testing.T) {
	b := NewToy(t, engine.Shape{Cells: 10, Seqs: 3, Rows: 4})
	write(t, b, 0, 0, 1, 2, 3, 4)
	b.Fork(0, 1, 3)
	b.Fork(1, 2, 2)
	write(t, b, 1, 3, 9)
	if b.Cells() != 5 {
		t.Errorf("%d cells are used, want 5", b.Cells())
	}
	b.Remove(0, 0)
	if b.Cells() != 4 || !slices.Equal(b.memory[1].tokens, []engine.Token{1, 2, 3, 9}) {
		t.Errorf("%d cells, sequence 1 holds %v", b.Cells(), b.memory[1].tokens)
	}
	b.Remove(1, 0)
	b.Remove(2, 0)
	if b.Cells() != 0 {
		t.Errorf("%d cells are used by nobody", b.Cells())
	}
}

func TestSavedTokensComeBack(t *testing.T) {
	b := NewToy(t, engine.Shape{Cells: 9, Seqs: 2, Rows: 4})
	write(t, b, 0, 0, 1, 2, 3, 4)
	buf := make([]byte, b.SaveSize(0, 1, 4))
	if n, whole, err := b.Save(buf, 0, 1, 4); n != len(buf) || whole != 0 || err != nil {
		t.Fatalf("%d bytes, whole from %d, %v", n, whole, err)
	}
	b.Fork(0, 1, 2)
	if err := b.Load(buf, 1, 2, 3); err != nil || !slices.Equal(b.memory[1].tokens, []engine.Token{1, 2, 3}) {
		t.Errorf("%v, sequence 1 holds %v", err, b.memory[1].tokens)
	}
	write(t, b, 0, 4, 5, 6)
	if err := b.Load(buf, 1, 3, 4); !errors.Is(err, kvcache.ErrNoCells) {
		t.Errorf("got %v, want ErrNoCells", err)
	}
	buf[9] ^= 1
	if err := b.Load(buf, 1, 3, 4); !errors.Is(err, kvcache.ErrLost) {
		t.Errorf("got %v, want ErrLost", err)
	}
}

func TestWindowForgetsAndItsGapsShow(t *testing.T) {
	var got errorsOf
	b := NewToy(&got, engine.Shape{Cells: 100, Seqs: 3, Rows: 4, Window: 2})
	write(t, b, 0, 0, 1, 2, 3, 4)
	write(t, b, 0, 4, 5)
	if !b.CanResume(0, 5) || !b.CanResume(0, 4) || b.CanResume(0, 3) || !b.CanResume(0, 0) {
		t.Error("a step at 4 with a window of 2 forgets tokens 0 and 1, no others")
	}
	buf := make([]byte, b.SaveSize(0, 0, 5))
	if _, whole, err := b.Save(buf, 0, 0, 5); whole != 2 || err != nil {
		t.Fatalf("whole from %d, %v", whole, err)
	}
	if err := b.Load(buf, 1, 0, 5); err != nil || !b.CanResume(1, 5) {
		t.Errorf("the whole blob can't be resumed: %v", err)
	}
	if err := b.Load(buf, 2, 0, 3); err != nil || b.CanResume(2, 3) || len(got) > 0 {
		t.Errorf("a part without its window can be resumed: %v %v", err, got)
	}
	write(t, b, 2, 3, 9)
	if len(got) != 1 {
		t.Errorf("a row over a gap is reported %d times", len(got))
	}
}

func TestMovesThatCannotBeAreReported(t *testing.T) {
	for rule, move := range map[string]func(*Toy){
		"a fork on tokens":            func(b *Toy) { b.Fork(0, 1, 1); b.Fork(0, 1, 1) },
		"a fork of more than there":   func(b *Toy) { b.Fork(0, 1, 4) },
		"a fork of itself":            func(b *Toy) { b.Fork(0, 0, 0) },
		"a save of more than there":   func(b *Toy) { b.Save(make([]byte, 99), 0, 0, 4) },
		"a save of nothing":           func(b *Toy) { b.Save(make([]byte, 99), 0, 2, 2) },
		"a save into too few bytes":   func(b *Toy) { b.Save(make([]byte, 9), 0, 0, 3) },
		"a load behind the end":       func(b *Toy) { b.Load(nil, 0, 2, 3) },
		"a sequence that isn't there": func(b *Toy) { b.Remove(2, 0) },
	} {
		var got errorsOf
		b := NewToy(&got, engine.Shape{Cells: 100, Seqs: 2, Rows: 4})
		write(t, b, 0, 0, 1, 2, 3)
		if move(b); len(got) == 0 {
			t.Errorf("%s is not reported", rule)
		}
	}
}
