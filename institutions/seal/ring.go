package seal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/goccy/go-yaml"
)

// Ring holds the keys of all institutions. It is safe for concurrent use.
type Ring struct {
	keys atomic.Pointer[map[string][]*Key] // By institution, in the file's order.
}

// NewRing makes a ring of keys by institution.
func NewRing(keys map[string][]*Key) *Ring {
	r := new(Ring)
	r.keys.Store(&keys)
	return r
}

// Replace gives r the keys of other in place of its own.
func (r *Ring) Replace(other *Ring) { r.keys.Store(other.keys.Load()) }

func (r *Ring) of(institution string) []*Key { return (*r.keys.Load())[institution] }

// Signing is the key with which messages to institution are sealed at now: the last one
// of its list that is valid. Nil where there is none.
func (r *Ring) Signing(institution string, now time.Time) *Key {
	list := r.of(institution)
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Valid(now) {
			return list[i]
		}
	}
	return nil
}

// Find is institution's key by id, if it is valid at now; nil otherwise. During a
// rotation two keys are valid at once.
func (r *Ring) Find(institution, id []byte, now time.Time) *Key {
	for _, k := range r.of(string(institution)) {
		if k.ID == string(id) && k.Valid(now) {
			return k
		}
	}
	return nil
}

// Valid lists institution's keys that may be used at now.
func (r *Ring) Valid(institution string, now time.Time) []*Key {
	list := r.of(institution)
	for _, k := range list {
		if !k.Valid(now) {
			return slices.DeleteFunc(slices.Clone(list), func(k *Key) bool { return !k.Valid(now) })
		}
	}
	return list
}

// ringFile is the form of a key file.
type ringFile struct {
	Keys []struct {
		Institution string    `yaml:"institution"`
		ID          string    `yaml:"id"`
		Secret      string    `yaml:"secret_file"`
		NotBefore   time.Time `yaml:"not_before"`
		NotAfter    time.Time `yaml:"not_after"`
	} `yaml:"keys"`
}

// LoadRing reads a key file:
//
//	keys:
//	  - institution: lanternbank
//	    id: "2026a"                  # up to 32 characters of ASCII
//	    secret_file: lanternbank.key # 32 or more characters of hex; beside the key file
//	    not_before: 2026-01-01T00:00:00Z   # optional
//	    not_after: 2027-01-01T00:00:00Z    # optional
//
// Secrets stand in files of their own, which only their owner can read; see ReadSecret.
// All faults are reported at once.
func LoadRing(file string) (*Ring, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("seal: cannot read keys: %w", err)
	}
	var form ringFile
	if err := yaml.UnmarshalWithOptions(text, &form, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("seal: cannot read keys in %s: %s", file, Fault(err))
	}
	keys := map[string][]*Key{}
	var faults []error
	for _, entry := range form.Keys {
		secret, err := ReadSecretBeside(filepath.Dir(file), entry.Secret)
		if err == nil && (entry.Institution == "" || !goodKeyID(entry.ID)) {
			err = errors.New("institution and id must be given, the id in at most 32 characters of ASCII")
		}
		if err == nil && slices.ContainsFunc(keys[entry.Institution], func(k *Key) bool { return k.ID == entry.ID }) {
			err = errors.New("the id is given twice")
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("seal: key %q of %q: %w", entry.ID, entry.Institution, err))
			continue
		}
		key := NewKey(entry.ID, secret)
		key.NotBefore, key.NotAfter = entry.NotBefore, entry.NotAfter
		keys[entry.Institution] = append(keys[entry.Institution], key)
	}
	if len(form.Keys) == 0 {
		faults = append(faults, fmt.Errorf("seal: %s holds no keys, want some such as {institution: lanternbank, id: k1, secret_file: lanternbank.key}", file))
	}
	return NewRing(keys), errors.Join(faults...)
}

// goodKeyID reports whether id can stand in a header.
func goodKeyID(id string) bool {
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return id != "" && len(id) <= 32
}
