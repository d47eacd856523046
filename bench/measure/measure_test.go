package measure

import (
	"math"
	"testing"
	"time"

	"github.com/moltbot/moltbot/bench/load"
)

func count(n int) *int { return &n }

const second = time.Second

// answer is a whole one that was due at 0: its tokens came at the given seconds.
func answer(prompt, output int, at ...float64) load.Record {
	r := load.Record{Prompt: count(prompt), Output: count(output), Cached: count(0)}
	for _, s := range at {
		r.Events = append(r.Events, time.Duration(s*float64(second)))
	}
	r.End = r.Events[len(r.Events)-1]
	return r
}

func TestMeasuresOfKnownRecords(t *testing.T) {
	records := []load.Record{
		answer(100, 3, 1, 1.1, 1.2),
		answer(300, 3, 2, 2.2, 2.4),
		{Kind: load.Timeout, Events: []time.Duration{3 * second, 9 * second}},
		{Kind: load.Left},
	}
	records[0].Task, records[1].Task = load.Solved, load.Failed
	records[1].Cached = count(100)
	got := Summarize(records, 4*second, Limits{TTFT: 3 * second / 2, ITL: second})
	for name, want := range map[string]float64{
		"requests": 0.5, "goodput": 0.25, "output": 1.5, "prompt": 100, "decode": 7.5, "prefill": 100,
		"TTFT p50": 2000, "ITL max": 6000, "latency p50": 1800, "success": 0.5, "errors": 0.25,
		"cached": 0.25, "prompt size": 200, "output size": 3,
	} {
		if v := got.Values[name]; math.Abs(v-want) > 1e-6*want {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
	if got.Requests != 4 || got.Failed() != 1 || got.Ends[load.Timeout] != 1 || got.Ends[load.OK] != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestWhatIsUnknownIsAbsent(t *testing.T) {
	uncounted := answer(1, 1, 1, 2)
	uncounted.Prompt, uncounted.Output, uncounted.Cached = nil, nil, nil
	got := Summarize([]load.Record{answer(1, 2, 1, 2), uncounted}, second, Limits{})
	for _, name := range []string{"output", "prompt", "cached", "goodput", "success"} {
		if v, ok := got.Values[name]; ok {
			t.Errorf("%s is %v, but it can't be known", name, v)
		}
	}
	if got.Uncount != 1 || got.Values["requests"] != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestLatencyCountsFromTheIntendedTime(t *testing.T) {
	late := answer(1, 2, 5, 6)
	late.Intended, late.Sent = 2*second, 4*second
	got := Summarize([]load.Record{late}, second, Limits{}).Values
	if got["TTFT p50"] != 3000 || got["latency p50"] != 4000 {
		t.Errorf("TTFT %v, latency %v; want 3000 and 4000", got["TTFT p50"], got["latency p50"])
	}
}

func TestNothingWholeHasNoThroughputOfTokens(t *testing.T) {
	got := Summarize([]load.Record{{Kind: load.Connect}}, second, Limits{}).Values
	if got["requests"] != 0 || got["errors"] != 1 {
		t.Errorf("got %v", got)
	}
	for _, name := range []string{"TTFT p50", "ITL p99", "decode", "prompt size"} {
		if v, ok := got[name]; ok {
			t.Errorf("%s is %v of nothing", name, v)
		}
	}
}

func TestGoodputNeedsEveryLimitToHold(t *testing.T) {
	r := answer(1, 3, 1, 1.1, 1.2)
	for _, c := range []struct {
		limits Limits
		want   float64
	}{
		{Limits{TTFT: second}, 1},
		{Limits{TTFT: second - 1}, 0},
		{Limits{ITL: 100 * time.Millisecond}, 1},
		{Limits{ITL: 99 * time.Millisecond}, 0},
		{Limits{TTFT: second, ITL: 99 * time.Millisecond}, 0},
	} {
		if got := Summarize([]load.Record{r}, second, c.limits).Values["goodput"]; got != c.want {
			t.Errorf("%+v: %v", c.limits, got)
		}
	}
}
