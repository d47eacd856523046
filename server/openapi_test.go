package server_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/moltbot/moltbot/server"
	"github.com/moltbot/moltbot/server/openapi"
	"github.com/moltbot/moltbot/server/openapi/openapitest"
)

// described is what the server says of itself. Each answer of each test is held against it.
var described = sync.OnceValues(func() (*openapitest.Description, error) {
	document, err := openapi.Description("test")
	if err != nil {
		return nil, err
	}
	return openapitest.Parse(document)
})

func description(t testing.TB) *openapitest.Description {
	t.Helper()
	d, err := described()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// watched is a transport that fails the test when something isn't as described.
func watched(t testing.TB, base http.RoundTripper) http.RoundTripper {
	t.Helper()
	return description(t).Watch(base, func(err error) { t.Error(err) })
}

func TestTheDescriptionHasTheRoutesOfTheServer(t *testing.T) {
	var routes, told []string
	for _, r := range server.New(server.Options{}).Handler().(*echo.Echo).Routes() {
		routes = append(routes, r.Method+" "+strings.NewReplacer(":id", "{id}", "*", "{model}").Replace(r.Path))
	}
	for _, o := range description(t).Operations() {
		told = append(told, o.Method+" "+o.Path)
	}
	slices.Sort(routes)
	slices.Sort(told)
	if !slices.Equal(routes, told) {
		t.Errorf("the server has\n%s\nthe description\n%s", strings.Join(routes, "\n"), strings.Join(told, "\n"))
	}
}

func TestTheServerDescribesItself(t *testing.T) {
	r := start(t, func(c *config) { c.server.Keys = []string{"k"} })
	var doc struct{ Info struct{ Version string } }
	a := r.do("GET", "/openapi.json", "")
	if err := json.Unmarshal([]byte(a.body), &doc); err != nil || doc.Info.Version != "test" {
		t.Errorf("%d %v %s", a.status, err, a.body)
	}
}

func TestTheDocsNeedNoOtherHost(t *testing.T) {
	a := start(t, func(c *config) { c.server.Keys = []string{"k"} }).do("GET", "/docs", "")
	if a.status != 200 || strings.Contains(a.body, "://") || !strings.Contains(a.body, `fetch("openapi.json")`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	policy := a.header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'; connect-src 'self'") || strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is %s", policy)
	}
}
