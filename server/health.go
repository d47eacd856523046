package server

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/models"
	"github.com/moltbot/moltbot/server/openai"
)

// healthBody is what /health says: alive, and busy with how much.
type healthBody struct {
	Status  string `json:"status"`
	Running int    `json:"running"` // requests that are computed
	Waiting int    `json:"waiting"` // requests that are not, yet or for the moment
	Cells   cells  `json:"kv_cells"`
	Cache   cache  `json:"prefix_cache"`
}

// cache is what is kept of prompts, and what that was good for since the start.
type cache struct {
	Blobs     int     `json:"blobs"`
	RAMBytes  int64   `json:"ram_bytes"`
	DiskBytes int64   `json:"disk_bytes"`
	Prompt    int64   `json:"prompt_tokens"` // of requests that started
	Shared    int64   `json:"shared_tokens"` // of these, from cells of another request
	RAM       int64   `json:"ram_tokens"`    // from RAM
	Disk      int64   `json:"disk_tokens"`   // from disk
	Saved     float64 `json:"saved_seconds"` // of computing, about
}

type cells struct {
	Held int `json:"held"` // by running requests
	Idle int `json:"idle"` // kept prefixes
	Free int `json:"free"`
}

// health answers as long as the process can.
func (s *Server) health(c echo.Context) error {
	body := healthBody{Status: "ok"}
	for _, m := range s.opt.Catalogue.List() {
		if l, ok := m.(models.Loader); ok {
			body.add(l.Load())
		}
	}
	if s.opt.Embedders != nil {
		for _, m := range s.opt.Embedders.ListEmbedders() {
			if l, ok := m.(models.Loader); ok {
				body.add(l.Load())
			}
		}
	}
	return c.JSON(http.StatusOK, body)
}

func (b *healthBody) add(l engine.Load) {
	b.Running += l.Running
	b.Waiting += l.Waiting
	b.Cells.Held += l.Cells.Held
	b.Cells.Idle += l.Cells.Idle
	b.Cells.Free += l.Cells.Free
	b.Cache.add(l)
}

func (c *cache) add(l engine.Load) {
	c.Blobs += l.Cells.Blobs
	c.RAMBytes += l.Cells.RAM
	c.DiskBytes += l.Cells.Disk
	c.Prompt += l.Reuse.Prompt
	c.Shared += l.Reuse.Shared
	c.RAM += l.Reuse.RAM
	c.Disk += l.Reuse.Disk
	c.Saved += l.Reuse.Saved.Seconds()
}

// ready answers 503 while requests would not be served: before the model is
// loaded and after Shutdown began.
func (s *Server) ready(c echo.Context) error {
	if err := s.refusal(); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{"status": "ready"})
}

// refusal says why requests are not served now; nil: they are.
func (s *Server) refusal() error {
	if s.gate.isClosed() {
		return engine.ErrClosed
	}
	if err := s.opt.Ready(); err != nil {
		return openai.Unavailable("not_ready", "The server is not ready: "+err.Error()+".", time.Second)
	}
	return nil
}
