package server_test

import (
	"context"
	"encoding/json"
	"testing"
)

// health is what /health says.
type health struct {
	Status           string
	Running, Waiting int
	Cells            struct{ Held, Idle, Free int } `json:"kv_cells"`
}

func (r *rig) health() (h health) {
	r.t.Helper()
	if a := r.do("GET", "/health", ""); a.status != 200 || json.Unmarshal([]byte(a.body), &h) != nil {
		r.t.Fatalf("%d %s", a.status, a.body)
	}
	return h
}

func TestHealthTellsTheLoad(t *testing.T) {
	r := start(t, slow)
	all := r.health()
	if all.Status != "ok" || all.Running != 0 || all.Cells.Free == 0 {
		t.Errorf("before the first request: %+v", all)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, closer := r.begun(ctx, `, "max_tokens": 2000`)
	defer closer.Close()
	r.until("one request runs and holds cells", func() bool { h := r.health(); return h.Running == 1 && h.Cells.Held > 0 })
	cancel()
	r.until("a cancelled request holds nothing", func() bool { h := r.health(); return h.Running == 0 && h.Cells.Held == 0 })
}
