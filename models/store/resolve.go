package store

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// MissingError says that a known model's file isn't in the data folder: Pull gets it.
type MissingError struct {
	Spec Spec
	Path string // where it would be
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("model %s isn't fetched yet: %s isn't there", e.Spec.Name, e.Path)
}

// UnknownError says that a name means nothing here.
type UnknownError struct {
	Name    string
	Known   []string // all that can be named
	Nearest string   // of these; empty when none is near
}

func (e *UnknownError) Error() string {
	msg := fmt.Sprintf("no model or file is named %q", e.Name)
	if e.Nearest != "" {
		msg += fmt.Sprintf(", did you mean %q?", e.Nearest)
	}
	return msg + " (there are: " + strings.Join(e.Known, ", ") + "; or the path of a GGUF file)"
}

// Resolve returns the path of the model file that a user means: a known name,
// a path, or the name of a file in <dataDir>/models, with or without ".gguf".
// Errors: *MissingError, *UnknownError.
func Resolve(nameOrPath, dataDir string) (string, error) {
	if s, ok := Lookup(nameOrPath); ok {
		path := filepath.Join(Dir(dataDir), s.File)
		if !isFile(path) {
			return "", &MissingError{Spec: s, Path: path}
		}
		return path, nil
	}
	inData := filepath.Join(Dir(dataDir), filepath.Base(nameOrPath))
	for _, path := range []string{nameOrPath, inData, inData + ".gguf"} {
		if isFile(path) && (path == nameOrPath || !isPath(nameOrPath)) {
			return path, nil
		}
	}
	return "", whyNot(nameOrPath, dataDir)
}

// whyNot tells a path that leads nowhere from a name that is unknown.
func whyNot(nameOrPath, dataDir string) error {
	info, err := os.Stat(nameOrPath)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("model %s is a folder, not a GGUF file", nameOrPath)
	case isPath(nameOrPath):
		return fmt.Errorf("model file: %w", err)
	}
	known := names(dataDir)
	return &UnknownError{Name: nameOrPath, Known: known, Nearest: nearest(nameOrPath, known)}
}

func isPath(s string) bool { return strings.ContainsRune(s, filepath.Separator) }

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// names lists the known models and the other files of the data folder.
func names(dataDir string) []string {
	var out, files []string
	for _, s := range Known() {
		out = append(out, s.Name)
		files = append(files, s.File)
	}
	there, _ := filepath.Glob(filepath.Join(Dir(dataDir), "*.gguf"))
	for _, path := range there {
		if name := filepath.Base(path); !slices.Contains(files, name) {
			out = append(out, strings.TrimSuffix(name, ".gguf"))
		}
	}
	return out
}

// nearest returns the name with the fewest edits, at most a third of its letters.
func nearest(name string, among []string) (best string) {
	fewest := 0
	for _, s := range among {
		n := edits(strings.ToLower(name), strings.ToLower(s))
		if n <= max(len(s)/3, 1) && (best == "" || n < fewest) {
			best, fewest = s, n
		}
	}
	return best
}

// edits counts the letters to insert, delete or replace (Levenshtein 1966).
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
