package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/moltbot/moltbot/internal/config"
)

// page answers every request alike.
func page(t *testing.T, status int, header, value, body string) config.Address {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(header, value)
		w.WriteHeader(status)
		w.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	return config.Address(s.Listener.Addr().String())
}

func TestATakenPortIsExplained(t *testing.T) {
	for _, c := range []struct {
		rule  string
		taken config.Address
		want  string
	}{
		{"by a moltbot that serves", page(t, 200, "X", "", `{"data":[{"id":"m","owned_by":"moltbot"}]}`), "a moltbot answers there"},
		{"by a moltbot that wants a key", page(t, 401, "WWW-Authenticate", `Bearer realm="moltbot"`, ""), "a moltbot answers there"},
		{"by a moltbot that loads", page(t, 503, "X", "", `{"error":{"code":"not_ready"}}`), "a moltbot answers there"},
		{"by another server", page(t, 200, "X", "", `{"data":[]}`), "another program has it"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			_, err := listen(t.Context(), c.taken)
			want := "port " + portOf(c.taken) + " is in use: " + c.want + "; choose another with --listen"
			if err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			pt := &patient{cfg: config.Default()}
			pt.cfg.Server.Listen = c.taken
			isOurs := strings.HasPrefix(c.want, "a moltbot")
			if f := checkPort(t.Context(), pt); (f.Status == "ok") != isOurs {
				t.Errorf("the doctor says %+v", f)
			}
		})
	}
}

func TestASilentProgramOnThePortHoldsNobodyUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // as after the time that asking may take
	if _, err := listen(ctx, config.Address(l.Addr().String())); err == nil || !strings.Contains(err.Error(), "another program") {
		t.Errorf("got %v", err)
	}
}

func TestAnAddressOfAnotherMachineIsRefusedInOneLine(t *testing.T) {
	_, err := listen(t.Context(), "192.0.2.1:8080")
	if err == nil || !strings.HasSuffix(err.Error(), "; choose another address with --listen") {
		t.Errorf("got %v", err)
	}
}

func TestAFreePortIsTaken(t *testing.T) {
	l, err := listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	pt := &patient{cfg: config.Default()}
	pt.cfg.Server.Listen = config.Address(l.Addr().String())
	if f := checkPort(t.Context(), pt); f.Status != "ok" {
		t.Errorf("got %+v", f)
	}
}
