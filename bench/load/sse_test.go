package load

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// all reads a stream's events to its end.
func all(r io.Reader) ([]string, error) {
	var got []string
	for e := newEvents(r); ; {
		data, err := e.next()
		if errors.Is(err, io.EOF) {
			return got, nil
		}
		if err != nil {
			return got, err
		}
		got = append(got, string(data))
	}
}

func TestEvents(t *testing.T) {
	for _, c := range []struct {
		rule, stream string
		want         []string
	}{
		{"one event", "data: a\n\n", []string{"a"}},
		{"the space after the colon may be missing", "data:a\n\n", []string{"a"}},
		{"only one space is dropped", "data:  a\n\n", []string{" a"}},
		{"comments are skipped", ": hello\n\ndata: a\n\n", []string{"a"}},
		{"other fields are skipped", "id: 4\nevent: x\ndata: a\n\n", []string{"a"}},
		{"lines of one event are joined", "data: a\ndata: b\n\n", []string{"a\nb"}},
		{"an event without its empty line is dropped", "data: a\n\ndata: b\n", []string{"a"}},
		{"empty data is an event", "data:\n\n", []string{""}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got, err := all(strings.NewReader(c.stream)); err != nil || !slices.Equal(got, c.want) {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

// halves reads a text in two pieces.
func halves(text string, cut int) io.Reader {
	return io.MultiReader(strings.NewReader(text[:cut]), strings.NewReader(text[cut:]))
}

func TestWhereTheNetworkCutsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stream strings.Builder
		texts := rapid.SliceOf(rapid.StringMatching(`[a-z{}":, ]{0,200}`)).Draw(t, "events")
		for _, text := range texts {
			stream.WriteString("data: " + text + "\n\n")
		}
		cut := rapid.IntRange(0, stream.Len()).Draw(t, "cut")
		got, err := all(halves(stream.String(), cut))
		if err != nil || !slices.Equal(got, texts) {
			t.Fatalf("got %q, %v; want %q", got, err, texts)
		}
	})
}

func FuzzEvents(f *testing.F) {
	f.Add([]byte("data: {}\n\n: x\n\ndata: [DONE]\n\n"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		got, err := all(bytes.NewReader(stream))
		if err != nil {
			t.Fatalf("a stream in memory gave %v", err)
		}
		if len(strings.Join(got, "")) > len(stream) {
			t.Fatalf("more came out than went in: %q", got)
		}
	})
}
