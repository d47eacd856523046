package config

import (
	"slices"
	"strings"
)

const (
	envPrefix = "MOLTBOT_"
	// envTest starts the variables of the test suite.
	envTest = "MOLTBOT_TEST_"
	// EnvFile names the configuration file, like --config.
	EnvFile = "MOLTBOT_CONFIG"
	// EnvAPIKey holds the key that `moltbot chat` sends.
	EnvAPIKey = "MOLTBOT_API_KEY"
)

// elsewhere lists the variables that mean something, but aren't keys; the last
// one is read when the native libraries are built.
var elsewhere = []string{EnvFile, EnvAPIKey, "MOLTBOT_CUDA_ARCH"}

// readEnv takes what starts with MOLTBOT_; a name that means nothing is a mistake.
func (l *loader) readEnv(environ []string) {
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, envPrefix) || strings.HasPrefix(name, envTest) || slices.Contains(elsewhere, name) {
			continue
		}
		i := slices.IndexFunc(l.fields, func(f field) bool { return f.env() == name })
		if i < 0 {
			l.problems.add(name, "unknown variable%s", didYouMean(name, l.envNames()))
			continue
		}
		l.set(l.fields[i], value, name, name)
	}
}

func (l *loader) envNames() []string {
	names := slices.Clone(elsewhere)
	for _, f := range l.fields {
		names = append(names, f.env())
	}
	return names
}
