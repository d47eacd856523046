package openai

import (
	"sort"
	"strings"

	"github.com/moltbot/moltbot/engine"
)

// eventLogprob is a token in an event, which leaves out its bytes.
type eventLogprob struct {
	Token   string       `json:"token"`
	Logprob float64      `json:"logprob"`
	Top     []eventToken `json:"top_logprobs"`
}

type eventToken struct {
	Token   string  `json:"token"`
	Logprob float64 `json:"logprob"`
}

func eventLogprobs(ts []engine.TokenLogprob) []any {
	out := make([]any, len(ts))
	for i, t := range ts {
		l := eventLogprob{printable(t.Bytes, ""), finite(t.Logprob), make([]eventToken, len(t.Top))}
		for j, top := range t.Top {
			l.Top[j] = eventToken{printable(top.Bytes, ""), finite(top.Logprob)}
		}
		out[i] = l
	}
	return out
}

// partLogprobs are those of a whole text, bytes and all.
func partLogprobs(ts []engine.TokenLogprob) []any {
	out := make([]any, len(ts))
	if l := newChatLogprobs(ts); l != nil {
		for i := range out {
			out[i] = l.Content[i]
		}
	}
	return out
}

// spoken takes the tokens that a text was made of out of those that came, and
// forgets what came before them: tags, which are in no text. Where the text is not
// what the tokens read as, all of them made it.
func (a *responsesAnswer) spoken(text string) []engine.TokenLogprob {
	var came strings.Builder
	starts := make([]int, len(a.came))
	for i, t := range a.came {
		starts[i] = came.Len()
		came.Write(t.Bytes)
	}
	start := within(came.String(), text, starts)
	if start < 0 {
		start, text = 0, came.String()
	}
	first := max(0, sort.SearchInts(starts, start+1)-1)
	behind := max(first, sort.SearchInts(starts, start+len(text)))
	made := a.came[first:behind]
	a.came = a.came[behind:]
	return made
}

// within returns where a text stands in all that came: rather where a token begins
// than within one; negative: nowhere.
func within(came, text string, starts []int) int {
	for _, at := range starts {
		if strings.HasPrefix(came[at:], text) {
			return at
		}
	}
	return strings.Index(came, text)
}
