package chat

import (
	"fmt"
	"strings"
)

// What stands for arguments, for a tool's name and for content. No template writes
// them by itself.
const (
	probe     = `{"moltbot_probe":"7f3a"}`
	probeName = "moltbot_probe_tool"
	content   = "moltbot-probe-content"
)

// written is how a template writes calls of a tool called probeName: first
// arguments, then for each further call next arguments, then end.
type written struct {
	first, next, end string
	unknown          error // why this can't be told; the rest is then empty
}

// probe has the template write past calls: two are enough, since a name is written
// as it is. Errors: the template refused the conversation with calls behind it.
func (n *Native) probe(c Conversation) (written, error) {
	said, err := n.past(c, Message{Role: "assistant", Content: content})
	if err != nil {
		return written{}, err
	}
	one, err := n.past(c, calling(1))
	if err != nil {
		return written{}, err
	}
	two, err := n.past(c, calling(2))
	if err != nil {
		return written{}, err
	}
	return compare(said, one, two), nil
}

// past renders the conversation with one more message, and nothing behind it.
func (n *Native) past(c Conversation, m Message) (string, error) {
	c.Messages = append(c.Messages[:len(c.Messages):len(c.Messages)], m)
	c.Past = true
	p, err := n.template.Render(c)
	return p.Text, err
}

// calling is a message of so many calls.
func calling(calls int) Message {
	m := Message{Role: "assistant"}
	for i := range calls {
		m.ToolCalls = append(m.ToolCalls, ToolCall{ID: fmt.Sprintf("call%05d", i+1), Name: probeName, Arguments: probe})
	}
	return m
}

// compare finds the form of calls in three renderings: of content, of one call and
// of two.
func compare(said, one, two string) written {
	before, after, ok := strings.Cut(said, content)
	if !ok {
		return written{unknown: fmt.Errorf("the template does not write content as it is: %q", said)}
	}
	f := frame{before, after}
	first, err := f.around(one, 1)
	if err != nil {
		return written{unknown: err}
	}
	both, err := f.around(two, 2)
	if err != nil {
		return written{unknown: err}
	}
	if both[0] != first[0] || both[2] != first[1] {
		return written{unknown: fmt.Errorf("one call is written as %q, two as %q", first, both)}
	}
	return written{first: first[0], next: both[1], end: first[1]}
}

// frame is what a template writes around an answer.
type frame struct{ before, after string }

// around returns what the template writes around the arguments of so many calls.
func (f frame) around(text string, calls int) ([]string, error) {
	inside, ok1 := strings.CutPrefix(text, f.before)
	inside, ok2 := strings.CutSuffix(inside, f.after)
	parts := strings.Split(compactProbe(inside), probe)
	if !ok1 || !ok2 || len(parts) != calls+1 {
		return nil, fmt.Errorf("the template does not write arguments as they are: %q", text)
	}
	return parts, nil
}

// compactProbe takes out the blanks that a template puts into JSON.
func compactProbe(text string) string {
	return strings.ReplaceAll(text, `{"moltbot_probe": "7f3a"}`, probe)
}

// form is how the callable tools are called, if a prompt's parser reads it so.
func (w written) form(p Prompt, c Conversation, callable []Tool) (form, error) {
	if w.unknown != nil {
		return form{}, w.unknown
	}
	f := form{end: w.end}
	for _, t := range callable {
		f.opens = append(f.opens, strings.ReplaceAll(w.first, probeName, t.Name))
		f.nexts = append(f.nexts, strings.ReplaceAll(w.next, probeName, t.Name))
	}
	return f, f.check(p, c, callable)
}
