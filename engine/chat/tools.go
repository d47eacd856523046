package chat

import (
	"slices"
)

// Tool is a function that the model may call.
type Tool struct {
	Name        string
	Description string
	Parameters  string // JSON Schema of the arguments, an object's; "": there are none
	Strict      bool   // arguments must satisfy the schema, also when a call is the model's own choice
}

// noParameters is the schema of a function without arguments.
const noParameters = `{"type":"object","properties":{},"additionalProperties":false}`

// Schema returns the JSON Schema of the arguments.
func (t Tool) Schema() string {
	if t.Parameters == "" {
		return noParameters
	}
	return t.Parameters
}

// Mode is whether the model calls tools, in OpenAI's words; "" is ModeAuto.
type Mode string

const (
	ModeAuto     Mode = "auto"     // as it likes
	ModeNone     Mode = "none"     // never
	ModeRequired Mode = "required" // at least once
	ModeNamed    Mode = "function" // one tool, once
)

// Choice says which tools the model calls.
type Choice struct {
	Mode  Mode
	Names []string // that may be called; nil: all
}

// Forced tells whether the answer must be a call.
func (c Choice) Forced() bool { return c.Mode == ModeRequired || c.Mode == ModeNamed }

// Callable returns the tools that the answer may call.
func (c Conversation) Callable() []Tool {
	if c.Choice.Mode == ModeNone {
		return nil
	}
	if c.Choice.Names == nil {
		return c.Tools
	}
	return slices.DeleteFunc(slices.Clone(c.Tools), func(t Tool) bool { return !slices.Contains(c.Choice.Names, t.Name) })
}

// single tells whether the answer may hold one call at most.
func (c Conversation) single() bool { return c.Choice.Mode == ModeNamed || !c.Parallel }
