package openai

import (
	"fmt"
	"strings"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/chat"
)

// chatAnswer is an answer of /v1/chat/completions.
type chatAnswer struct {
	head
	req     chatRequest
	vocab   engine.Vocab
	choices []chatState
	counted usage
}

// chatState is what has come of one choice.
type chatState struct {
	parser    chat.Parser
	content   strings.Builder
	reasoning strings.Builder
	calls     []chat.ToolCall
	logprobs  []engine.TokenLogprob
	told      int  // of logprobs, in chunks
	begun     bool // the role has been told
	finish    engine.Finish
}

type chatChunk struct {
	head
	Choices []chatDelta `json:"choices"`
	Usage   usageField  `json:"usage,omitzero"`
}

// wholeChat is the type of an answer that is told at once.
const wholeChat = "chat.completion"

type chatDelta struct {
	Index    int            `json:"index"`
	Delta    delta          `json:"delta"`
	Logprobs *chatLogprobs  `json:"logprobs"`
	Finish   *engine.Finish `json:"finish_reason"`
}

// delta has pointers because content is "" in the first and absent in the last.
type delta struct {
	Role      string  `json:"role,omitempty"`
	Content   *string `json:"content,omitempty"`
	Reasoning *string `json:"reasoning_content,omitempty"`

	ToolCalls []callDelta `json:"tool_calls,omitempty"`
}

type chatWhole struct {
	head
	Choices  []chatChoice      `json:"choices"`
	Usage    usage             `json:"usage"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

type chatChoice struct {
	Index    int           `json:"index"`
	Message  chatMessage   `json:"message"`
	Logprobs *chatLogprobs `json:"logprobs"`
	Finish   engine.Finish `json:"finish_reason"`
}

type chatMessage struct {
	Role        string     `json:"role"`
	Content     *string    `json:"content"` // null beside calls, where there is none
	Reasoning   string     `json:"reasoning_content,omitempty"`
	ToolCalls   []toolCall `json:"tool_calls,omitempty"`
	Refusal     *string    `json:"refusal"`
	Annotations []any      `json:"annotations"`
}

func newChatAnswer(h head, req chatRequest, vocab engine.Vocab, parser func() chat.Parser) *chatAnswer {
	a := &chatAnswer{head: h, req: req, vocab: vocab, choices: make([]chatState, req.n)}
	for i := range a.choices {
		a.choices[i].parser = parser()
	}
	return a
}

func (a *chatAnswer) push(choice int, c engine.Chunk) ([]any, error) {
	s := &a.choices[choice]
	s.logprobs = append(s.logprobs, c.Logprobs...)
	d, err := s.parser.Push(c.Text)
	if err != nil {
		return nil, fmt.Errorf("parsing an answer: %w", err)
	}
	return a.say(choice, d), nil
}

func (a *chatAnswer) finish(choice int, r engine.Result) ([]any, error) {
	s := &a.choices[choice]
	a.counted.add(r.Usage, choice == 0)
	d, err := s.parser.Close()
	if err != nil {
		return nil, fmt.Errorf("parsing the end of an answer: %w", err)
	}
	chunks := a.say(choice, d)
	s.finish = a.req.finish(r.Finish, len(s.calls) > 0)
	if err := a.countReasoning(s, r.Usage.Completion); err != nil {
		return nil, err
	}
	return append(chunks, a.close(choice)...), nil
}

// countReasoning counts the tokens of a choice's reasoning.
func (a *chatAnswer) countReasoning(s *chatState, generated int) error {
	tokens, err := reasoningTokens(a.vocab, s.reasoning.String(), generated)
	a.counted.CompletionDetails.Reasoning += tokens
	return err
}

// reasoningTokens counts the tokens of reasoning by its text, since a token may
// belong to both parts; never more than were generated.
func reasoningTokens(v engine.Vocab, reasoning string, generated int) (int, error) {
	if reasoning == "" {
		return 0, nil
	}
	tokens, err := v.Tokenize(reasoning, false, false)
	if err != nil {
		return 0, fmt.Errorf("counting reasoning tokens: %w", err)
	}
	return min(len(tokens), generated), nil
}

// say returns the chunks that tell a piece of an answer; none for an empty piece.
func (a *chatAnswer) say(choice int, d chat.Delta) []any {
	if d.Empty() {
		return nil
	}
	s := &a.choices[choice]
	s.content.WriteString(d.Content)
	s.reasoning.WriteString(d.Reasoning)
	chunks := a.begin(choice)
	if d.Content != "" || d.Reasoning != "" {
		chunks = append(chunks, a.chunk(choice, delta{Content: orNull(d.Content), Reasoning: orNull(d.Reasoning)}, nil))
	}
	for _, piece := range s.call(d.Calls) {
		chunks = append(chunks, a.chunk(choice, delta{ToolCalls: []callDelta{piece}}, nil))
	}
	return chunks
}

// begin tells the role, before anything else of a choice.
func (a *chatAnswer) begin(choice int) []any {
	s := &a.choices[choice]
	if s.begun {
		return nil
	}
	s.begun = true
	return []any{chatChunk{a.head, []chatDelta{{Index: choice, Delta: delta{Role: "assistant", Content: new(string)}}}, a.noUsage()}}
}

// close tells why a choice ended, after the log-probabilities that no text carried.
func (a *chatAnswer) close(choice int) []any {
	s := &a.choices[choice]
	chunks := a.begin(choice)
	if s.told < len(s.logprobs) {
		chunks = append(chunks, a.chunk(choice, delta{Content: new(string)}, nil))
	}
	return append(chunks, a.chunk(choice, delta{}, &s.finish))
}

func (a *chatAnswer) chunk(choice int, d delta, finish *engine.Finish) any {
	s := &a.choices[choice]
	c := chatDelta{Index: choice, Delta: d, Finish: finish}
	if s.told < len(s.logprobs) {
		c.Logprobs = newChatLogprobs(s.logprobs[s.told:])
		s.told = len(s.logprobs)
	}
	return chatChunk{a.head, []chatDelta{c}, a.noUsage()}
}

func (a *chatAnswer) noUsage() usageField { return usageField{asked: a.req.includeUsage} }

func (a *chatAnswer) usage() usage { return a.counted }

func (a *chatAnswer) usageChunk() any {
	return chatChunk{a.head, []chatDelta{}, usageField{true, &a.counted}}
}

func (a *chatAnswer) whole() any { return a.stored() }

// stored is the whole answer, as it is told and kept.
func (a *chatAnswer) stored() chatWhole {
	w := chatWhole{head: a.head, Choices: make([]chatChoice, len(a.choices)), Usage: a.counted, Metadata: a.req.metadata}
	for i := range a.choices {
		s := &a.choices[i]
		w.Choices[i] = chatChoice{
			Index:   i,
			Message: s.message(),
			Finish:  s.finish,
		}
		if a.req.logprobs {
			w.Choices[i].Logprobs = newChatLogprobs(append([]engine.TokenLogprob{}, s.logprobs...))
		}
	}
	w.Object = wholeChat
	return w
}

func (a *chatAnswer) texts() []string {
	texts := make([]string, len(a.choices))
	for i := range a.choices {
		s := &a.choices[i]
		texts[i] = s.reasoning.String() + s.content.String()
		for _, c := range s.calls {
			texts[i] += "\n" + c.Name + " " + c.Arguments
		}
	}
	return texts
}
