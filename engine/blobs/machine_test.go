package blobs

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"

	"github.com/moltbot/moltbot/kvcache"
	"pgregory.net/rapid"
)

// machine compares a store with a map, over restarts.
type machine struct {
	store   *Store
	folder  string
	ended   chan kvcache.BlobID
	content map[kvcache.BlobID][]byte
	onDisk  map[kvcache.BlobID]bool
}

func (m *machine) open(t *rapid.T) {
	m.ended = make(chan kvcache.BlobID, 1)
	s, err := Open(Config{Folder: m.folder})
	if err != nil {
		t.Fatal(err)
	}
	s.Notify(func(ended Spilled) {
		if ended.Err != nil {
			ended.ID = 0
		}
		m.ended <- ended.ID
	})
	found := s.Found()
	if len(found) != len(m.onDisk) {
		t.Fatalf("found %d blobs, %d were spilled", len(found), len(m.onDisk))
	}
	m.store = s
}

func (m *machine) add(t *rapid.T) {
	want := rapid.SliceOfN(rapid.Byte(), 1, 3*page).Draw(t, "content")
	id, _, err := m.store.New(len(want)+10, func(b []byte) (int, error) { return copy(b, want), nil })
	if err != nil || m.content[id] != nil {
		t.Fatalf("blob %d: %v", id, err)
	}
	m.content[id] = want
}

func (m *machine) draw(t *rapid.T) kvcache.BlobID {
	if len(m.content) == 0 {
		t.Skip("no blob")
	}
	ids := make([]kvcache.BlobID, 0, len(m.content))
	for id := kvcache.BlobID(0); len(ids) < len(m.content); id++ {
		if m.content[id] != nil {
			ids = append(ids, id)
		}
	}
	return rapid.SampledFrom(ids).Draw(t, "blob")
}

func (m *machine) forget(t *rapid.T) {
	id := m.draw(t)
	m.store.Forget(id)
	delete(m.content, id)
	delete(m.onDisk, id)
}

func (m *machine) spill(t *rapid.T) {
	id := m.draw(t)
	m.store.Spill(id, entry, 0)
	switch got := <-m.ended; {
	case got == id:
		m.onDisk[id] = true
	case !m.onDisk[id]:
		t.Fatalf("blob %d was not spilled", id)
	}
}

func (m *machine) restart(t *rapid.T) {
	if err := m.store.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	for id := range m.content {
		if !m.onDisk[id] {
			delete(m.content, id)
		}
	}
	m.open(t)
}

func (m *machine) check(t *rapid.T) {
	for id, want := range m.content {
		if got, err := m.store.Bytes(id); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("blob %d: %d bytes, want %d, %v", id, len(got), len(want), err)
		}
	}
	if _, err := m.store.Bytes(1 << 60); !errors.Is(err, ErrLost) {
		t.Fatalf("got %v, want ErrLost", err)
	}
	used := 0
	for id, want := range m.content {
		if !m.onDisk[id] {
			used += class(len(want) + 10)
		}
	}
	if m.store.arena.used != used {
		t.Fatalf("%d bytes of memory are used, want %d", m.store.arena.used, used)
	}
}

func TestStoreIsAMapOverRestarts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		folder, err := os.MkdirTemp("", "blobs")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(folder)
		m := &machine{folder: folder, content: map[kvcache.BlobID][]byte{}, onDisk: map[kvcache.BlobID]bool{}}
		m.open(t)
		defer func() { m.store.Close(context.Background()) }()
		t.Repeat(map[string]func(*rapid.T){"add": m.add, "forget": m.forget, "spill": m.spill, "restart": m.restart, "": m.check})
	})
}

func TestArenaGivesWhatWasGivenBack(t *testing.T) {
	var a arena
	defer a.close()
	first, err := a.take(page)
	if err != nil {
		t.Fatal(err)
	}
	first[0] = 1
	a.give(first)
	again, err := a.take(2 * page)
	if err != nil || again[0] != 1 {
		t.Errorf("fresh memory though some was free: %v", err)
	}
	a.give(again)
	big, err := a.take(keep + 1)
	if err != nil {
		t.Fatal(err)
	}
	a.give(big)
	if a.used != 0 || a.kept != smallest {
		t.Errorf("%d used, %d kept", a.used, a.kept)
	}
}

func TestClassWastesAQuarterAtMost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(smallest, 1<<40).Draw(t, "bytes")
		if c := class(n); c < n || c-n > n/4 || c%page != 0 || class(c) != c {
			t.Errorf("%d bytes get %d", n, c)
		}
	})
}
