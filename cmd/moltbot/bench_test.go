package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	benchreport "github.com/moltbot/moltbot/bench/report"
	"github.com/moltbot/moltbot/bench/workload"
)

// benched is a server that answers everything with two words.
func benched(t *testing.T) string {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"data":[{"id":"m"}]}`) })
	mux.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `data: {"choices":[{"delta":{"content":"two "}}]}`+"\n\n")
		fmt.Fprint(w, `data: {"choices":[{"delta":{"content":"words"}}],"usage":{"prompt_tokens":9,"completion_tokens":2}}`+"\n\ndata: [DONE]\n\n")
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

func TestBenchMeasuresAndSaves(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "report")
	got := command(t, process{}, "bench", "single", "chat", "--url", "A="+benched(t)+"/v1", "--against", "B="+benched(t),
		"--rounds", "2", "--requests", "3", "--concurrency", "1,2", "--slo", "ttft=1m", "--out", dir)
	if got.code != 0 || !strings.Contains(got.out, "ratio over B") || !strings.Contains(got.out, "chat · concurrency 2") {
		t.Errorf("got %+v", got)
	}
	if n := strings.Count(got.err, "\n"); n != 2*2*2*2 || !strings.Contains(got.err, "chat, round 2: B\n") {
		t.Errorf("%d lines of progress, want one for each of 16 turns:\n%s", n, got.err)
	}
	r, err := benchreport.Load(filepath.Join(dir, "report.json"))
	if err != nil || len(r.Cases) != 4 || len(r.Turns) != 16 || r.Targets[0].Name != "A" || r.Targets[0].Model != "m" || r.Limits.TTFT == 0 {
		t.Errorf("the report: %+v, %v", r, err)
	}
	for _, name := range []string{"report.md", "chat-throughput.png", "single-throughput.svg"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestBenchPlaysAFileOfPrompts(t *testing.T) {
	prompts := put(t, "prompts.jsonl", `{"prompt": "one"}`+"\n"+`{"prompt": "two"}`+"\n", 0o600)
	got := command(t, process{}, "bench", "--url", benched(t), "--prompts", prompts)
	if got.code != 0 || !strings.Contains(got.out, "\nfile\n") {
		t.Errorf("got %+v", got)
	}
}

func TestBenchListsEveryWorkload(t *testing.T) {
	got := command(t, process{}, "bench", "list")
	for _, w := range workload.All() {
		if !strings.Contains(got.out, w.Name+" ") || !strings.Contains(got.out, w.About) {
			t.Errorf("%s is not described in:\n%s", w.Name, got.out)
		}
	}
}

func TestBenchWithoutAServerIsOneLineAndExits1(t *testing.T) {
	got := command(t, process{}, "bench", "--url", "gone=http://127.0.0.1:1")
	if got.code != 1 || got.out != "" || strings.Count(got.err, "\n") != 1 || !strings.HasPrefix(got.err, "moltbot: can't reach gone: ") {
		t.Errorf("got %+v", got)
	}
}

func TestAWrongBenchIsRefusedBeforeItBegins(t *testing.T) {
	for _, c := range []struct{ rule, line, want string }{
		{"an unknown workload", "chatt", "unknown workload 'chatt'; see `moltbot bench list`"},
		{"a command without a port", "--spawn a=b", "--spawn: 'a=b' is not NAME=COMMAND with {port} in it"},
		{"two targets of one name", "--url a=http://h:1 --against a=http://h:2", "two targets are named 'a'"},
		{"no URL", "--url nowhere", "'nowhere' is no URL; http://HOST:PORT is"},
		{"an unknown limit", "--slo tpot=1s", "--slo: unknown limit 'tpot', there are ttft and itl"},
		{"a limit that is no time", "--slo ttft=fast", "--slo: ttft: time: invalid duration \"fast\""},
		{"no rounds", "--rounds 0", "--rounds: 0 is too small, at least 1"},
		{"extra fields that are no object", "--extra moltbot=5", "--extra: 'moltbot=5' is not NAME={JSON}: json: cannot unmarshal number into Go value of type map[string]interface {}"},
		{"extra fields for nobody", "--extra a={}", "--extra: there is no target 'a'"},
		{"the workload file without one", "file", "the workload file needs --prompts"},
		{"a file for another workload", "chat --prompts x", "--prompts is for the workload file alone"},
		{"a negative number", "--requests -1", "--requests: -1 is too small, at least 0"},
		{"no clients", "--concurrency 0", "--concurrency: 0 is too small, at least 1"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got := command(t, process{}, append([]string{"bench"}, strings.Fields(c.line)...)...)
			if got.code != 2 || !strings.HasPrefix(got.err, "moltbot: "+c.want+"\n") {
				t.Errorf("exit code %d, %q; want %q", got.code, got.err, c.want)
			}
		})
	}
}
