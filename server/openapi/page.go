package openapi

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
)

var (
	//go:embed page/page.html
	html []byte
	//go:embed page/page.css
	css []byte
	//go:embed page/page.js
	js []byte
)

// Page returns the page that shows the description, and the
// Content-Security-Policy under which it works: nothing but what stands in it
// runs, and it asks no other host.
func Page() (page []byte, policy string) {
	page = bytes.Replace(html, []byte("/* page.css */"), css, 1)
	page = bytes.Replace(page, []byte("// page.js\n"), js, 1)
	return page, fmt.Sprintf("default-src 'none'; connect-src 'self'; img-src data:; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'", sum(css), sum(js))
}

// sum is how a policy names a text. The texts stand in the page to the byte.
func sum(text []byte) string {
	hash := sha256.Sum256(text)
	return "sha256-" + base64.StdEncoding.EncodeToString(hash[:])
}
