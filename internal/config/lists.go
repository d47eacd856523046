package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"
	"strings"
)

// list is a value that a file may write as a YAML list; it is read from JSON then.
type list interface{ isList() }

func (Prompts) isList()   {}
func (Shares) isList()    {}
func (Endpoints) isList() {}
func (Adapters) isList()  {}

// Shares are proportions: numbers between commas.
type Shares string

// List returns the numbers.
func (s Shares) List() (shares []float64) {
	for word := range words(string(s)) {
		n, _ := strconv.ParseFloat(word, 64) // UnmarshalText has read it before
		shares = append(shares, n)
	}
	return shares
}

// UnmarshalText reads numbers between commas, or as a JSON list.
func (s *Shares) UnmarshalText(text []byte) error {
	var all []string
	sum := 0.
	for word := range words(unlisted(text)) {
		n, err := strconv.ParseFloat(word, 64)
		if err != nil || n < 0 || n > math.MaxFloat32 {
			return fmt.Errorf("%q is not a share: write numbers that are not negative, like 3,1", word)
		}
		all, sum = append(all, word), sum+n
	}
	if len(all) > 0 && sum == 0 {
		return errors.New("one share at least must be above 0")
	}
	*s = Shares(strings.Join(all, ","))
	return nil
}

// Endpoints are TCP addresses between commas.
type Endpoints string

// List returns the addresses.
func (e Endpoints) List() (all []string) {
	for word := range words(string(e)) {
		all = append(all, word)
	}
	return all
}

// UnmarshalText reads addresses between commas, or as a JSON list.
func (e *Endpoints) UnmarshalText(text []byte) error {
	var all []string
	for word := range words(unlisted(text)) {
		var a Address
		if err := a.UnmarshalText([]byte(word)); err != nil {
			return err
		}
		host, port, _ := net.SplitHostPort(word)
		if host == "" || port == "0" {
			return fmt.Errorf("%q is no server: write its host and its port", word)
		}
		all = append(all, word)
	}
	*e = Endpoints(strings.Join(all, ","))
	return nil
}

// unlisted takes a JSON list of numbers or strings apart: what stands between commas.
func unlisted(text []byte) string {
	var items []any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if !bytes.HasPrefix(text, []byte("[")) || d.Decode(&items) != nil {
		return string(text)
	}
	all := make([]string, len(items))
	for i, item := range items {
		all[i] = fmt.Sprint(item)
	}
	return strings.Join(all, ",")
}

// words yields what stands between commas, without blanks.
func words(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for word := range strings.SplitSeq(text, ",") {
			if word = strings.TrimSpace(word); word != "" && !yield(word) {
				return
			}
		}
	}
}
