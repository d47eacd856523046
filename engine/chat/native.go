package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Native forces calls in the form that a template writes past ones in. The form
// is found by having the template write some: what stands around their arguments
// is what the model is made to write. A template whose calls hold their arguments
// in another way than as JSON gets forced calls in the generic form.
type Native struct{ Template }

// Render implements Template.
func (n Native) Render(c Conversation) (Prompt, error) {
	p, err := n.Template.Render(c)
	if err != nil {
		return Prompt{}, err
	}
	callable := c.Callable()
	switch {
	case len(callable) > 0 && (c.Choice.Forced() || c.Schema != "" || c.guarded()):
		return n.constrained(c, p, callable)
	case len(callable) == 0 && c.Schema != "":
		p.Grammar = contentGrammar(p.Text, c.Schema)
	}
	return p, nil
}

var errUnguarded = errors.New("it has no form in which the arguments of strict tools can be enforced; leave 'strict' out, or require a call")

// constrained makes the answer follow what c asks for. Where the template's form
// of calls is not known, forced ones take the generic form.
func (n Native) constrained(c Conversation, p Prompt, callable []Tool) (Prompt, error) {
	f, err := n.form(c, callable)
	if err == nil {
		p.Grammar = c.grammar(p.Text, f, callable)
	}
	switch {
	case p.Grammar != nil:
	case c.Choice.Forced() || c.Schema != "":
		return generically(c, p, callable), nil
	case slices.ContainsFunc(callable, func(t Tool) bool { return t.Strict }):
		return Prompt{}, errUnguarded
	}
	return p, nil
}

// generically forces calls in the generic form, whatever the template's is. The
// answer then has nothing else in it, but what ends the prompt's reasoning.
func generically(c Conversation, p Prompt, callable []Tool) Prompt {
	p.Grammar = c.grammar(p.Text, genericForm(callable), callable)
	p.Parser = newCallParser(skip(closing(p.Text)), callable)
	return p
}

// What stands for arguments and for a tool's name. No template writes them by itself.
const (
	probe     = `{"moltbot_probe":"7f3a"}`
	probeName = "moltbot_probe_tool"
)

// form finds how calls are written: two are enough, since a name is written as it is.
func (n Native) form(c Conversation, callable []Tool) (form, error) {
	frame, err := n.frame(c)
	if err != nil {
		return form{}, err
	}
	one, err := n.written(c, frame, 1)
	if err != nil {
		return form{}, err
	}
	two, err := n.written(c, frame, 2)
	if err != nil {
		return form{}, err
	}
	if two[0] != one[0] || two[2] != one[1] {
		return form{}, fmt.Errorf("one call is written as %q, two as %q", one, two)
	}
	f := form{end: one[1]}
	for _, t := range callable {
		f.opens = append(f.opens, strings.ReplaceAll(one[0], probeName, t.Name))
		f.nexts = append(f.nexts, strings.ReplaceAll(two[1], probeName, t.Name))
	}
	p, err := n.Template.Render(c)
	if err != nil {
		return form{}, err
	}
	return f, f.check(p, c, callable)
}

// written returns what the template writes around the arguments of so many calls.
func (n Native) written(c Conversation, fr frame, calls int) ([]string, error) {
	m := Message{Role: "assistant"}
	for i := range calls {
		m.ToolCalls = append(m.ToolCalls, ToolCall{ID: fmt.Sprintf("call%05d", i+1), Name: probeName, Arguments: probe})
	}
	text, err := n.past(c, m)
	if err != nil {
		return nil, err
	}
	text, ok := fr.inside(text)
	parts := strings.Split(compactProbe(text), probe)
	if !ok || len(parts) != calls+1 {
		return nil, fmt.Errorf("the template does not write arguments as they are: %q", text)
	}
	return parts, nil
}

// compactProbe takes out the blanks that a template puts into JSON.
func compactProbe(text string) string {
	return strings.ReplaceAll(text, `{"moltbot_probe": "7f3a"}`, probe)
}

// past renders the conversation with one more message, and nothing behind it.
func (n Native) past(c Conversation, m Message) (string, error) {
	c.Messages = append(c.Messages[:len(c.Messages):len(c.Messages)], m)
	c.Past = true
	p, err := n.Template.Render(c)
	return p.Text, err
}

// frame is what a template writes around an answer.
type frame struct{ before, after string }

const content = "moltbot-probe-content"

func (n Native) frame(c Conversation) (frame, error) {
	text, err := n.past(c, Message{Role: "assistant", Content: content})
	if err != nil {
		return frame{}, err
	}
	before, after, ok := strings.Cut(text, content)
	if !ok {
		return frame{}, fmt.Errorf("the template does not write content as it is: %q", text)
	}
	return frame{before, after}, nil
}

// inside returns what stands in the frame.
func (f frame) inside(text string) (string, bool) {
	text, ok1 := strings.CutPrefix(text, f.before)
	text, ok2 := strings.CutSuffix(text, f.after)
	return text, ok1 && ok2
}

// check has a prompt's parser read one call of each tool, or the first alone
// where one is all there may be.
func (f form) check(p Prompt, c Conversation, callable []Tool) error {
	if c.single() {
		callable = callable[:1]
	}
	text := closing(p.Text) + f.opens[0] + probe
	for i := range callable[1:] {
		text += f.nexts[i+1] + probe
	}
	read, err := readAll(p.Parser, text+f.end)
	if err != nil {
		return err
	}
	if len(read.Calls) != len(callable) {
		return fmt.Errorf("%d calls are read as %d", len(callable), len(read.Calls))
	}
	for i, t := range callable {
		if call := read.Calls[i]; call.Name != t.Name || !sameJSON(call.Arguments, probe) {
			return fmt.Errorf("a call of %s is read as %+v", t.Name, call)
		}
	}
	return nil
}

// readAll cuts a whole answer into its parts.
func readAll(p Parser, text string) (all Parts, err error) {
	for _, step := range []func() (Delta, error){func() (Delta, error) { return p.Push(text) }, p.Close} {
		d, err := step()
		if err != nil {
			return Parts{}, err
		}
		all.Content += d.Content
		all.Reasoning += d.Reasoning
		all.add(d.Calls)
	}
	return all, nil
}

func sameJSON(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && fmt.Sprint(x) == fmt.Sprint(y)
}
