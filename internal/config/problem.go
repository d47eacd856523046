package config

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong, and where it was said.
type Problem struct {
	At   string // "config.yaml:7:3", "MOLTBOT_MODEL_CTX" or "--ctx"
	Text string
}

func (p Problem) Error() string { return p.At + ": " + p.Text }

// Problems is everything that is wrong, one line each.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

func (ps *Problems) add(at, format string, args ...any) {
	*ps = append(*ps, Problem{At: at, Text: fmt.Sprintf(format, args...)})
}
