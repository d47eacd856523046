package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// write puts a YAML text into a file called config.yaml and goes to its folder,
// so that complaints name the file as briefly as an operator would.
func write(t *testing.T, text string) string {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("config.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "config.yaml"
}

func TestTheStrongestLayerWins(t *testing.T) {
	file := write(t, "model:\n  ctx: 1024\n  parallel: 4\n  threads: 2\n")
	got, err := Load(Sources{
		File:  file,
		Env:   []string{"MOLTBOT_MODEL_CTX=2048", "MOLTBOT_MODEL_PARALLEL=8", "PATH=/bin"},
		Flags: []Flag{{Name: "ctx", Key: "model.ctx", Value: "4096"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		key, origin string
		value, is   int
	}{
		{"model.ctx", "--ctx", got.Model.Ctx, 4096},
		{"model.parallel", "MOLTBOT_MODEL_PARALLEL", got.Model.Parallel, 8},
		{"model.threads", "config.yaml:4", got.Model.Threads, 2},
		{"model.batch", "default", got.Model.Batch, 512},
	}
	for _, w := range want {
		if w.value != w.is || got.Origin(w.key) != w.origin {
			t.Errorf("%s is %d from %s, want %d from %s", w.key, w.value, got.Origin(w.key), w.is, w.origin)
		}
	}
}

func TestEveryKeyHasItsOwnVariable(t *testing.T) {
	cfg := Default()
	seen := map[string]string{}
	for _, name := range elsewhere {
		seen[name] = "something else"
	}
	for _, f := range fields(&cfg) {
		if other, ok := seen[f.env()]; ok {
			t.Errorf("%s means both %s and %s", f.env(), f.key, other)
		}
		seen[f.env()] = f.key
		got, err := Load(Sources{Env: []string{f.env() + "=" + format(f.value)}})
		if f.value.IsZero() && f.tag.Get("required") != "" {
			t.Fatalf("%s has no default on this machine", f.key)
		}
		if err != nil || got.Origin(f.key) != f.env() {
			t.Errorf("%s does not set %s: %v", f.env(), f.key, err)
		}
	}
}

func TestFileIsRefused(t *testing.T) {
	for _, c := range []struct{ rule, text, want string }{
		{"an unknown key, with the nearest name", "\n\n\n\n\nmodel:\n  contxt: 4096\n", "config.yaml:7:3: unknown key 'contxt' in model, did you mean 'ctx'?"},
		{"an unknown section, with the nearest name", "sever:\n  listen: :80\n", "config.yaml:1:1: unknown key 'sever' in the file, did you mean 'server'?"},
		{"a key outside its section, with its place", "listen: 127.0.0.1:80\n", "config.yaml:1:1: unknown key 'listen' in the file, did you mean 'server.listen'?"},
		{"a dotted key, with its section", "server.listen: 127.0.0.1:80\n", "config.yaml:1:1: unknown key 'server.listen' in the file, write 'listen' in a section 'server'"},
		{"a key like no other, with those that are known", "log:\n  xyzzyplugh: 1\n", "config.yaml:2:3: unknown key 'xyzzyplugh' in log, which knows level, format, prompts"},
		{"a key that is set twice", "log:\n  level: info\n  level: debug\n", "config.yaml:3:3: 'log.level' is set twice, first in line 2"},
		{"a section that is set twice", "log:\n  level: info\nlog:\n  format: json\n", "config.yaml:3:1: 'log' is set twice, first in line 1"},
		{"a word where a number belongs", "model:\n  ctx: many\n", `config.yaml:2:8: model.ctx: "many" is not a whole number`},
		{"a number above the range", "model:\n  parallel: 257\n", "config.yaml:2:13: model.parallel: 257 is too large: at most 256"},
		{"a number below the range", "model:\n  parallel: 0\n", "config.yaml:2:13: model.parallel: 0 is too small: at least 1"},
		{"a number between 0 and the range", "model:\n  ctx: 63\n", "config.yaml:2:8: model.ctx: 63 is too small: at least 64, or 0 for the length the model was trained for, at most 8192"},
		{"a port that does not exist", "server:\n  listen: localhost:65536\n", `config.yaml:2:11: server.listen: "localhost:65536" has no port from 0 to 65535`},
		{"an address without a port", "server:\n  listen: localhost\n", `config.yaml:2:11: server.listen: "localhost" is not an address: write host:port, like 127.0.0.1:8080`},
		{"a size without a known unit", "server:\n  body_limit: 16G\n", `config.yaml:2:15: server.body_limit: "16G" is not a size: write a whole number and a unit, like 512MiB or 16GB`},
		{"a time without a unit", "server:\n  idle_timeout: 30\n", `config.yaml:2:17: server.idle_timeout: "30" is not a time: write a number and a unit, like 30s, 250ms or 1h30m`},
		{"a negative time", "server:\n  idle_timeout: -30s\n", `config.yaml:2:17: server.idle_timeout: "-30s" is negative`},
		{"a word that is not offered, with the nearest", "log:\n  level: dbug\n", `config.yaml:2:10: log.level: "dbug" is not one of debug, info, warn, error, did you mean 'debug'?`},
		{"neither true nor false", "model:\n  mmap: perhaps\n", `config.yaml:2:9: model.mmap: "perhaps" is neither true nor false`},
		{"an empty name of the model", "model:\n  path_or_name: ''\n", "config.yaml:2:17: model.path_or_name: must not be empty"},
		{"a key without a value", "model:\n  ctx:\n", "config.yaml:2:7: model.ctx has no value: give it one or leave the line out"},
		{"a list where one value belongs", "model:\n  ctx: [1, 2]\n", "config.yaml:2:8: model.ctx takes a single value"},
		{"a value where a section belongs", "model: smollm2\n", "config.yaml:1:8: model must hold names and values, like 'path_or_name: …'"},
		{"a control character", "model:\n  alias: \"a\\nb\"\n", `config.yaml:2:10: model.alias: "a\nb" holds a control character`},
		{"a cache smaller than one context", "model:\n  ctx: 4096\n  kv_cells: 1024\n", "config.yaml:3: model.kv_cells: 1024 is less than ctx, which is 4096"},
		{"a draft model without drafts", "model:\n  draft: small.gguf\n  drafts: false\n", "config.yaml:2: model.draft: a draft model is of no use without drafts, which drafts turns off"},
		{"quantised values without flash attention", "model:\n  kv_type: q8_0\n  flash_attention: 'off'\n", "config.yaml:2: model.kv_type: values of q8_0 need flash attention, which flash_attention turns off"},
		{"quantised values alone without flash attention", "model:\n  kv_type_v: q4_0\n  flash_attention: 'off'\n", "config.yaml:2: model.kv_type_v: values of q4_0 need flash attention, which flash_attention turns off"},
		{"shares of a model that is not split", "model:\n  split_mode: none\n  tensor_split: [3, 1]\n", "config.yaml:3: model.tensor_split: split_mode none puts the model on one device, main_gpu"},
		{"a main GPU of a model that is split", "model:\n  main_gpu: 1\n", "config.yaml:2: model.main_gpu: it counts with split_mode none alone, which is layer"},
		{"tensor parallelism without flash attention", "model:\n  split_mode: tensor\n  flash_attention: 'off'\n", "config.yaml:2: model.split_mode: tensor needs flash attention, which flash_attention turns off"},
		{"a negative share", "model:\n  tensor_split: [1, -1]\n", `config.yaml:2:17: model.tensor_split: "-1" is not a share: write numbers that are not negative, like 3,1`},
		{"shares of nothing", "model:\n  tensor_split: 0,0\n", "config.yaml:2:17: model.tensor_split: one share at least must be above 0"},
		{"an RPC server without a port", "model:\n  rpc: [gpu-box]\n", `config.yaml:2:8: model.rpc: "gpu-box" is not an address: write host:port, like 127.0.0.1:8080`},
		{"an RPC server without a host", "model:\n  rpc: :50052\n", `config.yaml:2:8: model.rpc: ":50052" is no server: write its host and its port`},
		{"an adapter without a path", "model:\n  adapters:\n    - {name: pirate}\n", "config.yaml:3:5: model.adapters: entry 1: pirate has no path"},
		{"two adapters of one name", "model:\n  adapters:\n    - {name: a, path: a}\n    - {name: a, path: b}\n", `config.yaml:3:5: model.adapters: entry 2: the name "a" is taken`},
		{"an adapter with an unknown key", "model:\n  adapters:\n    - {name: a, path: a, scael: 2}\n", `config.yaml:3:5: model.adapters: entry 1: not an object with name, path and scale: json: unknown field "scael"`},
		{"a second document", "log:\n  level: info\n---\nlog: {}\n", "config.yaml:3: a second YAML document: keep one"},
		{"what is not YAML", "log:\n  level: [\n", "config.yaml:2: not valid YAML: did not find expected node content"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			_, err := Load(Sources{File: write(t, c.text)})
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestFileIsTaken(t *testing.T) {
	t.Setenv("HOME", "/home/ada")
	for _, c := range []struct {
		rule, text string
		ok         func(Config) bool
	}{
		{"an empty file sets nothing", "", func(c Config) bool { return c == Default() }},
		{"a comment sets nothing", "# later\n", func(c Config) bool { return c == Default() }},
		{"an empty section sets nothing", "model:\n", func(c Config) bool { return c == Default() }},
		{"an alias stands for its value", "model:\n  batch: &n 64\n  queue: *n\n", func(c Config) bool { return c.Model.Queue == 64 }},
		{"prompts are a list of files and requests", "cache:\n  prewarm:\n    - a.md\n    - {messages: [{role: system, content: Be brief.}]}\n", func(c Config) bool {
			return slices.Equal(c.Cache.Prewarm.List(), []string{"a.md", `{"messages":[{"content":"Be brief.","role":"system"}]}`})
		}},
		{"prompts may stand between commas", "cache:\n  prewarm: a.md, b.json\n", func(c Config) bool { return slices.Equal(c.Cache.Prewarm.List(), []string{"a.md", "b.json"}) }},
		{"shares are a list of numbers", "model:\n  tensor_split: [3, 0.5]\n", func(c Config) bool { return slices.Equal(c.Model.TensorSplit.List(), []float64{3, .5}) }},
		{"a draft model is a path or a name", "model:\n  draft: ~/small.gguf\n", func(c Config) bool { return c.Model.Draft == "/home/ada/small.gguf" && c.Model.Drafts }},
		{"RPC servers are a list", "model:\n  rpc:\n    - a:1\n    - b:2\n", func(c Config) bool { return slices.Equal(c.Model.RPC.List(), []string{"a:1", "b:2"}) }},
		{"an adapter has its own strength unless told otherwise", "model:\n  adapters:\n    - {name: a, path: ~/a}\n    - {name: b, path: b, scale: 0}\n", func(c Config) bool {
			return slices.Equal(c.Model.Adapters.List(), []Adapter{{"a", "/home/ada/a", 1}, {"b", "b", 0}})
		}},
		{"~/ is the home folder", "data_dir: ~/bot\n", func(c Config) bool { return c.DataDir == "/home/ada/bot" }},
		{"a port of 0 asks for a free one", "server:\n  listen: 127.0.0.1:0\n", func(c Config) bool { return c.Server.Listen == "127.0.0.1:0" }},
		{"ctx 0 is allowed below its range", "model:\n  ctx: 0\n", func(c Config) bool { return c.Model.Ctx == 0 }},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got, err := Load(Sources{File: write(t, c.text)})
			if err != nil {
				t.Fatal(err)
			}
			if !c.ok(got.Config) {
				t.Errorf("got %+v", got.Config)
			}
		})
	}
}

func TestEnvironmentIsRefused(t *testing.T) {
	for _, c := range []struct{ rule, pair, want string }{
		{"an unknown variable, with the nearest name", "MOLTBOT_SERVER_LISTN=:80", "MOLTBOT_SERVER_LISTN: unknown variable, did you mean 'MOLTBOT_SERVER_LISTEN'?"},
		{"a bad value", "MOLTBOT_MODEL_CTX=x", `MOLTBOT_MODEL_CTX: model.ctx: "x" is not a whole number`},
		{"bytes that are not text", "MOLTBOT_MODEL_ALIAS=\xff", "MOLTBOT_MODEL_ALIAS: model.alias: the text is not valid UTF-8"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			_, err := Load(Sources{Env: []string{c.pair}})
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestVariablesOfOthersAreLeftAlone(t *testing.T) {
	_, err := Load(Sources{Env: []string{"MOLTBOT_TEST_MODEL=x", "MOLTBOT_CONFIG=y", "MOLTBOT_API_KEY=z", "MOLTBOT_CUDA_ARCH=89", "MOLT=1", "novalue"}})
	if err != nil {
		t.Error(err)
	}
}

func TestEveryMistakeIsReported(t *testing.T) {
	_, err := Load(Sources{
		File:  write(t, "model:\n  ctx: 1\nlgo: {}\n"),
		Env:   []string{"MOLTBOT_LOG_LEVEL=loud"},
		Flags: []Flag{{Name: "parallel", Key: "model.parallel", Value: "0"}},
	})
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 4 {
		t.Fatalf("want 4 problems, got %v", err)
	}
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 4 {
		t.Errorf("want a line each, got %q", lines)
	}
}

func TestAFileThatIsMissingIsNamed(t *testing.T) {
	name := filepath.Join(t.TempDir(), "gone.yaml")
	_, err := Load(Sources{File: name})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), name) {
		t.Errorf("got %v", err)
	}
}

func TestWithoutAHomeTheDataFolderMustBeSet(t *testing.T) {
	t.Setenv("HOME", "")
	t.Setenv("XDG_DATA_HOME", "")
	want := "data_dir: has no value here: set it in the file, as MOLTBOT_DATA_DIR or by flag"
	if _, err := Load(Sources{}); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	if _, err := Load(Sources{Env: []string{"MOLTBOT_DATA_DIR=/srv/moltbot"}}); err != nil {
		t.Error(err)
	}
}

func TestXDGDataHome(t *testing.T) {
	t.Setenv("HOME", "/home/ada")
	for _, c := range []struct {
		rule, xdg string
		want      Path
	}{
		{"an absolute one is used", "/srv/data", "/srv/data/moltbot"},
		{"a relative one counts as unset", "data", "/home/ada/.local/share/moltbot"},
		{"an empty one counts as unset", "", "/home/ada/.local/share/moltbot"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Setenv("XDG_DATA_HOME", c.xdg)
			if got := Default().DataDir; got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
