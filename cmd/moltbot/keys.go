package main

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/moltbot/moltbot/server/openai"
)

// apiKeys is the content of an API key file.
type apiKeys struct {
	keys    []string
	tiers   map[string]string // the highest service_tier of a key, where the file names one
	warning string            // what the operator should mend; may be empty
}

// readKeys reads one key per line, behind which tier=TIER may say how high it goes; blank
// lines and lines that start with '#' don't count. A file without a key is refused: keys
// were meant to be on.
func readKeys(path string) (apiKeys, error) {
	f, err := os.Open(path)
	if err != nil {
		return apiKeys{}, fmt.Errorf("API key file: %w", err)
	}
	defer f.Close()
	found, err := parseKeys(f)
	if err != nil {
		return apiKeys{}, fmt.Errorf("API key file %s: %w", path, err)
	}
	if info, err := f.Stat(); err == nil && info.Mode().Perm()&0o004 != 0 {
		found.warning = fmt.Sprintf("every user of this machine can read the API key file: chmod 600 %s", path)
	}
	return found, nil
}

func parseKeys(f *os.File) (found apiKeys, err error) {
	found.tiers = map[string]string{}
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, rest, _ := strings.Cut(line, " ")
		tier, named := strings.CutPrefix(strings.TrimSpace(rest), "tier=")
		switch {
		case rest != "" && !named || strings.ContainsFunc(key, notInAHeader):
			return apiKeys{}, fmt.Errorf("line %d: a key is one word of printable ASCII", n)
		case named && !slices.Contains(openai.Tiers, tier):
			return apiKeys{}, fmt.Errorf("line %d: tier is flex, default or priority", n)
		case named:
			found.tiers[key] = tier
		}
		found.keys = append(found.keys, key)
	}
	if lines.Err() == nil && len(found.keys) == 0 {
		return apiKeys{}, fmt.Errorf("there is no key in it; write one per line")
	}
	return found, lines.Err()
}

// notInAHeader tells what can't be part of a bearer token.
func notInAHeader(r rune) bool { return r <= ' ' || r > '~' }
