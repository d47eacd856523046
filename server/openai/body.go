package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
)

// maxDepth is how deep arrays and objects of a body may nest. Schemas and
// conversations stay far below it.
const maxDepth = 64

// readBody returns the body of a request as a JSON object, checked so that
// nothing of it is lost or changed by decoding.
func readBody(c echo.Context) (object, error) {
	r := c.Request()
	if err := checkMedia(r.Header); err != nil {
		return object{}, err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return object{}, cutBody(err)
	}
	// The time limit was for the body; now the connection is watched for the client's leaving.
	if err := http.NewResponseController(c.Response()).SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return object{}, fmt.Errorf("lifting the read deadline: %w", err)
	}
	return parseBody(body)
}

// checkMedia refuses anything but JSON in UTF-8. No Content-Type at all is taken for it.
func checkMedia(h http.Header) error {
	if enc := h.Get(echo.HeaderContentEncoding); enc != "" && !strings.EqualFold(enc, "identity") {
		return Invalid(http.StatusUnsupportedMediaType, "", "unsupported_encoding", "Unsupported Content-Encoding '%s': send the body as it is.", shorten(enc))
	}
	given := h.Get(echo.HeaderContentType)
	if given == "" {
		return nil
	}
	media, params, err := mime.ParseMediaType(given)
	charset, ok := params["charset"]
	if err != nil || media != echo.MIMEApplicationJSON || ok && !strings.EqualFold(charset, "utf-8") {
		return Invalid(http.StatusUnsupportedMediaType, "", "unsupported_media_type", "Unsupported Content-Type '%s': send application/json.", shorten(given))
	}
	return nil
}

// cutBody explains a body that did not arrive.
func cutBody(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return err
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return Invalid(http.StatusRequestTimeout, "", "request_timeout", "The request body did not arrive in time.")
	}
	return badRequest("", "incomplete_body", "The request body ended early.")
}

// parseBody checks the bytes and opens the object that they are.
func parseBody(body []byte) (object, error) {
	if !utf8.Valid(body) {
		return object{}, unparsable("it is not valid UTF-8")
	}
	if err := checkNesting(body); err != nil {
		return object{}, err
	}
	var any json.RawMessage
	if err := json.Unmarshal(body, &any); err != nil {
		return object{}, unparsable(strings.TrimPrefix(err.Error(), "json: "))
	}
	root := value{raw: any, first: new(firstMistake)}
	o := root.object()
	return o, root.first.err()
}

func unparsable(why string) error {
	return badRequest("", "invalid_json", "We could not parse the JSON body of your request: %s.", why)
}

// checkNesting refuses bottomless nesting and lone surrogates, which decoding
// would replace silently. What else is wrong is left to the decoder.
func checkNesting(body []byte) error {
	depth := 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case '"':
			n, ok := stringLen(body[i:])
			if !ok {
				return unparsable("a string holds a lone surrogate")
			}
			i += n - 1
		}
		if depth > maxDepth {
			return unparsable(fmt.Sprintf("it nests deeper than %d levels", maxDepth))
		}
	}
	return nil
}

// stringLen returns the length in bytes of the JSON string that s begins with,
// both quotes included; ok is false when it holds half of a surrogate pair.
func stringLen(s []byte) (n int, ok bool) {
	for n = 1; n < len(s) && s[n] != '"'; {
		step := 1
		if s[n] == '\\' {
			if step, ok = escapeLen(s[n:]); !ok {
				return n, false
			}
		}
		n += step
	}
	return min(n+1, len(s)), true
}

// escapeLen returns the length of the escape that s begins with; a pair of
// surrogates is one escape. A malformed escape is left to the decoder.
func escapeLen(s []byte) (n int, ok bool) {
	r := hex4(s)
	if !utf16.IsSurrogate(r) {
		return 2, true
	}
	return 12, utf16.DecodeRune(r, hex4(s[6:])) != utf8.RuneError
}

// hex4 reads \uXXXX at the start of s; 0 when there is none.
func hex4(s []byte) rune {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0
	}
	n, err := strconv.ParseUint(string(s[2:6]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(n)
}
