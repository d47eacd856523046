package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moltbot/moltbot/internal/freeport"
	"github.com/moltbot/moltbot/internal/testmodel"
)

// continued is the greedy continuation of a text.
func (s *server) continued(t *testing.T, model string) string {
	t.Helper()
	body := fmt.Sprintf(`{"model": %q, "prompt": "The capital of France is", "temperature": 0, "max_tokens": 12}`, model)
	r, err := http.Post(s.url+"/v1/completions", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var a struct {
		Choices []struct{ Text string }
	}
	said, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(said, &a); err != nil || len(a.Choices) != 1 {
		t.Fatalf("status %d: %s", r.StatusCode, said)
	}
	return a.Choices[0].Text
}

func TestAdaptersAreModelsOfTheirOwn(t *testing.T) {
	adapters := fmt.Sprintf(`[{"name":"pirate","path":%q},{"name":"off","path":%q,"scale":0}]`,
		testmodel.Adapter(t, "smollm2", 1), testmodel.Adapter(t, "smollm2", 2))
	s := own(t, "smollm2", []string{"MOLTBOT_MODEL_ADAPTERS=" + adapters, noDrafts}, "--ctx", "512")
	r, err := http.Get(s.url + "/v1/models/pirate")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if said, err := io.ReadAll(r.Body); err != nil || !strings.Contains(string(said), fmt.Sprintf(`"parent":%q`, s.model)) {
		t.Errorf("got %s, %v", said, err)
	}
	base := s.continued(t, s.model)
	if off := s.continued(t, "off"); off != base {
		t.Errorf("at scale 0: got %q, want %q", off, base)
	}
	if pirate := s.continued(t, "pirate"); pirate == base {
		t.Errorf("the adapter changes nothing: %q", pirate)
	}
}

func TestAFullContextEndsTheAnswerAndIsNotShifted(t *testing.T) {
	s := own(t, "smollm2", nil, "--ctx", "64")
	body := fmt.Sprintf(`{"model": %q, "messages": [{"role": "user", "content": "Count."}], "ignore_eos": true}`, s.model)
	r, err := http.Post(s.url+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	said, err := io.ReadAll(r.Body)
	if err != nil || !strings.Contains(string(said), `"finish_reason":"length"`) || !strings.Contains(string(said), `"total_tokens":64,`) {
		t.Errorf("got %s, %v", said, err)
	}
}

// startRPC starts ggml's RPC server and returns its address.
func startRPC(t *testing.T) string {
	t.Helper()
	address := freeport.Address()
	_, port, _ := net.SplitHostPort(address)
	server := exec.Command(filepath.Join("..", "build", "native", "rpc", "ggml-rpc-server"), "-p", port, "-t", "1")
	p, err := startProcess(server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		<-p.exited
	})
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return address
		}
	}
	t.Fatalf("it never answered: %s%s", p.out.String(), p.log.String())
	return ""
}

func TestAnRPCServerComputesTheSameText(t *testing.T) {
	here := own(t, "smollm2", []string{noDrafts}, "--ctx", "512")
	want := here.continued(t, here.model)
	address := startRPC(t)
	there := own(t, "smollm2", []string{"MOLTBOT_MODEL_RPC=" + address, "MOLTBOT_CACHE_DISK=0", "MOLTBOT_LOG_LEVEL=debug", noDrafts}, "--ctx", "512")
	if got := there.continued(t, there.model); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !strings.Contains(there.log.String(), "using device RPC0") {
		t.Error("the model was not put on the server")
	}
}

func TestAnRPCServerThatIsGoneIsSaidBeforeLoading(t *testing.T) {
	t.Setenv("MOLTBOT_MODEL_RPC", "127.0.0.1:1")
	wantRefusal(t, "no RPC server", serve(t, "--model", testmodel.Path(t, "smollm2")), "model.rpc: RPC server 127.0.0.1:1", "connection refused")
}
