package server

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/moltbot/moltbot/kvcache"
	"github.com/moltbot/moltbot/server/openai"
)

// keyring holds the hashes of the keys that open the server.
type keyring [][sha256.Size]byte

func newKeyring(keys []string) keyring {
	ring := make(keyring, len(keys))
	for i, key := range keys {
		ring[i] = sha256.Sum256([]byte(key))
	}
	return ring
}

// find returns the hash of a key on the ring. It compares with each of them, so
// that the time taken tells nothing.
func (k keyring) find(key string) (hash [sha256.Size]byte, ok bool) {
	hash = sha256.Sum256([]byte(key))
	found := 0
	for i := range k {
		found |= subtle.ConstantTimeCompare(k[i][:], hash[:])
	}
	return hash, found == 1
}

// authorise asks for a key, where there are any, of all but the open routes. Who
// the key is decides whose prefixes a request may reuse.
func (s *Server) authorise(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if len(s.keys) == 0 || isOpen(c) {
			return next(c)
		}
		hash, ok := s.keys.find(keyOf(c.Request().Header))
		if !ok {
			c.Response().Header().Set(echo.HeaderWWWAuthenticate, `Bearer realm="moltbot"`)
			return badKey(c.Request().Header)
		}
		r := c.Request()
		caller := openai.CallerFrom(r.Context())
		caller.Partition = kvcache.Key(hex.EncodeToString(hash[:16]))
		c.SetRequest(r.WithContext(openai.WithCaller(r.Context(), caller)))
		return next(c)
	}
}

// keyOf returns the key that a request sends, in OpenAI's header or else in Anthropic's.
func keyOf(h http.Header) string {
	return cmp.Or(bearer(h), h.Get("X-Api-Key"))
}

// bearer returns the key of "Authorization: Bearer KEY"; the scheme's case doesn't matter.
func bearer(h http.Header) string {
	scheme, key, _ := strings.Cut(h.Get(echo.HeaderAuthorization), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(key)
}

func badKey(h http.Header) error {
	message := "Incorrect API key provided."
	if keyOf(h) == "" {
		message = "You didn't provide an API key. Send it in an Authorization header, Authorization: Bearer YOUR_KEY, or as x-api-key: YOUR_KEY."
	}
	return openai.Invalid(http.StatusUnauthorized, "", "invalid_api_key", "%s", message)
}
