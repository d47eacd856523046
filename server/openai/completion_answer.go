package openai

import (
	"strings"

	"github.com/moltbot/moltbot/engine"
)

// completionAnswer is an answer of /v1/completions: choices of each prompt, prompt by prompt.
type completionAnswer struct {
	head
	req     completionRequest
	echoes  []string // by prompt; empty strings unless asked for
	choices []completionState
	counted usage
}

// completionState is what has come of one choice.
type completionState struct {
	text     strings.Builder
	logprobs []engine.TokenLogprob
	offset   int // characters in front of the next token, for chunks
	finish   engine.Finish
}

// completionBody is a chunk and the whole alike.
type completionBody struct {
	head
	Choices []completionChoice `json:"choices"`
	Usage   usageField         `json:"usage,omitzero"`
}

type completionChoice struct {
	Index    int             `json:"index"`
	Text     string          `json:"text"`
	Logprobs *legacyLogprobs `json:"logprobs"`
	Finish   *engine.Finish  `json:"finish_reason"`
}

func newCompletionAnswer(h head, req completionRequest, echoes []string) *completionAnswer {
	return &completionAnswer{head: h, req: req, echoes: echoes, choices: make([]completionState, len(echoes)*req.best)}
}

func (a *completionAnswer) push(choice int, c engine.Chunk) ([]any, error) {
	if c.Text == "" && len(c.Logprobs) == 0 {
		return nil, nil
	}
	s := &a.choices[choice]
	text := a.echo(choice) + c.Text
	s.text.WriteString(text)
	s.logprobs = append(s.logprobs, c.Logprobs...)
	piece := completionChoice{Index: choice, Text: text}
	if a.req.logprobs != noLogprobs {
		piece.Logprobs, s.offset = newLegacyLogprobs(c.Logprobs, s.offset)
	}
	return []any{a.body(piece)}, nil
}

// echo returns what goes in front of a choice that has said nothing yet.
func (a *completionAnswer) echo(choice int) string {
	if a.choices[choice].text.Len() > 0 {
		return ""
	}
	return a.echoes[choice/a.req.best]
}

func (a *completionAnswer) finish(choice int, r engine.Result) ([]any, error) {
	s := &a.choices[choice]
	s.finish = r.Finish
	a.counted.add(r.Usage, choice%a.req.best == 0)
	text := a.echo(choice)
	s.text.WriteString(text)
	return []any{a.body(completionChoice{Index: choice, Text: text, Finish: &s.finish})}, nil
}

func (a *completionAnswer) body(c completionChoice) any {
	return completionBody{a.head, []completionChoice{c}, usageField{asked: a.req.includeUsage}}
}

func (a *completionAnswer) usage() usage { return a.counted }

func (a *completionAnswer) usageChunk() any {
	return completionBody{a.head, []completionChoice{}, usageField{true, &a.counted}}
}

func (a *completionAnswer) whole() any {
	w := completionBody{a.head, []completionChoice{}, usageField{true, &a.counted}}
	for prompt := range a.echoes {
		for _, made := range a.best(prompt) {
			w.Choices = append(w.Choices, a.choice(len(w.Choices), &a.choices[made]))
		}
	}
	return w
}

func (a *completionAnswer) choice(index int, s *completionState) completionChoice {
	c := completionChoice{Index: index, Text: s.text.String(), Finish: &s.finish}
	if a.req.logprobs != noLogprobs {
		c.Logprobs, _ = newLegacyLogprobs(s.logprobs, 0)
	}
	return c
}

func (a *completionAnswer) texts() []string {
	texts := make([]string, len(a.choices))
	for i := range a.choices {
		texts[i] = a.choices[i].text.String()
	}
	return texts
}
