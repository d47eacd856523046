package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestReadKeys(t *testing.T) {
	path := put(t, "keys", "# the team\n\n  sk-one  \r\n#sk-off\nsk-two", 0o600)
	got, err := readKeys(path)
	if err != nil || got.warning != "" || !slices.Equal(got.keys, []string{"sk-one", "sk-two"}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAKeyMaySayHowHighItGoes(t *testing.T) {
	got, err := readKeys(put(t, "keys", "sk-one tier=flex\nsk-two   tier=priority\nsk-three\n", 0o600))
	if want := map[string]string{"sk-one": "flex", "sk-two": "priority"}; err != nil || len(got.keys) != 3 || !maps.Equal(got.tiers, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestReadKeysRefuses(t *testing.T) {
	for _, c := range []struct{ rule, content, want string }{
		{"an empty file", "", "there is no key in it; write one per line"},
		{"a file of comments", "# later\n\n", "there is no key in it; write one per line"},
		{"two words on a line", "one\ntwo words\n", "line 2: a key is one word of printable ASCII"},
		{"a tier that there isn't", "one tier=gold\n", "line 1: tier is flex, default or priority"},
		{"what no header can carry", "schlüssel\n", "line 1: a key is one word of printable ASCII"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			path := put(t, "keys", c.content, 0o600)
			if _, err := readKeys(path); err == nil || err.Error() != "API key file "+path+": "+c.want {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAKeyFileThatEveryoneCanReadIsTakenWithAWarning(t *testing.T) {
	got, err := readKeys(put(t, "keys", "sk-one\n", 0o644))
	if err != nil || len(got.keys) != 1 || !strings.Contains(got.warning, "chmod 600 ") {
		t.Errorf("got %+v, %v", got, err)
	}
}
