package testmodel_test

import (
	"io"
	"os"
	"testing"

	"github.com/moltbot/moltbot/internal/testmodel"
)

func TestPathIsAGGUF(t *testing.T) {
	f, err := os.Open(testmodel.Path(t, "smollm2"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	magic := make([]byte, 4)
	if _, err := io.ReadFull(f, magic); err != nil || string(magic) != "GGUF" {
		t.Errorf("the file starts with %q (%v), not with GGUF", magic, err)
	}
}
