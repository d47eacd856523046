package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/moltbot/moltbot/internal/config"
)

// finding is what one check has to say.
type finding struct {
	Check  string `json:"check"`
	Status string `json:"status"` // ok, warn or fail
	Found  string `json:"found"`
	Mend   string `json:"mend,omitempty"` // what to do about it
}

func ok(format string, a ...any) finding {
	return finding{Status: "ok", Found: fmt.Sprintf(format, a...)}
}

func warn(mend, format string, a ...any) finding {
	return finding{Status: "warn", Found: fmt.Sprintf(format, a...), Mend: mend}
}

func fail(mend, format string, a ...any) finding {
	return finding{Status: "fail", Found: fmt.Sprintf(format, a...), Mend: mend}
}

// patient is the machine as the checks see it.
type patient struct {
	cfg    config.Config
	cfgErr error // why cfg holds the defaults
	native libraries
	free   int64 // bytes of memory, -1 when unknown
}

// checks are made in this order.
var checks = []struct {
	name string
	look func(context.Context, *patient) finding
}{
	{"configuration", checkConfig},
	{"libraries", checkLibraries},
	{"cpu", checkCPU},
	{"gpu", checkGPU},
	{"devices", checkDevices},
	{"model", checkModel},
	{"adapters", checkAdapters},
	{"draft model", checkDraft},
	{"attention", checkAttention},
	{"memory", checkMemory},
	{"disk", checkDisk},
	{"port", checkPort},
}

// newDoctor tells whether this machine can run what the configuration asks for.
func newDoctor(p process) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Tell whether this machine can run Moltbot, and what to mend",
		Args:  args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			findings := examine(cmd.Context(), newPatient(cmd, p))
			if err := write(p.out, findings, asJSON); err != nil {
				return err
			}
			for _, f := range findings {
				if f.Status == "fail" {
					return errReported
				}
			}
			return nil
		},
	}
	addSettings(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the findings as JSON")
	return cmd
}

// newPatient gathers what several checks look at. With a broken configuration
// they look at the defaults.
func newPatient(cmd *cobra.Command, p process) *patient {
	pt := &patient{cfg: config.Default(), native: nativeLibraries()}
	loaded, err := loadConfig(cmd, p)
	if pt.cfgErr = err; err == nil {
		pt.cfg = loaded.Config
	}
	pt.free = freeMemory(pt.cfg.Model, pt.native)
	return pt
}

func examine(ctx context.Context, pt *patient) (findings []finding) {
	for _, c := range checks {
		f := c.look(ctx, pt)
		f.Check = c.name
		findings = append(findings, f)
	}
	return findings
}

// write prints the findings, each mend on a line of its own.
func write(w io.Writer, findings []finding, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(findings)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range findings {
		fmt.Fprintf(t, "%s\t%s\t%s\n", f.Status, f.Check, f.Found)
		if f.Mend != "" {
			fmt.Fprintf(t, "\t\t→ %s\n", f.Mend)
		}
	}
	return t.Flush()
}
