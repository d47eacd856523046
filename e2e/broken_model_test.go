package e2e

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/moltbot/moltbot/internal/testmodel"
)

func TestUnreadableModels(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.gguf")
	if err := os.WriteFile(text, []byte("this is no model\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, path := range map[string]string{
		"no file":        filepath.Join(dir, "none.gguf"),
		"no name":        "nomodel",
		"a folder":       dir,
		"another format": text,
		"a device":       "/dev/null",
	} {
		wantRefusal(t, what, serve(t, "--model", path), "--model")
	}
}

// copyOfModel is a file that a test may damage.
func copyOfModel(t *testing.T) *os.File {
	t.Helper()
	from, err := os.Open(testmodel.Path(t, "smollm2"))
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := os.Create(filepath.Join(t.TempDir(), "damaged.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { to.Close() })
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestTruncatedModels(t *testing.T) {
	model := copyOfModel(t)
	whole, err := model.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{whole.Size() - 1, whole.Size() / 2, 4 << 20, 1 << 20, 5000, 100, 23, 4, 1, 0} {
		if err := model.Truncate(size); err != nil {
			t.Fatal(err)
		}
		wantRefusal(t, fmt.Sprintf("%d bytes of the model", size), serve(t, "--model", model.Name()), "damaged.gguf", "truncated")
	}
}

// TestCorruptModels flips a bit where the file says what it is and how long its
// parts are: nothing that is read from there may be trusted.
func TestCorruptModels(t *testing.T) {
	model := copyOfModel(t)
	head := make([]byte, 8<<20)
	if _, err := model.ReadAt(head, 0); err != nil {
		t.Fatal(err)
	}
	for what, at := range structure(t, head) {
		for _, bit := range []byte{0x04, 0x80} {
			if _, err := model.WriteAt([]byte{head[at] ^ bit}, int64(at)); err != nil {
				t.Fatal(err)
			}
			wantRefusal(t, fmt.Sprintf("%s, byte %d, bit %#x", what, at, bit), serve(t, "--model", model.Name()), "damaged.gguf")
		}
		if _, err := model.WriteAt(head[at:at+1], int64(at)); err != nil {
			t.Fatal(err)
		}
	}
}

// structure returns places in the header that everything else hangs on. The
// layout is that of ggml's docs/gguf.md: magic, version, counts, keys, tensors.
func structure(t *testing.T, head []byte) map[string]int {
	t.Helper()
	const name = "token_embd.weight"
	tensor := bytes.Index(head, []byte(name))
	layers := bytes.Index(head, []byte(".block_count"))
	if tensor < 0 || layers < 0 {
		t.Fatal("not the header that the test expects")
	}
	dims := tensor + len(name)
	return map[string]int{
		"the magic":                   0,
		"the version":                 4,
		"the number of tensors":       8,
		"the number of tensors, high": 15,
		"the number of keys":          16,
		"the number of keys, high":    23,
		"the first key's length":      24,
		"the type of the layer count": layers + len(".block_count"),
		"the layer count":             layers + len(".block_count") + 4,
		"a tensor name's length":      tensor - 8,
		"a tensor's dimensions":       dims,
		"a tensor's rows, high":       dims + 4 + 7,
		"a tensor's type":             dims + 4 + 16,
		"a tensor's offset, high":     dims + 4 + 16 + 4 + 7,
	}
}
