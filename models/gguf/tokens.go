package gguf

import "fmt"

const (
	keyTokens     = "tokenizer.ggml.tokens"
	keyTokenTypes = "tokenizer.ggml.token_type"
)

// checkTokens checks the tokeniser's lists against each other.
func checkTokens(f *File) error {
	model := f.Meta["tokenizer.ggml.model"]
	if model.Type != String {
		return bad("it has no tokeniser")
	}
	if model.Str() == "no_vocab" || model.Str() == "none" {
		return bad("it has no vocabulary")
	}
	tokens := f.Meta[keyTokens]
	if tokens.Type != Array || tokens.Elem != String || tokens.Len == 0 {
		return bad("it has no list of tokens")
	}
	for key, elem := range map[string]ValueType{"tokenizer.ggml.scores": F32, keyTokenTypes: I32} {
		v, there := f.Meta[key]
		if there && (v.Type != Array || v.Elem != elem && v.Elem != I32 || v.Len < tokens.Len) {
			return bad("%s doesn't fit its %d tokens", key, tokens.Len)
		}
	}
	return checkUnique(tokens.strs)
}

// checkUnique: llama.cpp aborts when two tokens have the same text. It names
// empty ones itself.
func checkUnique(tokens []string) error {
	seen := make(map[string]int, len(tokens))
	for i, text := range tokens {
		if text == "" {
			text = fmt.Sprintf("[EMPTY_%d]", i)
		}
		if first, twice := seen[text]; twice {
			return bad("its tokens %d and %d are both %q", first, i, clip(text))
		}
		seen[text] = i
	}
	return nil
}
