package kernel

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var sampleLine = Line{PP: 128, TG: 64, B: 4, NKV: 768, TPP: 0.5, SPP: 1024, TTG: 0.64, STG: 400, T: 1.14, S: 673.68, Outside: 0.016}

func TestTheTableIsThatOfLlamaBatchedBenchAndMore(t *testing.T) {
	var b bytes.Buffer
	if err := Head(&b); err != nil {
		t.Fatal(err)
	}
	if err := sampleLine.Row(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	// Source: tools/batched-bench/README.md in llama.cpp.
	if want := "|    PP |     TG |    B |   N_KV |   T_PP s | S_PP t/s |   T_TG s | S_TG t/s |      T s |    S t/s |"; !strings.HasPrefix(lines[0], want) {
		t.Errorf("got  %s\nwant %s", lines[0], want)
	}
	if want := "|   128 |     64 |    4 |    768 |    0.500 |  1024.00 |    0.640 |   400.00 |    1.140 |   673.68 |   10.000 |    0.250 |   2.50 |"; lines[2] != want {
		t.Errorf("got  %s\nwant %s", lines[2], want)
	}
	for _, line := range lines[:3] {
		if strings.Count(line, "|") != 14 || len(line) != len(lines[0]) {
			t.Errorf("%q is out of line", line)
		}
	}
}

func TestTheRooflineTellsTheShareOfTheSmallestBatch(t *testing.T) {
	r := Roofline{StepBytes: 100e6, Bandwidth: 20e9}
	deeper := sampleLine
	deeper.PP = 512
	var b bytes.Buffer
	if err := r.Foot(&b, []Line{sampleLine, sampleLine, deeper}); err != nil {
		t.Fatal(err)
	}
	want := `
Roofline: a step reads 100.0 MB of weights; a plain loop reads 20.00 GB/s here and would take 5.000 ms.
- depth 128, B 4: a step takes 10.000 ms, 50.0 % of the bandwidth
- depth 512, B 4: a step takes 10.000 ms, 50.0 % of the bandwidth
`
	if b.String() != want {
		t.Errorf("got %s", b.String())
	}
}

func TestJSONHasTheNamesOfLlamaBatchedBench(t *testing.T) {
	var b bytes.Buffer
	if err := (Report{Lines: []Line{sampleLine}}).JSON(&b); err != nil {
		t.Fatal(err)
	}
	var got struct{ Lines []map[string]float64 }
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"pp", "tg", "pl", "n_kv", "t_pp", "speed_pp", "t_tg", "speed_tg", "t", "speed", "outside"} {
		if got.Lines[0][name] == 0 {
			t.Errorf("%s is not there: %v", name, got.Lines[0])
		}
	}
}

func TestTheReadLoopReadsEveryWord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.Uint64()).Draw(t, "words")
		want := uint64(0)
		for _, w := range words {
			want += w
		}
		if got := sum(words); got != want {
			t.Fatalf("got %d, want %d", got, want)
		}
	})
	if got := Bandwidth(0, 1); got <= 0 {
		t.Errorf("%g bytes per second", got)
	}
}
