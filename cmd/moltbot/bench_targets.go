package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/moltbot/moltbot/bench/load"
	benchrun "github.com/moltbot/moltbot/bench/run"
	"github.com/moltbot/moltbot/internal/config"
)

// benchTargets are the flags that name what is measured.
type benchTargets struct {
	urls, against, spawn, extra []string
	model, keyFile              string
	completions                 bool
}

func (f *benchTargets) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringSliceVar(&f.urls, "url", nil, "`[NAME=]URL` of a server to measure (default http://"+string(config.Default().Server.Listen)+")")
	fs.StringSliceVar(&f.against, "against", nil, "`NAME=URL` of a server to compare with")
	fs.StringArrayVar(&f.spawn, "spawn", nil, "`NAME=COMMAND` that starts a server for its turns; {port} becomes its port")
	fs.StringVar(&f.model, "model", "", "`NAME` of the model; the server's first when empty")
	fs.StringArrayVar(&f.extra, "extra", nil, "`NAME=JSON`: fields for every request to that target, as an object")
	fs.BoolVar(&f.completions, "completions", false, "send plain text to /v1/completions, for models without a chat template")
	fs.StringVar(&f.keyFile, "api-key-file", "", "`FILE` whose first key is sent; else that of MOLTBOT_API_KEY")
}

// targets reads the flags; the first target is compared with the others.
func (f benchTargets) targets(p process) ([]benchrun.Target, error) {
	var all []benchrun.Target
	for _, text := range f.urls {
		name, address := nameAndURL(text)
		all = append(all, benchrun.Target{Target: load.Target{Name: name, URL: address}})
	}
	for _, text := range f.spawn {
		name, command, ok := strings.Cut(text, "=")
		if !ok || !strings.Contains(command, "{port}") {
			return nil, usageError{fmt.Errorf("--spawn: '%s' is not NAME=COMMAND with {port} in it", text)}
		}
		all = append(all, benchrun.Target{Target: load.Target{Name: name}, Command: command})
	}
	if len(all) == 0 {
		all = append(all, benchrun.Target{Target: load.Target{Name: "moltbot", URL: "http://" + string(config.Default().Server.Listen)}})
	}
	for _, text := range f.against {
		name, address := nameAndURL(text)
		all = append(all, benchrun.Target{Target: load.Target{Name: name, URL: address}})
	}
	return all, f.complete(p, all)
}

// nameAndURL reads "name=url"; without a name the host is the name.
func nameAndURL(text string) (name, address string) {
	if name, address, ok := strings.Cut(text, "="); ok && !strings.Contains(name, "/") {
		return name, benchrun.BaseURL(address)
	}
	if u, err := url.Parse(text); err == nil {
		name = u.Host
	}
	return name, benchrun.BaseURL(text)
}

// complete puts what holds for all targets into each, and checks them.
func (f benchTargets) complete(p process, all []benchrun.Target) error {
	key, err := benchKey(p, f.keyFile)
	if err != nil {
		return err
	}
	extra, err := f.extras()
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for i := range all {
		t := &all[i]
		if seen[t.Name] {
			return usageError{fmt.Errorf("two targets are named '%s'", t.Name)}
		}
		if u, err := url.Parse(t.URL); t.Command == "" && (err != nil || u.Host == "") {
			return usageError{fmt.Errorf("'%s' is no URL; http://HOST:PORT is", t.URL)}
		}
		seen[t.Name] = true
		t.Model, t.Key, t.Completions, t.Extra = f.model, key, f.completions, extra[t.Name]
	}
	for name := range extra {
		if !seen[name] {
			return usageError{fmt.Errorf("--extra: there is no target '%s'", name)}
		}
	}
	return nil
}

// extras reads --extra by the names of targets.
func (f benchTargets) extras() (map[string]map[string]any, error) {
	all := map[string]map[string]any{}
	for _, text := range f.extra {
		name, object, _ := strings.Cut(text, "=")
		var fields map[string]any
		if err := json.Unmarshal([]byte(object), &fields); err != nil {
			return nil, usageError{fmt.Errorf("--extra: '%s' is not NAME={JSON}: %w", text, err)}
		}
		all[name] = fields
	}
	return all, nil
}

func benchKey(p process, file string) (string, error) {
	if file == "" {
		return p.lookup(config.EnvAPIKey), nil
	}
	found, err := readKeys(file)
	if err != nil {
		return "", err
	}
	return found.keys[0], nil
}
