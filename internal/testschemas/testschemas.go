// Package testschemas gives tests JSON schemas, and judges answers by them.
//
// Owns: the JSON Schema Test Suite, draft 2020-12, which lies in
// ${XDG_CACHE_HOME:-~/.cache}/moltbot/test-schemas, filled on first use from the
// source package of jsonschema for Python, which carries it; random schemas; the
// judge, a library that knows nothing of how answers are constrained.
// Must not import: anything of Moltbot.
// Flow: a test calls Suite, or draws from Random, and has a Validator check what
// was said; a suite that can't be had fails the test.
package testschemas

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	version = "4.25.1"
	file    = "jsonschema-" + version + ".tar.gz"
	sum     = "e4a9655ce0da0c0b67a085847e00a3a51449e1157f4f75e9fb5aa545e122eb85"
	folder  = "jsonschema-" + version + "/json/tests/draft2020-12/"
)

// Case is one schema of the suite with instances that it should accept or not.
type Case struct {
	File        string // below the draft's folder
	Description string
	Schema      json.RawMessage
	Tests       []struct {
		Description string
		Data        json.RawMessage
		Valid       bool
	}
}

// Suite returns all cases, those of optional keywords too.
func Suite(t testing.TB) []Case {
	t.Helper()
	path, err := fetch(t.Context())
	if err != nil {
		t.Fatalf("the JSON Schema Test Suite: %v", err)
	}
	cases, err := read(path)
	if err != nil {
		t.Fatalf("the JSON Schema Test Suite: %s: %v", path, err)
	}
	return cases
}

// fetch returns the path of the checked package.
func fetch(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "moltbot", "test-schemas")
	path := filepath.Join(dir, file)
	if check(path) == nil {
		return path, nil
	}
	tmp, err := os.MkdirTemp("", "test-schemas")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	cmd := exec.CommandContext(ctx, "python3", "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
		"--no-deps", "--no-binary", "jsonschema", "--dest", tmp, "jsonschema=="+version)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("pip download: %w: %s", err, out)
	}
	return path, keep(filepath.Join(tmp, file), path)
}

// keep checks a fetched file and puts it into the cache, whole or not at all.
func keep(from, to string) error {
	if err := check(from); err != nil {
		return err
	}
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	part := fmt.Sprintf("%s.%d", to, os.Getpid())
	err = errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(part, b, 0o644))
	return errors.Join(err, os.Rename(part, to))
}

func check(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if got := sha256.Sum256(b); hex.EncodeToString(got[:]) != sum {
		return fmt.Errorf("%s has another SHA-256 than %s", path, sum)
	}
	return nil
}

func read(path string) ([]Case, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	var all []Case
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		name, ok := strings.CutPrefix(h.Name, folder)
		if !ok || !strings.HasSuffix(name, ".json") {
			continue
		}
		var cases []Case
		if err := json.NewDecoder(r).Decode(&cases); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, c := range cases {
			c.File = name
			all = append(all, c)
		}
	}
}
