package openai

import (
	"slices"
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
	prompt   []engine.TokenLogprob // of the echo
	told     bool                  // the prompt's went out with a chunk
	offset   int                   // characters in front of the next token, for chunks
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
	if a.req.echoAlone() {
		c.Text, c.Logprobs = "", nil // computed for the echo's sake alone
	}
	a.choices[choice].prompt = append(a.choices[choice].prompt, a.unsaid(choice, c.Prompt)...)
	if c.Text == "" && len(c.Logprobs) == 0 {
		return nil, nil
	}
	s := &a.choices[choice]
	text := a.echo(choice) + c.Text
	s.text.WriteString(text)
	s.logprobs = append(s.logprobs, c.Logprobs...)
	piece := completionChoice{Index: choice, Text: text}
	if a.req.logprobs != noLogprobs {
		piece.Logprobs, s.offset = newLegacyLogprobs(slices.Concat(s.untold(), c.Logprobs), s.offset)
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
	if a.req.echoAlone() {
		s.finish, r.Usage.Completion = engine.FinishLength, 0
	}
	a.counted.add(r.Usage, choice%a.req.best == 0)
	text := a.echo(choice)
	s.text.WriteString(text)
	last := completionChoice{Index: choice, Text: text, Finish: &s.finish}
	if echoed := s.untold(); len(echoed) > 0 {
		last.Logprobs, s.offset = newLegacyLogprobs(echoed, s.offset)
	}
	return []any{a.body(last)}, nil
}

// untold returns the prompt's log-probabilities, once: they go with the first chunk.
func (s *completionState) untold() []engine.TokenLogprob {
	if s.told {
		return nil
	}
	s.told = true
	return s.prompt
}

// unsaid empties the text of a first token that stands in no prompt: the model's
// own mark of the beginning.
func (a *completionAnswer) unsaid(choice int, prompt []engine.TokenLogprob) []engine.TokenLogprob {
	if len(prompt) > 0 && !strings.HasPrefix(a.echoes[choice/a.req.best], string(prompt[0].Bytes)) {
		prompt[0].Bytes = nil
	}
	return prompt
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
		c.Logprobs, _ = newLegacyLogprobs(slices.Concat(s.prompt, s.logprobs), 0)
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
