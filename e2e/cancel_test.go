package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// leaver sends streams and leaves them.
type leaver struct {
	*server
	http *http.Client // a connection per request: the server can't take a pause for an end
}

// at is the moment at which a client leaves its stream.
type at int

const (
	atOnce    at = iota // a moment after the request was sent
	inPrefill           // after the first comment, while a long prompt is computed
	inDecode            // after some tokens
	moments
)

// leave sends a stream and leaves it at that moment.
func (l leaver) leave(rnd uint64, when at) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	words, lines := 30, 1
	switch when {
	case atOnce:
		time.AfterFunc(time.Duration(rnd%20)*time.Millisecond, cancel)
	case inPrefill:
		words = 700
	case inDecode:
		lines = 4 + int(rnd%40)
	}
	err := l.read(ctx, fmt.Sprintf("%d%s", rnd, strings.Repeat(" word", words)), lines, when)
	if when == atOnce && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// read sends a stream and reads so many lines of it. Its answer would be long:
// all of them would take longer than anybody waits here.
func (l leaver) read(ctx context.Context, prompt string, lines int, when at) error {
	body := fmt.Sprintf(`{"model": %q, "prompt": %q, "stream": true, "max_tokens": 1200, "ignore_eos": true}`, l.model, prompt)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url+"/v1/completions", strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := l.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		said, err := io.ReadAll(res.Body)
		return fmt.Errorf("%s: %s %w", res.Status, said, err)
	}
	answer := bufio.NewReader(res.Body)
	for range lines {
		line, err := answer.ReadString('\n')
		if err != nil {
			return err
		}
		if when == inPrefill && strings.HasPrefix(line, "data:") {
			return errors.New("a token came before the client could leave in prefill")
		}
	}
	return nil
}

// crowd is how many clients are there at once.
const crowd = 8

// leaveAll lets so many clients come and leave, a third at each moment.
func (l leaver) leaveAll(t *testing.T, n int) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(1, uint64(n)))
	var wg sync.WaitGroup
	places := make(chan struct{}, crowd)
	for i := range n {
		places <- struct{}{}
		moment := rnd.Uint64()
		wg.Go(func() {
			defer func() { <-places }()
			if err := l.leave(moment, at(i)%moments); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	wg.Wait()
}

// load is what GET /health tells.
type load struct {
	Running, Waiting int
	Cells            struct{ Held, Idle, Free int } `json:"kv_cells"`
}

// load asks a server for its load.
func (s *server) load(t testing.TB) (now load) {
	t.Helper()
	body, err := s.get("/health")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(body), &now); err != nil {
		t.Fatal(err)
	}
	return now
}

// idle waits until nothing runs, and ends the test if something never ends.
func (s *server) idle(t testing.TB) (now load) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if now = s.load(t); now.Running+now.Waiting == 0 {
			return now
		}
	}
	t.Fatalf("never idle: %+v", now)
	return now
}

// holdings are what a process has of the machine.
type holdings struct {
	memory  int64 // bytes of anonymous memory: Go's heap, stacks and C's heap, not the mapped model
	files   int   // open
	threads int
}

// holds measures a server that is idle. Freed memory goes back to the system
// only after the next collections, so /health is asked until they have happened:
// the least of many readings is what is really held.
func (s *server) holds(t testing.TB) holdings {
	t.Helper()
	s.idle(t)
	least := s.reading(t)
	for range 200 {
		if _, err := s.get("/health"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
		now := s.reading(t)
		least.memory = min(least.memory, now.memory)
		least.files = min(least.files, now.files)
		least.threads = min(least.threads, now.threads)
	}
	return least
}

var statusLine = regexp.MustCompile(`(?m)^(RssAnon|Threads):\s+(\d+)`)

func (s *server) reading(t testing.TB) (h holdings) {
	t.Helper()
	proc := fmt.Sprintf("/proc/%d/", s.cmd.Process.Pid)
	status, err := os.ReadFile(proc + "status")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range statusLine.FindAllStringSubmatch(string(status), -1) {
		n, err := strconv.ParseInt(m[2], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if m[1] == "Threads" {
			h.threads = int(n)
		} else {
			h.memory = n << 10
		}
	}
	files, err := os.ReadDir(proc + "fd")
	if err != nil {
		t.Fatal(err)
	}
	h.files = len(files)
	return h
}

const (
	// runtimeThreads is how many threads more Go's scheduler may have started
	// meanwhile: each of the clients that are there at once may be in C. A thread
	// left by each third client would be 66 more.
	runtimeThreads = crowd + 4
	threadMemory   = 256 << 10 // that one of these has touched: its stack and its part of C's heap
)

// TestCancelledStreamsLeaveNothing lets 200 clients leave their streams at all
// moments. The same happens before the first measurement too: what is kept for
// good is kept by then. GOGC makes collections frequent, so that garbage doesn't
// count as held; small batches make steps short, as a cancelled request ends
// with the step that computes it; kept prefixes would grow as they should. An echo
// has every row of a step give scores, as drafts may later: their memory stays.
func TestCancelledStreamsLeaveNothing(t *testing.T) {
	s := own(t, "smollm2", []string{"GOGC=10", "MOLTBOT_MODEL_BATCH=64", "MOLTBOT_MODEL_STEP=20ms", "MOLTBOT_CACHE_RAM=0", "MOLTBOT_CACHE_DISK=0"}, "--ctx", "2048")
	l := leaver{s, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	s.text(t, fmt.Sprintf(`"echo": true, "logprobs": 1, "prompt": %q`, strings.Repeat("word ", 200))).whole()
	l.leaveAll(t, 100)
	before := s.holds(t)
	l.leaveAll(t, 200)
	after := s.holds(t)
	t.Logf("before: %+v, after: %+v", before, after)
	started := max(0, after.threads-before.threads)
	if grown := after.memory - before.memory; grown > 1<<20+int64(started)*threadMemory {
		t.Errorf("memory has grown by %d bytes", grown)
	}
	if after.files > before.files {
		t.Errorf("%d files are open, before it were %d", after.files, before.files)
	}
	if started > runtimeThreads {
		t.Errorf("%d threads run, before it were %d", after.threads, before.threads)
	}
	if now := s.idle(t); now.Cells.Held != 0 {
		t.Errorf("cells are held by nobody: %+v", now)
	}
	s.wantAlive(t)
	wantNoGoroutineOfRequests(t, s)
}

// wantNoGoroutineOfRequests ends a server with SIGQUIT, on which Go writes down
// every goroutine: none may serve a request or a stream.
func wantNoGoroutineOfRequests(t *testing.T, s *server) {
	t.Helper()
	s.idle(t)
	if err := s.signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	if _, err := s.exit(); err != nil {
		t.Fatal(err)
	}
	_, dump, _ := strings.Cut(s.log.String(), "SIGQUIT: quit")
	if !strings.Contains(dump, "engine.(*Engine).run") {
		t.Fatalf("not the goroutines of a server:\n%s", dump)
	}
	for goroutine := range strings.SplitSeq(dump, "\n\n") {
		for _, who := range []string{"ServeHTTP", "server/openai.", "engine.(*Stream)"} {
			if strings.Contains(goroutine, who) {
				t.Errorf("a goroutine is left:\n%s", goroutine)
			}
		}
	}
}
