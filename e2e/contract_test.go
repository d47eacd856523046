package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// rule is a line of docs/openai-contract.md with what shows it.
type rule struct {
	name  string
	check func(*testing.T, *server)
}

// contract checks rules over plain HTTP, as any client in any language sees them.
func contract(t *testing.T, s *server, rules []rule) {
	t.Helper()
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) { r.check(t, s) })
	}
}

// raw is an answer as it came over the wire.
type raw struct {
	t      testing.TB
	status int
	header http.Header
	body   string
}

// send sends a request; headers are given as "Name: value".
func (s *server) send(t testing.TB, method, path, body string, headers ...string) raw {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+clientKey)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s: %v after %q", method, path, err, b)
	}
	return raw{t, res.StatusCode, res.Header, string(b)}
}

const chatPath = "/v1/chat/completions"

// chat sends a short greedy chat with further fields, as JSON without braces;
// a field that is given twice counts as it is given last.
func (s *server) chat(t testing.TB, more string) raw {
	t.Helper()
	return s.send(t, "POST", chatPath, s.fields(t, `"messages": [{"role": "user", "content": "Name three colours."}], "temperature": 0, "max_tokens": 8`, more))
}

// text sends a short greedy completion with further fields.
func (s *server) text(t testing.TB, more string) raw {
	t.Helper()
	return s.send(t, "POST", "/v1/completions", s.fields(t, `"prompt": "The sea is", "temperature": 0, "max_tokens": 8`, more))
}

// fields makes a body of the model's name, usual fields and those that replace them.
func (s *server) fields(t testing.TB, usual, more string) string {
	t.Helper()
	all := map[string]json.RawMessage{"model": json.RawMessage(fmt.Sprintf("%q", s.model))}
	for _, part := range []string{usual, more} {
		if err := json.Unmarshal([]byte("{"+part+"}"), &all); err != nil {
			t.Fatalf("%s: %v", part, err)
		}
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// into decodes an answer that must be good.
func (r raw) into(v any) {
	r.t.Helper()
	if err := json.Unmarshal([]byte(r.body), v); err != nil || r.status != http.StatusOK {
		r.t.Fatalf("%d %.500s %v", r.status, r.body, err)
	}
}

// whole is what the rules look at in an answer of either kind of completion.
type whole struct {
	ID      string
	Created int64
	Tier    string `json:"service_tier"`
	Choices []struct {
		Index   int
		Text    string
		Message struct {
			Content   string
			ToolCalls []toolCall `json:"tool_calls"`
		}
		Delta struct {
			Role      string
			Content   string
			ToolCalls []toolCall `json:"tool_calls"`
		}
		Logprobs *struct{ Content []any }
		Finish   string `json:"finish_reason"`
	}
	Usage *struct {
		Prompt     int `json:"prompt_tokens"`
		Completion int `json:"completion_tokens"`
		Total      int `json:"total_tokens"`
		Details    struct {
			Cached int `json:"cached_tokens"`
		} `json:"prompt_tokens_details"`
	}
}

type toolCall struct {
	Index    int
	ID, Type string
	Function struct{ Name, Arguments string }
}

func (r raw) whole() (w whole) {
	r.t.Helper()
	r.into(&w)
	if len(w.Choices) == 0 || w.Usage == nil {
		r.t.Fatalf("no choice or no usage: %.500s", r.body)
	}
	return w
}

// content is the text of the first choice.
func (r raw) content() string {
	r.t.Helper()
	return r.whole().Choices[0].Message.Content
}

// chunks are the events of a stream, [DONE] aside.
func (r raw) chunks() (all []whole) {
	r.t.Helper()
	for _, data := range r.events() {
		var w whole
		if err := json.Unmarshal([]byte(data), &w); err != nil {
			r.t.Fatalf("%s: %v", data, err)
		}
		all = append(all, w)
	}
	return all
}

// events are the data lines of a stream that ended well, [DONE] aside.
func (r raw) events() (all []string) {
	r.t.Helper()
	for block := range strings.SplitSeq(r.body, "\n\n") {
		if data, ok := strings.CutPrefix(block, "data: "); ok {
			all = append(all, data)
		}
	}
	if r.status != http.StatusOK || len(all) == 0 || all[len(all)-1] != "[DONE]" {
		r.t.Fatalf("%d, not a whole stream: %.500s", r.status, r.body)
	}
	return all[:len(all)-1]
}

// streamed joins the text of a stream.
func (r raw) streamed() (text string) {
	r.t.Helper()
	for _, c := range r.chunks() {
		if len(c.Choices) > 0 {
			text += c.Choices[0].Delta.Content
		}
	}
	return text
}

// anything stands for a param or a code that no client goes by.
const anything = "*"

// wantRefused checks an error's shape and words; a param or code of "" is null.
func (r raw) wantRefused(status int, param, code string) (message string) {
	r.t.Helper()
	var told struct{ Error map[string]any }
	err := json.Unmarshal([]byte(r.body), &told)
	e := told.Error
	message, _ = e["message"].(string)
	if err != nil || r.status != status || len(e) != 4 || message == "" || e["type"] == "" || !says(e, "param", param) || !says(e, "code", code) {
		r.t.Errorf("want %d, param %q, code %q; got %d %.500s", status, param, code, r.status, r.body)
	}
	if r.header.Get("x-request-id") == "" {
		r.t.Error("no x-request-id")
	}
	return message
}

func says(e map[string]any, key, want string) bool {
	got, there := e[key]
	return there && (want == anything || want == "" && got == nil || got == want)
}

var testNamed = regexp.MustCompile("`(Test\\w+)(?:/([^`]+))?`")

// TestTheContractNamesTestsThatExist reads docs/openai-contract.md.
func TestTheContractNamesTestsThatExist(t *testing.T) {
	doc, err := os.ReadFile("../docs/openai-contract.md")
	if err != nil {
		t.Fatal(err)
	}
	named := testNamed.FindAllStringSubmatch(string(doc), -1)
	if len(named) < 80 {
		t.Errorf("only %d tests are named", len(named))
	}
	sources := testSources(t)
	for _, n := range named {
		source, ok := sources[n[1]]
		if !ok || n[2] != "" && !strings.Contains(source, `"`+n[2]+`"`) {
			t.Errorf("there is no test %s", n[0])
		}
	}
	for name, rules := range contractRules {
		for _, r := range rules {
			if !strings.Contains(string(doc), "`"+name+"/"+r.name+"`") {
				t.Errorf("the document doesn't name %s/%s", name, r.name)
			}
		}
	}
}

// contractRules are those of this package, by their tests.
var contractRules = map[string][]rule{
	"TestContractStreams":          streamRules,
	"TestContractFinishReason":     finishRules,
	"TestContractTools":            toolRules,
	"TestContractStructuredOutput": structureRules,
	"TestContractParameters":       parameterRules,
	"TestContractErrors":           errorRules,
	"TestContractEndpoints":        endpointRules,
}

var testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

// testSources returns the file of each test of this package, the server and the engine.
func testSources(t *testing.T) map[string]string {
	t.Helper()
	sources := map[string]string{}
	for _, dir := range []string{".", "../server", "../engine"} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			b, err := os.ReadFile(path)
			for _, f := range testFunction.FindAllStringSubmatch(string(b), -1) {
				sources[f[1]] = string(b)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return sources
}
