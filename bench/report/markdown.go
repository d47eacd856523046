package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// markdown writes report.md.
func (r *Report) markdown(w io.Writer, plots []Plot) {
	fmt.Fprintf(w, "# Benchmark of %s\n\n", strings.Join(r.names(), ", "))
	r.setup(w)
	for _, g := range r.groups() {
		fmt.Fprintf(w, "\n## %s\n\n", r.title(g))
		if g.Class == "" {
			fmt.Fprintf(w, "%s\n\n", r.Cases[g.Case].About)
		}
		lines := r.lines(g)
		fmt.Fprintln(w, row(lines[0]))
		fmt.Fprintln(w, "|---|---|"+strings.Repeat("---:|", len(lines[0])-2))
		for _, line := range lines[1:] {
			fmt.Fprintln(w, row(line))
		}
		for _, p := range plots {
			if p.Group == g {
				fmt.Fprintf(w, "\n![%s](%s.svg)\n", p.Title, p.File)
			}
		}
	}
	fmt.Fprint(w, r.notes())
}

func row(cells []string) string { return "| " + strings.Join(cells, " | ") + " |" }

func (r *Report) names() []string {
	names := make([]string, len(r.Targets))
	for i, t := range r.Targets {
		names[i] = t.Name
	}
	return names
}

// setup says on what, and how, it was measured.
func (r *Report) setup(w io.Writer) {
	fmt.Fprintf(w, "Made %s with `%s` (%s).\n\n", r.Made.UTC().Format("2006-01-02 15:04 UTC"), strings.Join(r.Command, " "), r.Version)
	r.machine(w)
	for _, t := range r.Targets {
		fmt.Fprintf(w, "- %s: model `%s`, ", t.Name, t.Model)
		if t.Command != "" {
			fmt.Fprintf(w, "started by `%s` for each turn\n", t.Command)
		} else {
			fmt.Fprintf(w, "at %s\n", t.URL)
		}
	}
	for _, c := range r.Cases {
		options, _ := json.Marshal(c.Options) // numbers alone
		fmt.Fprintf(w, "- %s: `%s`\n", c.Workload, options)
	}
}

func (r *Report) machine(w io.Writer) {
	m := r.Machine
	fmt.Fprintf(w, "- Machine: %s, %d threads, %.1f GiB of memory, %s, kernel %s, %s\n", m.CPU, m.Threads, float64(m.Memory)/(1<<30), m.OS, m.Kernel, m.Go)
	if len(m.GPUs) > 0 {
		fmt.Fprintf(w, "- GPUs: %s, driver %s\n", strings.Join(m.GPUs, ", "), m.Driver)
	}
}
