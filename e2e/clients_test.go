package e2e

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
)

// subjects make as many different prompts as there are clients.
var subjects = []string{
	"a lighthouse", "the tides", "bread", "a bicycle", "winter", "an old map", "the moon", "a violin",
	"rust", "a market", "the desert", "ink", "a bridge", "honey", "a clock", "volcanoes",
	"paper", "a harbour", "salt", "a telescope", "moss", "the wind", "a library", "copper",
	"an orchard", "glass", "a railway", "snow", "clay", "a lantern", "rivers", "chess",
}

// list begins a list that goes on in just one way: each token leads by more than
// the noise floor, and an answer that got hold of another's cells would show.
func list(subject string) string {
	var b strings.Builder
	for i := range 6 {
		fmt.Fprintf(&b, "%d. %s\n", i+1, subject)
	}
	return b.String() + "7."
}

// question can be answered in many ways, some of them nearly as likely as others.
func question(subject string) string {
	return fmt.Sprintf("<|im_start|>user\nTell me two things about %s, in one sentence each.<|im_end|>\n<|im_start|>assistant\n", subject)
}

// TestManyClientsGetWhatEachGetsAlone lets 32 clients ask at once. Eight are
// computed at a time, and the cells don't suffice for eight, so some are paused
// and computed again.
func TestManyClientsGetWhatEachGetsAlone(t *testing.T) {
	s := own(t, "smollm2", nil, "--ctx", fmt.Sprint(crowdedCells), "--parallel", fmt.Sprint(crowdedRows))
	for _, kind := range []struct {
		name  string
		about func(subject string) string
		equal int // at least
	}{
		{"sure answers are equal", list, 28},
		{"open answers part where noise decides", question, 1},
	} {
		t.Run(kind.name, func(t *testing.T) {
			if equal := manyClients(t, s, kind.about); equal < kind.equal {
				t.Errorf("%d of %d answers are equal, want %d", equal, len(subjects), kind.equal)
			}
		})
	}
}

const (
	crowdedCells = 384
	crowdedRows  = 8
)

// outliers is how many answers may part beyond the noise floor, which one in a
// hundred differences does by noise alone; none may by twice as much.
const outliers = 1

// manyClients returns how many answers are to the letter what they are alone.
func manyClients(t *testing.T, s *server, about func(string) string) (equal int) {
	alone := answers(t, s, 1, about)
	together := answers(t, s, len(subjects), about)
	wantPressure(t, alone)
	beyond := 0
	for i, subject := range subjects {
		p := parted(t, subject, alone[i], together[i])
		if p == nil {
			equal++
			continue
		}
		if p.withinNoise() {
			continue
		}
		if beyond++; beyond > outliers || p.gap > 2*noiseFloor {
			t.Errorf("%s: more than noise\nalone:    %q\ntogether: %q", subject, alone[i].text, together[i].text)
		}
	}
	t.Logf("%d of %d answers are equal to the letter", equal, len(subjects))
	return equal
}

// answers asks about every subject, so many at once.
func answers(t *testing.T, s *server, atOnce int, about func(string) string) []generation {
	t.Helper()
	all := make([]generation, len(subjects))
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(atOnce)
	for i, subject := range subjects {
		g.Go(func() (err error) {
			all[i], err = s.greedy(ctx, about(subject), 32)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatalf("%d at once: %v", atOnce, err)
	}
	return all
}

// wantPressure checks the test itself: as many as are computed at a time, of
// the mean size, need more cells than there are.
func wantPressure(t *testing.T, alone []generation) {
	t.Helper()
	var tokens int64
	for _, g := range alone {
		tokens += g.total
	}
	if mean := tokens / int64(len(alone)); mean*crowdedRows <= crowdedCells {
		t.Errorf("%d requests of %d tokens fit into %d cells: nothing was paused", crowdedRows, mean, crowdedCells)
	}
}

// parted returns where two answers part; nil: nowhere.
func parted(t *testing.T, what string, alone, together generation) *parting {
	t.Helper()
	at := firstDifference(alone.texts(), together.texts())
	if at < 0 {
		if alone.text != together.text || alone.finish != together.finish {
			t.Errorf("%s: the same tokens, but %q (%s) alone and %q (%s) together", what, alone.text, alone.finish, together.text, together.finish)
		}
		return nil
	}
	p := partAt(at, alone, together)
	t.Logf("%s: %v", what, p)
	return &p
}

// partAt judges a difference by both sides; the one that ended there has nothing to say.
func partAt(at int, a, b generation) parting {
	theirs, ours := a.units()[at], b.units()[at]
	return parting{at: at, ours: ours.text, theirs: theirs.text, gap: max(ours.gap(theirs.text), theirs.gap(ours.text))}
}
