package e2e

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"sync"
	"testing"

	"github.com/openai/openai-go/v3"

	"github.com/moltbot/moltbot/internal/testschemas"
)

// schemas is how many of each kind are asked for; make soak asks for all of the
// suite and for many random ones.
var schemas = flag.Int("schemas", 60, "under how many schemas of the suite, and random ones, the model is sampled")

// rows is how many answers are sampled in one batch: all that the server computes together.
const rows = 16

// sampled counts what became of schemas; it is safe for use by many goroutines.
type sampled struct {
	mu                               sync.Mutex
	refused, unjudged, cut, finished int
}

func (s *sampled) count(which *int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*which++
}

// TestTheSuiteSampledAtTemperature1IsRefusedOrFollowed samples the model under
// schemas from all over the JSON Schema Test Suite.
func TestTheSuiteSampledAtTemperature1IsRefusedOrFollowed(t *testing.T) {
	suite := testschemas.Suite(t)
	all := make([]string, min(*schemas, len(suite)))
	for i := range all {
		all[i] = string(suite[i*len(suite)/len(all)].Schema)
	}
	got := sampleAll(t, all, 1)
	if got.finished*8 < len(all) || got.refused*8 < len(all) {
		t.Errorf("too few to mean anything: of %d %d finished, %d were refused", len(all), got.finished, got.refused)
	}
}

// TestRandomSchemasSampledAtTemperature1AndAHalfAreFollowed samples the model
// under random schemas, the same ones each time.
func TestRandomSchemasSampledAtTemperature1AndAHalfAreFollowed(t *testing.T) {
	all := make([]string, *schemas)
	for i := range all {
		all[i] = testschemas.Random().Example(i)
	}
	got := sampleAll(t, all, 1.5)
	if got.finished*5 < len(all) {
		t.Errorf("too few to mean anything: of %d %d finished", len(all), got.finished)
	}
}

// sampleAll asks for one answer under each schema, many of them computed at once.
func sampleAll(t *testing.T, all []string, temperature float64) *sampled {
	t.Helper()
	s := own(t, "smollm2", nil, "--ctx", "8192", "--parallel", fmt.Sprint(rows))
	got := &sampled{}
	var wg sync.WaitGroup
	places := make(chan struct{}, rows)
	for i, schema := range all {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			got.sample(t, s, schema, temperature, int64(i))
		})
	}
	wg.Wait()
	t.Logf("%d schemas: %d refused, %d not judged, %d answers cut, %d finished and valid", len(all), got.refused, got.unjudged, got.cut, got.finished)
	return got
}

// sample wants a refusal, an answer that was cut, or a valid one.
func (s *sampled) sample(t *testing.T, on *server, schema string, temperature float64, seed int64) {
	p := underSchema(say(on, "Answer in JSON.", 80), json.RawMessage(schema))
	p.Temperature, p.Seed = openai.Float(temperature), openai.Int(seed)
	client := on.client()
	answer, err := client.Chat.Completions.New(t.Context(), p)
	if e, ok := errors.AsType[*openai.Error](err); ok && e.StatusCode == 400 && e.Param == "response_format" {
		s.count(&s.refused)
		return
	}
	if err != nil {
		t.Errorf("schema %s: %v", schema, err)
		return
	}
	s.judge(t, schema, answer.Choices[0])
}

func (s *sampled) judge(t *testing.T, schema string, c openai.ChatCompletionChoice) {
	v, err := testschemas.NewValidator(schema)
	switch {
	case c.FinishReason != "stop":
		s.count(&s.cut)
	case err != nil:
		t.Logf("schema %s: not judged: %v", schema, err)
		s.count(&s.unjudged)
	default:
		if err := v.Check(c.Message.Content); err != nil {
			t.Error(err)
			return
		}
		s.count(&s.finished)
	}
}
