package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Adapter is a LoRA adapter of the model.
type Adapter struct {
	Name  string  `json:"name"`  // on the wire
	Path  Path    `json:"path"`  // of its GGUF file
	Scale float64 `json:"scale"` // its strength: 1 as it was trained
}

// Adapters are LoRA adapters, as a JSON list of objects.
type Adapters string

// List returns them.
func (a Adapters) List() (all []Adapter) {
	if json.Unmarshal([]byte(a), &all) != nil {
		return nil // the zero value
	}
	return all
}

// UnmarshalText reads a JSON list of objects.
func (a *Adapters) UnmarshalText(text []byte) error {
	var items []json.RawMessage
	if len(text) > 0 && json.Unmarshal(text, &items) != nil {
		return errors.New(`write a list of objects, like [{"name": "pirate", "path": "pirate.gguf"}]`)
	}
	all := make([]Adapter, len(items))
	for i, item := range items {
		if err := all[i].read(item); err != nil {
			return fmt.Errorf("entry %d: %w", i+1, err)
		}
		if slices.ContainsFunc(all[:i], func(b Adapter) bool { return b.Name == all[i].Name }) {
			return fmt.Errorf("entry %d: the name %q is taken", i+1, all[i].Name)
		}
	}
	if *a = ""; len(all) > 0 {
		text, _ := json.Marshal(all) // strings and finite numbers always encode
		*a = Adapters(text)
	}
	return nil
}

// read takes one object.
func (a *Adapter) read(item json.RawMessage) error {
	a.Scale = 1
	d := json.NewDecoder(bytes.NewReader(item))
	d.DisallowUnknownFields()
	if err := d.Decode(a); err != nil {
		return fmt.Errorf("not an object with name, path and scale: %w", err)
	}
	switch {
	case a.Name == "":
		return errors.New("it has no name")
	case a.Path == "":
		return fmt.Errorf("%s has no path", a.Name)
	case math.Abs(a.Scale) > 1000:
		return fmt.Errorf("the scale of %s is %v: at most 1000 either way", a.Name, a.Scale)
	}
	return plain(a.Name)
}
