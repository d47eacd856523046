package constrain

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Numbers that a schema states must be exact as float64 and short when spelled
// out: that is how bounds are turned into patterns of digits.
const (
	largest   = 1<<53 - 1 // up to it float64 keeps every whole number; clients state it as the bound of integers
	decimals  = 15        // after the point
	stepDigit = 9         // of multipleOf
)

// checkNumber refuses a number that could not be enforced exactly.
func checkNumber(n json.Number) error {
	f, err := n.Float64()
	if err != nil || math.Abs(f) > largest {
		return fmt.Errorf("the number %s is beyond ±(2^53-1)", quoted(n.String()))
	}
	text := strconv.FormatFloat(f, 'f', -1, 64)
	_, fraction, _ := strings.Cut(text, ".")
	if len(fraction) > decimals || exponent(n) {
		return fmt.Errorf("the number %s has more than %d decimals", quoted(n.String()), decimals)
	}
	exact, ok := new(big.Rat).SetString(text)
	if !ok || exact.Cmp(rational(n)) != 0 {
		return fmt.Errorf("the number %s has more digits than a float64 keeps", quoted(n.String()))
	}
	return nil
}

// exponent tells whether the exact value of n would be costly to compute: the
// float64 may be 0 where the exponent is far below.
func exponent(n json.Number) bool {
	i := strings.IndexAny(n.String(), "eE")
	if i < 0 {
		return false
	}
	e, err := strconv.Atoi(n.String()[i+1:])
	return err != nil || e < -1000 || e > 1000
}

func readNumber(name string) func(*reader, *schema, any, int) error {
	return func(_ *reader, s *schema, v any, _ int) error {
		n, ok := v.(json.Number)
		if !ok {
			return errors.New("it must be a number")
		}
		s.numbers[name] = n
		return checkNumber(n)
	}
}

func readMultipleOf(r *reader, s *schema, v any, depth int) error {
	if err := readNumber("multipleOf")(r, s, v, depth); err != nil {
		return err
	}
	f, _ := s.numbers["multipleOf"].Float64()
	digits := strings.Trim(strings.ReplaceAll(strconv.FormatFloat(f, 'f', -1, 64), ".", ""), "0")
	if f <= 0 || len(digits) > stepDigit {
		return fmt.Errorf("it must be greater than 0, with at most %d digits", stepDigit)
	}
	return nil
}

func readCount(name string, most int) func(*reader, *schema, any, int) error {
	return func(_ *reader, s *schema, v any, _ int) error {
		n, ok := v.(json.Number)
		if !ok {
			return errors.New("it must be a whole number")
		}
		f, err := n.Float64()
		if err != nil || f < 0 || f != math.Trunc(f) {
			return errors.New("it must be a whole number, 0 or more")
		}
		if f > float64(most) {
			return fmt.Errorf("more than %d can't be counted", most)
		}
		s.counts[name] = int(f)
		return nil
	}
}
