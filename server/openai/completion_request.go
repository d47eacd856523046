package openai

import (
	"math"

	"github.com/moltbot/moltbot/engine"
)

// completionRequest is a decoded body of /v1/completions.
type completionRequest struct {
	params
	prompts  []prompt
	suffix   string // what follows the gap to fill; "": the prompt is continued
	format   format
	echo     bool
	best     int // completions made of each prompt, of which n are told
	logprobs int // alternatives beside the chosen token, 0 to 5; noLogprobs: none asked for
}

const noLogprobs = -1

// prompt is a text or the tokens of one.
type prompt struct {
	text   string
	tokens []engine.Token // when not nil, instead of text
	path   string         // of the body
}

// decodeCompletion reads a body: shape and ranges, nothing else.
func decodeCompletion(o object) (completionRequest, error) {
	const documented = 16 // tokens when max_tokens is not said
	r := completionRequest{
		params:   decodeParams(o),
		prompts:  decodePrompts(o.get("prompt")),
		suffix:   o.get("suffix").str(),
		format:   decodeFormat(o),
		echo:     o.get("echo").boolean(),
		logprobs: int(o.get("logprobs").integer(0, 5, noLogprobs)),
	}
	r.maxTokens = int(o.get("max_tokens").integer(fewest(r.echo), math.MaxInt32, documented))
	r.best = decodeBestOf(o.get("best_of"), r.params)
	if r.echo && r.logprobs != noLogprobs && r.suffix != "" {
		o.get("echo").fail("unsupported_parameter", "Unsupported value for 'echo': beside 'suffix' it can't be combined with 'logprobs'.")
	}
	if len(r.prompts)*r.best > maxChoices {
		o.get("prompt").fail("array_above_max_length", "Invalid 'prompt': %d prompts with %d completions of each are too many: at most %d are made at once.", len(r.prompts), r.best, maxChoices)
	}
	unserved.check(o)
	unservedInText.check(o)
	return r, o.first.err()
}

// fewest is the least max_tokens: an echo may be all that is wanted.
func fewest(echo bool) int64 {
	if echo {
		return 0
	}
	return 1
}

// echoAlone tells whether nothing but the prompt is wanted.
func (r completionRequest) echoAlone() bool { return r.echo && r.maxTokens == 0 }

// decodePrompts reads a string, an array of strings, an array of tokens or an
// array of these. None is the start of a document, as the public API has it.
func decodePrompts(v value) []prompt {
	switch v.kind() {
	case "null":
		return []prompt{{path: v.path}}
	case "string":
		return []prompt{{text: v.str(), path: v.path}}
	case "array":
		return decodePromptArray(v)
	}
	v.fail("invalid_type", "Invalid type for 'prompt': expected one of a string, array of strings, array of integers, or array of integer arrays, but got %s instead.", article(v.kind()))
	return nil
}

func decodePromptArray(v value) []prompt {
	items := v.items()
	if len(items) == 0 {
		v.fail("empty_array", "Invalid 'prompt': empty array. Expected an array with minimum length 1, but got an empty array instead.")
		return nil
	}
	if items[0].kind() == "number" {
		return []prompt{{tokens: decodeTokens(v), path: v.path}}
	}
	prompts := make([]prompt, len(items))
	for i, item := range items {
		prompts[i] = decodePromptItem(item, items[0].kind())
	}
	return prompts
}

// decodePromptItem reads one of several prompts, which are all of the first one's kind.
func decodePromptItem(v value, kind string) prompt {
	switch {
	case kind == "string" && v.is("string"):
		return prompt{text: v.str(), path: v.path}
	case kind == "array" && v.is("array"):
		return prompt{tokens: decodeTokens(v), path: v.path}
	}
	v.wrongType("string")
	return prompt{}
}

// decodeTokens reads an array of token ids.
func decodeTokens(v value) []engine.Token {
	items := v.items()
	if len(items) == 0 {
		v.fail("empty_array", "Invalid '%s': empty array. Expected an array with minimum length 1, but got an empty array instead.", v.path)
	}
	tokens := make([]engine.Token, len(items))
	for i, item := range items {
		if item.is("number") {
			tokens[i] = engine.Token(item.integer(0, math.MaxInt32, 0))
		}
	}
	return tokens
}

// tokenise returns the tokens of a prompt in a model's vocabulary, at least one.
func (p prompt) tokenise(v engine.Vocab) ([]engine.Token, error) {
	if p.tokens != nil {
		return p.tokens, p.checkTokens(v.Len())
	}
	tokens, err := v.Tokenize(p.text, true, true)
	if err != nil {
		return nil, badRequest(p.path, "invalid_value", "Invalid '%s': the model's tokeniser refuses it.", p.path)
	}
	if len(tokens) == 0 {
		return nil, badRequest(p.path, "invalid_value", "Invalid '%s': this model needs at least one token to begin with.", p.path)
	}
	return tokens, nil
}

func (p prompt) checkTokens(vocab int) error {
	for _, t := range p.tokens {
		if int(t) >= vocab {
			return badRequest(p.path, "invalid_value", "Invalid '%s': there is no token %d; the vocabulary of this model has the tokens 0 to %d.", p.path, t, vocab-1)
		}
	}
	return nil
}

// said returns the prompt as text, for an answer that repeats it.
func (p prompt) said(v engine.Vocab) string {
	if p.tokens == nil {
		return p.text
	}
	var text []byte
	for _, t := range p.tokens {
		text = v.Piece(text, t, false)
	}
	return string(text)
}
