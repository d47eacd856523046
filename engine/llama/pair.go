//go:build cgo

package llama

import (
	"strings"

	cllama "github.com/moltbot/moltbot/cgo/llama"
	"github.com/moltbot/moltbot/engine"
)

// Pair turns a query and a document into what a reranker reads.
type Pair func(query, document string) ([]engine.Token, error)

// newPair follows the model's rerank template where it has one (Qwen3-Reranker);
// otherwise the two stand side by side as cross-encoders were trained:
// [CLS] query [SEP] document [SEP] (BERT), <s> query </s></s> document </s> (RoBERTa).
// Source: Devlin et al., BERT, NAACL 2019, section 3.
func newPair(m *cllama.Model) Pair {
	v := m.Vocab()
	if template := m.RerankTemplate(); template != "" {
		return func(query, document string) ([]engine.Token, error) {
			return vocab{v}.Tokenize(strings.NewReplacer("{query}", query, "{document}", document).Replace(template), false, true)
		}
	}
	return func(query, document string) ([]engine.Token, error) { return sideBySide(v, query, document) }
}

// sideBySide reads no control tokens in the texts: they are data.
func sideBySide(v cllama.Vocab, query, document string) ([]engine.Token, error) {
	var out []engine.Token
	add := func(wanted bool, t cllama.Token) {
		if wanted && t >= 0 {
			out = append(out, engine.Token(t))
		}
	}
	first, err := vocab{v}.Tokenize(query, false, false)
	if err != nil {
		return nil, err
	}
	second, err := vocab{v}.Tokenize(document, false, false)
	if err != nil {
		return nil, err
	}
	add(v.AddBOS(), v.BOS())
	out = append(out, first...)
	add(v.AddEOS(), v.EOS())
	add(v.AddSEP(), v.SEP())
	out = append(out, second...)
	add(v.AddEOS(), v.EOS())
	add(!v.AddEOS() && v.AddSEP(), v.SEP())
	return out, nil
}
