package openai

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/models"
)

// answer folds what the choices deliver into the words of one endpoint.
type answer interface {
	// push takes text of a choice and returns the chunks to stream for it.
	push(choice int, c engine.Chunk) ([]any, error)
	// finish takes the end of a choice and returns its last chunks.
	finish(choice int, r engine.Result) ([]any, error)
	// usage returns what was counted so far.
	usage() usage
	// whole returns the answer for a client that does not stream; all choices have finished.
	whole() any
	// texts returns what was generated, by choice.
	texts() []string
}

// chunked is an answer whose stream ends with what was counted, if that was asked for.
type chunked interface {
	answer
	usageChunk() any
}

// head is what every chunk of an answer and the whole of it begin with.
type head struct {
	ID          string `json:"id"`
	Object      string `json:"object"`
	Created     int64  `json:"created"` // Unix seconds
	Model       string `json:"model"`
	Fingerprint string `json:"system_fingerprint"`
	Tier        string `json:"service_tier,omitempty"`
}

// newHead begins an answer. The tier is told when one was asked for.
func (h *Handler) newHead(kind, object string, m models.Model, p params) head {
	head := head{
		ID:          kind + "-" + inOrder(time.Now()),
		Object:      object,
		Created:     time.Now().Unix(),
		Model:       m.Info().ID,
		Fingerprint: fingerprint(h.Version, m.Info()),
	}
	if p.tier != "" {
		head.Tier = p.served()
	}
	return head
}

// byTime writes bytes so that the texts are in the order of the bytes.
var byTime = base32.NewEncoding("234567ABCDEFGHIJKLMNOPQRSTUVWXYZ").WithPadding(base32.NoPadding)

// inOrder makes a text that nobody can guess and that follows those of earlier
// microseconds: stored answers are listed by it.
func inOrder(now time.Time) string {
	const clock = 7 // bytes of microseconds since 1970
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], uint64(now.UnixMicro())<<8)
	rand.Read(b[clock:]) // never fails
	return byTime.EncodeToString(b[:])
}

// fingerprint changes whenever the same seed may give another text: with the program and the model's file.
func fingerprint(version string, i models.Info) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d\x00%d", version, i.ID, i.Size, i.Created.Unix()))
	return "fp_" + hex.EncodeToString(sum[:5])
}

// usageField is the usage of a chunk: absent unless asked for, then null but for the last.
type usageField struct {
	asked bool
	usage *usage
}

// IsZero leaves the field out (omitzero).
func (u usageField) IsZero() bool { return !u.asked }

// MarshalJSON writes null until there is a usage to tell.
func (u usageField) MarshalJSON() ([]byte, error) { return encode(u.usage) }
