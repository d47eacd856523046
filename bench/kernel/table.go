package kernel

import (
	"encoding/json"
	"fmt"
	"io"
)

// Report is what --json writes.
type Report struct {
	Model    string    `json:"model"`
	Version  string    `json:"version"`
	Threads  int       `json:"n_threads"`
	Rows     int       `json:"n_batch"` // of a step at most
	Cells    int       `json:"n_kv_max"`
	Lines    []Line    `json:"lines"`
	Roofline *Roofline `json:"roofline,omitempty"` // nil: the weights are not in this machine's memory
}

// Roofline is how fast decoding could be if reading the weights were all.
type Roofline struct {
	StepBytes int64   `json:"step_bytes"` // of weights, read in each step
	Bandwidth float64 `json:"bandwidth"`  // bytes per second of a plain read loop
}

// Seconds returns how long the read loop takes for the weights of a step.
func (r Roofline) Seconds() float64 { return float64(r.StepBytes) / r.Bandwidth }

// Share returns how much of the bandwidth a line's steps reach.
func (r Roofline) Share(l Line) float64 { return r.Seconds() / l.Step() }

// JSON writes the report.
func (r Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// Head writes the table's head: the columns of llama-batched-bench, then the
// milliseconds of a step, those outside of decode, and their share.
func Head(w io.Writer) error {
	_, err := fmt.Fprintf(w, "|%6s | %6s | %4s | %6s | %8s | %8s | %8s | %8s | %8s | %8s | %8s | %8s | %6s |\n"+
		"|------:|-------:|-----:|-------:|---------:|---------:|---------:|---------:|---------:|---------:|---------:|---------:|-------:|\n",
		"PP", "TG", "B", "N_KV", "T_PP s", "S_PP t/s", "T_TG s", "S_TG t/s", "T s", "S t/s", "STEP ms", "OUT ms", "OUT %")
	return err
}

// Row writes a line of the table.
func (l Line) Row(w io.Writer) error {
	_, err := fmt.Fprintf(w, "|%6d | %6d | %4d | %6d | %8.3f | %8.2f | %8.3f | %8.2f | %8.3f | %8.2f | %8.3f | %8.3f | %6.2f |\n",
		l.PP, l.TG, l.B, l.NKV, l.TPP, l.SPP, l.TTG, l.STG, l.T, l.S,
		1e3*l.Step(), 1e3*l.Outside/float64(l.TG), 100*l.Outside/l.TTG)
	return err
}

// Foot writes the roofline: what a step could take, and the share reached at
// the smallest batch of each depth, where weights are most of what is read.
func (r Roofline) Foot(w io.Writer, lines []Line) error {
	_, err := fmt.Fprintf(w, "\nRoofline: a step reads %.1f MB of weights; a plain loop reads %.2f GB/s here and would take %.3f ms.\n",
		float64(r.StepBytes)/1e6, r.Bandwidth/1e9, 1e3*r.Seconds())
	for i, l := range lines {
		if err == nil && (i == 0 || l.PP != lines[i-1].PP) {
			_, err = fmt.Fprintf(w, "- depth %d, B %d: a step takes %.3f ms, %.1f %% of the bandwidth\n", l.PP, l.B, 1e3*l.Step(), 100*r.Share(l))
		}
	}
	return err
}
