// Package openapi describes the server in OpenAPI 3.1, for programs and for readers.
//
// Owns: the description (parts/, a file for each API, joined here) and the page
// that shows it (page/). It is kept by hand; the tests of server hold it against
// every route, request and answer, so that it can't stay behind.
// Must not import: anything of Moltbot.
// Flow: server serves Description and Page as they are.
package openapi

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"

	"go.yaml.in/yaml/v3"
)

//go:embed parts/*.yaml
var parts embed.FS

// Description returns the description in JSON, for the version of the program given.
// An error is a mistake in parts/, which a test finds.
func Description(version string) ([]byte, error) {
	whole := map[string]any{}
	names, err := fs.Glob(parts, "parts/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("listing the parts of the description: %w", err)
	}
	for _, name := range names {
		part, err := readPart(name)
		if err == nil {
			err = join(whole, part)
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
	}
	whole["info"].(map[string]any)["version"] = version
	allowNull(whole)
	return json.Marshal(whole)
}

func readPart(name string) (part map[string]any, err error) {
	b, err := parts.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return part, yaml.Unmarshal(b, &part)
}

// join adds to into what only from has, object by object. What both have is a mistake.
func join(into, from map[string]any) error {
	for name, v := range from {
		old, there := into[name]
		a, isObject := old.(map[string]any)
		b, alike := v.(map[string]any)
		switch {
		case !there:
			into[name] = v
		case !isObject || !alike:
			return fmt.Errorf("%s stands in two parts", name)
		default:
			if err := join(a, b); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}
