package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// longestLine bounds one line of a stream, in bytes.
const longestLine = 16 << 20

var errLongLine = fmt.Errorf("a line of more than %d bytes", longestLine)

// events reads server-sent events.
// Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
type events struct{ r *bufio.Reader }

func newEvents(r io.Reader) *events { return &events{bufio.NewReaderSize(r, 64<<10)} }

// next returns the data of the next event; comments and other fields are
// skipped. io.EOF: the stream is over; an event that it cuts is dropped.
func (e *events) next() ([]byte, error) {
	var data []byte
	for has := false; ; {
		line, err := e.line()
		switch {
		case err != nil:
			return nil, err
		case len(line) == 0 && has:
			return data, nil
		}
		if value, ok := dataOf(line); ok {
			if has {
				data = append(data, '\n')
			}
			data, has = append(data, value...), true
		}
	}
}

// dataOf returns the value of a data field.
func dataOf(line []byte) ([]byte, bool) {
	name, value, _ := bytes.Cut(line, []byte(":"))
	return bytes.TrimPrefix(value, []byte(" ")), string(name) == "data"
}

// line returns the next line without its end.
func (e *events) line() ([]byte, error) {
	var long []byte
	for {
		part, err := e.r.ReadSlice('\n')
		if len(long)+len(part) > longestLine {
			return nil, errLongLine
		}
		long = append(long, part...)
		switch {
		case err == nil:
			return bytes.TrimRight(long, "\r\n"), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}
