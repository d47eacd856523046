package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moltbot/moltbot/internal/config"
	"github.com/moltbot/moltbot/models/store"
)

// result is what a command line left behind.
type result struct {
	code     int
	out, err string
}

// command runs a command line in this process; its data folder is empty.
func command(t *testing.T, p process, line ...string) result {
	t.Helper()
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	var out, errs bytes.Buffer
	p.out, p.err = &out, &errs
	if p.in == nil {
		p.in = strings.NewReader("")
	}
	code := run(t.Context(), p, line)
	return result{code, out.String(), errs.String()}
}

// put writes a file into a new folder and returns its path.
func put(t *testing.T, name, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAWrongCommandLineShowsUsageAndExits2(t *testing.T) {
	for _, c := range []struct {
		rule, line, want string
	}{
		{"an unknown command", "foo", "moltbot: unknown command 'foo'\n"},
		{"a misspelt command, with the nearest", "srve", "moltbot: unknown command 'srve', did you mean 'serve'?\n"},
		{"an unknown flag", "serve --colour", "moltbot: unknown flag: --colour\n"},
		{"a flag without its value", "--listen", "moltbot: flag needs an argument: --listen\n"},
		{"an argument too few", "models pull", "moltbot: moltbot models pull needs the NAME of a known model\n"},
		{"an argument too many", "config all of it", "moltbot: moltbot config does not take 'all of it'\n"},
		{"an unknown command below a command", "models lst", "moltbot: unknown command 'lst', did you mean 'list'?\n"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got := command(t, process{}, strings.Fields(c.line)...)
			if got.code != 2 || !strings.HasPrefix(got.err, c.want) || !strings.Contains(got.err, "Usage:") || got.out != "" {
				t.Errorf("got %+v, want %q, the usage and exit code 2", got, c.want)
			}
		})
	}
}

func TestAFailureIsOneLineAndExits1(t *testing.T) {
	bad := put(t, "config.yaml", "model:\n  contxt: 4096\n", 0o600)
	two := put(t, "config.yaml", "modl: {}\nlg: {}\n", 0o600)
	for _, c := range []struct {
		rule string
		line []string
		want string
	}{
		{"a bad value in a flag", []string{"config", "--ctx", "3"}, "moltbot: --ctx: model.ctx: 3 is too small: at least 64, or 0 for the length the model was trained for, at most 8192\n"},
		{"a mistake in the file", []string{"config", "--config", bad}, "moltbot: " + bad + ":2:3: unknown key 'contxt' in model, did you mean 'ctx'?\n"},
		{"two mistakes are two lines", []string{"--config", two}, "moltbot: " + two + ":1:1: unknown key 'modl' in the file, did you mean 'model'?\nmoltbot: " + two + ":2:1: unknown key 'lg' in the file, did you mean 'log'?\n"},
		{"a file that is not there", []string{"config", "--config", "/nowhere.yaml"}, "moltbot: read the configuration: open /nowhere.yaml: no such file or directory\n"},
		{"a model that nobody knows", []string{"models", "pull", "zzz"}, "moltbot: no known model is named \"zzz\"; see `moltbot models list`\n"},
		{"a key file that is not there", []string{"--api-key-file", "/nowhere.keys"}, "moltbot: API key file: open /nowhere.keys: no such file or directory\n"},
		{"no server to chat with", []string{"chat", "--url", "http://127.0.0.1:1/v1", "hi"}, "moltbot: no server at http://127.0.0.1:1/v1: start one with `moltbot`\n"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got := command(t, process{}, c.line...); got != (result{1, "", c.want}) {
				t.Errorf("got  %+v\nwant %q and exit code 1", got, c.want)
			}
		})
	}
}

func TestFlagsOfTheCommandLineReachTheConfiguration(t *testing.T) {
	line := []string{"config"}
	values := map[string]string{
		"listen": "127.0.0.1:0", "data": "/srv/bot", "model": "my.gguf", "alias": "mine", "ctx": "4096",
		"parallel": "2", "threads": "3", "api-key-file": "/srv/keys", "log-level": "debug",
		"embedding-model": "embeds.gguf", "rerank-model": "ranks.gguf",
	}
	for _, s := range settings {
		line = append(line, "--"+s.flag, values[s.flag])
	}
	got := command(t, process{env: []string{"MOLTBOT_MODEL_CTX=2048"}}, line...)
	if got.code != 0 {
		t.Fatalf("got %+v", got)
	}
	for _, s := range settings {
		if want := values[s.flag] + " # --" + s.flag + "\n"; !strings.Contains(got.out, want) {
			t.Errorf("want %q in\n%s", want, got.out)
		}
	}
}

func TestTheManualNamesEveryFlag(t *testing.T) {
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range settings {
		if !strings.Contains(string(text), "`--"+s.flag+"`") {
			t.Errorf("docs/configuration.md does not name --%s", s.flag)
		}
	}
}

func TestTheConfigFileMayBeNamedByTheEnvironment(t *testing.T) {
	byEnv := put(t, "env.yaml", "model:\n  ctx: 1024\n", 0o600)
	byFlag := put(t, "flag.yaml", "model:\n  ctx: 2048\n", 0o600)
	p := process{env: []string{"MOLTBOT_CONFIG=" + byEnv}}
	if got := command(t, p, "config"); !strings.Contains(got.out, "ctx: 1024 # "+byEnv+":2\n") {
		t.Errorf("got %+v", got)
	}
	if got := command(t, p, "config", "--config", byFlag); !strings.Contains(got.out, "ctx: 2048 # "+byFlag+":2\n") {
		t.Errorf("the flag must win, got %+v", got)
	}
}

func TestTheDefaultModelIsAKnownOne(t *testing.T) {
	if name := string(config.Default().Model.PathOrName); name != store.Default {
		t.Errorf("the default is %q, the first known model %q", name, store.Default)
	}
}

func TestModelsListNamesKnownModelsAndOwnFiles(t *testing.T) {
	data := t.TempDir()
	if err := os.MkdirAll(store.Dir(data), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"mine.gguf", "notes.txt", store.Known()[1].File} {
		if err := os.WriteFile(filepath.Join(store.Dir(data), name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := command(t, process{}, "models", "list", "--data", data)
	for _, want := range []string{"not fetched: moltbot models pull smollm2\n", store.Known()[1].File + "\n", "mine "} {
		if got.code != 0 || !strings.Contains(got.out, want) {
			t.Errorf("want %q in %+v", want, got)
		}
	}
	if strings.Contains(got.out, "notes") {
		t.Errorf("only models belong into the list:\n%s", got.out)
	}
}

func TestModelsPath(t *testing.T) {
	mine := put(t, "mine.gguf", "GGUF", 0o600)
	if got := command(t, process{}, "models", "path", mine); got != (result{0, mine + "\n", ""}) {
		t.Errorf("got %+v", got)
	}
	got := command(t, process{}, "models", "path", "smollm2")
	if got.code != 1 || !strings.HasSuffix(got.err, "; fetch it with `moltbot models pull smollm2`\n") {
		t.Errorf("got %+v", got)
	}
}

func TestVersionTellsWhatTheProgramIsMadeOf(t *testing.T) {
	got := command(t, process{}, "version")
	for _, want := range []string{"moltbot   " + version + "\n", "commit    " + commit + "\n", "llama.cpp ", "backends  "} {
		if got.code != 0 || !strings.Contains(got.out, want) {
			t.Errorf("want %q in %+v", want, got)
		}
	}
}

func TestDoctorPrintsEveryCheckAndFailsWithItsWorst(t *testing.T) {
	got := command(t, process{}, "doctor", "--json", "--listen", "127.0.0.1:0", "--model", "/nowhere.gguf")
	var findings []finding
	if err := json.Unmarshal([]byte(got.out), &findings); err != nil || got.code != 1 || got.err != "" {
		t.Fatalf("got %+v, %v", got, err)
	}
	for i, f := range findings {
		if f.Check != checks[i].name || f.Found == "" || f.Status == "fail" && f.Mend == "" {
			t.Errorf("finding %d is %+v", i, f)
		}
		if f.Check == "model" && f.Status != "fail" {
			t.Errorf("a missing model passed: %+v", f)
		}
	}
}

func TestDoctorLooksOnWithABrokenConfiguration(t *testing.T) {
	got := command(t, process{env: []string{"MOLTBOT_MODEL_CTX=x"}}, "doctor")
	if got.code != 1 || !strings.Contains(got.out, "fail  configuration  MOLTBOT_MODEL_CTX: model.ctx: \"x\" is not a whole number\n") ||
		strings.Count(got.out, "\n") < len(checks) {
		t.Errorf("got %+v", got)
	}
}
