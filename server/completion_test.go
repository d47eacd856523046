package server_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/constrain"
	"github.com/moltbot/moltbot/engine/enginetest"
)

const completionPath = "/v1/completions"

// completed is a whole answer of /v1/completions.
type completed struct {
	Choices []choice
	Usage   struct {
		Prompt     int `json:"prompt_tokens"`
		Completion int `json:"completion_tokens"`
		Total      int `json:"total_tokens"`
	}
}

type choice struct {
	Index    int
	Text     string
	Finish   string `json:"finish_reason"`
	Logprobs *struct {
		Logprobs []float64 `json:"token_logprobs"`
		Offset   []int     `json:"text_offset"`
	}
}

// likelihood is the log-probability per token.
func (c choice) likelihood() float64 {
	sum := 0.0
	for _, l := range c.Logprobs.Logprobs {
		sum += l
	}
	return sum / float64(len(c.Logprobs.Logprobs))
}

// complete asks for a completion by the toy; more are the fields beside the model.
func (r *rig) complete(more string) completed {
	r.t.Helper()
	a := r.post(completionPath, `{"model": "toy", `+more+`}`)
	var c completed
	if err := json.Unmarshal([]byte(a.body), &c); err != nil || a.status != 200 {
		r.t.Fatalf("%d %s, %v", a.status, a.body, err)
	}
	return c
}

// gapped is a vocabulary whose bytes 1 to 3 are the tokens around a gap.
type gapped struct{ enginetest.Vocab }

func (gapped) Infill() (prefix, suffix, middle engine.Token, ok bool) { return 1, 2, 3, true }

// gapless knows the tokens but has none.
type gapless struct{ enginetest.Vocab }

func (gapless) Infill() (prefix, suffix, middle engine.Token, ok bool) { return -1, -1, -1, false }

func TestAGapIsFilledBetweenPromptAndSuffix(t *testing.T) {
	var asked engine.Request
	r := with(t, &altered{vocab: gapped{}, submit: func(q engine.Request) { asked = q }}, nil)
	for _, c := range []struct {
		rule, fields string
		want         []engine.Token
	}{
		{"texts", `"prompt": "a</s>", "suffix": "b"`, []engine.Token{enginetest.BOS, 1, 'a', '<', '/', 's', '>', 2, 'b', 3}},
		{"tokens", `"prompt": [97, 98], "suffix": "c"`, []engine.Token{enginetest.BOS, 1, 'a', 'b', 2, 'c', 3}},
		{"a gap at the start", `"suffix": "c"`, []engine.Token{enginetest.BOS, 1, 2, 'c', 3}},
		{"an empty suffix is none", `"prompt": "a", "suffix": ""`, []engine.Token{enginetest.BOS, 'a'}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if r.complete(c.fields); !slices.Equal(asked.Prompt, c.want) {
				t.Errorf("the model reads %v, want %v", asked.Prompt, c.want)
			}
		})
	}
	if c := r.complete(`"prompt": "a", "suffix": "b", "echo": true`); !strings.HasPrefix(c.Choices[0].Text, "a") {
		t.Errorf("got %q", c.Choices[0].Text)
	}
}

func TestAGapNeedsAModelThatFillsIt(t *testing.T) {
	for _, m := range []*altered{{}, {vocab: gapless{}}} {
		a := with(t, m, nil).post(completionPath, `{"model": "toy", "prompt": "a", "suffix": "b"}`)
		a.wantError(t, 400, "invalid_request_error", "suffix", "unsupported_parameter")
		if !strings.Contains(a.body, "'toy'") {
			t.Errorf("the model is not named: %s", a.body)
		}
	}
	a := with(t, &altered{vocab: gapped{}}, nil).post(completionPath, `{"model": "toy", "prompt": [999], "suffix": "b"}`)
	a.wantError(t, 400, "invalid_request_error", "prompt", "invalid_value")
}

func TestTheBestAreTheLikeliestPerToken(t *testing.T) {
	r := start(t, nil)
	const fields = `"prompt": ["one", "two"], "seed": 7, "temperature": 1.5, "max_tokens": 9, "logprobs": 0`
	all := r.complete(fields + `, "n": 5`)
	best := r.complete(fields + `, "n": 2, "best_of": 5`)
	plain := r.complete(strings.ReplaceAll(fields, `"logprobs": 0`, `"logprobs": null`) + `, "n": 2, "best_of": 5`)
	var want []string
	for p := range 2 {
		made := all.Choices[5*p : 5*p+5]
		slices.SortStableFunc(made, func(a, b choice) int { return cmp.Compare(b.likelihood(), a.likelihood()) })
		want = append(want, made[0].Text, made[1].Text)
	}
	for _, got := range []completed{best, plain} {
		var texts []string
		for i, c := range got.Choices {
			texts = append(texts, c.Text)
			if c.Index != i {
				t.Errorf("choice %d has the index %d", i, c.Index)
			}
		}
		if !slices.Equal(texts, want) {
			t.Errorf("got %q, want %q", texts, want)
		}
		if got.Usage.Completion != all.Usage.Completion || got.Usage.Prompt != all.Usage.Prompt {
			t.Errorf("usage %+v, want that of all five: %+v", got.Usage, all.Usage)
		}
	}
	if plain.Choices[0].Logprobs != nil {
		t.Error("log-probabilities are told that nobody asked for")
	}
}

func TestTextsFollowWhatIsAskedFor(t *testing.T) {
	var mu sync.Mutex
	var compiled constrain.Grammar
	m := &altered{grammars: func(g constrain.Grammar) (constrain.Constraint, error) {
		mu.Lock()
		defer mu.Unlock()
		compiled = g
		return enginetest.OneOf{`{"a":1}`}, nil
	}}
	r := with(t, m, nil)
	for _, c := range []struct {
		rule, fields string
		want         constrain.Grammar
	}{
		{"a schema", `"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object", "required": ["a"]}}}`, constrain.Grammar{Kind: constrain.JSONSchema, Source: `{"type":"object","required":["a"]}`}},
		{"an object", `"response_format": {"type": "json_object"}`, constrain.Grammar{Kind: constrain.JSONSchema, Source: `{"type":"object"}`}},
		{"a grammar", `"grammar": "root ::= \"x\""`, constrain.Grammar{Kind: constrain.GBNF, Source: `root ::= "x"`}},
		{"a pattern", `"regex": "a+"`, constrain.Grammar{Kind: constrain.Regex, Source: "a+"}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got := r.complete(`"prompt": "one", "n": 2, ` + c.fields)
			if compiled != c.want {
				t.Errorf("got %+v, want %+v", compiled, c.want)
			}
			for _, choice := range got.Choices {
				if choice.Text != `{"a":1}` || choice.Finish != "stop" {
					t.Errorf("got %+v", choice)
				}
			}
		})
	}
	if got := r.complete(`"prompt": "one", "response_format": {"type": "text"}`); got.Choices[0].Text == `{"a":1}` {
		t.Error("plain text follows a schema")
	}
}

func TestWhatNoTextSatisfiesIsRefused(t *testing.T) {
	r := start(t, nil) // the toy knows no grammars
	for _, param := range []string{"response_format", "grammar", "regex"} {
		value := map[bool]string{true: `{"type": "json_object"}`, false: `"x"`}[param == "response_format"]
		a := r.post(completionPath, fmt.Sprintf(`{"model": "toy", "prompt": "x", %q: %s}`, param, value))
		a.wantError(t, 400, "invalid_request_error", param, "invalid_value")
	}
}

func TestOffsetsAreThoseOfTheText(t *testing.T) {
	r := start(t, nil)
	got := r.complete(`"prompt": "one", "logprobs": 0, "max_tokens": 5, "temperature": 0`).Choices[0]
	for i, at := range got.Logprobs.Offset {
		if at != i { // a token of the toy is a letter
			t.Errorf("offsets %v of %q", got.Logprobs.Offset, got.Text)
			break
		}
	}
}

func TestAnEchoIsScored(t *testing.T) {
	r := start(t, nil)
	for _, tokens := range []int{0, 3} {
		a := r.post(completionPath, fmt.Sprintf(`{"model": "toy", "prompt": "abc", "echo": true, "logprobs": 1, "max_tokens": %d, "ignore_eos": true}`, tokens))
		var c struct {
			Choices []struct {
				Text     string
				Logprobs struct {
					Tokens   []string
					Logprobs []*float64           `json:"token_logprobs"`
					Top      []map[string]float64 `json:"top_logprobs"`
					Offset   []int                `json:"text_offset"`
				}
			}
			Usage struct {
				Completion int `json:"completion_tokens"`
			}
		}
		if err := json.Unmarshal([]byte(a.body), &c); err != nil || a.status != 200 {
			t.Fatalf("%d %s, %v", a.status, a.body, err)
		}
		lp := c.Choices[0].Logprobs
		if !strings.HasPrefix(c.Choices[0].Text, "abc") || len(lp.Tokens) != 4+tokens || c.Usage.Completion != tokens {
			t.Fatalf("max_tokens %d: %s", tokens, a.body)
		}
		if lp.Logprobs[0] != nil || lp.Top[0] != nil || *lp.Logprobs[1] > 0 || !slices.Equal(lp.Offset[:4], []int{0, 0, 1, 2}) {
			t.Errorf("max_tokens %d: %s", tokens, a.body)
		}
	}
}
