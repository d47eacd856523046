package main

import (
	"context"
	"strings"
	"testing"

	"github.com/moltbot/moltbot/engine/embed"
	"github.com/moltbot/moltbot/engine/enginetest"
	"github.com/moltbot/moltbot/internal/config"
	"github.com/moltbot/moltbot/models"
	"github.com/moltbot/moltbot/models/gguf"
)

func TestEncoderPlanResolvesWhatIsLeftToTheModel(t *testing.T) {
	for _, c := range []struct {
		rule               string
		ctx, trained, want int
	}{
		{"the trained length is the context", 0, 512, 512},
		{"a long trained length is bounded", 0, 32768, 8192},
		{"a context that is asked for is given", 128, 512, 128},
	} {
		t.Run(c.rule, func(t *testing.T) {
			cfg := config.Default()
			cfg.Rerank = config.Rerank{Model: "x", Alias: "house", Ctx: c.ctx}
			p := newEncoderPlan(cfg, rerank, &gguf.Model{Path: "/srv/ranks.gguf", Context: c.trained})
			if p.cfg.Ctx != c.want || p.info.ID != "house" || p.model.Threads < 1 {
				t.Errorf("got %+v", p)
			}
		})
	}
}

func TestEncodersOfTheOtherRoleAreRefused(t *testing.T) {
	for _, c := range []struct {
		role    role
		pooling gguf.Pooling
		want    string
	}{
		{embedding, gguf.PoolingMean, ""},
		{embedding, gguf.PoolingLast, ""},
		{rerank, gguf.PoolingRank, ""},
		{embedding, gguf.PoolingRank, "name it with --rerank-model"},
		{rerank, gguf.PoolingCLS, "name it with --embedding-model"},
	} {
		err := c.role.suits(&gguf.Model{Path: "x.gguf", Pooling: c.pooling})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, pooling %d: %v", c.role.name, c.pooling, err)
		}
	}
}

func TestTooLittleMemoryForAnEncoder(t *testing.T) {
	p := encoderPlan{role: embedding, need: gguf.Need{Weights: 100e6}}
	p.info.ID, p.cfg.Ctx = "big", 512
	if p.fits(100e6) != nil || p.fits(-1) != nil {
		t.Error("it fits to the byte, and unknown memory is no reason")
	}
	want := "too little memory: big needs 100.0 MB for texts of 512 tokens, 99.0 MB are free; try a smaller embedding.ctx or a smaller model"
	if err := p.fits(99e6); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestNoTwoModelsHaveOneName(t *testing.T) {
	toy := enginetest.NewEmbedToy(t, embed.Shape{Width: 1, Context: 1, Rows: 1, Seqs: 1})
	m := models.NewLocalEmbedder(models.Info{ID: "one"}, embed.New(toy, embed.Config{Queue: 1}), enginetest.Vocab{})
	var s shelf
	s.putEmbedder(m)
	defer s.close(context.Background())
	if err := s.free("other"); err != nil {
		t.Error(err)
	}
	if err := s.free("one"); err == nil || !strings.Contains(err.Error(), "embedding.alias") {
		t.Errorf("got %v", err)
	}
}

func TestProbeKnowsItsRoles(t *testing.T) {
	if got := command(t, process{}, "probe", "nothing"); got.code != 2 || !strings.Contains(got.err, "embedding, rerank or nothing") {
		t.Errorf("got %+v", got)
	}
}
