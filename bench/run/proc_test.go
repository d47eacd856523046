package run

import (
	"net"
	"os"
	"testing"
)

func TestTheListenerOfALoopbackURLIsFound(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if pid := listener("http://" + l.Addr().String()); pid != os.Getpid() {
		t.Errorf("found process %d, this one is %d", pid, os.Getpid())
	}
}

func TestTheProcessOfAnotherMachineIsUnknown(t *testing.T) {
	for _, url := range []string{"http://192.0.2.1:8080", "http://example.org:80", "http://127.0.0.1", ":::"} {
		if pid := listener(url); pid != 0 {
			t.Errorf("%s belongs to process %d", url, pid)
		}
	}
}

func TestListeningInode(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 0100007F:D2A4 01 00000000:00000000 00:00000000 00000000     0        0 111 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 222 1 0000000000000000 100 0 0 10 0
`
	if got := listeningInode(table, 8080); got != "222" {
		t.Errorf("port 8080 listens on %q, want that which listens, not the connection", got)
	}
	if got := listeningInode(table, 80); got != "" {
		t.Errorf("port 80 listens on %q", got)
	}
}

func TestPeakRSS(t *testing.T) {
	if got := peakRSS(os.Getpid()); got < 1<<20 {
		t.Errorf("this process takes %d bytes", got)
	}
	if got := peakRSS(0); got != 0 {
		t.Errorf("no process takes %d bytes", got)
	}
}

func TestBaseURL(t *testing.T) {
	for in, want := range map[string]string{"http://h:1": "http://h:1", "http://h:1/": "http://h:1", "http://h/v1": "http://h", "http://h/v1/": "http://h", "http://h/api/v1": "http://h/api"} {
		if got := BaseURL(in); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}
