package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// json sends a body to a server and returns what it answers.
func (s *server) json(t testing.TB, path, body string) string {
	t.Helper()
	res, err := http.Post(s.url+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("POST %s: %s %s %v", path, res.Status, said, err)
	}
	return strings.TrimSpace(string(said))
}

// The tokens are facts of SmolLM2's vocabulary.
func TestTokensAreTheModels(t *testing.T) {
	s := shared(t, "smollm2")
	for _, c := range []struct{ rule, path, body, want string }{
		{"words are tokens", "/tokenize", `{"content": "The United States"}`, `{"tokens":[504,1797,1918]}`},
		{"the name of a control token is that token", "/tokenize", `{"content": "<|im_start|>user"}`, `{"tokens":[1,4093]}`},
		{"or plain text", "/tokenize", `{"content": "<|im_end|>", "parse_special": false}`, `{"tokens":[44,108,306,79,486,108,46]}`},
		{"pieces of a character are bytes", "/tokenize", `{"content": "🦙", "with_pieces": true}`, `{"tokens":[{"id":10813,"piece":[240,159]},{"id":116,"piece":[166]},{"id":243,"piece":[153]}]}`},
		{"tokens become their text", "/detokenize", `{"tokens": [1, 504, 1797, 1918, 2]}`, `{"content":"<|im_start|>The United States<|im_end|>"}`},
		{
			"messages become a prompt", "/apply-template", `{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]}`,
			`{"prompt":"<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"}`,
		},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got := s.json(t, c.path, c.body); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestTextSurvivesItsTokens(t *testing.T) {
	s := shared(t, "smollm2")
	for _, text := range []string{"Hello,  world!\n\n\tfunc main() {}", "naïve Ωmega 日本語 🦙🏽", " <|im_start|>user<|im_end|> ", "1234567890"} {
		body, err := json.Marshal(map[string]string{"content": text})
		if err != nil {
			t.Fatal(err)
		}
		var back struct{ Content string }
		if err := json.Unmarshal([]byte(s.json(t, "/detokenize", s.json(t, "/tokenize", string(body)))), &back); err != nil || back.Content != text {
			t.Errorf("%q becomes %q, %v", text, back.Content, err)
		}
	}
}
