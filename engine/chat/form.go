package chat

import (
	"fmt"
	"strings"

	"github.com/moltbot/moltbot/engine/constrain"
)

// form is how calls are written, by tool: opens[i] arguments, then for each
// further call nexts[j] arguments, then end.
type form struct {
	opens []string
	nexts []string
	end   string
}

// genericForm is JSON between tags.
func genericForm(callable []Tool) form {
	f := form{end: "}\n" + callClose}
	for _, t := range callable {
		open := callOpen + "\n{\"name\": " + quote(t.Name) + ", \"arguments\": "
		f.opens, f.nexts = append(f.opens, open), append(f.nexts, f.end+"\n"+open)
	}
	return f
}

// maxCalls bounds a forced answer, lest a model that repeats itself never ends.
const maxCalls = 16

// rules are those of one call or several, with each tool's schema. What has been
// written of the first already is left out.
func (w *writer) rules(c Conversation, f form, callable []Tool, written string) string {
	var b strings.Builder
	first, more := make([]string, len(callable)), make([]string, len(callable))
	for i, t := range callable {
		first[i] = fmt.Sprintf("%s arguments_%d", w.text(strings.TrimPrefix(f.opens[i], written)), i)
		more[i] = fmt.Sprintf("%s arguments_%d", w.text(f.nexts[i]), i)
		fmt.Fprintf(&b, "arguments_%d: %%json %s\n", i, c.schemaOf(t))
	}
	calls := "calls: (" + strings.Join(first, " | ") + ")"
	if !c.single() {
		calls += fmt.Sprintf(" (%s){0,%d}", strings.Join(more, " | "), maxCalls-1)
	}
	if f.end != "" {
		calls += " " + w.text(f.end)
	}
	return calls + "\n" + b.String()
}

// schemaOf is what the arguments of a call must satisfy: of one that is neither
// forced nor strict, that they are an object.
func (c Conversation) schemaOf(t Tool) string {
	if c.Choice.Forced() || t.Strict {
		return t.Schema()
	}
	return `{"type": "object"}`
}

// guard lets the model write what it likes, but for calls: from what begins one to
// its end it follows the form. nil: nothing tells where one begins.
func (w *writer) guard(c Conversation, f form, callable []Tool) *constrain.Grammar {
	start := "start: (said calls)* FREE?\n"
	if c.single() {
		start = "start: said calls | FREE?\n"
	}
	if written, token := w.sign(f); written != "" {
		return w.lark(start + "said: FREE? " + w.token(token) + "\nFREE: /(?s:.+)/\n" + w.rules(c, f, callable, written))
	}
	mark := f.mark()
	if mark == "" {
		return nil
	}
	return w.lark(start +
		"said[suffix=" + quote(mark) + "]: /(?s:.*)/\n" +
		"FREE: /(?s:.+)/ & ~/(?s:.*" + pattern(mark) + ".*)/\n" +
		w.rules(c, f, callable, mark))
}

// sign returns the control token that every call begins with, and what of a call
// has been written with it; "": there is none.
func (w *writer) sign(f form) (written string, token Piece) {
	for _, piece := range w.prompt.pieces(f.common()) {
		written += piece.Text
		if piece.Control {
			return written, piece
		}
	}
	return "", Piece{}
}

// mark is the text that every call begins with and no other text does: a tag, as
// far as the first line break or bracket.
func (f form) mark() string {
	mark := f.common()
	if i := strings.IndexAny(mark, "\n{"); i >= 0 {
		mark = mark[:i]
	}
	return strings.TrimRight(mark, " ")
}

// common is what every first call begins with.
func (f form) common() string {
	common := f.opens[0]
	for _, open := range f.opens[1:] {
		for !strings.HasPrefix(open, common) {
			common = common[:len(common)-1]
		}
	}
	return strings.ToValidUTF8(common, "")
}

// pattern writes a text as a regular expression between slashes.
func pattern(text string) string {
	var b strings.Builder
	for _, r := range text {
		if strings.ContainsRune(`\.+*?()|[]{}^$/&~#-`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
