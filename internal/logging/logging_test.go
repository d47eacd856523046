package logging

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// lines reads what was logged as JSON, one object per line.
func lines(t testing.TB, b *bytes.Buffer) (out []map[string]any) {
	t.Helper()
	for line := range strings.Lines(b.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		out = append(out, fields)
	}
	return out
}

func mustNew(t testing.TB, b *bytes.Buffer, level, format string) zerolog.Logger {
	t.Helper()
	log, err := New(b, level, format)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func TestAutoIsJSONOffATerminal(t *testing.T) {
	var b bytes.Buffer
	log := mustNew(t, &b, "info", "auto")
	log.Info().Int("rows", 3).Msg("step")
	got := lines(t, &b)[0]
	if got["message"] != "step" || got["level"] != "info" || got["rows"] != 3.0 {
		t.Errorf("got %v", got)
	}
}

func TestTimeIsUTCWithMilliseconds(t *testing.T) {
	var b bytes.Buffer
	at := time.Date(2026, 1, 2, 3, 4, 5, 6_789_000, time.FixedZone("", 3600))
	log := zerolog.New(&b).Hook(clock(func() time.Time { return at }))
	log.Info().Msg("")
	if got := lines(t, &b)[0]["time"]; got != "2026-01-02T02:04:05.006Z" {
		t.Errorf("got %v", got)
	}
}

func TestTextIsForPeople(t *testing.T) {
	var b bytes.Buffer
	log := mustNew(t, &b, "info", "text")
	log.Warn().Str("model", "smollm2").Msg("slow")
	if got := b.String(); !strings.Contains(got, " WRN slow model=smollm2\n") || strings.Contains(got, "\x1b") {
		t.Errorf("got %q", got)
	}
}

func TestLinesBelowTheLevelAreNotWritten(t *testing.T) {
	var b bytes.Buffer
	log := mustNew(t, &b, "warn", "json")
	log.Info().Msg("quiet")
	log.Error().Msg("loud")
	if got := lines(t, &b); len(got) != 1 || got[0]["message"] != "loud" {
		t.Errorf("got %v", got)
	}
}

func TestAnUnknownLevelIsRefused(t *testing.T) {
	if _, err := New(&bytes.Buffer{}, "loud", "json"); err == nil {
		t.Error("the level loud passed")
	}
}

func TestNative(t *testing.T) {
	for _, c := range []struct {
		rule  string
		level int // ggml_log_level
		line  string
		want  string // level and message; empty: no line
	}{
		{"info is chatter", 2, "loaded meta data", "debug loaded meta data"},
		{"debug stays debug", 1, "graph", "debug graph"},
		{"a line without a level is chatter", 0, "plain", "debug plain"},
		{"a warning stays one", 3, "n_ctx is large", "warn n_ctx is large"},
		{"an error stays one", 4, "no such file\n", "error no such file"},
		{"dots of progress are dropped", 2, ".....\n", ""},
		{"empty lines are dropped", 3, " \n", ""},
	} {
		t.Run(c.rule, func(t *testing.T) {
			var b bytes.Buffer
			Native(mustNew(t, &b, "debug", "json"))(c.level, c.line)
			got := ""
			for _, line := range lines(t, &b) {
				got += line["level"].(string) + " " + line["message"].(string)
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestNativeObeysTheLevel(t *testing.T) {
	var b bytes.Buffer
	native := Native(mustNew(t, &b, "info", "json"))
	native(2, "chatter")
	native(4, "trouble")
	if got := lines(t, &b); len(got) != 1 || got[0]["message"] != "trouble" {
		t.Errorf("got %v", got)
	}
}
