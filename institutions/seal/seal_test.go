package seal

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var (
	post = []byte("POST")
	path = []byte("/v1/payments")
	when = []byte("1795514400123")
	body = []byte(`{"request_id":"r1","code":"6212345678901234567","amount_fen":100}`)
)

func TestSealOfARequestIsBoundToEachPart(t *testing.T) {
	k := NewKey("a", []byte("0123456789abcdef"))
	s := k.AppendRequest(nil, post, path, when, body)
	if len(s) != Size || !k.VerifyRequest(s, post, path, when, body) {
		t.Fatalf("seal %q of %d characters does not verify", s, len(s))
	}
	refuse := func(why string, ok bool) {
		t.Helper()
		if ok {
			t.Errorf("accepted with %s", why)
		}
	}
	other := NewKey("a", []byte("0123456789abcdeF"))
	refuse("another key", other.VerifyRequest(s, post, path, when, body))
	refuse("another method", k.VerifyRequest(s, []byte("GET"), path, when, body))
	refuse("another path", k.VerifyRequest(s, post, []byte("/v1/payment"), when, body))
	refuse("another time", k.VerifyRequest(s, post, path, []byte("1795514400124"), body))
	refuse("another body", k.VerifyRequest(s, post, path, when, body[1:]))
	refuse("a cut seal", k.VerifyRequest(s[:63], post, path, when, body))
	refuse("no seal", k.VerifyRequest(nil, post, path, when, body))
	refuse("an upper-case seal", k.VerifyRequest([]byte(strings.ToUpper(string(s))), post, path, when, body))

	a := k.AppendAnswer(nil, 200, s, body)
	if !k.VerifyAnswer(a, 200, s, body) {
		t.Error("the answer's seal does not verify")
	}
	refuse("another status", k.VerifyAnswer(a, 201, s, body))
	refuse("another request", k.VerifyAnswer(a, 200, a, body))
	refuse("another answer", k.VerifyAnswer(a, 200, s, body[1:]))
}

func TestSealsAllocateNothing(t *testing.T) {
	k := NewKey("a", []byte("0123456789abcdef"))
	dst := make([]byte, 0, Size)
	s := k.AppendRequest(nil, post, path, when, body)
	if n := testing.AllocsPerRun(1000, func() {
		dst = k.AppendRequest(dst[:0], post, path, when, body)
		_ = k.VerifyRequest(s, post, path, when, body)
		dst = k.AppendAnswer(dst[:0], 200, s, body)
	}); n > 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func writeFile(t *testing.T, directory, name, text string) string {
	t.Helper()
	file := filepath.Join(directory, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestRingRotatesWithAnOverlap(t *testing.T) {
	directory := t.TempDir()
	writeFile(t, directory, "a.key", strings.Repeat("ab", 16)+"\n")
	writeFile(t, directory, "b.key", strings.Repeat("cd", 16))
	ring, err := LoadRing(writeFile(t, directory, "keys.yaml", `
keys:
  - {institution: bank, id: old, secret_file: a.key, not_after: 2026-02-01T00:00:00Z}
  - {institution: bank, id: new, secret_file: b.key, not_before: 2026-01-01T00:00:00Z}
`))
	if err != nil {
		t.Fatal(err)
	}
	f := func(at, wantSigning string, wantOld, wantNew bool) {
		t.Helper()
		now, err := time.Parse(time.DateOnly, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := ring.Signing("bank", now); got == nil || got.ID != wantSigning {
			t.Errorf("%s: seals with %v, want %s", at, got, wantSigning)
		}
		if got := ring.Find([]byte("bank"), []byte("old"), now) != nil; got != wantOld {
			t.Errorf("%s: old key accepted %t, want %t", at, got, wantOld)
		}
		if got := ring.Find([]byte("bank"), []byte("new"), now) != nil; got != wantNew {
			t.Errorf("%s: new key accepted %t, want %t", at, got, wantNew)
		}
	}
	f("2025-12-31", "old", true, false)
	f("2026-01-15", "new", true, true)
	f("2026-02-01", "new", false, true)
	if ring.Signing("nobody", time.Now()) != nil {
		t.Error("a key for an institution that has none")
	}
}

// TestSecretsOfOthersAreRefused: a secret that others than its owner can read is none, and one
// that is not there is told by its name.
func TestSecretsOfOthersAreRefused(t *testing.T) {
	directory := t.TempDir()
	file := writeFile(t, directory, "a.key", strings.Repeat("ab", 16))
	for mode, good := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o640: false, 0o604: false, 0o644: false} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadSecret(file); (err == nil) != good || !good && !strings.Contains(err.Error(), file) {
			t.Errorf("mode %o: %v, want it taken: %t", mode, err, good)
		}
	}
	if _, err := ReadSecretBeside(directory, ""); err == nil || !strings.Contains(err.Error(), "secret_file") {
		t.Errorf("no file: %v", err)
	}
	if _, err := ReadSecretBeside(directory, "b.key"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
}

func TestBadRingFilesAreRefusedWithoutTheSecret(t *testing.T) {
	secret := "not hex but secret all the same"
	f := func(why, keys, file string) {
		t.Helper()
		directory := t.TempDir()
		writeFile(t, directory, "a.key", file)
		_, err := LoadRing(writeFile(t, directory, "keys.yaml", keys))
		if err == nil {
			t.Errorf("%s: accepted", why)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error shows the secret", why)
		}
	}
	good := hex.EncodeToString(make([]byte, 16))
	f("not hex", "keys: [{institution: a, id: b, secret_file: a.key}]", secret)
	f("short", "keys: [{institution: a, id: b, secret_file: a.key}]", good[:30])
	f("missing", "keys: [{institution: a, id: b, secret_file: c.key}]", good)
	f("unknown field", "keys: [{institution: a, id: b, secret: x}]", good)
	f("no id", "keys: [{institution: a, secret_file: a.key}]", good)
	f("not YAML", "keys: [", good)
	f("no keys", "keys: []", good)
	f("not ASCII", "keys: [{institution: a, id: 钥, secret_file: a.key}]", good)
	f("twice", "keys: [{institution: a, id: b, secret_file: a.key}, {institution: a, id: b, secret_file: a.key}]", good)
}

func BenchmarkRequest(b *testing.B) {
	k := NewKey("a", []byte("0123456789abcdef"))
	dst := make([]byte, 0, Size)
	text := make([]byte, 400)
	for b.Loop() {
		dst = k.AppendRequest(dst[:0], post, path, when, text)
	}
}
