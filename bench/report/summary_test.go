package report

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// saved writes reports into subfolders and reads them back.
func saved(t *testing.T, reports ...*Report) []*Report {
	t.Helper()
	dir := t.TempDir()
	for i, r := range reports {
		if err := r.Save(filepath.Join(dir, string(rune('a'+i)))); err != nil {
			t.Fatal(err)
		}
	}
	all, err := LoadAll(dir)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func told(s Summary) string {
	var b strings.Builder
	s.Markdown(&b)
	return b.String()
}

func TestTheSummaryTellsWhatAWorkloadIsLookedAtFor(t *testing.T) {
	text := told(Summary{First: saved(t, fixed())})
	for _, want := range []string{
		"- Machine: A CPU, 2 threads",
		"\n## Over slow\n",
		"| workload | measure | unit | fast | slow | ratio | 95 % interval |\n",
		"| chat | requests | req/s |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in:\n%s", want, text)
		}
	}
	if strings.Contains(text, "agrees") || strings.Contains(text, "single") {
		t.Errorf("it tells what was not measured:\n%s", text)
	}
}

// shifted is the same comparison with a first target that is so many times better.
func shifted(by float64) *Report {
	r := fixed()
	for i := range r.Ratios {
		r.Ratios[i].Estimate *= by
	}
	return r
}

func TestASecondRunAgreesInsideTheInterval(t *testing.T) {
	first := saved(t, fixed())
	for _, c := range []struct {
		rule string
		by   float64
		want string
	}{
		{"the same ratio agrees", 1, "| yes |"},
		{"one outside of the interval is told", 3, "| no: too noisy to use |"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if text := told(Summary{First: first, Again: saved(t, shifted(c.by))}); !strings.Contains(text, c.want) {
				t.Errorf("%q is not in:\n%s", c.want, text)
			}
		})
	}
	t.Run("they are counted", func(t *testing.T) {
		if text := told(Summary{First: first, Again: saved(t, shifted(3))}); !strings.Contains(text, ", 0 of the second run lie in the interval") {
			t.Errorf("got:\n%s", text)
		}
	})
}

func TestAFolderWithoutReportsIsAnError(t *testing.T) {
	if _, err := LoadAll(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
