package sim

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/moltbot/moltbot/batching"
)

// Target is what a request must keep to count as goodput. Source: Zhong et al.,
// DistServe, OSDI 2024.
type Target struct {
	TTFT time.Duration // the first token came within
	ITL  time.Duration // the mean gap between tokens was at most
}

// Summary is how a class fared.
type Summary struct {
	Class            batching.Class
	Requests, Served int
	Refused          int // of the requests, those that were told to come back
	Broken           int // times that one was refused who came back when told to
	TTFT50, TTFT95   time.Duration
	ITL50, ITL99     time.Duration
	Goodput          float64 // requests a second that kept the target
}

// Summarise measures the classes, the highest first.
func Summarise(results []Result, t Target) []Summary {
	by := map[batching.Class][]*Result{}
	var end time.Duration
	for i := range results {
		r := &results[i]
		by[r.Job.Class] = append(by[r.Job.Class], r)
		end = max(end, r.End)
	}
	var all []Summary
	for class, list := range by {
		all = append(all, summary(class, list, t, end))
	}
	slices.SortFunc(all, func(a, b Summary) int { return cmp.Compare(b.Class, a.Class) })
	return all
}

func summary(class batching.Class, list []*Result, t Target, end time.Duration) Summary {
	s := Summary{Class: class, Requests: len(list)}
	var first, gaps []time.Duration
	good := 0
	for _, r := range list {
		s.Refused += min(1, r.Refused)
		s.Broken += max(0, r.Refused-1)
		if r.End == 0 {
			continue
		}
		s.Served++
		first, gaps = append(first, r.TTFT()), append(gaps, r.Gaps...)
		if r.TTFT() <= t.TTFT && (r.End-r.Start) <= t.ITL*time.Duration(len(r.Gaps)) {
			good++
		}
	}
	s.TTFT50, s.TTFT95 = percentile(first, 50), percentile(first, 95)
	s.ITL50, s.ITL99 = percentile(gaps, 50), percentile(gaps, 99)
	s.Goodput = float64(good) / max(1e-9, end.Seconds())
	return s
}

// percentile returns the least value that so many of a hundred are not above.
func percentile(values []time.Duration, p int) time.Duration {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[(len(values)*p+99)/100-1]
}

// Table prints a line for each class of each run.
type Table struct{ tw *tabwriter.Writer }

// NewTable begins a table on w.
func NewTable(w io.Writer) *Table {
	t := &Table{tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)}
	fmt.Fprintln(t.tw, "policy\tclass\tserved\trefused\tbroken\tTTFT p50\tp95\tITL p50\tp99\tgoodput/s\t")
	return t
}

// Add writes the classes of a run.
func (t *Table) Add(policy string, classes []Summary) {
	for _, s := range classes {
		fmt.Fprintf(t.tw, "%s\t%d\t%d\t%d\t%d\t%v\t%v\t%v\t%v\t%.2f\t\n", policy, s.Class, s.Served, s.Refused, s.Broken,
			short(s.TTFT50), short(s.TTFT95), short(s.ITL50), short(s.ITL99), s.Goodput)
	}
}

func short(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// Flush ends the table.
func (t *Table) Flush() error { return t.tw.Flush() }
