package batching

import (
	"strings"
	"testing"
)

func TestDecodesYieldToPromptsOfAHigherClass(t *testing.T) {
	l := Limits{Seqs: 4, Cells: 400, Rows: 64, Step: 4 * ms, Queue: 9}
	start := func(class Class) *world {
		w := newWorld(t, l)
		w.job(Job{Prompt: 3, Class: class})
		w.step()
		return w
	}
	w := start(DefaultClass)
	w.job(Job{Prompt: 10, Class: PriorityClass})
	w.wantSteps("2:0+4", "2:4+4", "2:8+2!", "1:3+1! 2:10+1!")

	w = start(DefaultClass)
	w.job(Job{Prompt: 10})
	w.wantSteps("2:0+4", "1:3+1!", "2:4+4") // of the same class: in turns

	w = start(PriorityClass)
	w.job(Job{Prompt: 10, Class: FlexClass})
	w.wantSteps("2:0+4", "1:3+1!", "2:4+4") // of a lower one as well

	l.Fuse = true
	w = start(DefaultClass)
	w.job(Job{Prompt: 10, Class: PriorityClass})
	w.wantSteps("1:3+1! 2:0+4") // fused, a decode holds up no prompt
}

func TestDecodesOfTheFlexClassWaitForLongerSteps(t *testing.T) {
	for _, c := range []struct {
		rule  string
		class Class
		want  string
	}{
		{"a decode of the flex class is delayed by four times Step", FlexClass, "2:0+16"},
		{"any other by Step", DefaultClass, "2:0+4"},
	} {
		w := newWorld(t, Limits{Seqs: 4, Cells: 400, Rows: 64, Step: 4 * ms, Queue: 9})
		w.job(Job{Prompt: 3, Class: c.class})
		w.step()
		w.job(Job{Prompt: 40, Class: c.class})
		if got := w.step(); got != c.want {
			t.Errorf("%s: planned %q, want %q", c.rule, got, c.want)
		}
	}
}

func TestADecodeThatYieldsIsNotForgotten(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 4, Cells: 900, Rows: 64, Step: 4 * ms, Queue: 9})
	w.job(Job{Prompt: 3})
	w.step()
	w.job(Job{Prompt: 400, Class: PriorityClass})
	for range 5 {
		waited := 0
		for !strings.HasPrefix(w.step(), "1:") {
			waited++
		}
		if waited > yields+1 {
			t.Fatalf("a decode waits for %d steps of a priority prompt, want %d at most", waited, yields+1)
		}
	}
}
