package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"testing"

	"github.com/moltbot/moltbot/internal/testmodel"
)

// peerDir is where `make peer` puts llama-server, built from the same source with the same flags.
const peerDir = "../build/peer"

// peerFlags leave llama-server as it is by default, but for one slot, our size
// of context, and nothing kept from one request to the next.
var peerFlags = []string{"--ctx-size", "2048", "--parallel", "1", "--threads", "1", "--cache-ram", "0", "--no-ui", "--offline"}

// peer is a running llama-server.
type peer struct {
	*process
	url string
}

var listeningLine = regexp.MustCompile(`listening on (http://\S+)`)

// startPeer starts llama-server on a free port; it ends with the test.
func startPeer(t testing.TB, model string, how []string) *peer {
	t.Helper()
	binary := peerDir + "/bin/llama-server"
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("llama-server is not there, run `make peer`: %v", err)
	}
	flags := []string{"--model", testmodel.Path(t, model), "--host", "127.0.0.1", "--port", "0"}
	p, err := startProcess(exec.Command(binary, append(flags, how...)...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { endPeer(t, p) })
	url, err := p.find(&p.log, listeningLine)
	if err != nil {
		t.Fatal(err)
	}
	return &peer{p, url}
}

func endPeer(t testing.TB, p *process) {
	if err := p.signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if _, err := p.exit(); err != nil {
		t.Error(err)
	}
}

// peerRequest asks for the likeliest tokens. llama-server puts BOS in front and
// reads control tokens in a prompt, as /v1/completions does here.
var peerRequest = map[string]any{"temperature": 0, "n_probs": 1, "cache_prompt": false}

// greedyText is a greedy answer as a file keeps it.
type greedyText struct {
	Prompt string   `json:"prompt"`
	Text   string   `json:"text"`
	Tokens []string `json:"tokens"` // whole characters each; an end that the model chose is ""
}

// greedy continues a prompt with the likeliest tokens.
func (p *peer) greedy(prompt string, tokens int) (greedyText, error) {
	body := map[string]any{"prompt": prompt, "n_predict": tokens}
	for name, value := range peerRequest {
		body[name] = value
	}
	var answer struct {
		Content string
		Tokens  []struct{ Token string } `json:"completion_probabilities"`
	}
	if err := p.ask(body, &answer); err != nil {
		return greedyText{}, fmt.Errorf("llama-server continues %q: %w", prompt, err)
	}
	g := greedyText{Prompt: prompt, Text: answer.Content}
	for _, t := range answer.Tokens {
		g.Tokens = append(g.Tokens, t.Token)
	}
	return g, nil
}

func (p *peer) ask(body, answer any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	res, err := http.Post(p.url+"/completion", "application/json", bytes.NewReader(b))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		said, err := io.ReadAll(res.Body)
		return fmt.Errorf("%s: %s %w", res.Status, said, err)
	}
	return json.NewDecoder(res.Body).Decode(answer)
}

// peerVersion is how llama-server names itself.
func peerVersion(t testing.TB) string {
	t.Helper()
	out, err := exec.Command(peerDir+"/bin/llama-server", "--version").CombinedOutput()
	version := regexp.MustCompile(`(?m)^version: (\S+)`).FindSubmatch(out)
	if err != nil || version == nil {
		t.Fatalf("llama-server --version: %v\n%s", err, out)
	}
	return string(version[1])
}
