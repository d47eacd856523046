package openai

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/moltbot/moltbot/engine"
)

// unlikely stands for a log-probability that JSON cannot hold, as the public API has it.
const unlikely = -9999.0

func finite(logprob float64) float64 {
	if math.IsNaN(logprob) || logprob < unlikely {
		return unlikely
	}
	return logprob
}

// chatLogprobs is the shape of chat completions.
type chatLogprobs struct {
	Content []tokenLogprob `json:"content"`
	Refusal *string        `json:"refusal"`
}

type tokenLogprob struct {
	likelyToken
	Top []likelyToken `json:"top_logprobs"`
}

type likelyToken struct {
	Token   string  `json:"token"`
	Logprob float64 `json:"logprob"`
	Bytes   []int   `json:"bytes"` // not []byte, which JSON writes as base64
}

func newLikelyToken(t engine.TokenLogprob) likelyToken {
	ints := make([]int, len(t.Bytes))
	for i, b := range t.Bytes {
		ints[i] = int(b)
	}
	return likelyToken{Token: printable(t.Bytes, ""), Logprob: finite(t.Logprob), Bytes: ints}
}

// newChatLogprobs returns nil, which JSON writes as null, when there is nothing to report.
func newChatLogprobs(ts []engine.TokenLogprob) *chatLogprobs {
	if ts == nil {
		return nil
	}
	l := &chatLogprobs{Content: make([]tokenLogprob, len(ts))}
	for i, t := range ts {
		l.Content[i] = tokenLogprob{likelyToken: newLikelyToken(t), Top: make([]likelyToken, len(t.Top))}
		for j, top := range t.Top {
			l.Content[i].Top[j] = newLikelyToken(top)
		}
	}
	return l
}

// printable returns a token's text; bytes that are no whole characters are
// written as escapes after the prefix given.
func printable(b []byte, prefix string) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var s strings.Builder
	s.WriteString(prefix)
	for _, c := range b {
		fmt.Fprintf(&s, `\x%02x`, c)
	}
	return s.String()
}

// legacyLogprobs is the shape of completions: columns instead of rows.
type legacyLogprobs struct {
	Tokens     []string             `json:"tokens"`
	Logprobs   []*float64           `json:"token_logprobs"` // null for what nothing came before
	Top        []map[string]float64 `json:"top_logprobs"`
	TextOffset []int                `json:"text_offset"` // characters before the token
}

// newLegacyLogprobs reports tokens of which the first begins after that many
// characters, and returns how many there are after the last.
func newLegacyLogprobs(ts []engine.TokenLogprob, offset int) (*legacyLogprobs, int) {
	l := &legacyLogprobs{Tokens: []string{}, Logprobs: []*float64{}, Top: []map[string]float64{}, TextOffset: []int{}}
	for _, t := range ts {
		l.Tokens = append(l.Tokens, legacyToken(t))
		l.Logprobs = append(l.Logprobs, legacyLogprob(t))
		l.Top = append(l.Top, legacyTop(t))
		l.TextOffset = append(l.TextOffset, offset)
		offset += characters(t.Bytes)
	}
	return l, offset
}

func legacyToken(t engine.TokenLogprob) string { return printable(t.Bytes, "bytes:") }

// legacyLogprob is null for a prompt's first token, which nothing came before.
func legacyLogprob(t engine.TokenLogprob) *float64 {
	if math.IsNaN(t.Logprob) {
		return nil
	}
	logprob := finite(t.Logprob)
	return &logprob
}

// legacyTop maps the likeliest tokens and the chosen one. Of tokens with the
// same text the likelier is told.
func legacyTop(t engine.TokenLogprob) map[string]float64 {
	if math.IsNaN(t.Logprob) {
		return nil
	}
	top := map[string]float64{legacyToken(t): finite(t.Logprob)}
	for _, other := range t.Top {
		name := legacyToken(other)
		if old, ok := top[name]; !ok || old < other.Logprob {
			top[name] = finite(other.Logprob)
		}
	}
	return top
}

// characters counts those that begin in b.
func characters(b []byte) (n int) {
	for _, c := range b {
		if utf8.RuneStart(c) {
			n++
		}
	}
	return n
}
