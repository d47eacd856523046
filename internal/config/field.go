package config

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// field is one key of a Config: its place in the struct and the tags that describe it.
type field struct {
	key   string // "server.listen"
	value reflect.Value
	tag   reflect.StructTag
}

// fields lists every key of c in the order in which the struct states them.
func fields(c *Config) []field { return walk("", reflect.ValueOf(c).Elem()) }

func walk(prefix string, section reflect.Value) (found []field) {
	for i := range section.NumField() {
		tag := section.Type().Field(i).Tag
		f := field{key: prefix + tag.Get("key"), value: section.Field(i), tag: tag}
		if f.value.Kind() == reflect.Struct {
			found = append(found, walk(f.key+".", f.value)...)
			continue
		}
		found = append(found, f)
	}
	return found
}

// env is the name of the environment variable that sets the field.
func (f field) env() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(f.key, ".", "_"))
}

// set is the way of every value from every layer: parse, check, store. When it
// returns an error the old value stays.
func (f field) set(text string) error {
	fresh := reflect.New(f.value.Type()).Elem()
	if err := parse(fresh, text); err != nil {
		return err
	}
	if err := f.check(fresh); err != nil {
		return err
	}
	f.value.Set(fresh)
	return nil
}

// parse fills v from its text.
func parse(v reflect.Value, text string) error {
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch v.Kind() {
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		v.SetBool(b)
		return because(err, "%q is neither true nor false", text)
	case reflect.Int:
		n, err := strconv.Atoi(text)
		v.SetInt(int64(n))
		return because(err, "%q is not a whole number", text)
	default:
		v.SetString(text)
		return plain(text)
	}
}

// because says in our words what strconv's error says in its own.
func because(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// format writes v so that parse reads the same back.
func format(v reflect.Value) string { return fmt.Sprint(v.Interface()) }

// check holds v against the field's limits.
func (f field) check(v reflect.Value) error {
	if f.tag.Get("required") != "" && v.IsZero() {
		return errors.New("must not be empty")
	}
	if names := f.choices(); names != nil && !slices.Contains(names, v.String()) {
		return fmt.Errorf("%q is not one of %s%s", v.String(), strings.Join(names, ", "), didYouMean(v.String(), names))
	}
	if !v.CanInt() || f.allowsZero() && v.IsZero() {
		return nil
	}
	if least, ok := f.limit("min"); ok && v.Int() < least.Int() {
		return fmt.Errorf("%s is too small: at least %s%s", format(v), format(least), f.orZero())
	}
	if most, ok := f.limit("max"); ok && v.Int() > most.Int() {
		return fmt.Errorf("%s is too large: at most %s", format(v), format(most))
	}
	return nil
}

func (f field) choices() []string {
	if f.tag.Get("oneof") == "" {
		return nil
	}
	return strings.Split(f.tag.Get("oneof"), "|")
}

func (f field) allowsZero() bool { return f.tag.Get("zero") != "" }

func (f field) orZero() string {
	if !f.allowsZero() {
		return ""
	}
	return fmt.Sprintf(", or 0 for %s", f.tag.Get("zero"))
}

// limit reads the tag min or max in the field's own type.
func (f field) limit(name string) (reflect.Value, bool) {
	text, ok := f.tag.Lookup(name)
	if !ok {
		return reflect.Value{}, false
	}
	v := reflect.New(f.value.Type()).Elem()
	return v, parse(v, text) == nil
}
