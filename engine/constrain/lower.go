package constrain

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// MaxSource is how long a grammar may be, in bytes.
const MaxSource = 256 << 10

// Lower turns any Grammar into one that is enforced to the letter: a JSONSchema
// of known keywords, or Lark. What can't be is refused. Errors: *RefusedError.
func Lower(g Grammar) (Grammar, error) {
	low, err := lower(g)
	var refused *RefusedError
	if err != nil && !errors.As(err, &refused) {
		err = &RefusedError{Reason: err.Error()}
	}
	return low, err
}

func lower(g Grammar) (Grammar, error) {
	switch {
	case len(g.Source) > MaxSource:
		return Grammar{}, fmt.Errorf("it has %d bytes, and at most %d are allowed", len(g.Source), MaxSource)
	case !utf8.ValidString(g.Source):
		return Grammar{}, errors.New("it is not UTF-8")
	}
	var out string
	var err error
	kind := Lark
	switch g.Kind {
	case JSONSchema:
		kind = JSONSchema
		out, err = lowerSchema(g.Source)
	case Lark:
		out, err = lowerLark(g.Source, g.Tokens)
	case GBNF:
		out, err = lowerGBNF(g.Source)
	case Regex:
		out, err = lowerRegex(g.Source)
	default:
		err = fmt.Errorf("there is no kind of grammar %s", quoted(string(g.Kind)))
	}
	return Grammar{Kind: kind, Source: out}, err
}
