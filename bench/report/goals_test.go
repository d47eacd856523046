package report

import (
	"strings"
	"testing"
)

func TestGoals(t *testing.T) {
	for _, c := range []struct {
		rule  string
		ratio float64
		want  string
	}{
		{"the whole interval is as good", .01, "0.01×: reached"},
		{"none of it is", 100, "100×: missed"},
	} {
		goals := []Goal{{"chat", "", "requests", "slow", c.ratio}}
		text := told(Summary{First: saved(t, fixed()), Goals: goals})
		if !strings.Contains(text, "| 95 % interval | target |") || !strings.Contains(text, "| "+c.want+" |") {
			t.Errorf("%s: %q is not in:\n%s", c.rule, c.want, text)
		}
	}
	if text := told(Summary{First: saved(t, fixed())}); strings.Contains(text, "target") {
		t.Errorf("without goals none is told:\n%s", text)
	}
}

func TestAGoalInsideTheIntervalIsNeitherReachedNorMissed(t *testing.T) {
	r := fixed()
	for i := range r.Ratios {
		r.Ratios[i].Low, r.Ratios[i].High = 1, 2
	}
	s := Summary{First: saved(t, r), Goals: []Goal{{"chat", "", "requests", "slow", 1.5}}}
	if text := told(s); !strings.Contains(text, "1.5×: within the noise") {
		t.Errorf("got:\n%s", text)
	}
}

func TestGoalsAreRead(t *testing.T) {
	const lines = "# workload\tclass\tmeasure\tover\tratio\nchat\t\trequests\ttuned\t1.25\n"
	goals, err := readGoals(strings.NewReader(lines))
	if err != nil || len(goals) != 1 || goals[0] != (Goal{"chat", "", "requests", "tuned", 1.25}) {
		t.Errorf("%q reads as %v, %v", lines, goals, err)
	}
	for rule, line := range map[string]string{
		"a column is missing": "chat\t\trequests\t1.25\n",
		"no number":           "chat\t\trequests\ttuned\tfast\n",
		"below nothing":       "chat\t\trequests\ttuned\t-1\n",
		"no such headline":    "chat\t\tweather\ttuned\t2\n",
	} {
		if goals, err := readGoals(strings.NewReader(line)); err == nil {
			t.Errorf("%s: %q reads as %v", rule, line, goals)
		}
	}
}
