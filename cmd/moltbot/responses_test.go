package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/moltbot/moltbot/internal/config"
)

func TestASecondServerOfAFolderKeepsNoResponses(t *testing.T) {
	var cfg config.Config
	cfg.DataDir, cfg.Responses.TTL = config.Path(t.TempDir()), config.Duration(time.Hour)
	first, err := openResponses(cfg, zerolog.Nop())
	if err != nil || first.orNone() == nil {
		t.Fatalf("the first: %v", err)
	}
	var log bytes.Buffer
	second, err := openResponses(cfg, zerolog.New(&log))
	if err != nil || second.orNone() != nil || strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), "give it a folder of its own with --data") {
		t.Errorf("the second: %+v, %v, %s", second, err, &log)
	}
	for _, k := range []kept{second, first} {
		if err := k.close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAFolderThatCannotBeUsedIsNamed(t *testing.T) {
	var cfg config.Config
	cfg.DataDir, cfg.Responses.TTL = config.Path(put(t, "file", "", 0o600)), config.Duration(time.Hour)
	if _, err := openResponses(cfg, zerolog.Nop()); err == nil || !strings.Contains(err.Error(), "--data") {
		t.Errorf("got %v", err)
	}
}
