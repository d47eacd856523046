package kernel

import (
	"sync"
	"time"
)

// Limits of the buffer that is read: above the caches, below what a machine has to spare.
const (
	leastRead = 64 << 20
	mostRead  = 1 << 30
	passes    = 5
)

// Bandwidth returns the bytes per second that a plain loop on so many threads
// reads from as much memory as a step does, at its best of a few passes. What
// stays in a cache from pass to pass is read from there, as weights would be.
func Bandwidth(stepBytes int64, threads int) float64 {
	words := make([]uint64, min(max(stepBytes, leastRead), mostRead)/8)
	for i := range words {
		words[i] = uint64(i) // pages of zeros could be one and the same
	}
	best := time.Duration(1<<63 - 1)
	for range passes {
		best = min(best, read(words, threads))
	}
	return float64(8*len(words)) / best.Seconds()
}

// read adds up the words, a share on each thread, and returns how long that took.
func read(words []uint64, threads int) time.Duration {
	sums := make([]uint64, threads)
	share := (len(words) + threads - 1) / threads
	var wg sync.WaitGroup
	began := time.Now()
	for i := range threads {
		wg.Go(func() {
			from := min(i*share, len(words))
			sums[i] = sum(words[from:min(from+share, len(words))])
		})
	}
	wg.Wait()
	return time.Since(began)
}

// sum has eight chains, so that loads don't wait for additions.
func sum(words []uint64) uint64 {
	var s [8]uint64
	for ; len(words) >= 8; words = words[8:] {
		w := words[:8:8]
		s[0] += w[0]
		s[1] += w[1]
		s[2] += w[2]
		s[3] += w[3]
		s[4] += w[4]
		s[5] += w[5]
		s[6] += w[6]
		s[7] += w[7]
	}
	for _, w := range words {
		s[0] += w
	}
	return s[0] + s[1] + s[2] + s[3] + s[4] + s[5] + s[6] + s[7]
}
