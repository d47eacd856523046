package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes, written "16GiB", "16GB" or "512MiB".
type Size int64

// Sizes with a name: powers of 1024 and of 1000.
const (
	KiB Size = 1 << 10
	MiB Size = 1 << 20
	GiB Size = 1 << 30
	TiB Size = 1 << 40
	KB  Size = 1e3
	MB  Size = 1e6
	GB  Size = 1e9
	TB  Size = 1e12
)

// sizeUnits is ordered for printing: the first that divides a size names it.
var sizeUnits = []struct {
	name string
	size Size
}{
	{"TiB", TiB},
	{"GiB", GiB},
	{"MiB", MiB},
	{"KiB", KiB},
	{"TB", TB},
	{"GB", GB},
	{"MB", MB},
	{"kB", KB},
	{"B", 1},
}

// ParseSize reads a whole number of bytes with its unit, in any case of
// letters; 0 needs none. Errors tell how a size is written.
func ParseSize(text string) (Size, error) {
	if text == "0" {
		return 0, nil
	}
	unit := strings.TrimLeft(text, "0123456789")
	digits := strings.TrimSuffix(text, unit)
	factor, ok := sizeUnit(strings.TrimSpace(unit))
	if !ok || digits == "" {
		return 0, fmt.Errorf("%q is not a size: write a whole number and a unit, like 512MiB or 16GB", text)
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n > math.MaxInt64/int64(factor) {
		return 0, fmt.Errorf("%q is more bytes than can be counted", text)
	}
	return Size(n) * factor, nil
}

func sizeUnit(name string) (Size, bool) {
	for _, u := range sizeUnits {
		if strings.EqualFold(u.name, name) {
			return u.size, true
		}
	}
	return 0, false
}

// String writes the size in the largest unit that divides it, so that ParseSize reads the same back.
func (s Size) String() string {
	for _, u := range sizeUnits {
		if s != 0 && s%u.size == 0 {
			return fmt.Sprintf("%d%s", int64(s/u.size), u.name)
		}
	}
	return "0B"
}

// MarshalText is String.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is ParseSize; files, environment and flags all call it.
func (s *Size) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSize(string(text))
	return err
}
