package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// apiKeys is the content of an API key file.
type apiKeys struct {
	keys    []string
	warning string // what the operator should mend; may be empty
}

// readKeys reads one key per line; blank lines and lines that start with '#'
// don't count. A file without a key is refused: keys were meant to be on.
func readKeys(path string) (apiKeys, error) {
	f, err := os.Open(path)
	if err != nil {
		return apiKeys{}, fmt.Errorf("API key file: %w", err)
	}
	defer f.Close()
	keys, err := parseKeys(f)
	if err != nil {
		return apiKeys{}, fmt.Errorf("API key file %s: %w", path, err)
	}
	found := apiKeys{keys: keys}
	if info, err := f.Stat(); err == nil && info.Mode().Perm()&0o004 != 0 {
		found.warning = fmt.Sprintf("every user of this machine can read the API key file: chmod 600 %s", path)
	}
	return found, nil
}

func parseKeys(f *os.File) (keys []string, err error) {
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		key := strings.TrimSpace(lines.Text())
		if key == "" || strings.HasPrefix(key, "#") {
			continue
		}
		if strings.ContainsFunc(key, notInAHeader) {
			return nil, fmt.Errorf("line %d: a key is one word of printable ASCII", n)
		}
		keys = append(keys, key)
	}
	if lines.Err() == nil && len(keys) == 0 {
		return nil, fmt.Errorf("there is no key in it; write one per line")
	}
	return keys, lines.Err()
}

// notInAHeader tells what can't be part of a bearer token.
func notInAHeader(r rune) bool { return r <= ' ' || r > '~' }
