// Package chat turns messages into a prompt, and generated text into the parts of a message.
//
// Owns: the words of a conversation, the cutting of text into content, reasoning
// and tool calls, and the way tools are told to models whose template knows none.
// Must not import: cgo; a Template is given to it (engine/llama has the real one).
// Flow: a handler fills a Conversation; a Template renders it to a Prompt, with a
// Grammar where the answer is not free; a Parser of the Prompt takes each answer as
// it comes and gives Deltas.
package chat

import "github.com/moltbot/moltbot/engine/constrain"

// Message is one turn. Content is plain text: the wire's parts are joined before.
type Message struct {
	Role      string // system, developer, user, assistant, tool
	Content   string
	Name      string
	Reasoning string // an earlier answer's reasoning, where the client sends it back
	// ToolCalls are what an assistant's message called; ToolCallID says which call a tool's message answers.
	ToolCalls  []ToolCall
	ToolCallID string
}

// ToolCall is one call in an answer. Arguments are as the model wrote them:
// JSON if all went well, any text otherwise.
type ToolCall struct {
	ID        string
	Name      string
	Arguments string
}

// Conversation is what a template renders.
type Conversation struct {
	Messages []Message
	Tools    []Tool
	Choice   Choice
	Parallel bool   // one answer may hold several calls
	Schema   string // JSON Schema that content must satisfy; "": any text
	Past     bool   // all of it has been said: no answer is to follow
	// Kwargs are passed to the template as they are (chat_template_kwargs), JSON by name.
	Kwargs map[string]string
}

// Prompt is a rendered conversation.
type Prompt struct {
	Text    string             // to be tokenised with special and parse
	Stops   []string           // texts at which the model's turn ends besides its end token
	Keep    []string           // control tokens whose text a Parser must see in the answer
	Grammar *constrain.Grammar // that the answer must follow; nil: it is free
	Parser  func() Parser      // makes one for each answer; safe for concurrent use
	// Pieces cuts a text where the model writes parts of it as control tokens; nil:
	// it has none.
	Pieces func(text string) []Piece
}

// Piece is a part of a text.
type Piece struct {
	Text    string
	Control bool            // Text is one control token
	Token   constrain.Token // which one, where Control
}

// Parts are the parts of an answer.
type Parts struct {
	Content   string
	Reasoning string
	Calls     []ToolCall
}

// Delta is a piece of an answer.
type Delta struct {
	Content   string
	Reasoning string
	Calls     []CallDelta
}

// Empty tells whether there is nothing in it.
func (d Delta) Empty() bool { return d.Content == "" && d.Reasoning == "" && len(d.Calls) == 0 }

// CallDelta is a piece of a call. The name comes with the first piece.
type CallDelta struct {
	Index     int
	ID        string // where the model gave one
	Name      string
	Arguments string
}

// Parser cuts an answer into parts as it comes. One per answer; not safe for concurrent use.
type Parser interface {
	// Push takes more text and returns what can be said for sure.
	Push(text string) (Delta, error)
	// Close returns what was held back.
	Close() (Delta, error)
}

// Template renders conversations for one model; safe for concurrent use.
// An error is the fault of the conversation (the template refused it).
type Template interface {
	Render(Conversation) (Prompt, error)
}
