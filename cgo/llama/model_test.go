package llama

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moltbot/moltbot/internal/testmodel"
)

func TestModelDescribesItself(t *testing.T) {
	m := openModel(t, "smollm2")
	if got, want := m.Desc(), "llama"; !strings.Contains(got, want) {
		t.Errorf("description %q has no %q", got, want)
	}
	if name, ok := m.Meta("general.architecture"); name != "llama" || !ok {
		t.Errorf("architecture: got %q, %t", name, ok)
	}
	if _, ok := m.Meta("no.such.key"); ok {
		t.Error("a key that isn't there has a value")
	}
	if m.CtxTrain() != 8192 && m.CtxTrain() != 2048 || m.NLayer() != 30 || m.NEmbd() != 576 {
		t.Errorf("got %d tokens, %d layers, %d wide", m.CtxTrain(), m.NLayer(), m.NEmbd())
	}
	if m.Params() < 130e6 || m.Size() < 80e6 {
		t.Errorf("got %d parameters in %d bytes", m.Params(), m.Size())
	}
	if m.SWA() != 0 || m.IsRecurrent() || m.IsHybrid() || m.HasEncoder() || !m.HasDecoder() {
		t.Error("a plain decoder says it is something else")
	}
}

func TestChatTemplateIsEmptyForABaseModel(t *testing.T) {
	if got := openModel(t, "smollm2").ChatTemplate(); !strings.Contains(got, "im_start") {
		t.Errorf("SmolLM2's template is %q", got)
	}
	if got := openModel(t, "gemma3").ChatTemplate(); got != "" {
		t.Errorf("the base model has a template: %q", got)
	}
}

func TestBadFileIsAnErrorWithAReason(t *testing.T) {
	whole, err := os.ReadFile(testmodel.Path(t, "smollm2"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"not there":           {nil, "No such file"},
		"empty":               {[]byte{}, "magic"},
		"text":                {[]byte(strings.Repeat("not a model\n", 100)), "magic"},
		"cut in the header":   {whole[:1000], "exceeds remaining file size"},
		"cut in the tensors":  {whole[:len(whole)/2], "corrupted or incomplete"},
		"an unknown version":  {append([]byte("GGUF\xff\x00\x00\x00"), whole[8:4096]...), "version"},
		"an impossible count": {append([]byte("GGUF\x03\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\x7f"), whole[16:4096]...), "number of tensors"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".gguf")
			if c.content != nil {
				if err := os.WriteFile(path, c.content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			m, err := LoadModel(path, ModelParams{})
			if err == nil {
				m.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, want %q in it", err, c.want)
			}
		})
	}
}

func TestProgressIsReportedAndCanStopTheLoad(t *testing.T) {
	path := testmodel.Path(t, "smollm2")
	var last float32
	m, err := LoadModel(path, ModelParams{LoadMode: LoadRead, Progress: func(done float32) bool {
		last = done
		return true
	}})
	if err != nil {
		t.Fatal(err)
	}
	m.Close()
	if last != 1 {
		t.Errorf("the last report was %g, want 1", last)
	}
	stop := func(float32) bool { return false }
	if _, err := LoadModel(path, ModelParams{Progress: stop}); !errors.Is(err, ErrAborted) {
		t.Errorf("got %v, want ErrAborted", err)
	}
}

func TestDevicesHaveACPU(t *testing.T) {
	if err := Init(); err != nil {
		t.Fatal(err)
	}
	if Version() != PinnedVersion || !strings.Contains(SystemInfo(), "CPU") {
		t.Errorf("version %q, %q", Version(), SystemInfo())
	}
	for _, d := range Devices() {
		if d.Type == DeviceCPU && d.Name != "" && d.Total > 0 {
			return
		}
	}
	t.Errorf("no CPU in %+v", Devices())
}

func TestLogJoinsPiecesToLines(t *testing.T) {
	var got []string
	l := logJoiner{sink: func(level LogLevel, line string) { got = append(got, string(rune('0'+level))+line) }}
	l.write(LogInfo, "one\ntwo")
	l.write(logCont, " and a half\n")
	l.write(LogWarn, "never ended")
	l.write(LogError, "next\n")
	l.write(LogInfo, "\n")
	want := "2one 2two and a half 3never ended 4next"
	if strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLogReachesTheCallback(t *testing.T) {
	log := record(t)
	openModel(t, "smollm2")
	if !log.has("llama_model_loader") {
		t.Error("loading a model logged nothing")
	}
}

func TestLeakReportNamesWhoOpened(t *testing.T) {
	log := record(t)
	func() { NewBatch(1) }()
	for range 1000 { // cleanups run some time after a collection
		runtime.GC()
		if log.has("model_test.go") {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("the batch that was dropped was not reported")
}

// recorder keeps the log of one test.
type recorder struct {
	mu    sync.Mutex
	lines []string
}

func record(t *testing.T) *recorder {
	r := &recorder{}
	SetLog(func(_ LogLevel, line string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.lines = append(r.lines, line)
	})
	t.Cleanup(func() { SetLog(toStderr) })
	return r
}

func (r *recorder) has(part string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Contains(strings.Join(r.lines, "\n"), part)
}
