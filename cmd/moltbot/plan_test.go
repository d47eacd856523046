package main

import (
	"testing"

	"github.com/moltbot/moltbot/internal/config"
	"github.com/moltbot/moltbot/models/gguf"
)

func TestPlanResolvesWhatIsLeftToTheModel(t *testing.T) {
	for _, c := range []struct {
		rule                     string
		ctx, cells, trained      int
		wantContext, wantKVCells int
	}{
		{"the trained length is the context", 0, 0, 2048, 2048, 2048},
		{"a long trained length is bounded", 0, 0, 131072, 8192, 8192},
		{"a context that is asked for is given", 32768, 0, 131072, 32768, 32768},
		{"the cache may be larger than the context", 1024, 4096, 2048, 1024, 4096},
		{"the cache holds at least one context", 0, 1024, 2048, 2048, 2048},
	} {
		t.Run(c.rule, func(t *testing.T) {
			cfg := config.Default().Model
			cfg.Ctx, cfg.KVCells = c.ctx, c.cells
			p := newPlan(cfg, &gguf.Model{Context: c.trained}, -1)
			if p.Ctx != c.wantContext || p.KVCells != c.wantKVCells || p.Threads < 1 {
				t.Errorf("got %d tokens, %d cells, %d threads", p.Ctx, p.KVCells, p.Threads)
			}
		})
	}
}

func TestNameOnTheWire(t *testing.T) {
	for _, c := range []struct{ rule, alias, path, want string }{
		{"the file's name without its extension", "", "/srv/SmolLM2-135M-Instruct.Q4_1.gguf", "SmolLM2-135M-Instruct.Q4_1"},
		{"a file without an extension", "", "/srv/model", "model"},
		{"an alias wins", "house", "/srv/model.gguf", "house"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got := nameOnTheWire(c.alias, c.path); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestEveryKVTypeHasASize(t *testing.T) {
	for _, name := range []string{"f32", "f16", "bf16", "q8_0", "q4_0"} {
		if _, err := config.Load(config.Sources{Env: []string{"MOLTBOT_MODEL_KV_TYPE=" + name}}); err != nil {
			t.Error(err)
		}
		if numberBytes[name] == 0 {
			t.Errorf("%s has no size", name)
		}
	}
}

func TestTooLittleMemoryIsSaidBeforeLoading(t *testing.T) {
	p := plan{need: gguf.Need{Weights: 800e6, KV: 150e6, Compute: 50e6}}
	p.KVCells, p.info.ID = 4096, "big"
	if err := p.fits(1000e6); err != nil {
		t.Errorf("it fits to the byte, got %v", err)
	}
	if err := p.fits(-1); err != nil {
		t.Errorf("unknown memory is no reason, got %v", err)
	}
	want := "too little memory: big needs 1000.0 MB (150.0 MB of it for 4096 tokens of context), 999.0 MB are free; try a smaller --ctx or a smaller model"
	if err := p.fits(999e6); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestQuotedIsOneWordForAShell(t *testing.T) {
	for text, want := range map[string]string{"plain": "'plain'", "it's": `'it'\''s'`, `$HOME "x"`: `'$HOME "x"'`} {
		if got := quoted(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestReachable(t *testing.T) {
	for _, c := range []struct{ rule, listen, want string }{
		{"an address is itself", "10.0.0.1:80", "10.0.0.1:80"},
		{"every interface is this machine", "0.0.0.0:80", "127.0.0.1:80"},
		{"no host is this machine", ":80", "127.0.0.1:80"},
		{"every interface of IPv6 is this machine", "[::]:80", "[::1]:80"},
		{"a name is itself", "localhost:80", "localhost:80"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got := reachable(c.listen); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
