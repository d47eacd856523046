package logging

import (
	"strings"

	"github.com/rs/zerolog"
)

// Levels of ggml_log_level (ggml.h).
const (
	nativeWarn  = 3
	nativeError = 4
)

// Native takes llama.cpp's own lines, each with its ggml_log_level: its info is
// chatter and becomes debug, warnings and errors keep their rank, progress dots
// are dropped.
func Native(log zerolog.Logger) func(level int, line string) {
	return func(level int, line string) {
		if strings.Trim(line, ". \t\r\n") == "" {
			return
		}
		log.WithLevel(rank(level)).Str("from", "llama.cpp").Msg(strings.TrimSpace(line))
	}
}

func rank(level int) zerolog.Level {
	switch level {
	case nativeWarn:
		return zerolog.WarnLevel
	case nativeError:
		return zerolog.ErrorLevel
	}
	return zerolog.DebugLevel
}
