// Package e2e drives the built program with the real models over HTTP, as its users do.
//
// Owns: what is true of the whole: the wire as the official clients see it,
// many clients at once, clients that leave, nonsense, start and end of the
// process, and greedy texts equal to llama-server's. Nothing is mocked.
// Must not import: anything of Moltbot but internal/testmodel, internal/testschemas,
// the makers of nonsense in server/malformed, and server/openapi/openapitest, which
// holds answers against /openapi.json; the tests know what a client knows.
// Flow: TestMain builds cmd/moltbot once. Tests share a server per model, or one
// without drafts, started by the first that asks, or start one of their own; a test
// that fails shows what its server said meanwhile.
package e2e

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// update writes the golden files anew, from build/peer.
var update = flag.Bool("update", false, "write the golden files anew, from llama-server in build/peer")

// patience bounds waits that end by themselves when all is well, on a busy machine too.
const patience = 3 * time.Minute

var (
	program string // the built moltbot
	data    string // its data folder: a model that was tried once is not tried again
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "moltbot-e2e-")
	if err != nil {
		return failed(err)
	}
	defer os.RemoveAll(dir)
	program, data = filepath.Join(dir, "moltbot"), filepath.Join(dir, "data")
	if err := build(program); err != nil {
		return failed(err)
	}
	code := m.Run()
	if err := errors.Join(endCommon(), watching.verdict()); err != nil {
		return failed(err)
	}
	return code
}

// build compiles the program from the tree that is tested.
func build(to string) error {
	cmd := exec.Command("go", "build", "-o", to, "../cmd/moltbot")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return nil
}

func failed(err error) int {
	fmt.Fprintln(os.Stderr, "e2e:", err)
	return 1
}
