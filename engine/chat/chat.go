// Package chat turns messages into a prompt, and generated text into the parts of a message.
//
// Owns: the words of a conversation and the cutting of text into content and reasoning.
// Must not import: cgo; a Template is given to it (engine/llama has the real one).
package chat

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

// ToolCall is one call in an earlier answer. Arguments are as the model wrote
// them: JSON if all went well, any text otherwise.
type ToolCall struct {
	ID        string
	Name      string
	Arguments string
}

// Conversation is what a template renders.
type Conversation struct {
	Messages []Message
	// Kwargs are passed to the template as they are (chat_template_kwargs), JSON by name.
	Kwargs map[string]string
}

// Prompt is a rendered conversation.
type Prompt struct {
	Text   string   // to be tokenised with special and parse
	Stops  []string // texts at which the model's turn ends besides its end token
	Keep   []string // control tokens whose text the Parser must see in the answer
	Parser Parser   // for the answer
}

// Delta is a piece of an answer.
type Delta struct {
	Content   string
	Reasoning string
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
