package server_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/moltbot/moltbot/engine/enginetest"
	"github.com/moltbot/moltbot/server"
	"github.com/moltbot/moltbot/server/malformed"
)

// FuzzBody sends any body to every endpoint that takes one: whatever a client sends
// is never the server's fault.
func FuzzBody(f *testing.F) {
	for _, body := range []string{malformed.Chat("toy"), malformed.Completion("toy"), malformed.Embedding("toy-embed"), malformed.Rerank("toy-rank"), sayHi(""), greet(mustLook), sayHi(`"n": 3, "stream": true`), `{}`, `[`, `"\ud800"`, "{\"model\": \"\xff\"}", `{"model":1e400}`} {
		f.Add([]byte(body))
	}
	toy := enginetest.Start(f, enginetest.Options{Context: 128, Queue: 4096})
	h := server.New(server.Options{Catalogue: toy, Embedders: enginetest.StartEmbedders(f, 4096, nil), Log: zerolog.Nop()}).Handler()
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, path := range []string{chatPath, "/v1/completions", embedPath, rerankPath, messagesPath, messagesPath + "/count_tokens", "/tokenize", "/detokenize", "/apply-template"} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(string(body))))
			if w.Code >= 500 || strings.Contains(w.Body.String(), `"server_error"`) || strings.Contains(w.Body.String(), `"api_error"`) {
				t.Errorf("%s %q: %d %s", path, body, w.Code, w.Body)
			}
		}
	})
}
