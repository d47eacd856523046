package config

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseSize(t *testing.T) {
	for _, c := range []struct {
		rule, text string
		want       Size
	}{
		{"GiB counts in powers of 1024", "16GiB", 16 << 30},
		{"GB counts in powers of 1000", "16GB", 16e9},
		{"MiB", "512MiB", 512 << 20},
		{"a B alone is bytes", "7B", 7},
		{"letters may be small", "2gib", 2 << 30},
		{"a space may stand before the unit", "2 GiB", 2 << 30},
		{"the largest number of bytes", "9223372036854775807B", math.MaxInt64},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got, err := ParseSize(c.text); err != nil || got != c.want {
				t.Errorf("%q is %d, %v; want %d", c.text, got, err, c.want)
			}
		})
	}
}

func TestParseSizeRefuses(t *testing.T) {
	for rule, text := range map[string]string{
		"nothing":                   "",
		"a number without a unit":   "16",
		"a unit without a number":   "GiB",
		"an unclear unit":           "16G",
		"a fraction":                "1.5GiB",
		"a negative size":           "-1GiB",
		"more than fits":            "9223372036854775808B",
		"more than fits, by factor": "8388608TiB",
	} {
		t.Run(rule, func(t *testing.T) {
			if got, err := ParseSize(text); err == nil {
				t.Errorf("%q passed as %d", text, got)
			}
		})
	}
}

func FuzzParseSize(f *testing.F) {
	for _, seed := range []string{"16GiB", "16GB", "0B", "1.5GiB", "9223372036854775807B", " 1 KB", "١GiB"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		size, err := ParseSize(text)
		if err != nil {
			return
		}
		if again, err := ParseSize(size.String()); err != nil || again != size {
			t.Errorf("%q is %d, written %q, read again %d, %v", text, size, size, again, err)
		}
	})
}

func TestWhatSizePrintsItReads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := Size(rapid.Int64Range(0, math.MaxInt64).Draw(t, "bytes"))
		if got, err := ParseSize(size.String()); err != nil || got != size {
			t.Fatalf("%s reads as %d, %v", size, got, err)
		}
	})
}

func TestDurationIsWrittenShort(t *testing.T) {
	for text, want := range map[string]string{
		"120s":    "2m",
		"3600s":   "1h",
		"90s":     "1m30s",
		"10s":     "10s",
		"0s":      "0s",
		"5400s":   "1h30m",
		"36000s":  "10h",
		"1h0m10s": "1h0m10s",
	} {
		d, err := ParseDuration(text)
		if err != nil || d.String() != want {
			t.Errorf("%s is written %s (%v), want %s", text, d, err, want)
		}
	}
}

func TestWhatDurationPrintsItReads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.SampledFrom([]time.Duration{1, time.Millisecond, time.Second, time.Minute, time.Hour}).Draw(t, "unit")
		d := Duration(unit * time.Duration(rapid.Int64Range(0, 1e5).Draw(t, "count")))
		if got, err := ParseDuration(d.String()); err != nil || got != d {
			t.Fatalf("%s reads as %d, %v", d, got, err)
		}
	})
}

func TestNearestName(t *testing.T) {
	keys := []string{"listen", "body_limit", "idle_timeout", "api_key_file"}
	for _, c := range []struct{ rule, name, want string }{
		{"a missing letter", "lisen", ", did you mean 'listen'?"},
		{"two letters swapped", "lsiten", ", did you mean 'listen'?"},
		{"another case of letters", "IDLE_TIMEOUT", ", did you mean 'idle_timeout'?"},
		{"nothing near", "colour", ""},
		{"nothing at all", "", ""},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got := didYouMean(c.name, keys); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
