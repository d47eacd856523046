package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/moltbot/moltbot/internal/config"
)

// listen takes the port, or says who has it and what to do.
func listen(ctx context.Context, address config.Address) (net.Listener, error) {
	l, err := net.Listen("tcp", string(address))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("port %s is in use: %s; choose another with --listen", portOf(address), neighbour(ctx, address))
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("port %s is not allowed for this user: choose one from 1024 on with --listen", portOf(address))
	case err != nil:
		return nil, fmt.Errorf("%w; choose another address with --listen", err)
	}
	return l, nil
}

func portOf(address config.Address) string {
	_, port, _ := net.SplitHostPort(string(address)) // config has checked it
	return port
}

// neighbour asks who answers at a taken address.
func neighbour(ctx context.Context, address config.Address) string {
	if isMoltbot(ctx, "http://"+reachable(string(address))) {
		return "a moltbot answers there"
	}
	return "another program has it"
}

// isMoltbot tells a moltbot by what only it says: in the list of models, where
// a key is asked for, and while the model is being loaded.
func isMoltbot(ctx context.Context, base string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for _, path := range []string{"/v1/models", "/ready"} {
		body, header := get(ctx, base+path)
		if strings.Contains(header.Get("WWW-Authenticate"), `realm="moltbot"`) ||
			strings.Contains(body, `"owned_by":"moltbot"`) || strings.Contains(body, `"code":"not_ready"`) {
			return true
		}
	}
	return false
}

// get returns what answers at a URL, whatever the status; nothing answers like an empty page.
func get(ctx context.Context, url string) (string, http.Header) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", nil
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return "", nil
	}
	return string(body), resp.Header
}

// reachable turns an address to listen on into one to connect to: an empty or
// unspecified host becomes this machine.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	switch ip := net.ParseIP(host); {
	case host == "" || ip != nil && ip.IsUnspecified() && ip.To4() != nil:
		host = "127.0.0.1"
	case ip != nil && ip.IsUnspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}
