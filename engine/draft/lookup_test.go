package draft

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/moltbot/moltbot/kvcache"
)

func TestPropose(t *testing.T) {
	for _, c := range []struct {
		rule  string
		known []kvcache.Token
		most  int
		want  []kvcache.Token
	}{
		{"nothing is known of one token", []kvcache.Token{1}, 8, nil},
		{"a pair that is new gives nothing", []kvcache.Token{1, 2, 3, 4}, 8, nil},
		{"what followed the pair is proposed", []kvcache.Token{1, 2, 3, 4, 5, 1, 2}, 3, []kvcache.Token{3, 4, 5}},
		{"the longest agreement wins over the latest", []kvcache.Token{7, 1, 2, 3, 8, 1, 2, 4, 7, 1, 2}, 1, []kvcache.Token{3}},
		{"the latest of equals wins", []kvcache.Token{1, 2, 3, 1, 2, 4, 1, 2}, 1, []kvcache.Token{4}},
		{"what repeats is proposed to go on", []kvcache.Token{5, 5, 5, 5}, 8, []kvcache.Token{5, 5, 5, 5, 5, 5, 5, 5}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got, _ := new(Lookup).Propose(c.known, c.most); !slices.Equal(got, c.want) {
				t.Errorf("after %v: %v, want %v", c.known, got, c.want)
			}
		})
	}
}

// TestGrowing: what was asked before doesn't change what is proposed.
func TestGrowing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		known := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) kvcache.Token { return kvcache.Token(rapid.IntRange(1, 3).Draw(t, "token")) }), 0, 40).Draw(t, "known")
		var l Lookup
		for n := range known {
			got, agree := l.Propose(known[:n], 8)
			want, length := new(Lookup).Propose(known[:n], 8)
			if !slices.Equal(got, want) || agree != length {
				t.Fatalf("after %v: %v, asked afresh %v", known[:n], got, want)
			}
			wantOccurred(t, known[:n], got)
		}
	})
}

// wantOccurred: the proposal followed the last two tokens somewhere, be it in its own beginning.
func wantOccurred(t *rapid.T, known, proposed []kvcache.Token) {
	if len(proposed) == 0 {
		return
	}
	want := append(slices.Clone(known[len(known)-2:]), proposed...)
	all := slices.Concat(known, proposed)
	for i := range known[:len(known)-2] {
		if slices.Equal(all[i:i+len(want)], want) {
			return
		}
	}
	t.Fatalf("%v never followed the end of %v", proposed, known)
}

func BenchmarkPropose(b *testing.B) {
	known := make([]kvcache.Token, 8000)
	for i := range known {
		known[i] = kvcache.Token(i * i % 97)
	}
	for b.Loop() {
		var l Lookup
		for n := 4000; n < 4100; n++ {
			l.Propose(known[:n], 16)
		}
	}
}
