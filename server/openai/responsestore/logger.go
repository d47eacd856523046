package responsestore

import (
	"strings"

	"github.com/rs/zerolog"
)

// logger takes Badger's lines. Its info is chatter and becomes debug.
type logger struct{ log zerolog.Logger }

func (l logger) Errorf(format string, args ...any)   { say(l.log.Error(), format, args) }
func (l logger) Warningf(format string, args ...any) { say(l.log.Warn(), format, args) }
func (l logger) Infof(format string, args ...any)    { say(l.log.Debug(), format, args) }
func (l logger) Debugf(format string, args ...any)   { say(l.log.Debug(), format, args) }

func say(e *zerolog.Event, format string, args []any) {
	e.Msgf(strings.TrimSpace(format), args...)
}
