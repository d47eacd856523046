package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"image/png"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/moltbot/moltbot/bench/load"
	"github.com/moltbot/moltbot/bench/measure"
	"github.com/moltbot/moltbot/bench/run"
	"github.com/moltbot/moltbot/bench/workload"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s changed; see the difference with -update and git diff. Got:\n%s", path, got)
	}
}

const ms = time.Millisecond

// record is a request due at a time, with a first token and gaps in between.
func record(class string, due, first, gap time.Duration, tokens int) load.Record {
	prompt, cached := 100, 20
	r := load.Record{Class: class, Intended: due, Sent: due, Prompt: &prompt, Cached: &cached, Output: &tokens, Finish: "length", Text: "x", Task: load.Solved}
	for i := range tokens {
		r.Events = append(r.Events, due+first+time.Duration(i)*gap)
	}
	r.End = r.Events[tokens-1]
	return r
}

// turn is a target's phase of two classes; a larger pace is slower.
func turn(c int, target string, round int, pace time.Duration) run.Turn {
	records := []load.Record{
		record("short", 0, 100*pace, 10*pace, 10),
		record("long", 500*ms, 400*pace, 12*pace, 10),
	}
	warm := run.Phase{Name: "warm-up", Took: ms, Records: []load.Record{{Class: "warm-up", Kind: load.Timeout}}}
	main := run.Phase{Name: "chat", Counted: true, Took: 2 * time.Second, Records: records}
	return run.Turn{
		Case: c, Target: target, Round: round, Started: time.Unix(1e9, 0).UTC(), Phases: []run.Phase{warm, main},
		Usage: run.Usage{PeakRSS: 300 << 20, GPUMemory: 5 << 30, GPUEnergy: 40},
	}
}

// fixed is a comparison of two targets over six rounds with two numbers of clients.
func fixed() *Report {
	chat := workload.Lookup("chat")[0]
	one, two := workload.Options{Seed: 1, Concurrency: 1}, workload.Options{Seed: 1, Concurrency: 2}
	o := run.Outcome{
		Targets: []run.Target{{Target: load.Target{Name: "fast", URL: "http://127.0.0.1:1", Model: "m"}}, {Target: load.Target{Name: "slow", Model: "m"}, Command: "slow --port {port}"}},
		Cases:   []run.Case{{Workload: chat, Options: one}, {Workload: chat, Options: two}},
	}
	for c := range o.Cases {
		for round := range 6 {
			o.Turns = append(o.Turns, turn(c, "fast", round, ms), turn(c, "slow", round, 2*ms+time.Duration(round)*ms/10))
		}
	}
	uncounted := o.Turns[23].Phases[1].Records
	uncounted[0].Output, uncounted[0].Prompt = nil, nil
	uncounted[1] = load.Record{Class: "long", Kind: load.Status5xx, Detail: "500 Internal Server Error: no memory", Task: load.Failed}
	return New(Setup{
		Made: time.Unix(1e9, 0).UTC(), Version: "moltbot 1.2.3", Command: []string{"moltbot", "bench", "chat"}, Rounds: 6, Seed: 1,
		Limits:  measure.Limits{TTFT: 200 * ms, ITL: 20 * ms},
		Machine: Machine{CPU: "A CPU", Threads: 2, Memory: 16 << 30, Kernel: "6.1", OS: "linux/amd64", Go: "go1.26", GPUs: []string{"A GPU"}, Driver: "570"},
	}, o)
}

func TestTheTableIsGolden(t *testing.T) {
	var b bytes.Buffer
	if err := fixed().Table(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "table.txt", b.Bytes())
}

func TestTheSavedFolder(t *testing.T) {
	dir, want := t.TempDir(), fixed()
	if err := want.Save(dir); err != nil {
		t.Fatal(err)
	}
	t.Run("the files are golden", func(t *testing.T) {
		for _, name := range []string{"report.json", "report.md"} {
			got, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, got)
		}
	})
	t.Run("every picture of the text is there", func(t *testing.T) { checkPictures(t, dir) })
	t.Run("the report is read back whole", func(t *testing.T) {
		got, err := Load(filepath.Join(dir, "report.json"))
		if err != nil || !reflect.DeepEqual(got.Turns, want.Turns) || !reflect.DeepEqual(got.Rows, want.Rows) {
			t.Errorf("%v; the records or rows that were read differ", err)
		}
	})
}

func checkPictures(t *testing.T, dir string) {
	text, err := os.ReadFile(filepath.Join(dir, "report.md"))
	if err != nil {
		t.Fatal(err)
	}
	pictures := strings.Split(string(text), "](")[1:]
	if len(pictures) != 2*3*3+1 {
		t.Errorf("%d pictures, want three of each of the six groups and the throughput", len(pictures))
	}
	for _, rest := range pictures {
		file, _, _ := strings.Cut(rest, ".svg")
		checkPicture(t, filepath.Join(dir, file))
	}
}

func TestASingleValueCanBeDrawn(t *testing.T) {
	for _, x := range []float64{leastTime, 1, 3000} {
		p := picture{logX: true, curves: []curve{{"A", ecdf([]float64{x}, leastTime)}}}
		if png, svg, err := p.draw(); err != nil || len(png) == 0 || len(svg) == 0 {
			t.Errorf("%v ms: %v", x, err)
		}
	}
}

// checkPicture looks at both kinds of one picture.
func checkPicture(t *testing.T, path string) {
	t.Helper()
	svg, err := os.ReadFile(path + ".svg")
	if err != nil || !bytes.Contains(svg, []byte("<svg")) || !bytes.Contains(svg, []byte("fast")) {
		t.Errorf("%s.svg shows no target: %v", path, err)
	}
	f, err := os.Open(path + ".png")
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	if _, err := png.Decode(f); err != nil {
		t.Errorf("%s.png: %v", path, err)
	}
}

func TestEachNumberCanBeComputedAnewFromTheFile(t *testing.T) {
	b, err := os.ReadFile("testdata/report.json")
	if err != nil {
		t.Fatal(err)
	}
	var r Report
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	rows, ratios := r.Rows, r.Ratios
	again := New(Setup{Rounds: r.Rounds, Limits: r.Limits, Seed: 1}, run.Outcome{Targets: r.Targets, Turns: r.Turns, Cases: casesOf(r)})
	if !reflect.DeepEqual(again.Rows, rows) || !reflect.DeepEqual(again.Ratios, ratios) {
		t.Error("the file's records give other rows or ratios than the file has")
	}
}

func casesOf(r Report) (cases []run.Case) {
	for _, c := range r.Cases {
		cases = append(cases, run.Case{Workload: workload.Lookup(c.Workload)[0], Options: c.Options})
	}
	return cases
}

func TestAnotherSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.json")
	if err := os.WriteFile(path, []byte(`{"schema": 99}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "schema 99") {
		t.Errorf("got %v", err)
	}
}

func TestLessIsBetterIsToldAsTimesLower(t *testing.T) {
	r := fixed()
	for _, q := range r.Ratios {
		if q.Measure == "TTFT p95" && q.Case == 0 && q.Class == "short" && (q.Estimate < 2 || q.Low < 2 || q.Pairs != 6) {
			t.Errorf("a target with half the TTFT is %+v", q)
		}
	}
}

func TestAPhaseIsComparedWithItsControl(t *testing.T) {
	cancel := workload.Lookup("cancel")[0]
	stay := func(name string, pace time.Duration) run.Phase {
		return run.Phase{Name: name, Counted: true, Took: time.Second, Records: []load.Record{record("stay", 0, 100*pace, 10*pace, 5)}}
	}
	beside := stay("beside", 2*ms)
	beside.Records = append(beside.Records, record("leave", 0, ms, ms, 2))
	o := run.Outcome{
		Targets: []run.Target{{Target: load.Target{Name: "A"}}},
		Cases:   []run.Case{{Workload: cancel}},
		Turns:   []run.Turn{{Target: "A", Phases: []run.Phase{stay("alone", ms), beside}}},
	}
	r := New(Setup{Rounds: 1}, o)
	for _, q := range r.Ratios {
		if q.Control != "alone" || q.Class != "stay" {
			t.Errorf("compared %+v", q)
		}
		if q.Measure == "TTFT p95" && q.Estimate != 0.5 {
			t.Errorf("twice the TTFT beside others is %+v", q)
		}
	}
	if len(r.Ratios) == 0 || !strings.Contains(r.notes(), "cancel · beside · stay, A: TTFT p95 is 0.500× as good as alone") {
		t.Errorf("the notes are %s", r.notes())
	}
}

func TestFewRoundsAreMarked(t *testing.T) {
	r := fixed()
	r.Rounds = 5
	r.Rows = nil
	for _, turn := range r.Turns {
		if turn.Round < 5 {
			r.Rows = append(r.Rows, r.rows(turn, turn.Phases[1])...)
		}
	}
	r.compare(1)
	var b bytes.Buffer
	if err := r.Table(&b); err != nil || !strings.Contains(b.String(), "TTFT p95     ms    100    220           2.195×   2.035–2.380?") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

func TestThisMachineIsKnown(t *testing.T) {
	if m := ThisMachine(); m.Threads < 1 || m.OS == "" || m.Go == "" {
		t.Errorf("got %+v", m)
	}
}
