package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Save writes report.json, then report.md with its plots, into a folder.
func (r *Report) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("save the report: %w", err)
	}
	whole, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("save the report: %w", err)
	}
	if err := write(dir, map[string][]byte{"report.json": append(whole, '\n')}); err != nil {
		return err
	}
	plots, err := r.plots()
	if err != nil {
		return fmt.Errorf("plot the report: %w", err)
	}
	var text bytes.Buffer
	r.markdown(&text, plots)
	files := map[string][]byte{"report.md": text.Bytes()}
	for _, p := range plots {
		files[p.File+".png"], files[p.File+".svg"] = p.PNG, p.SVG
	}
	return write(dir, files)
}

func write(dir string, files map[string][]byte) error {
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return fmt.Errorf("save the report: %w", err)
		}
	}
	return nil
}

// Load reads a report.json back.
func Load(path string) (*Report, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read a report: %w", err)
	}
	var r Report
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("read a report: %s: %w", path, err)
	}
	if r.Schema != Schema {
		return nil, fmt.Errorf("read a report: %s has schema %d, this program knows %d", path, r.Schema, Schema)
	}
	return &r, nil
}
