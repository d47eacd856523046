package config

import (
	"fmt"

	"github.com/moltbot/moltbot/internal/spelling"
)

// didYouMean ends the message about a mistyped name; empty when nothing is near.
func didYouMean(name string, candidates []string) string {
	best := spelling.Nearest(name, candidates, .5)
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean '%s'?", best)
}
