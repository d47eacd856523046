package chat

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// redirect sends stdout and stderr, C's too, to a file until the returned function is called.
func redirect(t *testing.T, to *os.File) (restore func()) {
	t.Helper()
	var undo []func()
	for fd := 1; fd <= 2; fd++ {
		saved, err := unix.Dup(fd)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Dup2(int(to.Fd()), fd); err != nil {
			t.Fatal(err)
		}
		undo = append(undo, func() {
			_ = unix.Dup2(saved, fd) // nothing could be done about a failure
			_ = unix.Close(saved)
		})
	}
	return func() {
		for _, f := range undo {
			f()
		}
	}
}
