package admin

import (
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"tongma/codec"
	"tongma/institutions/seal"
	"tongma/routing"
	"tongma/switch/engine"
	"tongma/switch/journal"
	"tongma/switch/stage"
)

// notebook is a journal made of memory.
type notebook struct {
	acts    []engine.Act
	states  map[string][]byte
	texts   map[string]journal.Setting
	refused int
}

// Act is Acts'.
func (n *notebook) Act(a *engine.Act) error {
	n.acts = append(n.acts, *a)
	if a.Key != "" {
		n.states[a.Key] = a.State
	}
	return nil
}

// Acts is Acts'.
func (n *notebook) Acts(visit func(engine.Act) error) error {
	for _, a := range n.acts {
		if err := visit(a); err != nil {
			return err
		}
	}
	return nil
}

// State is Acts'.
func (n *notebook) State(key string) ([]byte, error) { return n.states[key], nil }

// Refused is Acts'.
func (n *notebook) Refused(engine.Refused) { n.refused++ }

// Setting is Texts'.
func (n *notebook) Setting(key string) journal.Setting { return n.texts[key] }

// CompareAndSet is Texts'.
func (n *notebook) CompareAndSet(key string, revision uint64, value []byte, _ time.Duration) (journal.Setting, error) {
	if n.texts[key].Revision != revision {
		return journal.Setting{}, journal.ErrRevision
	}
	n.texts[key] = journal.Setting{Key: key, Value: value, Revision: revision + 1}
	return n.texts[key], nil
}

const secretText = "0123456789abcdef"

func newServer(t *testing.T) (*httptest.Server, *notebook) {
	t.Helper()
	n := &notebook{states: map[string][]byte{}, texts: map[string]journal.Setting{}}
	options := newOptions(t, n, n, "people:\n  - {name: li, roles: [operator], secret_file: li.key}\n  - {name: wang, secret_file: wang.key}\n")
	server := httptest.NewServer(New(options).server.Handler)
	t.Cleanup(server.Close)
	return server, n
}

// newOptions is what a server needs, with acts and texts and the people that text lists.
func newOptions(t *testing.T, acts Acts, texts Texts, text string) Options {
	t.Helper()
	directory := t.TempDir()
	files := map[string]string{
		"table.yaml": stage.Table,
		"li.key":     hex.EncodeToString([]byte(secretText)), "wang.key": hex.EncodeToString([]byte("another secret 16")),
		"people.yaml": text,
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	people, err := LoadPeople(filepath.Join(directory, "people.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	register, err := routing.LoadRegister([]byte(stage.Register))
	if err != nil {
		t.Fatal(err)
	}
	tables, err := OpenTables(acts, texts, new(routing.Switchboard), register, func() ([]byte, error) {
		return routing.Bundle(os.DirFS(directory), "table.yaml")
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := tables.Begin(); err != nil {
		t.Fatal(err)
	}
	return Options{People: people, Tables: tables, Acts: acts, Logger: zap.NewNop(), Decoder: codec.Default}
}

// TestServerTakesOnlyWhatIsSigned sends one good request and spoils it in every way.
func TestServerTakesOnlyWhatIsSigned(t *testing.T) {
	server, n := newServer(t)
	key := seal.NewKey("li", []byte(secretText))
	began := time.Now()
	at := began
	request := func(spoil func(*http.Request)) *http.Request {
		r, err := http.NewRequest("GET", server.URL+"/admin/v1/tables", nil)
		if err != nil {
			t.Fatal(err)
		}
		clock := strconv.FormatInt(at.UnixMilli(), 10)
		r.Header.Set(HeaderPerson, "li")
		r.Header.Set(seal.HeaderTime, clock)
		r.Header.Set(seal.HeaderSignature, string(key.AppendRequest(nil, []byte("GET"), []byte("/admin/v1/tables"), []byte(clock), nil)))
		spoil(r)
		return r
	}
	f := func(want int, r *http.Request) {
		t.Helper()
		response, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("status %d, want %d", response.StatusCode, want)
		}
	}
	good := request(func(*http.Request) {})
	f(200, good)
	f(409, good) // Taken once.
	f(401, request(func(r *http.Request) { r.Header.Del(seal.HeaderSignature) }))
	f(401, request(func(r *http.Request) { r.Header.Set(HeaderPerson, "wang") }))
	f(401, request(func(r *http.Request) { r.Header.Set(HeaderPerson, "nobody") }))
	f(401, request(func(r *http.Request) { r.Header.Set(seal.HeaderTime, "1") }))
	f(401, request(func(r *http.Request) { r.URL.Path = "/admin/v1/acts" }))
	f(401, request(func(r *http.Request) { r.Header.Set(seal.HeaderSignature, strings.Repeat("0", seal.Size)) }))
	at = began.Add(-time.Second) // It may have been taken by the run before.
	f(401, request(func(*http.Request) {}))
	if n.refused != 8 {
		t.Errorf("%d refusals were noted, want 8", n.refused)
	}
}

// TestRolesAndHostileBodies: who has no role is refused and written down, and a body
// that is no table is refused with its own word.
func TestRolesAndHostileBodies(t *testing.T) {
	server, n := newServer(t)
	f := func(want Code, who, secret, method, path string, body any) {
		t.Helper()
		var answer map[string]any
		if got := codeOf(NewClient(server.URL, who, []byte(secret)).Do(method, path, body, &answer)); got != want {
			t.Errorf("%s %s: %q, want %q", method, path, got, want)
		}
		last := n.acts[len(n.acts)-1]
		if method == "POST" && (last.Who != who || last.Refused != string(want)) {
			t.Errorf("%s %s: the last act is %+v", method, path, last)
		}
	}
	f(RoleMissing, "wang", "another secret 16", "POST", "/admin/v1/rollback", nil)
	f(RoleMissing, "li", secretText, "POST", "/admin/v1/tables/"+digestOf(1)+"/approve", nil)
	f(TableMalformed, "li", secretText, "POST", "/admin/v1/tables", []byte("not a table"))
	f(BodyInvalid, "li", secretText, "POST", "/admin/v1/tables/"+digestOf(1)+"/stage", []byte("{"))
	f(TableUnknown, "li", secretText, "POST", "/admin/v1/tables/..%2f..%2fetc/activate", nil)
	f(NothingBefore, "li", secretText, "POST", "/admin/v1/rollback", nil)
	f(PathUnknown, "li", secretText, "GET", "/admin/v1/nothing", nil)
	f(TableUnknown, "li", secretText, "GET", "/admin/v1/tables/"+digestOf(9)+"/diff", nil)
}

// TestPeopleWithOneSecretAreOnePerson: two names with one key would be two persons in
// name only.
func TestPeopleWithOneSecretAreOnePerson(t *testing.T) {
	directory := t.TempDir()
	_ = os.WriteFile(filepath.Join(directory, "a.key"), []byte(hex.EncodeToString([]byte(secretText))), 0o600)
	f := func(want, text string) {
		t.Helper()
		file := filepath.Join(directory, "people.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadPeople(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	f("same secret as li", "people:\n  - {name: li, secret_file: a.key}\n  - {name: wang, secret_file: a.key}\n")
	f("names no people", "people: []\n")
	f("roles must be", "people:\n  - {name: li, roles: [king], secret_file: a.key}\n")
	f("cannot read the secret", "people:\n  - {name: li, secret_file: none.key}\n")
	f("unknown field", "people:\n  - {nam: li}\n")
}
