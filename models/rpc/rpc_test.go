package rpc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
)

// serve answers one connection with these bytes, whatever it is asked, and returns its address.
func serve(t *testing.T, answers ...[]byte) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		for _, a := range answers {
			head := make([]byte, 9)
			if _, err := io.ReadFull(conn, head); err != nil {
				return
			}
			if _, err := io.CopyN(io.Discard, conn, int64(binary.LittleEndian.Uint64(head[1:]))); err != nil {
				return
			}
			if _, err := conn.Write(a); err != nil {
				return
			}
		}
	}()
	return l.Addr().String()
}

// answer is a body behind its length.
func answer(body ...byte) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(body))), body...)
}

func hello(major, minor byte) []byte {
	return answer(slices.Concat([]byte{major, minor, 0, 0}, make([]byte, capsSize))...)
}

func memory(free, total uint64) []byte {
	return answer(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, free), total)...)
}

func TestAskTellsTheDevices(t *testing.T) {
	got, err := Ask(t.Context(), serve(t, hello(7, 0), answer(2, 0, 0, 0), memory(3e9, 4e9), memory(1e9, 8e9)))
	if err != nil {
		t.Fatal(err)
	}
	if want := []Device{{3e9, 4e9}, {1e9, 8e9}}; !slices.Equal(got.Devices, want) || got.Free() != 4e9 {
		t.Errorf("got %+v", got)
	}
}

func TestAskSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		rule    string
		answers [][]byte
		want    string
	}{
		{"another version", [][]byte{hello(6, 0)}, "6.0, and 7.0 is needed"},
		{"a later minor version", [][]byte{hello(7, 1)}, "7.1, and 7.0 is needed"},
		{"nobody says hello", nil, "no answer of an RPC server"},
		{"another kind of server", [][]byte{[]byte("HTTP/1.1 400 Bad Request\r\n\r\n")}, "no answer of an RPC server"},
		{"no device", [][]byte{hello(7, 0), answer(0, 0, 0, 0)}, "0 devices"},
		{"more devices than there can be", [][]byte{hello(7, 0), answer(255, 255, 255, 255)}, "4294967295 devices"},
		{"an answer that ends early", [][]byte{hello(7, 0), answer(1, 0, 0, 0)[:10]}, "the answer ends early"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			_, err := Ask(t.Context(), serve(t, c.answers...))
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(c.rule, "version") != errors.Is(err, ErrVersion) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestAskNamesAServerThatIsNotThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if _, err := Ask(t.Context(), l.Addr().String()); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
}

// deaf takes all questions and gives the same bytes.
type deaf struct{ io.Reader }

func (deaf) Write(b []byte) (int, error) { return len(b), nil }

func FuzzDevices(f *testing.F) {
	f.Add(slices.Concat(hello(7, 0), answer(1, 0, 0, 0), memory(1, 2)))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := devices(deaf{bytes.NewReader(b)})
		if err == nil && (len(all) == 0 || len(all) > most) {
			t.Errorf("got %d devices", len(all))
		}
	})
}
