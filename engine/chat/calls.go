package chat

import (
	"encoding/json"
	"regexp"
	"strings"
)

// callParser cuts tagged calls out of the content that another parser gives.
type callParser struct {
	inner Parser
	calls Parser
}

// callParsers makes parsers over those that inner makes.
func callParsers(inner func() Parser, callable []Tool) func() Parser {
	known := callSyntax{}
	for _, t := range callable {
		known[t.Name] = true
	}
	return func() Parser { return &callParser{inner: inner(), calls: NewParser(known.parse)} }
}

// Push implements Parser.
func (p *callParser) Push(text string) (Delta, error) {
	d, err := p.inner.Push(text)
	if err != nil {
		return Delta{}, err
	}
	return p.cut(d)
}

func (p *callParser) cut(d Delta) (Delta, error) {
	out, err := p.calls.Push(d.Content)
	out.Reasoning = d.Reasoning
	return out, err
}

// Close implements Parser.
func (p *callParser) Close() (Delta, error) {
	d, err := p.inner.Close()
	if err != nil {
		return Delta{}, err
	}
	cut, err := p.cut(d)
	if err != nil {
		return Delta{}, err
	}
	rest, err := p.calls.Close()
	rest.Content, rest.Reasoning = cut.Content+rest.Content, cut.Reasoning
	rest.Calls = append(cut.Calls, rest.Calls...)
	return rest, err
}

// callSyntax are the names that may be called. What is tagged and calls nothing
// of these is content.
type callSyntax map[string]bool

// parse is a ParseFunc.
func (known callSyntax) parse(text string, partial bool) (Parts, error) {
	var p Parts
	for {
		before, rest, opened := strings.Cut(text, callOpen)
		if !opened {
			p.say(held(text, callOpen, partial))
			return p, nil
		}
		body, after, closed := strings.Cut(rest, callClose)
		body = held(body, callClose, partial && !closed)
		call, ok := known.read(body)
		switch {
		case ok:
			p.say(before)
			p.Calls = append(p.Calls, call)
		case partial && !closed:
			p.say(before)
			return p, nil // it may yet become a call
		case closed:
			p.say(before + callOpen + body + callClose)
		default:
			p.say(text)
			return p, nil
		}
		text = after
	}
}

// say adds content; blanks beside a call are none.
func (p *Parts) say(text string) {
	if len(p.Calls) > 0 {
		text = strings.TrimLeft(text, " \t\r\n")
	}
	if strings.TrimSpace(text) != "" || len(p.Calls) == 0 {
		p.Content += text
	}
}

// held leaves out what may become a tag, as long as more may come.
func held(text, tag string, partial bool) string {
	if !partial {
		return text
	}
	for n := min(len(tag)-1, len(text)); n > 0; n-- {
		if strings.HasSuffix(text, tag[:n]) {
			return text[:len(text)-n]
		}
	}
	return text
}

// callHead is all of a call up to its arguments.
var callHead = regexp.MustCompile(`^\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"(?:arguments|parameters)"\s*:\s*`)

// read takes a call out of the text between the tags, or of what there is of it.
// The arguments are the text as it stands, malformed or cut where it is.
func (known callSyntax) read(body string) (ToolCall, bool) {
	at := callHead.FindStringSubmatchIndex(body)
	if at == nil {
		return known.whole(body)
	}
	var name string
	if json.Unmarshal([]byte(body[at[2]:at[3]]), &name) != nil || !known[name] {
		return ToolCall{}, false
	}
	return ToolCall{Name: name, Arguments: arguments(body[at[1]:])}, true
}

// whole reads a call whose members stand in another order.
func (known callSyntax) whole(body string) (ToolCall, bool) {
	var call struct {
		Name       string
		Arguments  json.RawMessage
		Parameters json.RawMessage
	}
	if json.Unmarshal([]byte(body), &call) != nil || !known[call.Name] {
		return ToolCall{}, false
	}
	if call.Arguments == nil {
		call.Arguments = call.Parameters
	}
	return ToolCall{Name: call.Name, Arguments: string(call.Arguments)}, true
}

// arguments returns the JSON value that text begins with: up to the bracket that
// closes it, or all there is.
func arguments(text string) string {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth <= 0 {
				return text[:i+min(1, depth+1)]
			}
		}
	}
	return text
}
