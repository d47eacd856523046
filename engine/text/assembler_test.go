package text

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestAssemblerRules(t *testing.T) {
	for name, c := range map[string]struct {
		stops, pieces, want []string // want: by piece, then by Close
		stop                string
	}{
		"plain text passes at once":                     {pieces: []string{"Hel", "lo"}, want: []string{"Hel", "lo", ""}},
		"a character waits until it is whole":           {pieces: []string{"a\xe2", "\x82", "\xacb"}, want: []string{"a", "", "€b", ""}},
		"an emoji over four tokens comes in one":        {pieces: []string{"\xf0", "\x9f", "\x98", "\x80"}, want: []string{"", "", "", "😀", ""}},
		"an invalid byte becomes U+FFFD at once":        {pieces: []string{"a\xffb"}, want: []string{"a\ufffdb", ""}},
		"a broken character becomes one U+FFFD":         {pieces: []string{"\xe2\x82", "A"}, want: []string{"", "\ufffdA", ""}},
		"a surrogate is three invalid bytes":            {pieces: []string{"\xed\xa0\x80"}, want: []string{"\ufffd\ufffd\ufffd", ""}},
		"an overlong form is invalid byte by byte":      {pieces: []string{"\xc0\xaf\xe0\x80"}, want: []string{"\ufffd\ufffd\ufffd\ufffd", ""}},
		"an incomplete end becomes U+FFFD at Close":     {pieces: []string{"a", "\xf0\x9f"}, want: []string{"a", "", "\ufffd"}},
		"U+FFFD itself passes":                          {pieces: []string{"\ufffd"}, want: []string{"\ufffd", ""}},
		"a stop within a piece":                         {stops: []string{"END"}, pieces: []string{"abENDcd"}, want: []string{"ab", ""}, stop: "END"},
		"a stop across pieces doesn't leak":             {stops: []string{"END"}, pieces: []string{"abE", "N", "Dcd", "x"}, want: []string{"ab", "", "", "", ""}, stop: "END"},
		"what only began like a stop comes later":       {stops: []string{"END"}, pieces: []string{"E", "N", "E", "x"}, want: []string{"", "", "EN", "Ex", ""}},
		"what began like a stop comes at Close":         {stops: []string{"END"}, pieces: []string{"aEN"}, want: []string{"a", "EN"}},
		"a stop may begin within its own beginning":     {stops: []string{"aab"}, pieces: []string{"a", "a", "a", "b"}, want: []string{"", "", "a", "", ""}, stop: "aab"},
		"a stop at the very start leaves nothing":       {stops: []string{"\n"}, pieces: []string{"\nabc"}, want: []string{"", ""}, stop: "\n"},
		"the first complete stop ends the text":         {stops: []string{"xbcd", "c"}, pieces: []string{"axbcd"}, want: []string{"axb", ""}, stop: "c"},
		"of stops with one end the longest counts":      {stops: []string{"c", "abc", "bc"}, pieces: []string{"ab", "c"}, want: []string{"", "", ""}, stop: "abc"},
		"an empty stop is none":                         {stops: []string{""}, pieces: []string{"a"}, want: []string{"a", ""}},
		"a stop of many bytes per character":            {stops: []string{"€"}, pieces: []string{"a\xe2\x82", "\xac"}, want: []string{"a", "", ""}, stop: "€"},
		"characters that begin like a stop pass":        {stops: []string{"€"}, pieces: []string{"\xe2\x82\xad"}, want: []string{"₭", ""}},
		"a stop of U+FFFD meets an invalid byte":        {stops: []string{"\ufffd"}, pieces: []string{"a\xff"}, want: []string{"a", ""}, stop: "\ufffd"},
		"a stop may be complete only at Close":          {stops: []string{"b\ufffd"}, pieces: []string{"ab\xe2"}, want: []string{"a", ""}, stop: "b\ufffd"},
		"a stop with invalid bytes is mended":           {stops: []string{"b\xff"}, pieces: []string{"ab\xfe"}, want: []string{"a", ""}, stop: "b\ufffd"},
		"a stop holds back an incomplete character too": {stops: []string{"\n\n"}, pieces: []string{"a\n\xe2", "\x82\xac"}, want: []string{"a", "\n€", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			a := New(c.stops)
			var got []string
			for _, p := range c.pieces {
				out, _ := a.Push([]byte(p))
				got = append(got, out)
			}
			if got = append(got, a.Close()); !slices.Equal(got, c.want) || a.Stop() != c.stop {
				t.Errorf("got %q and stop %q, want %q and %q", got, a.Stop(), c.want, c.stop)
			}
		})
	}
}

// spelled is the WHATWG UTF-8 decoder, step by step as the standard writes it.
func spelled(p string) string {
	var out []rune
	var point rune
	needed, low, high := 0, byte(0x80), byte(0xbf)
	for i := 0; i < len(p); i++ {
		b := p[i]
		if needed == 0 {
			point, needed, low, high = lead(b)
			if needed == 0 {
				out = append(out, point)
			}
			continue
		}
		if b < low || b > high {
			out, needed = append(out, utf8.RuneError), 0
			i-- // the byte is read again
			continue
		}
		low, high = 0x80, 0xbf
		point = point<<6 | rune(b&0x3f)
		if needed--; needed == 0 {
			out = append(out, point)
		}
	}
	if needed > 0 {
		out = append(out, utf8.RuneError)
	}
	return string(out)
}

func lead(b byte) (point rune, needed int, low, high byte) {
	low, high = 0x80, 0xbf
	switch {
	case b <= 0x7f:
		return rune(b), 0, low, high
	case b >= 0xc2 && b <= 0xdf:
		return rune(b & 0x1f), 1, low, high
	case b == 0xe0:
		return 0, 2, 0xa0, high
	case b == 0xed:
		return 0xd, 2, low, 0x9f
	case b >= 0xe1 && b <= 0xef:
		return rune(b & 0xf), 2, low, high
	case b == 0xf0:
		return 0, 3, 0x90, high
	case b == 0xf4:
		return 4, 3, low, 0x8f
	case b >= 0xf1 && b <= 0xf3:
		return rune(b & 7), 3, low, high
	}
	return utf8.RuneError, 0, low, high
}

// ended returns a whole text up to the stop that is complete first, and that stop.
func ended(text string, stops []string) (string, string) {
	from, end, met := len(text), len(text)+1, ""
	for _, stop := range stops {
		at := strings.Index(text, stop)
		if stop == "" || at < 0 {
			continue
		}
		if to := at + len(stop); to < end || to == end && at < from {
			from, end, met = at, to, stop
		}
	}
	return text[:from], met
}

// safe returns a text without what may be the beginning of a stop.
func safe(text string, stops []string) string {
	from := len(text)
	for _, stop := range stops {
		for n := range len(stop) {
			if strings.HasSuffix(text, stop[:n]) {
				from = min(from, len(text)-n)
			}
		}
	}
	return text[:from]
}

// whole returns the text of bytes without an incomplete character at their end.
func whole(p string) string {
	for n := range min(4, len(p)+1) {
		if !utf8.FullRuneInString(p[len(p)-n:]) && n > 0 {
			return spelled(p[:len(p)-n])
		}
	}
	return spelled(p)
}

type fataler interface{ Fatalf(string, ...any) }

// theCutDoesNotMatter pushes the pieces and compares every step with the naive
// answer for all bytes so far: neither more comes out nor less.
func theCutDoesNotMatter(t fataler, pieces, stops []string) {
	a, out, bytes := New(stops), "", ""
	for i, stop := range stops {
		stops[i] = spelled(stop)
	}
	for _, p := range pieces {
		got, stopped := a.Push([]byte(p))
		out, bytes = out+got, bytes+p
		want, met := ended(whole(bytes), stops)
		if met == "" {
			want = safe(want, stops)
		}
		wantText(t, out, want)
		if stopped != (met != "") || a.Stop() != met {
			t.Fatalf("after %q: stopped %t by %q, want %q", bytes, stopped, a.Stop(), met)
		}
		if stopped {
			break
		}
	}
	out += a.Close()
	want, met := ended(spelled(bytes), stops)
	wantText(t, out, want)
	if a.Stop() != met || a.Close() != "" {
		t.Fatalf("after Close: stop %q, want %q, and no text", a.Stop(), met)
	}
}

func wantText(t fataler, got, want string) {
	if got != want || !utf8.ValidString(got) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestAssembler(t *testing.T) {
	// Few letters, so that stops are met, and parts of characters, so that they break.
	part := rapid.SampledFrom([]string{"a", "b", "ab", "\xe2", "\x82", "\xac", "€", "\xf0\x9f", "😀", "\xff", "\ufffd", "\xed\xa0"})
	text := rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(part, 0, 4).Draw(t, "parts"), "") })
	rapid.Check(t, func(t *rapid.T) {
		theCutDoesNotMatter(t, rapid.SliceOf(text).Draw(t, "pieces"), rapid.SliceOfN(text, 0, 4).Draw(t, "stops"))
	})
}

func FuzzAssembler(f *testing.F) {
	f.Add("a\xe2\x82\xacEND", "END", "ab", uint8(2))
	f.Add("aaab\xf0\x9f", "aab", "\ufffd", uint8(1))
	f.Fuzz(func(t *testing.T, text, stop, other string, size uint8) {
		text, stop, other = text[:min(len(text), 500)], stop[:min(len(stop), 50)], other[:min(len(other), 50)] // the naive answer is slow
		var pieces []string
		for piece := range slices.Chunk([]byte(text), int(size)+1) {
			pieces = append(pieces, string(piece))
		}
		theCutDoesNotMatter(t, pieces, []string{stop, other})
	})
}

func TestPushAllocatesOnlyItsText(t *testing.T) {
	a, piece := New([]string{"</s>", "\n\nUser:"}), []byte("word ")
	if n := testing.AllocsPerRun(100, func() { a.Push(piece) }); n > 1 {
		t.Errorf("%g allocations a token", n)
	}
}

func BenchmarkPush(b *testing.B) {
	piece := []byte(" word")
	for name, stops := range map[string][]string{"no stops": nil, "four stops": {"</s>", "\n\n", "User:", "###"}} {
		b.Run(name, func(b *testing.B) {
			a := New(stops)
			b.ReportAllocs()
			for b.Loop() {
				a.Push(piece)
			}
		})
	}
}
