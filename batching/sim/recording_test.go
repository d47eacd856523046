package sim

import (
	"encoding/json"
	"math"
	"os"
	"reflect"
	"testing"

	"github.com/moltbot/moltbot/batching"
)

// within is how far a prediction may be from what was recorded.
const within = 0.15

// TestPredictionsAreThoseOfARecordedEngine: the costs are those that the engine had
// before the run, and those that the run left.
func TestPredictionsAreThoseOfARecordedEngine(t *testing.T) {
	text, err := os.ReadFile("testdata/recorded-smollm2-cpu1.json")
	if err != nil {
		t.Fatal(err)
	}
	var r Recording
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	for when, costs := range map[string]batching.Costs{"before the run": r.Before, "after it": r.After} {
		t.Run(when, func(t *testing.T) {
			predicted, err := r.Replay(costs)
			if err != nil {
				t.Fatal(err)
			}
			for _, ratio := range Measure(predicted).Over(Measure(r.Results())) {
				t.Logf("%s: %.3f of what was recorded", ratio.Measure, ratio.Value)
				if math.Abs(ratio.Value-1) > within {
					t.Errorf("%s: %.3f of what was recorded", ratio.Measure, ratio.Value)
				}
			}
			wantTheSameReuse(t, predicted, r.Results())
		})
	}
}

// wantTheSameReuse: prefixes of families are found by as many tokens as in the engine.
func wantTheSameReuse(t *testing.T, predicted, recorded []Result) {
	t.Helper()
	got, want := Measure(predicted), Measure(recorded)
	if want.Cached == 0 || math.Abs(float64(got.Cached-want.Cached)) > within*float64(want.Cached) {
		t.Errorf("%d of %d prompt tokens were found, recorded are %d", got.Cached, got.Asked, want.Cached)
	}
}

func TestWhatIsRecordedIsReadBack(t *testing.T) {
	results := []Result{{
		Arrival: Arrival{
			At: ms, Answer: 3, Family: "system", Shared: 10,
			Job: batching.Job{Tenant: "a", Class: batching.FlexClass, Prompt: 20, MaxTokens: 3},
		},
		Start: 2 * ms, End: 5 * ms, Cached: 10,
	}}
	text, err := json.Marshal(Recording{Requests: Record(results)})
	if err != nil {
		t.Fatal(err)
	}
	var r Recording
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if got := r.Results(); !reflect.DeepEqual(got, results) {
		t.Errorf("got %+v, want %+v", got, results)
	}
}

func TestARunIsSummedUp(t *testing.T) {
	results := []Result{
		{Arrival: Arrival{At: ms, Answer: 4, Job: batching.Job{Prompt: 30}}, Start: 3 * ms, End: 11 * ms, Cached: 10},
		{Arrival: Arrival{At: 2 * ms, Answer: 6, Job: batching.Job{Prompt: 20}}, Start: 8 * ms, End: 21 * ms},
		{Arrival: Arrival{At: 2 * ms, Answer: 6, Job: batching.Job{Prompt: 20}}}, // refused
	}
	want := Measures{
		Makespan: 20 * ms, TTFT: 4 * ms, TTFT95: 6 * ms, Latency: 29 * ms / 2, Latency95: 19 * ms,
		Rate: 500, Served: 2, Cached: 10, Asked: 50,
	}
	if got := Measure(results); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
