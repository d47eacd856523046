package openapitest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/moltbot/moltbot/server/openapi/openapitest"
)

const document = `{
	"paths": {"/a/{id}": {
		"get": {"responses": {"200": {
			"headers": {"x-request-id": {"required": true, "schema": {"type": "string", "pattern": "^r"}}, "retry-after": {"schema": {"type": "integer"}}},
			"content": {
				"application/json": {"schema": {"$ref": "#/components/schemas/A"}},
				"text/event-stream": {"x-itemSchema": {"$ref": "#/components/schemas/A"}, "x-end": "[DONE]"}}}}},
		"post": {
			"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}},
			"responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}}}}}},
	"components": {"schemas": {
		"A": {"type": "object", "required": ["type"], "properties": {"type": {"type": "string"}}},
		"Error": {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}}}
}`

// said is an answer, and the request that it answers.
type said struct {
	method, path, asked string
	status              int
	headers             map[string]string
	body                string
}

// reports returns what a watched client finds about an answer.
func reports(t *testing.T, s said) (found []error) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range s.headers {
			w.Header().Set(name, value)
		}
		w.WriteHeader(s.status)
		_, _ = io.WriteString(w, s.body)
	}))
	defer server.Close()
	d, err := openapitest.Parse([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: d.Watch(server.Client().Transport, func(err error) { found = append(found, err) })}
	req, err := http.NewRequest(s.method, server.URL+s.path, strings.NewReader(s.asked))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.ReadAll(answer.Body); err != nil {
		t.Fatal(err)
	}
	return found
}

func headers(media string, more ...string) map[string]string {
	h := map[string]string{"Content-Type": media, "X-Request-Id": "r1"}
	for i := 0; i < len(more); i += 2 {
		h[more[i]] = more[i+1]
	}
	return h
}

func TestWatch(t *testing.T) {
	const json, stream = "application/json", "text/event-stream"
	for _, c := range []struct {
		rule string
		said said
		want string // in the report; "": there is none
	}{
		{"as described", said{"GET", "/a/1", "", 200, headers(json), `{"type": "a"}`}, ""},
		{"another status", said{"GET", "/a/1", "", 404, headers(json), `{"error": "e"}`}, "status 404 is not described"},
		{"another media type", said{"GET", "/a/1", "", 200, headers("text/plain"), `a`}, `"text/plain" is not described`},
		{"a field too few", said{"GET", "/a/1", "", 200, headers(json), `{}`}, "missing property 'type'"},
		{"a field too many", said{"GET", "/a/1", "", 200, headers(json), `{"type": "a", "b": 1}`}, "additional properties 'b'"},
		{"no JSON", said{"GET", "/a/1", "", 200, headers(json), `{`}, "no JSON"},
		{"a header is missing", said{"GET", "/a/1", "", 200, map[string]string{"Content-Type": json}, `{"type": "a"}`}, "x-request-id is missing"},
		{"a header of another form", said{"GET", "/a/1", "", 200, headers(json, "X-Request-Id", "q"), `{"type": "a"}`}, "does not match pattern"},
		{"a header that is a number", said{"GET", "/a/1", "", 200, headers(json, "Retry-After", "7"), `{"type": "a"}`}, ""},
		{"a header that should be one", said{"GET", "/a/1", "", 200, headers(json, "Retry-After", "soon"), `{"type": "a"}`}, "header retry-after"},
		{"an unknown path with an error", said{"GET", "/b", "", 404, headers(json), `{"error": "e"}`}, ""},
		{"an unknown path with another body", said{"GET", "/b", "", 404, headers(json), `no`}, "no JSON"},
		{"an unknown path that is served", said{"GET", "/b", "", 200, headers(json), `{}`}, "is not described"},
		{"a request with more fields", said{"POST", "/a/1", `{"type": "a", "b": 1}`, 200, headers(json), `{"type": "a"}`}, ""},
		{"a request that is not described", said{"POST", "/a/1", `{"type": 1}`, 200, headers(json), `{"type": "a"}`}, "a request was served that is not described"},
		{"a stream", said{"GET", "/a/1", "", 200, headers(stream), ": life\n\ndata: {\"type\":\"a\"}\n\nevent: b\ndata: {\"type\":\"b\"}\n\ndata: [DONE]\n\n"}, ""},
		{"a stream without its end", said{"GET", "/a/1", "", 200, headers(stream), "data: {\"type\":\"a\"}\n\n"}, "not with [DONE]"},
		{"an event that is not described", said{"GET", "/a/1", "", 200, headers(stream), "data: {}\n\ndata: [DONE]\n\n"}, "missing property 'type'"},
		{"an event by another name", said{"GET", "/a/1", "", 200, headers(stream), "event: b\ndata: {\"type\":\"a\"}\n\ndata: [DONE]\n\n"}, "its name is not its type"},
		{"a line that is no event's", said{"GET", "/a/1", "", 200, headers(stream), "id: 1\n\ndata: [DONE]\n\n"}, "does not belong"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			found := reports(t, c.said)
			if c.want == "" && len(found) > 0 || c.want != "" && (len(found) != 1 || !strings.Contains(found[0].Error(), c.want)) {
				t.Errorf("got %v, want %q", found, c.want)
			}
		})
	}
}
