package store

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moltbot/moltbot/internal/spelling"
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
	return &UnknownError{Name: nameOrPath, Known: known, Nearest: spelling.Nearest(nameOrPath, known, 1./3)}
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
