package openai

import (
	"fmt"
	"strings"
	"time"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/chat"
	"github.com/moltbot/moltbot/models"
)

// response is an answer of /v1/responses.
type response struct {
	ID          string            `json:"id"`
	Object      string            `json:"object"`
	Created     int64             `json:"created_at"` // Unix seconds
	Status      string            `json:"status"`
	Background  bool              `json:"background"`
	Completed   *int64            `json:"completed_at"`
	Error       *responseError    `json:"error"`
	Incomplete  *incompleteReason `json:"incomplete_details"`
	Model       string            `json:"model"`
	Output      []item            `json:"output"`
	ServiceTier string            `json:"service_tier"`
	Usage       *responseUsage    `json:"usage"`
	requestEcho
}

type responseError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type incompleteReason struct {
	Reason string `json:"reason"`
}

// responseUsage tells a usage in the words of this API.
type responseUsage struct {
	Input         int           `json:"input_tokens"`
	InputDetails  inputDetails  `json:"input_tokens_details"`
	Output        int           `json:"output_tokens"`
	OutputDetails outputDetails `json:"output_tokens_details"`
	Total         int           `json:"total_tokens"`
}

// inputDetails: writing to the cache is not counted, since nobody pays for it.
type inputDetails struct {
	CacheWrite int `json:"cache_write_tokens"`
	Cached     int `json:"cached_tokens"`
}

type outputDetails struct {
	Reasoning int `json:"reasoning_tokens"`
}

func newResponseUsage(u usage) *responseUsage {
	return &responseUsage{
		Input:         u.Prompt,
		InputDetails:  inputDetails{Cached: u.PromptDetails.Cached},
		Output:        u.Completion,
		OutputDetails: outputDetails{u.CompletionDetails.Reasoning},
		Total:         u.Total,
	}
}

// responsesAnswer folds one choice into the items of a response. One item is
// open at a time; what it says is gathered in said until it closes.
type responsesAnswer struct {
	response  response
	vocab     engine.Vocab
	parser    chat.Parser
	open      *item
	said      strings.Builder
	came      []engine.TokenLogprob // whose text has not been told yet
	told      []engine.TokenLogprob // of what was said
	reasoning strings.Builder
	calls     int // begun so far
	sequence  int // number of the next event
	counted   usage
}

func newResponsesAnswer(m models.Model, req responsesRequest, p chat.Parser) *responsesAnswer {
	return &responsesAnswer{
		vocab: m.Vocab(), parser: p,
		response: response{
			ID: newID(responsePrefix), Object: "response", Created: time.Now().Unix(), Status: statusRunning,
			Model: m.Info().ID, Output: []item{}, ServiceTier: req.served(), requestEcho: req.told,
		},
	}
}

// begin returns the events that come before any item.
func (a *responsesAnswer) begin() []any {
	return []any{a.lifecycle("response.created"), a.lifecycle("response.in_progress")}
}

// end returns the event that comes after all items.
func (a *responsesAnswer) end() any { return a.lifecycle("response." + a.response.Status) }

func (a *responsesAnswer) push(_ int, c engine.Chunk) ([]any, error) {
	a.came = append(a.came, c.Logprobs...)
	d, err := a.parser.Push(c.Text)
	if err != nil {
		return nil, fmt.Errorf("parsing an answer: %w", err)
	}
	return a.say(d), nil
}

func (a *responsesAnswer) finish(_ int, r engine.Result) ([]any, error) {
	a.counted.add(r.Usage, true)
	d, err := a.parser.Close()
	if err != nil {
		return nil, fmt.Errorf("parsing the end of an answer: %w", err)
	}
	events := a.say(d)
	a.counted.CompletionDetails.Reasoning, err = reasoningTokens(a.vocab, a.reasoning.String(), r.Usage.Completion)
	if err != nil {
		return nil, err
	}
	events = append(events, a.conclude(r.Finish)...)
	a.response.Usage = newResponseUsage(a.counted)
	return events, nil
}

// conclude closes the last item and sets how the response ended. An answer in
// which nothing was said is an empty message.
func (a *responsesAnswer) conclude(f engine.Finish) []any {
	if f == engine.FinishLength {
		a.response.Status, a.response.Incomplete = statusIncomplete, &incompleteReason{"max_output_tokens"}
		return a.shut(statusIncomplete)
	}
	var events []any
	if a.open == nil {
		events = a.begun(itemMessage)
	}
	now := time.Now().Unix()
	a.response.Status, a.response.Completed = statusCompleted, &now
	return append(events, a.shut(statusCompleted)...)
}

// fail returns the events that end a response which went wrong, perhaps before it began.
func (a *responsesAnswer) fail(e *Error) (events []any) {
	if a.sequence == 0 {
		events = a.begin()
	}
	a.response.Status, a.response.Error = statusFailed, &responseError{failureCode(e), e.Message}
	return append(events, a.lifecycle("response.failed"))
}

// failureCode is one of the few codes that this API has for failures.
func failureCode(e *Error) string {
	if e.Type == typeRate {
		return "rate_limit_exceeded"
	}
	return "server_error"
}

// say returns the events that tell a piece of an answer.
func (a *responsesAnswer) say(d chat.Delta) (events []any) {
	if d.Reasoning != "" {
		a.reasoning.WriteString(d.Reasoning)
		a.spoken(d.Reasoning)
		events = append(a.begun(itemReasoning), a.delta("response.reasoning_text.delta", d.Reasoning))
	}
	if d.Content != "" {
		events = append(events, a.begun(itemMessage)...)
		events = append(events, a.text(d.Content))
	}
	for _, piece := range d.Calls {
		a.came = nil
		events = append(events, a.call(piece)...)
	}
	return events
}

// text tells a piece of a message, with its tokens.
func (a *responsesAnswer) text(piece string) responseEvent {
	tokens := a.spoken(piece)
	a.told = append(a.told, tokens...)
	e := a.delta("response.output_text.delta", piece)
	e.Logprobs = eventLogprobs(tokens)
	return e
}

// call returns the events of a piece of a call; a new index begins a new item.
func (a *responsesAnswer) call(p chat.CallDelta) (events []any) {
	if p.Index == a.calls {
		a.calls++
		events = append(a.shut(statusCompleted), a.opened(item{Type: itemCall, CallID: callID(p.ID), Name: p.Name, Arguments: new(string)})...)
	}
	if p.Arguments != "" {
		events = append(events, a.delta("response.function_call_arguments.delta", p.Arguments))
	}
	return events
}

// begun makes sure that an item of a type is the open one.
func (a *responsesAnswer) begun(kind string) []any {
	if a.open != nil && a.open.Type == kind {
		return nil
	}
	it := item{Type: kind, Content: []part{}}
	if kind == itemMessage {
		it.Role = "assistant"
	} else {
		it.Summary = []part{}
	}
	return append(a.shut(statusCompleted), a.opened(it)...)
}

// opened begins an item.
func (a *responsesAnswer) opened(it item) []any {
	it.ID, it.Status = newID(prefixes[it.Type]), statusRunning
	a.open = &it
	events := []any{a.event("response.output_item.added", func(e *responseEvent) { e.Item = &it })}
	if kind := it.partType(); kind != "" {
		events = append(events, a.ofPart("response.content_part.added", textPart(kind, "")))
	}
	return events
}

// shut closes the open item, if there is one.
func (a *responsesAnswer) shut(status string) []any {
	if a.open == nil {
		return nil
	}
	it, said := *a.open, a.said.String()
	it.Status = status
	events := []any{a.doneText(it, said)}
	if kind := it.partType(); kind == "" {
		it.Arguments = &said
	} else {
		it.Content = []part{textPart(kind, said)}
		if kind == partOutput {
			it.Content[0].Logprobs = partLogprobs(a.told)
		}
		events = append(events, a.ofPart("response.content_part.done", it.Content[0]))
	}
	events = append(events, a.event("response.output_item.done", func(e *responseEvent) { e.Item = &it }))
	a.response.Output = append(a.response.Output, it)
	a.open, a.told = nil, nil
	a.said.Reset()
	return events
}

// partType is the type of the one part that an item of an answer holds; "": a call has none.
func (i item) partType() string {
	return map[string]string{itemMessage: partOutput, itemReasoning: partReasoning}[i.Type]
}

func (a *responsesAnswer) usage() usage { return a.counted }

func (a *responsesAnswer) whole() any { return a.response }

func (a *responsesAnswer) texts() []string {
	var b strings.Builder
	for _, it := range a.response.Output {
		b.WriteString(joined(it.Content))
		if it.Type == itemCall {
			b.WriteString("\n" + it.Name + " " + *it.Arguments)
		}
	}
	return []string{b.String()}
}
