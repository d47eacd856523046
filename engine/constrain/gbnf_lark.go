package constrain

import (
	"fmt"
	"slices"
	"strings"
)

// lark writes the grammar in the words that cutWords finds.
func (r *rules) lark() (string, error) {
	w, err := cutWords(r)
	if err != nil {
		return "", err
	}
	out := &larkWriter{words: w}
	for _, name := range w.order {
		fmt.Fprintf(&out.b, "%s: %s\n", out.rule(name), out.phrase(w.phrases[name]))
	}
	for _, one := range w.list {
		body := out.expr(one.expr)
		if one.auto.nullable {
			body = "(" + body + ") & /(?s:.)+/"
		}
		fmt.Fprintf(&out.b, "W%d: %s\n", one.id, body)
	}
	for i := 0; i < len(out.shared); i++ {
		body := out.expr(r.body[out.shared[i]])
		fmt.Fprintf(&out.b, "S%d: %s\n", i, body)
	}
	return out.b.String(), nil
}

type larkWriter struct {
	words  *words
	shared []string // rules that words are made of
	b      strings.Builder
}

func (o *larkWriter) rule(name string) string {
	if name == "root" {
		return "start"
	}
	return fmt.Sprintf("r%d", slices.Index(o.words.order, name))
}

func (o *larkWriter) phrase(p *phrase) string {
	switch p.op {
	case opChar:
		return fmt.Sprintf("W%d", p.word.id)
	case opRef:
		return o.rule(p.ref)
	case opRepeat:
		return times(o.phrase(p.parts[0]), p.min, p.max)
	}
	var parts []string
	for _, part := range p.parts {
		parts = append(parts, o.phrase(part))
	}
	return joined(p.op, parts)
}

// expr writes what makes up a word.
func (o *larkWriter) expr(e *expr) string {
	switch e.op {
	case opChar:
		return "/" + e.set.regex() + "/"
	case opRef:
		i := slices.Index(o.shared, e.ref)
		if i < 0 {
			i = len(o.shared)
			o.shared = append(o.shared, e.ref)
		}
		return fmt.Sprintf("S%d", i)
	case opRepeat:
		return times(o.expr(e.parts[0]), e.min, e.max)
	}
	var parts []string
	for _, part := range e.parts {
		s := o.expr(part)
		if n := len(parts); n > 0 && e.op == opSeq && part.op == opChar && strings.HasSuffix(parts[n-1], "/") {
			parts[n-1] = strings.TrimSuffix(parts[n-1], "/") + strings.TrimPrefix(s, "/")
			continue
		}
		parts = append(parts, s)
	}
	return joined(e.op, parts)
}

func times(body string, low, high int) string {
	switch {
	case high == 0:
		return `""`
	case low == 0 && high < 0:
		return "(" + body + ")*"
	case low == 0 && high == 1:
		return "(" + body + ")?"
	case high < 0:
		return fmt.Sprintf("(%s){%d,}", body, low)
	}
	return fmt.Sprintf("(%s){%d,%d}", body, low, high)
}

func joined(op op, parts []string) string {
	switch {
	case len(parts) == 0:
		return `""`
	case op == opAlt:
		return "(" + strings.Join(parts, " | ") + ")"
	}
	return strings.Join(parts, " ")
}
