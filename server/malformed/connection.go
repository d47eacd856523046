package malformed

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"time"
)

// Connection is what a client writes, and whether it hangs up without waiting for an answer.
type Connection struct {
	Text   string
	HangUp bool
}

// Connections returns so many: requests cut at every place, broken chunks,
// lengths that lie, request lines and headers that are none, and noise.
func Connections(model string, n int) (all []Connection) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for i := range n {
		kind := kinds[i%len(kinds)]
		all = append(all, Connection{kind(rnd, model), i/len(kinds)%2 == 1})
	}
	return all
}

var kinds = []func(*rand.Rand, string) string{
	cutBody, cutChunk, brokenChunk, lyingLength, brokenHead, cutHead, noise,
}

func post(headers, body string) string {
	return "POST " + ChatPath + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + headers + "\r\n\r\n" + body
}

func cut(rnd *rand.Rand, text string) string { return text[:rnd.IntN(len(text))] }

func cutBody(rnd *rand.Rand, model string) string {
	full := Chat(model)
	return post(fmt.Sprintf("Content-Length: %d", len(full)), cut(rnd, full))
}

func cutChunk(rnd *rand.Rand, model string) string {
	full := Chat(model)
	return post("Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s", len(full), cut(rnd, full)))
}

func brokenChunk(rnd *rand.Rand, _ string) string {
	sizes := []string{"-1", "zz", "ffffffffffffffffff", "", "5;" + strings.Repeat("x", 10_000), "1\r\nab", "0x1"}
	return post("Transfer-Encoding: chunked", sizes[rnd.IntN(len(sizes))]+"\r\n{}\r\n0\r\n\r\n")
}

func lyingLength(rnd *rand.Rand, _ string) string {
	lengths := []string{"-1", "1", "99999999999999999999", "a", "2, 3", "2\r\nContent-Length: 7", "2\r\nTransfer-Encoding: chunked"}
	return post("Content-Length: "+lengths[rnd.IntN(len(lengths))], "{}")
}

func brokenHead(rnd *rand.Rand, _ string) string {
	heads := []string{
		"\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n folded: x\r\n\r\n",
		"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", "GET " + strings.Repeat("/..", 2000) + " HTTP/1.1\r\nHost: x\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /v1/models HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("y", 200_000) + "\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", // the start of TLS
	}
	return heads[rnd.IntN(len(heads))]
}

func cutHead(rnd *rand.Rand, model string) string {
	return cut(rnd, post("Content-Length: 2", Chat(model))[:100])
}

func noise(rnd *rand.Rand, _ string) string {
	b := make([]byte, 1+rnd.IntN(2000))
	for i := range b {
		b[i] = byte(rnd.UintN(256))
	}
	return string(b)
}

// Send writes a connection's text to an address and returns what is answered,
// nothing when it hangs up. A server that hangs up first is no error; one that
// does nothing until the time is over is.
func (c Connection) Send(address string, patience time.Duration) (string, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, c.Text); err != nil || c.HangUp {
		return "", timeout(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return "", nil // it has hung up
	}
	answer, err := io.ReadAll(conn)
	return string(answer), timeout(err)
}

// timeout returns err if it says that the time was over.
func timeout(err error) error {
	if e, ok := err.(net.Error); ok && e.Timeout() {
		return err
	}
	return nil
}
