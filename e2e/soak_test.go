package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// soak is how long; make soak takes longer.
var soak = flag.Duration("soak", 20*time.Second, "how long random load runs through a full KV cache")

const (
	soakers   = 8
	soakPhase = time.Minute            // after which the server is started anew
	soakBurst = 500 * time.Millisecond // of load before the server is told to end, or killed
	growth    = 1.1                    // of memory within a phase, after its first third,
	soakRAM   = 8 << 20                // besides what the cache may yet take, in bytes
)

// soakKinds are the bodies of requests, and where they go; %[1]q stands for the
// model, %[2]q for a text and %[3]d for a seed.
var soakKinds = []struct{ path, body string }{
	{"chat/completions", `{"model": %[1]q, "messages": [{"role": "system", "content": "You are a soaked assistant."}, {"role": "user", "content": %[2]q}], "max_tokens": 40, "seed": %[3]d}`},
	{"chat/completions", `{"model": %[1]q, "messages": [{"role": "user", "content": %[2]q}], "max_tokens": 30, "seed": %[3]d, "n": 3}`},
	{"chat/completions", `{"model": %[1]q, "messages": [{"role": "user", "content": %[2]q}], "max_tokens": 60, "stream": true, "temperature": 0, "seed": %[3]d}`},
	{"chat/completions", `{"model": %[1]q, "messages": [{"role": "user", "content": %[2]q}], "max_tokens": 60, "seed": %[3]d, "response_format": {"type": "json_object"}}`},
	{"chat/completions", `{"model": %[1]q, "messages": [{"role": "user", "content": %[2]q}], "max_tokens": 60, "seed": %[3]d, "tool_choice": "required",
		"tools": [{"type": "function", "function": {"name": "wave", "parameters": {"type": "object", "properties": {"hand": {"enum": ["left", "right"]}}, "required": ["hand"]}}}]}`},
	{"completions", `{"model": %[1]q, "prompt": %[2]q, "max_tokens": 50, "seed": %[3]d, "logprobs": 2}`},
	{"completions", `{"model": %[1]q, "prompt": %[2]q, "max_tokens": 200, "stream": true, "ignore_eos": true, "seed": %[3]d}`},
}

// soaked is a server under load, and what is expected of it meanwhile.
type soaked struct {
	*server
	t      *testing.T
	keys   []string
	ending atomic.Bool // it was told to end: requests may fail
	sent   *atomic.Int64
}

// TestSoak sends requests of all kinds, many of which are left in their midst,
// from two tenants through a KV cache that is full all the time, and through all
// tiers of the prefix cache. Every minute the server ends with requests under way,
// now and then by SIGKILL, and goes on from what it left on disk.
func TestSoak(t *testing.T) {
	dir := t.TempDir()
	keys := []string{"sk-soak-one", "sk-soak-two"}
	file := filepath.Join(dir, "keys")
	if err := os.WriteFile(file, []byte(strings.Join(keys, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	var sent atomic.Int64
	phase := min(soakPhase, *soak/3)
	for n, end := 0, time.Now().Add(*soak); time.Now().Before(end) && !t.Failed(); n++ {
		s := own(t, "smollm2", []string{
			"MOLTBOT_MODEL_KV_CELLS=512", "MOLTBOT_MODEL_PARALLEL=6", fmt.Sprintf("MOLTBOT_CACHE_RAM=%dMiB", soakRAM>>20), "MOLTBOT_CACHE_DISK=64MiB",
		}, "--ctx", "512", "--data", dir, "--api-key-file", file)
		x := &soaked{server: s, t: t, keys: keys, sent: &sent}
		x.phase(uint64(n), phase)
		x.end(uint64(n), n%4 == 1)
	}
	t.Logf("%d requests", sent.Load())
}

// phase loads the server for so long, and looks at what is left then.
func (x *soaked) phase(seed uint64, long time.Duration) {
	var readings []int64
	stop := x.load(seed)
	for end := time.Now().Add(long); time.Now().Before(end); time.Sleep(long / 60) {
		readings = append(readings, x.reading(x.t).memory)
	}
	stop()
	if now := x.idle(x.t); now.Cells.Held != 0 {
		x.t.Errorf("cells are held by nobody: %+v", now)
	}
	warm := readings[len(readings)/3:]
	third := len(warm) / 3
	first, last := median(warm[:third]), median(warm[len(warm)-third:])
	x.t.Logf("phase %d: %d MiB, then %d MiB, %d requests so far", seed, first>>20, last>>20, x.sent.Load())
	// A shorter phase is all warm-up.
	if long >= soakPhase && float64(last) > growth*float64(first)+soakRAM {
		x.t.Errorf("memory has grown from %d to %d bytes: %v", first, last, readings)
	}
}

func median(of []int64) int64 {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}

// load starts the clients; stop lets them finish.
func (x *soaked) load(seed uint64) (stop func()) {
	var stopped atomic.Bool
	var wg sync.WaitGroup
	for i := range soakers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			for !stopped.Load() && !x.ending.Load() {
				if err := x.request(r); err != nil && !x.ending.Load() {
					x.t.Error(err)
					return
				}
			}
		})
	}
	return func() { stopped.Store(true); wg.Wait() }
}

// end sends a signal into the midst of requests and waits for what it does.
func (x *soaked) end(seed uint64, kill bool) {
	stop := x.load(seed + 1000)
	time.Sleep(soakBurst)
	x.ending.Store(true)
	if !kill {
		if err := x.stop(); err != nil {
			x.t.Error(err)
		}
	} else if err := errors.Join(x.signal(syscall.SIGKILL), exited(x.process)); err != nil {
		x.t.Error(err)
	}
	stop()
}

func exited(p *process) error {
	_, err := p.exit()
	return err
}

// request sends one of any kind; a third of them is left before it is answered.
func (x *soaked) request(r *rand.Rand) error {
	ctx, cancel := context.WithTimeout(x.t.Context(), patience)
	defer cancel()
	leaves := r.IntN(3) == 0
	if leaves {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(r.IntN(1500))*time.Millisecond)
		defer cancel()
	}
	kind := soakKinds[r.IntN(len(soakKinds))]
	text := fmt.Sprintf("Story %d. %s %d", r.IntN(6), strings.Repeat("And it rained. ", r.IntN(40)), r.IntN(3))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, x.url+"/v1/"+kind.path, strings.NewReader(fmt.Sprintf(kind.body, x.model, text, r.IntN(1000))))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+x.keys[r.IntN(len(x.keys))])
	x.sent.Add(1)
	if err := answered(req); err != nil && !(leaves && ctx.Err() != nil) {
		return fmt.Errorf("%s: %w", kind.path, err)
	}
	return nil
}

// answered reads an answer to its end. Only 200 and, of a full queue, 429 will do.
func answered(req *http.Request) error {
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return err
	case res.StatusCode != http.StatusOK && res.StatusCode != http.StatusTooManyRequests:
		return fmt.Errorf("%s: %s", res.Status, body)
	case strings.Contains(string(body), `data: {"error"`):
		return fmt.Errorf("a stream ended with an error: %s", body)
	}
	return nil
}
