package engine

import (
	"time"

	"github.com/moltbot/moltbot/kvcache"
)

// Reuse counts prompt tokens of requests that started, by where they came from.
type Reuse struct {
	Prompt int64 // all
	Shared int64 // from cells that another request held or left
	RAM    int64
	Disk   int64
	Saved  time.Duration // that computing them would have taken, as far as steps can be predicted
}

// add counts a first start with what it opened.
func (r *Reuse) add(prompt int, o kvcache.Opened, saved time.Duration) {
	r.Prompt += int64(prompt)
	r.Shared += int64(o.Shared)
	r.RAM += int64(o.RAM)
	r.Disk += int64(o.Disk)
	r.Saved += saved
}
