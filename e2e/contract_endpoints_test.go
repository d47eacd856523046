package e2e

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"
)

func TestContractEndpoints(t *testing.T) { contract(t, complete(t), endpointRules) }

// vectors are embeddings, each as floats or in base64.
type vectors struct {
	Data []struct {
		Index     int
		Embedding json.RawMessage
	}
}

// embed sends further fields to the embedder.
func (s *server) embed(t *testing.T, more string) (v vectors) {
	t.Helper()
	s.send(t, "POST", "/v1/embeddings", s.fields(t, fmt.Sprintf(`"model": %q`, embedder), more)).into(&v)
	return v
}

func floats(t *testing.T, raw json.RawMessage) (v []float32) {
	t.Helper()
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%.60s: %v", raw, err)
	}
	return v
}

var endpointRules = []rule{
	{"completions take a string, strings, tokens or lists of tokens", func(t *testing.T, s *server) {
		for prompt, choices := range map[string]int{`"The sea"`: 1, `["The sea", "The sun"]`: 2, `[504, 1797]`: 1, `[[504, 1797], [504], [1918]]`: 3} {
			if w := s.text(t, `"max_tokens": 2, "prompt": `+prompt).whole(); len(w.Choices) != choices {
				t.Errorf("%s: %d choices", prompt, len(w.Choices))
			}
		}
	}},
	{"embeddings take a string, strings, tokens or lists of tokens", func(t *testing.T, s *server) {
		for input, n := range map[string]int{`"a ship"`: 1, `["a ship", "a boat"]`: 2, `[2911, 4049]`: 1, `[[2911], [4049], [2911, 4049]]`: 3} {
			v := s.embed(t, `"input": `+input)
			for i, e := range v.Data {
				if e.Index != i || len(floats(t, e.Embedding)) != 384 {
					t.Errorf("%s: %d is number %d", input, i, e.Index)
				}
			}
			if len(v.Data) != n {
				t.Errorf("%s: %d embeddings", input, len(v.Data))
			}
		}
	}},
	{"dimensions shorten an embedding", func(t *testing.T, s *server) {
		if v := floats(t, s.embed(t, `"input": "a ship", "dimensions": 32`).Data[0].Embedding); len(v) != 32 {
			t.Errorf("%d numbers", len(v))
		}
	}},
	{"base64 is of little-endian float32", func(t *testing.T, s *server) {
		plain := floats(t, s.embed(t, `"input": "a ship"`).Data[0].Embedding)
		var text string
		if err := json.Unmarshal(s.embed(t, `"input": "a ship", "encoding_format": "base64"`).Data[0].Embedding, &text); err != nil {
			t.Fatal(err)
		}
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(b) != 4*len(plain) {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
		for i, x := range plain {
			if got := math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:])); math.Abs(float64(got-x)) > 1e-6 {
				t.Fatalf("number %d is %g and %g", i, got, x)
			}
		}
	}},
	{"models tell their state, context length and size", func(t *testing.T, s *server) {
		var list struct{ Data []map[string]any }
		s.send(t, "GET", "/v1/models", "").into(&list)
		for _, m := range list.Data {
			var one map[string]any
			s.send(t, "GET", fmt.Sprintf("/v1/models/%s", m["id"]), "").into(&one)
			length, _ := one["context_length"].(float64)
			size, _ := one["size"].(float64)
			if one["object"] != "model" || one["owned_by"] != "moltbot" || one["created"] == nil || one["state"] == "" || length < 1 || size < 1 || one["id"] != m["id"] {
				t.Errorf("%v", one)
			}
		}
		if len(list.Data) != 2 {
			t.Errorf("%d models", len(list.Data))
		}
	}},
	{"responses are kept, continued, told and deleted", func(t *testing.T, s *server) {
		var first, second struct {
			ID, Status string
			Previous   *string `json:"previous_response_id"`
		}
		respond := func(more string) raw {
			return s.send(t, "POST", "/v1/responses", s.fields(t, `"input": "Hello", "max_output_tokens": 2`, more))
		}
		respond("").into(&first)
		respond(fmt.Sprintf(`"previous_response_id": %q`, first.ID)).into(&second)
		if second.Previous == nil || *second.Previous != first.ID {
			t.Errorf("%+v", second)
		}
		path := "/v1/responses/" + first.ID
		s.send(t, "GET", path, "").into(&first)
		s.send(t, "POST", path+"/cancel", "").wantRefused(400, anything, anything)
		s.send(t, "DELETE", path, "").into(&struct{}{})
		s.send(t, "GET", path, "").wantRefused(404, anything, "response_not_found")
		respond(`"store": false`).into(&second)
		s.send(t, "GET", "/v1/responses/"+second.ID, "").wantRefused(404, anything, "response_not_found")
	}},
	{"a response in the background is polled, or cancelled", func(t *testing.T, s *server) {
		var now struct{ ID, Status string }
		begin := func(more string) {
			s.send(t, "POST", "/v1/responses", s.fields(t, `"input": "Hello", "background": true`, more)).into(&now)
		}
		begin(`"max_output_tokens": 4, "ignore_eos": true`)
		for end := time.Now().Add(patience); now.Status == "queued" || now.Status == "in_progress"; time.Sleep(10 * time.Millisecond) {
			s.send(t, "GET", "/v1/responses/"+now.ID, "").into(&now)
			if time.Now().After(end) {
				t.Fatalf("it never ended: %+v", now)
			}
		}
		if now.Status != "incomplete" {
			t.Errorf("cut at four tokens: %+v", now)
		}
		begin(`"max_output_tokens": 3000, "ignore_eos": true`)
		if s.send(t, "POST", "/v1/responses/"+now.ID+"/cancel", "").into(&now); now.Status != "cancelled" {
			t.Errorf("cancelled: %+v", now)
		}
	}},
	{"health and readiness are told", func(t *testing.T, s *server) {
		for _, path := range []string{"/health", "/ready"} {
			if r := s.send(t, "GET", path, "", "Authorization: "); r.status != 200 {
				t.Errorf("%s: %d %s", path, r.status, r.body)
			}
		}
	}},
	{"what is not served yet is 404", func(t *testing.T, s *server) {
		for _, path := range []string{"/v1/files", "/v1/batches", "/v1/files/file-1", "/v1/batches/batch_1", "/metrics"} {
			s.send(t, "GET", path, "").wantRefused(404, "", "unknown_url")
		}
		for _, path := range []string{"/v1/files", "/v1/batches", "/v1/audio/transcriptions"} {
			s.send(t, "POST", path, "{}").wantRefused(404, "", "unknown_url")
		}
	}},
}
