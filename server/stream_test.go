package server_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moltbot/moltbot/engine"
)

// events reads a stream's lines that carry something.
func events(body string) (data []string) {
	for line := range strings.Lines(body) {
		if d, ok := strings.CutPrefix(strings.TrimSpace(line), "data: "); ok {
			data = append(data, d)
		}
	}
	return data
}

func TestStreamHeaders(t *testing.T) {
	r := start(t, nil)
	a := r.post(chatPath, sayHi(`"stream": true, "max_tokens": 2`))
	for name, want := range map[string]string{"Content-Type": "text/event-stream", "Cache-Control": "no-cache", "X-Accel-Buffering": "no"} {
		if a.header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, a.header.Get(name), want)
		}
	}
	if !strings.HasSuffix(a.body, "\n\ndata: [DONE]\n\n") || strings.Contains(a.body, "id: ") {
		t.Errorf("got %q", a.body)
	}
}

// chunk is what the rules of streams speak of.
type chunk struct {
	ID      string
	Created int64
	Choices []struct {
		Index  int
		Delta  map[string]any
		Finish *string `json:"finish_reason"`
	}
	Usage json.RawMessage
}

func chunks(t *testing.T, body string) []chunk {
	t.Helper()
	data := events(body)
	if len(data) == 0 || data[len(data)-1] != "[DONE]" {
		t.Fatalf("the stream does not end with [DONE]: %s", body)
	}
	out := make([]chunk, len(data)-1)
	for i := range out {
		if err := json.Unmarshal([]byte(data[i]), &out[i]); err != nil {
			t.Fatalf("%v: %s", err, data[i])
		}
	}
	return out
}

func TestChunksShareIDAndCreated(t *testing.T) {
	r := start(t, nil)
	got := chunks(t, r.post(chatPath, sayHi(`"stream": true, "max_tokens": 8, "n": 2`)).body)
	for _, c := range got {
		if c.ID != got[0].ID || c.Created != got[0].Created || !strings.HasPrefix(c.ID, "chatcmpl-") {
			t.Errorf("chunk %+v follows %+v", c, got[0])
		}
	}
}

func TestRoleOnlyInTheFirstDelta(t *testing.T) {
	r := start(t, nil)
	seen := map[int]int{}
	for _, c := range chunks(t, r.post(chatPath, sayHi(`"stream": true, "max_tokens": 8, "n": 2`)).body) {
		choice := c.Choices[0]
		if _, told := choice.Delta["role"]; told != (seen[choice.Index] == 0) {
			t.Errorf("delta %d of choice %d: %v", seen[choice.Index], choice.Index, choice.Delta)
		}
		seen[choice.Index]++
	}
	if len(seen) != 2 {
		t.Errorf("choices: %v", seen)
	}
}

func TestLastChunkHasEmptyDeltaAndReason(t *testing.T) {
	r := start(t, nil)
	got := chunks(t, r.post(chatPath, sayHi(`"stream": true, "max_tokens": 3`)).body)
	for i, c := range got {
		if last := i == len(got)-1; last != (c.Choices[0].Finish != nil) || last != (len(c.Choices[0].Delta) == 0) {
			t.Errorf("chunk %d of %d: %+v", i, len(got), c)
		}
	}
}

func TestUsageOnlyWhenAskedFor(t *testing.T) {
	r := start(t, nil)
	for _, c := range chunks(t, r.post(chatPath, sayHi(`"stream": true, "max_tokens": 3`)).body) {
		if c.Usage != nil {
			t.Errorf("unasked: %s", c.Usage)
		}
	}
	got := chunks(t, r.post(chatPath, sayHi(`"stream": true, "max_tokens": 3, "stream_options": {"include_usage": true}`)).body)
	for i, c := range got {
		if last := i == len(got)-1; last != (string(c.Usage) != "null") || last != (len(c.Choices) == 0) {
			t.Errorf("chunk %d of %d: %+v", i, len(got), c)
		}
	}
}

func TestChoicesAreStreamedSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, paced)
		var order string
		for _, c := range chunks(t, r.post(chatPath, sayHi(`"stream": true, "max_tokens": 6, "n": 2, "ignore_eos": true`)).body) {
			order += fmt.Sprint(c.Choices[0].Index)
		}
		if strings.Contains(order, "0000000") || strings.Contains(order, "1111111") {
			t.Errorf("one choice after the other: %s", order)
		}
	})
}

func TestKeepAliveFromBeforePrefillOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *config) {
			c.memory = true
			c.server.KeepAlive = 10 * time.Second
			c.toy.Before = func(step int, _ []engine.Row) error {
				if step == 1 {
					time.Sleep(35 * time.Second) // a long prefill
				}
				return nil
			}
		})
		res := r.open(t.Context(), chatPath, sayHi(`"stream": true, "max_tokens": 1`))
		defer res.Body.Close()
		began := time.Now()
		comments := 0
		lines := bufio.NewScanner(res.Body)
		for lines.Scan() && !bytes.HasPrefix(lines.Bytes(), []byte("data:")) {
			if lines.Text() == ": keepalive" {
				comments++
			}
		}
		if comments != 4 || time.Since(began) != 35*time.Second { // at 0, 10, 20 and 30 s
			t.Errorf("%d comments in %s of silence", comments, time.Since(began))
		}
	})
}

func TestErrorAfterTheStreamBegan(t *testing.T) {
	r := start(t, func(c *config) {
		c.toy.Before = func(step int, _ []engine.Row) error {
			if step > 4 {
				return errors.New("the device fell off: secret")
			}
			return nil
		}
	})
	a := r.post(chatPath, sayHi(`"stream": true, "ignore_eos": true`))
	data := events(a.body)
	if a.status != 200 || slices.Contains(data, "[DONE]") {
		t.Fatalf("%d: %s", a.status, a.body)
	}
	wantErrorBody(t, data[len(data)-1], "server_error", "", "internal_error")
	r.until("the failure is logged", func() bool { return strings.Contains(r.log.String(), `"level":"error"`) })
	if strings.Contains(a.body, "secret") || !strings.Contains(r.log.String(), "secret") {
		t.Errorf("details belong in the log: %s\n%s", a.body, r.log)
	}
}
