package responsestore

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

func open(t *testing.T, dir string, ttl time.Duration) *Store {
	t.Helper()
	s, err := Open(dir, ttl, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func put(t *testing.T, s *Store, tenant, id, doc string) {
	t.Helper()
	if err := s.Put(tenant, id, []byte(doc)); err != nil {
		t.Fatal(err)
	}
}

// want checks a document; "" stands for none.
func want(t *testing.T, s *Store, tenant, id, doc string) {
	t.Helper()
	got, ok, err := s.Get(tenant, id)
	if err != nil || ok != (doc != "") || string(got) != doc {
		t.Errorf("%q of %q is %.40q, %v, %v; want %.40q", id, tenant, got, ok, err, doc)
	}
}

func TestDocumentsBelongToOneTenant(t *testing.T) {
	s := open(t, t.TempDir(), time.Hour)
	put(t, s, "ann", "resp_1", "one")
	put(t, s, "", "resp_1", "nobody's")
	want(t, s, "ann", "resp_1", "one")
	want(t, s, "", "resp_1", "nobody's")
	want(t, s, "bob", "resp_1", "")
	want(t, s, "", "ann/resp_1", "")
	if ok, err := s.Delete("bob", "resp_1"); ok || err != nil {
		t.Errorf("bob deleted ann's: %v, %v", ok, err)
	}
	if ok, err := s.Delete("ann", "resp_1"); !ok || err != nil {
		t.Errorf("got %v, %v", ok, err)
	}
	want(t, s, "ann", "resp_1", "")
	want(t, s, "", "resp_1", "nobody's")
}

func TestDocumentsAreListedInTheOrderOfTheirIDs(t *testing.T) {
	s := open(t, t.TempDir(), time.Hour)
	for _, id := range []string{"b-2", "b-1", "c-1", "a-1", "b-3"} {
		put(t, s, "ann", id, "doc "+id)
	}
	put(t, s, "bob", "b-0", "bob's")
	put(t, s, "", "b-9", "nobody's")
	for _, c := range []struct {
		rule, prefix, after string
		back                bool
		most                int
		want                string
	}{
		{"all of a prefix", "b-", "", false, 9, "b-1 b-2 b-3"},
		{"the other way", "b-", "", true, 9, "b-3 b-2 b-1"},
		{"behind one", "b-", "b-1", false, 9, "b-2 b-3"},
		{"behind one, the other way", "b-", "b-3", true, 9, "b-2 b-1"},
		{"as many as are wanted", "b-", "", false, 2, "b-1 b-2"},
		{"behind the last", "b-", "b-3", false, 9, ""},
		{"none of a prefix", "d-", "", true, 9, ""},
	} {
		t.Run(c.rule, func(t *testing.T) {
			var got []string
			err := s.List("ann", c.prefix, c.after, c.back, func(id string, doc []byte) bool {
				if string(doc) != "doc "+id {
					t.Errorf("%s holds %q", id, doc)
				}
				got = append(got, id)
				return len(got) < c.most
			})
			if strings.Join(got, " ") != c.want || err != nil {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestDocumentsOutliveTheProcess(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, time.Hour)
	large := string(bytes.Repeat([]byte("x"), 20<<20)) // as large as a body may be, and more
	put(t, s, "ann", "resp_1", "one")
	put(t, s, "ann", "resp_2", large)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, time.Hour)
	want(t, s, "ann", "resp_1", "one")
	want(t, s, "ann", "resp_2", large)
}

func TestDocumentsEndWithTheirTime(t *testing.T) {
	s := open(t, t.TempDir(), time.Second) // Badger counts whole seconds
	put(t, s, "ann", "resp_1", "one")
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, ok, err := s.Get("ann", "resp_1"); err != nil || !ok {
			return
		}
		if time.Now().After(end) {
			t.Fatal("it never ends")
		}
	}
}

func TestAFolderIsOpenOnce(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, time.Hour)
	if _, err := Open(dir, time.Hour, zerolog.Nop()); !errors.Is(err, ErrLocked) {
		t.Errorf("opened twice: %v", err)
	}
}

func TestAClosedStoreSaysSo(t *testing.T) {
	s := open(t, t.TempDir(), time.Hour)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Put("", "a", nil); !errors.Is(err, ErrClosed) {
		t.Errorf("put: %v", err)
	}
	if _, _, err := s.Get("", "a"); !errors.Is(err, ErrClosed) {
		t.Errorf("get: %v", err)
	}
	if err := s.List("", "a", "", false, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("list: %v", err)
	}
	if _, err := s.Delete("", "a"); !errors.Is(err, ErrClosed) {
		t.Errorf("delete: %v", err)
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
