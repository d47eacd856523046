package openai

import (
	"crypto/rand"
	"strings"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/chat"
)

// toolCall is a call in a whole answer.
type toolCall struct {
	ID       string   `json:"id"`
	Type     string   `json:"type"`
	Function function `json:"function"`
}

type function struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

// callDelta is a piece of a call: the first tells id, type and name, the others
// pieces of the arguments.
type callDelta struct {
	Index    int           `json:"index"`
	ID       string        `json:"id,omitempty"`
	Type     string        `json:"type,omitempty"`
	Function functionDelta `json:"function"`
}

type functionDelta struct {
	Name      string `json:"name,omitempty"`
	Arguments string `json:"arguments"`
}

// call records pieces of calls and returns how the wire tells them. A call that
// the model gave no id gets one.
func (s *chatState) call(pieces []chat.CallDelta) (told []callDelta) {
	for _, p := range pieces {
		if p.Index == len(s.calls) {
			s.calls = append(s.calls, chat.ToolCall{ID: callID(p.ID), Name: p.Name})
			told = append(told, callDelta{Index: p.Index, ID: s.calls[p.Index].ID, Type: "function", Function: functionDelta{Name: p.Name}})
		}
		if p.Arguments != "" {
			s.calls[p.Index].Arguments += p.Arguments
			told = append(told, callDelta{Index: p.Index, Function: functionDelta{Arguments: p.Arguments}})
		}
	}
	return told
}

func callID(given string) string {
	if given != "" {
		return given
	}
	return "call_" + strings.ToLower(rand.Text())
}

// message is the choice as a whole answer tells it.
func (s *chatState) message() chatMessage {
	content := s.content.String()
	m := chatMessage{Role: "assistant", Content: &content, Reasoning: s.reasoning.String(), Annotations: []any{}}
	for _, c := range s.calls {
		m.ToolCalls = append(m.ToolCalls, toolCall{ID: c.ID, Type: "function", Function: function{c.Name, c.Arguments}})
	}
	if content == "" && len(s.calls) > 0 {
		m.Content = nil
	}
	return m
}

const finishCalls engine.Finish = "tool_calls"

// finish says why an answer ended, in OpenAI's words: a call that was the model's
// to make or not ends it with tool_calls, a named one with stop.
func (r chatRequest) finish(f engine.Finish, called bool) engine.Finish {
	if f == engine.FinishStop && called && r.conversation.Choice.Mode != chat.ModeNamed {
		return finishCalls
	}
	return f
}
