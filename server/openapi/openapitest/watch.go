package openapitest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Watch returns a transport that reports each exchange which isn't as described,
// when its answer has been read or closed.
func (d *Description) Watch(base http.RoundTripper, report func(error)) http.RoundTripper {
	return &watch{d, base, report}
}

type watch struct {
	*Description
	base   http.RoundTripper
	report func(error)
}

// CloseIdleConnections is what http.Client calls.
func (w *watch) CloseIdleConnections() {
	if c, ok := w.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func (w *watch) RoundTrip(r *http.Request) (*http.Response, error) {
	asked, err := body(r)
	if err != nil {
		return nil, err
	}
	answer, err := w.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	answer.Body = &watched{ReadCloser: answer.Body, done: func(said string, whole bool) {
		if err := w.check(exchange{r, asked, answer, said, whole}); err != nil {
			w.report(fmt.Errorf("%s %s is not as described: %w\nasked: %.500s\nsaid: %.500s", r.Method, r.URL.Path, err, asked, said))
		}
	}}
	return answer, nil
}

// body returns a request's body and leaves it in place; "" when it can be read only once.
func body(r *http.Request) (string, error) {
	if r.GetBody == nil {
		return "", nil
	}
	again, err := r.GetBody()
	if err != nil {
		return "", err
	}
	defer again.Close()
	b, err := io.ReadAll(again)
	return string(b), err
}

// watched is a body that tells once what was read of it.
type watched struct {
	io.ReadCloser
	said strings.Builder
	done func(said string, whole bool)
	told bool
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	w.said.Write(p[:n])
	if err != nil {
		w.tell(err == io.EOF)
	}
	return n, err
}

func (w *watched) Close() error {
	w.tell(false)
	return w.ReadCloser.Close()
}

func (w *watched) tell(whole bool) {
	if !w.told {
		w.told = true
		w.done(w.said.String(), whole)
	}
}
