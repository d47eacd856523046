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

// lock is what one key opens.
type lock struct {
	hash [sha256.Size]byte // of the key
	tier string            // the highest service_tier; "": any
}

// keyring holds what the keys open the server for.
type keyring []lock

func newKeyring(keys []string, tiers map[string]string) keyring {
	ring := make(keyring, len(keys))
	for i, key := range keys {
		ring[i] = lock{sha256.Sum256([]byte(key)), tiers[key]}
	}
	return ring
}

// find returns what a key opens. It compares with each on the ring, so that the time
// taken tells nothing.
func (k keyring) find(key string) (found lock, ok bool) {
	hash := sha256.Sum256([]byte(key))
	at := -1
	for i := range k {
		at = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(k[i].hash[:], hash[:]), i, at)
	}
	if at < 0 {
		return lock{}, false
	}
	return k[at], true
}

// authorise asks for a key, where there are any, of all but the open routes. Who
// the key is decides whose prefixes a request may reuse, and how soon it may be served.
func (s *Server) authorise(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if len(s.keys) == 0 || isOpen(c) {
			return next(c)
		}
		lock, ok := s.keys.find(keyOf(c.Request().Header))
		if !ok {
			c.Response().Header().Set(echo.HeaderWWWAuthenticate, `Bearer realm="moltbot"`)
			return badKey(c.Request().Header)
		}
		r := c.Request()
		caller := openai.CallerFrom(r.Context())
		caller.Partition = kvcache.Key(hex.EncodeToString(lock.hash[:16]))
		caller.Tier = lock.tier
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
