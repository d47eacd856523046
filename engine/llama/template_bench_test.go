//go:build cgo

package llama

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moltbot/moltbot/engine/chat"
)

// BenchmarkTemplate measures what comes before eight choices: one prompt and a
// parser for each.
func BenchmarkTemplate(b *testing.B) {
	for _, path := range templates(b) {
		name := strings.TrimSuffix(filepath.Base(path), ".jinja")
		if !slices.Contains([]string{"tools", "Qwen-Qwen3-0.6B", "NousResearch-Hermes-3-Llama-3.1-8B-tool_use"}, name) {
			continue
		}
		source, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		benchmarkTemplate(b, name, string(source))
	}
	benchmarkTemplate(b, "SmolLM2", "")
}

func benchmarkTemplate(b *testing.B, name, source string) {
	tmpl, err := NewTemplate(smollm2(b), source)
	if err != nil {
		b.Fatal(err)
	}
	defer tmpl.Close()
	three := append(slices.Clone(callable), chat.Tool{Name: "add", Parameters: `{"type": "object"}`})
	for _, mode := range []chat.Mode{chat.ModeAuto, chat.ModeRequired} {
		c := chat.Conversation{Messages: []chat.Message{{Role: "user", Content: "Hi"}}, Tools: three, Choice: chat.Choice{Mode: mode}, Parallel: true}
		b.Run(name+"/"+string(mode), func(b *testing.B) {
			for b.Loop() {
				p, err := tmpl.Render(c)
				if err != nil {
					b.Fatal(err)
				}
				for range 8 {
					p.Parser()
				}
			}
		})
	}
}
