package llama

// #include "shim.h"
import "C"

import (
	"fmt"
	"os"
	"strings"
	"sync"
)

// LogLevel is a ggml_log_level.
type LogLevel int

// The levels of lines; pieces that continue a line never show.
const (
	LogNone  LogLevel = C.GGML_LOG_LEVEL_NONE
	LogDebug LogLevel = C.GGML_LOG_LEVEL_DEBUG
	LogInfo  LogLevel = C.GGML_LOG_LEVEL_INFO
	LogWarn  LogLevel = C.GGML_LOG_LEVEL_WARN
	LogError LogLevel = C.GGML_LOG_LEVEL_ERROR
	logCont  LogLevel = C.GGML_LOG_LEVEL_CONT
)

// LogFunc takes a whole line without its line break. It is called by whatever
// thread logs, one call at a time, and must not call this package.
type LogFunc func(level LogLevel, line string)

// nativeLog joins the pieces that llama.cpp and ggml log into lines. The C side
// has one log per process, so there is one of these.
var nativeLog = logJoiner{sink: toStderr}

type logJoiner struct {
	mu     sync.Mutex
	sink   LogFunc
	level  LogLevel // of line
	line   strings.Builder
	caught *[]string // error lines of the load that runs now
}

// SetLog sends the lines of llama.cpp and ggml to f. Before the first call,
// warnings and errors go to standard error and the rest is dropped.
func SetLog(f LogFunc) {
	nativeLog.mu.Lock()
	defer nativeLog.mu.Unlock()
	nativeLog.sink = f
}

func toStderr(level LogLevel, line string) {
	if level >= LogWarn {
		fmt.Fprintln(os.Stderr, line)
	}
}

//export moltbotLog
func moltbotLog(level C.int, text *C.char) {
	nativeLog.write(LogLevel(level), C.GoString(text))
}

func (l *logJoiner) write(level LogLevel, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if level != logCont {
		l.flush() // a line that was never ended
		l.level = level
	}
	for part := range strings.Lines(text) {
		whole := strings.TrimSuffix(part, "\n")
		l.line.WriteString(whole)
		if whole != part {
			l.flush()
		}
	}
}

// flush hands on the line so far; an empty one is not worth a line.
func (l *logJoiner) flush() {
	line := l.line.String()
	l.line.Reset()
	if line == "" {
		return
	}
	if l.caught != nil && l.level == LogError {
		*l.caught = append(*l.caught, line)
	}
	l.sink(l.level, line)
}

// catch runs a call and returns the error lines that were logged meanwhile.
func (l *logJoiner) catch(call func()) []string {
	var lines []string
	l.setCaught(&lines)
	call()
	l.setCaught(nil)
	return lines
}

func (l *logJoiner) setCaught(to *[]string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.caught = to
}

// reportLeak is a cleanup: it says who opened what nobody closed.
func reportLeak(what string) {
	nativeLog.write(LogWarn, what+"\n")
}
