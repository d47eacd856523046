package openai

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseBody(t *testing.T) {
	nested := func(depth int) string {
		return `{"a":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + "}"
	}
	for _, c := range []struct{ rule, body, complaint string }{
		{"an object is read", ` {"a": 1} `, ""},
		{"an empty body is refused", ``, "unexpected end"},
		{"a truncated body is refused", `{"a": "b`, "unexpected end"},
		{"trailing garbage is refused", `{"a": 1} x`, "after top-level value"},
		{"a second object is refused", `{"a": 1}{"a": 2}`, "after top-level value"},
		{"an array is no request", `[]`, "expected an object, but got an array"},
		{"null is no request", `null`, "expected an object, but got null"},
		{"a string is no request", `"{}"`, "expected an object, but got a string"},
		{"bytes that are not UTF-8 are refused", "{\"a\": \"\xff\"}", "not valid UTF-8"},
		{"a high surrogate alone is refused", `{"a": "\ud800"}`, "lone surrogate"},
		{"a low surrogate alone is refused", `{"a": "\udc00"}`, "lone surrogate"},
		{"surrogates in the wrong order are refused", `{"a": "\udc00\ud800"}`, "lone surrogate"},
		{"a surrogate before another escape is refused", `{"a": "\ud83d\n"}`, "lone surrogate"},
		{"a lone surrogate in a name is refused", `{"\uD800": 1}`, "lone surrogate"},
		{"a pair of surrogates is one character", `{"a": "\ud83d\ude00"}`, ""},
		{"an escaped backslash starts no escape", `{"a": "\\ud800"}`, ""},
		{"brackets in strings do not nest", `{"a": "` + strings.Repeat("[", 100) + `"}`, ""},
		{"64 levels are read", nested(64), ""},
		{"65 levels are too deep", nested(65), "deeper than 64"},
		{"bottomless nesting is refused", `{"a":` + strings.Repeat("[", 1<<20), "deeper than 64"},
		{"an escape cut short is refused", `{"a": "\u12`, "could not parse"},
		{"a number with a leading zero is refused", `{"a": 01}`, "invalid character"},
		{"NaN is no number", `{"a": NaN}`, "invalid character"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			_, err := parseBody([]byte(c.body))
			wantComplaint(t, err, http.StatusBadRequest, c.complaint)
		})
	}
}

// wantComplaint checks that err is an Error with that status which says that; nil for no complaint.
func wantComplaint(t *testing.T, err error, status int, says string) {
	t.Helper()
	if says == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	e, ok := err.(*Error)
	if !ok || e.Status != status || !strings.Contains(e.Message, says) {
		t.Errorf("got %v, want a %d that says %q", err, status, says)
	}
}

func TestMediaTypes(t *testing.T) {
	for _, c := range []struct{ rule, media, encoding, complaint string }{
		{"JSON is read", "application/json", "", ""},
		{"JSON in UTF-8 is read", "application/json; charset=UTF-8", "", ""},
		{"no Content-Type is taken for JSON", "", "", ""},
		{"identity is no encoding", "application/json", "identity", ""},
		{"forms are refused", "application/x-www-form-urlencoded", "", "Content-Type"},
		{"multipart is refused", "multipart/form-data; boundary=x", "", "Content-Type"},
		{"JSON in UTF-16 is refused", "application/json; charset=utf-16", "", "Content-Type"},
		{"a malformed type is refused", "application/json;;=", "", "Content-Type"},
		{"a compressed body is refused", "application/json", "gzip", "Content-Encoding"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			h := http.Header{}
			if c.media != "" {
				h.Set("Content-Type", c.media)
			}
			h.Set("Content-Encoding", c.encoding)
			wantComplaint(t, checkMedia(h), http.StatusUnsupportedMediaType, c.complaint)
		})
	}
}

// What is accepted decodes to the very text that was sent: nothing is replaced.
func TestNoTextIsChanged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		body, err := json.Marshal(map[string]string{"a": text})
		if err != nil {
			t.Fatal(err)
		}
		o, err := parseBody(body)
		if err != nil {
			t.Fatalf("refused %s: %v", body, err)
		}
		if got := o.get("a").str(); got != text {
			t.Errorf("sent %q, read %q", text, got)
		}
	})
}

func TestLastOfTwoNamesCounts(t *testing.T) {
	o, err := parseBody([]byte(`{"a": "first", "a": "last"}`))
	if err != nil || o.get("a").str() != "last" {
		t.Errorf("got %q, %v", o.get("a").str(), err)
	}
}
