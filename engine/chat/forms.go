package chat

import (
	"crypto/sha256"
	"encoding/json"
	"sync"
)

// maxForms bounds how many forms of calls are remembered.
const maxForms = 64

// formKey is the hash of what the form of calls may depend on.
type formKey [sha256.Size]byte

// keyOf leaves out what was said: a template writes a call alike whatever came
// before it, but for who spoke last.
func keyOf(c Conversation) formKey {
	last := ""
	if n := len(c.Messages); n > 0 {
		last = c.Messages[n-1].Role
	}
	h := sha256.New()
	json.NewEncoder(h).Encode([]any{last, c.Tools, c.Choice, c.Parallel, c.Schema != "", c.Kwargs}) // texts and flags can be written, and a hash takes them
	return formKey(h.Sum(nil))
}

// forms remembers how calls are written, the latest found; safe for concurrent
// use. The zero value is ready.
type forms struct {
	mu    sync.Mutex
	known map[formKey]written
	order []formKey // the oldest first
}

func (f *forms) get(k formKey) (written, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w, ok := f.known[k]
	return w, ok
}

// put remembers a form and forgets the oldest where there are too many.
func (f *forms) put(k formKey, w written) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known == nil {
		f.known = map[formKey]written{}
	}
	if _, ok := f.known[k]; !ok {
		f.order = append(f.order, k)
	}
	f.known[k] = w
	if len(f.order) > maxForms {
		delete(f.known, f.order[0])
		f.order = f.order[1:]
	}
}
