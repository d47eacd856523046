package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Native forces calls in the form that a template writes past ones in. The form
// is found by having the template write some: what stands around their arguments
// is what the model is made to write. A template whose calls hold their arguments
// in another way than as JSON gets forced calls in the generic form.
type Native struct {
	template Template
	forms    forms
}

// NewNative returns a Template over one that can tell calls; safe for concurrent
// use where that one is.
func NewNative(t Template) *Native { return &Native{template: t} }

// Render implements Template.
func (n *Native) Render(c Conversation) (Prompt, error) {
	p, err := n.template.Render(c)
	if err != nil {
		return Prompt{}, err
	}
	callable := c.Callable()
	switch {
	case len(callable) > 0 && (c.Choice.Forced() || c.Schema != "" || c.guarded()):
		return n.constrained(c, p, callable)
	case len(callable) == 0 && c.Schema != "":
		p.Grammar = p.contentGrammar(c.Schema)
	}
	return p, nil
}

var errUnguarded = errors.New("it has no form in which the arguments of strict tools can be enforced; leave 'strict' out, or require a call")

// constrained makes the answer follow what c asks for. Where the template's form
// of calls is not known, forced ones take the generic form.
func (n *Native) constrained(c Conversation, p Prompt, callable []Tool) (Prompt, error) {
	f, err := n.form(c, p, callable)
	if err == nil {
		p.Grammar = p.grammar(c, f, callable)
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
	p.Grammar = p.grammar(c, genericForm(callable), callable)
	lead := closing(p.Text)
	p.Parser = callParsers(func() Parser { return skip(lead) }, callable)
	return p
}

// form returns how the calls of a conversation are written, which is found once
// and checked with each prompt's parser.
func (n *Native) form(c Conversation, p Prompt, callable []Tool) (form, error) {
	key := keyOf(c)
	known, ok := n.forms.get(key)
	if ok {
		f, err := known.form(p, c, callable)
		if err == nil || known.unknown != nil {
			return f, err
		}
	}
	found, err := n.probe(c)
	if err != nil {
		return form{}, err
	}
	n.forms.put(key, found)
	return found.form(p, c, callable)
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
	read, err := readAll(p.Parser(), text+f.end)
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
