package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/moltbot/moltbot/internal/config"
)

// setting is a flag that sets a key of the configuration.
type setting struct{ flag, key, kind, help string }

var settings = []setting{
	{"listen", "server.listen", "HOST:PORT", "where to listen"},
	{"data", "data_dir", "DIR", "folder for models and everything else that is kept"},
	{"model", "model.path_or_name", "PATH_OR_NAME", "a GGUF file or the name of a known model"},
	{"alias", "model.alias", "NAME", "the model's name on the wire"},
	{"ctx", "model.ctx", "N", "tokens of one request, prompt and answer together"},
	{"parallel", "model.parallel", "N", "requests computed at the same time"},
	{"threads", "model.threads", "N", "CPU threads"},
	{"embedding-model", "embedding.model", "PATH_OR_NAME", "a GGUF file that embeds texts, for /v1/embeddings"},
	{"rerank-model", "rerank.model", "PATH_OR_NAME", "a GGUF file that ranks documents, for /v1/rerank"},
	{"api-key-file", "server.api_key_file", "FILE", "file with one API key per line; turns keys on"},
	{"log-level", "log.level", "LEVEL", "debug, info, warn or error"},
}

// addSettings gives a command --config and the flags of the named settings, all of them when none is named.
func addSettings(cmd *cobra.Command, only ...string) {
	cmd.Flags().SortFlags = false
	cmd.Flags().Var(&text{kind: "FILE"}, "config", "the configuration (YAML)")
	for _, s := range settings {
		if len(only) == 0 || slices.Contains(only, s.flag) {
			cmd.Flags().Var(&text{kind: s.kind}, s.flag, s.help)
		}
	}
}

// text is a flag's value as it was typed: config parses it, and states the default.
type text struct{ value, kind string }

func (t *text) String() string     { return t.value }
func (t *text) Set(s string) error { t.value = s; return nil }
func (t *text) Type() string       { return t.kind }

// loadConfig reads the configuration as this command line asks for it.
func loadConfig(cmd *cobra.Command, p process) (*config.Loaded, error) {
	src := config.Sources{File: p.lookup(config.EnvFile), Env: p.env}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Name == "config" {
			src.File = f.Value.String()
		}
		for _, s := range settings {
			if s.flag == f.Name {
				src.Flags = append(src.Flags, config.Flag{Name: s.flag, Key: s.key, Value: f.Value.String()})
			}
		}
	})
	return config.Load(src)
}

// lookup returns the value of an environment variable, empty when it isn't set.
func (p process) lookup(name string) string {
	for _, pair := range p.env {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}
