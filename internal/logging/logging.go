// Package logging makes the one logger of a process.
//
// Owns: the shape of a log line (readable on a terminal, JSON otherwise), its
// time, and the bridge for llama.cpp's own lines.
// Must not import: anything of Moltbot.
// Flow: cmd calls New once and hands the logger down; the server puts a child
// logger with the request's id into each request's context, and whoever acts
// for a request logs through zerolog.Ctx.
package logging

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/term"
)

// timeFormat is RFC 3339 with milliseconds.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// New returns a logger that writes to w from level on (debug, info, warn,
// error). The format text is for people, json for machines; auto looks whether
// w is a terminal.
func New(w io.Writer, level, format string) (zerolog.Logger, error) {
	least, err := zerolog.ParseLevel(level)
	if err != nil {
		return zerolog.Nop(), fmt.Errorf("log level: %w", err)
	}
	terminal := isTerminal(w)
	if format == "text" || format == "auto" && terminal {
		w = zerolog.ConsoleWriter{Out: w, NoColor: !terminal, TimeFormat: "15:04:05.000"}
	}
	return zerolog.New(w).Level(least).Hook(clock(time.Now)), nil
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// clock stamps each line with the time in UTC, without zerolog's global settings.
type clock func() time.Time

// Run is zerolog's hook.
func (now clock) Run(e *zerolog.Event, _ zerolog.Level, _ string) {
	e.Str(zerolog.TimestampFieldName, now().UTC().Format(timeFormat))
}
