package load

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// within5 checks that a measured time is within 5 % of the true one.
func within5(t *testing.T, what string, got, want time.Duration) {
	t.Helper()
	if math.Abs(float64(got-want)) > 0.05*float64(want) {
		t.Errorf("%s: measured %v, the truth is %v", what, got, want)
	}
}

func TestOneRequestIsMeasuredAsItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clientOf(t, &fake{first: time.Second, gap: 40 * time.Millisecond, tokens: 26}, time.Minute)
		records, took := play(t, c, Stream{Session: ask("a"), Count: 1, Clients: 1})
		r := records[0]
		ttft, _ := r.TTFT()
		within5(t, "TTFT", ttft, time.Second)
		for _, gap := range r.ITL() {
			within5(t, "ITL", gap, 40*time.Millisecond)
		}
		within5(t, "latency", r.Latency(), 2*time.Second)
		within5(t, "the phase", took, 2*time.Second)
		if len(r.Events) != 26 || *r.Output != 26 || *r.Prompt != 7 || *r.Cached != 3 || r.Finish != "length" || r.Failed() {
			t.Errorf("got %+v", r)
		}
	})
}

func TestTheClosedLoopKeepsItsClientsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{first: time.Second, gap: time.Second, tokens: 2}
		records, took := play(t, clientOf(t, f, time.Minute), Stream{Session: ask("a"), Count: 12, Clients: 4})
		within5(t, "12 requests of 2 s by 4 clients", took, 6*time.Second)
		if len(records) != 12 {
			t.Errorf("%d records", len(records))
		}
	})
}

func TestTheClosedLoopStartsNoSessionAfterItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{first: 3 * time.Second, tokens: 1}
		records, took := play(t, clientOf(t, f, time.Minute), Stream{Session: ask("a"), For: 10 * time.Second, Clients: 1})
		within5(t, "sessions of 3 s for 10 s", took, 12*time.Second)
		if len(records) != 4 {
			t.Errorf("%d records, want 4", len(records))
		}
	})
}

// A server that takes one request at a time and gets them twice as fast: the
// wait in its queue is latency, however late the client could send.
func TestTheOpenLoopCountsFromTheIntendedTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{slots: make(chan struct{}, 1), first: time.Second, tokens: 1}
		const n = 200
		records, took := play(t, clientOf(t, f, time.Hour), Stream{Session: ask("a"), Count: n, Rate: 2, Seed: 1})
		within5(t, "a busy server", took, n*time.Second+records[0].Intended)
		var sum time.Duration
		for _, r := range records {
			ttft, _ := r.TTFT()
			sum += ttft
		}
		// The i-th arrives at about i/2 and is answered at about i+1, so it waits i/2 + 1.
		slices.SortFunc(records, func(a, b Record) int { return int(a.Intended - b.Intended) })
		last := records[n-1]
		within5(t, "the whole wait", sum, n*(took-last.Intended)/2)
	})
}

func TestTheOpenLoopArrivesAtItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{first: time.Millisecond, tokens: 1}
		records, _ := play(t, clientOf(t, f, time.Minute), Stream{Session: ask("a"), For: 1000 * time.Second, Rate: 5, Seed: 3})
		if n := len(records); n < 4750 || n > 5250 {
			t.Errorf("%d arrivals in 1000 s at 5/s", n)
		}
		var gaps, squares float64
		for i := 1; i < len(records); i++ {
			gap := (records[i].Intended - records[i-1].Intended).Seconds()
			gaps, squares = gaps+gap, squares+gap*gap
		}
		mean := gaps / float64(len(records)-1)
		if cv := math.Sqrt(squares/float64(len(records)-1)-mean*mean) / mean; math.Abs(cv-1) > 0.1 {
			t.Errorf("the gaps' deviation is %.2f of their mean, want 1 (Poisson)", cv)
		}
	})
}

func TestTheSameSeedArrivesAtTheSameTimes(t *testing.T) {
	arrivals := func(seed uint64) (times []time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			records, _ := play(t, clientOf(t, &fake{tokens: 1}, time.Minute), Stream{Session: ask("a"), Count: 20, Rate: 1, Seed: seed})
			for _, r := range records {
				times = append(times, r.Intended)
			}
			slices.Sort(times)
		})
		return times
	}
	if !slices.Equal(arrivals(1), arrivals(1)) || slices.Equal(arrivals(1), arrivals(2)) {
		t.Error("arrival times must come from the seed and from nothing else")
	}
}

func TestALaterTurnCarriesTheAnswerBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		two := Session{Opening: []Message{{"system", "s"}}, Turns: []Turn{{Add: []Message{{"user", "1"}}}, {Add: []Message{{"user", "2"}}}}}
		seen := &scribe{next: &fake{tokens: 2}}
		records, _ := play(t, clientOf(t, seen, time.Minute), Stream{Session: func(int) Session { return two }, Count: 1, Clients: 1})
		want := []Message{{"system", "s"}, {"user", "1"}, {"assistant", "t0 t1 "}, {"user", "2"}}
		if len(records) != 2 || !slices.Equal(seen.last, want) {
			t.Errorf("%d requests, the last with %v, want %v", len(records), seen.last, want)
		}
	})
}

func TestAFailedTurnEndsItsSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		two := Session{Turns: []Turn{{}, {}}}
		records, _ := play(t, clientOf(t, &fake{tail: "data: {\n\n"}, time.Minute), Stream{Session: func(int) Session { return two }, Count: 3, Clients: 1})
		if len(records) != 3 || records[0].Kind != Malformed {
			t.Errorf("%d requests, want one for each of 3 sessions: %+v", len(records), records)
		}
	})
}

func TestInterleavedSessionsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		three := func(int) Session { return Session{Turns: []Turn{{}, {}, {}}} }
		records, _ := play(t, clientOf(t, &fake{tokens: 1}, time.Minute), Stream{Session: three, Count: 2, Clients: 1, Interleave: true})
		var order []int
		for _, r := range records {
			order = append(order, 10*r.Session+r.Turn)
		}
		if want := []int{0, 10, 1, 11, 2, 12}; !slices.Equal(order, want) {
			t.Errorf("the order is %v, want %v (session, turn)", order, want)
		}
	})
}

func TestABackgroundEndsWithTheForegroundAndIsNoError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{first: time.Second, gap: time.Second, tokens: 10}
		records, took := play(t, clientOf(t, f, time.Hour),
			Stream{Session: ask("front"), Count: 1, Clients: 1},
			Stream{Session: ask("back"), Clients: 2, Background: true},
			Stream{Session: ask("late"), Count: 1, Rate: 0.2, Seed: 1})
		ended := 0
		for _, r := range records {
			if r.Failed() {
				t.Errorf("got %+v", r)
			}
			if r.Kind == Ended {
				ended++
			}
		}
		if ended != 2 || took < 10*time.Second {
			t.Errorf("%d requests ended with the foreground after %v, want 2", ended, took)
		}
	})
}

func TestAClientLeavesWhenItIsMeantTo(t *testing.T) {
	for rule, leave := range map[string]Leave{"after some tokens": {Events: 2}, "in the prefill": {After: 500 * time.Millisecond}} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{first: time.Second, gap: time.Second, tokens: 50}
				leaver := func(int) Session { return Session{Turns: []Turn{{Leave: leave, Check: neverRight}}} }
				records, _ := play(t, clientOf(t, f, time.Hour), Stream{Session: leaver, Count: 1, Clients: 1})
				synctest.Wait()
				r := records[0]
				if r.Kind != Left || r.Failed() || r.Task != Unchecked || len(r.Events) != leave.Events || f.gone != 1 {
					t.Errorf("the server saw %d leave; got %+v", f.gone, r)
				}
			})
		})
	}
}

func neverRight(string) error { return errors.New("wrong") }

func TestAnInterruptedPhaseSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clientOf(t, &fake{first: time.Hour, tokens: 1}, 2*time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, took, err := c.Run(ctx, Phase{Streams: []Stream{{Session: ask("a"), Count: 5, Clients: 1}, {Session: ask("b"), Count: 5, Rate: 0.001}}}, nil)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		within5(t, "until the interruption", took, time.Minute)
	})
}

func TestTheTaskIsCheckedOnWholeAnswersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		right := func(string) error { return nil }
		for want, try := range map[Task]struct {
			server *fake
			check  func(string) error
		}{
			Solved:    {&fake{tokens: 1}, right},
			Failed:    {&fake{tokens: 1}, neverRight},
			Unchecked: {&fake{tokens: 1}, nil},
		} {
			records, _ := play(t, clientOf(t, try.server, time.Minute), Stream{Session: func(int) Session { return Session{Turns: []Turn{{Check: try.check}}} }, Count: 1, Clients: 1})
			if records[0].Task != want {
				t.Errorf("got %q, want %q", records[0].Task, want)
			}
		}
		cut, _ := play(t, clientOf(t, &fake{tokens: 1, tail: ": cut\n"}, time.Minute), Stream{Session: func(int) Session { return Session{Turns: []Turn{{Check: right}}} }, Count: 1, Clients: 1})
		if cut[0].Task != Failed {
			t.Errorf("a cut answer is %q", cut[0].Task)
		}
	})
}
