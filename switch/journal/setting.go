package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Setting is one value of the control plane: a routing table, the register, a lease.
type Setting struct {
	Key      string
	Value    []byte
	Revision uint64    // Grows with each change of the key, from 1; 0 where there is none.
	Expires  time.Time // Zero for never.
}

// settings is the compare-and-set store beside the log.
type settings struct {
	mu       sync.Mutex
	current  map[string]Setting
	watchers map[chan Setting]string // Prefix by channel.
}

// watchBuffer is how many changes a watcher may lag behind before it loses some; it
// then sees the newest change of what it lost by reading again.
const watchBuffer = 64

func (c *settings) load(db *pebble.DB) error {
	c.current, c.watchers = map[string]Setting{}, map[chan Setting]string{}
	it, err := db.NewIter(bounds([]byte{spaceSetting}))
	if err != nil {
		return fmt.Errorf("journal: cannot read the settings: %w", err)
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		value := it.Value()
		if len(value) < 16 {
			return fmt.Errorf("journal: setting of %d bytes, want 16 or more: %w", len(value), ErrCorruptBlock)
		}
		entry := Setting{
			Key: string(it.Key()[1:]), Value: append([]byte(nil), value[16:]...),
			Revision: binary.BigEndian.Uint64(value),
		}
		if ns := int64(binary.BigEndian.Uint64(value[8:])); ns != 0 {
			entry.Expires = time.Unix(0, ns).UTC()
		}
		c.current[entry.Key] = entry
	}
	return it.Error()
}

// Setting returns the value under key; Revision 0 where there is none or it has expired.
func (s *Store) Setting(key string) Setting {
	s.settings.mu.Lock()
	defer s.settings.mu.Unlock()
	return s.settings.live(key)
}

func (c *settings) live(key string) Setting {
	entry, ok := c.current[key]
	if !ok || (!entry.Expires.IsZero() && !time.Now().Before(entry.Expires)) {
		return Setting{Key: key}
	}
	return entry
}

// CompareAndSet stores value under key if its revision is still the one given, durable
// when it returns; ErrRevision otherwise. With a time to live above zero the value is
// gone after it.
func (s *Store) CompareAndSet(key string, revision uint64, value []byte, life time.Duration) (Setting, error) {
	c := &s.settings
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.live(key).Revision; now != revision {
		return Setting{}, fmt.Errorf("journal: %w: %q is at revision %d, not %d", ErrRevision, key, now, revision)
	}
	// An expired value's revision is not used again.
	entry := Setting{Key: key, Value: append([]byte(nil), value...), Revision: c.current[key].Revision + 1}
	stored := binary.BigEndian.AppendUint64(nil, entry.Revision)
	if life > 0 {
		entry.Expires = time.Now().Add(life).UTC()
		stored = binary.BigEndian.AppendUint64(stored, uint64(entry.Expires.UnixNano()))
	} else {
		stored = binary.BigEndian.AppendUint64(stored, 0)
	}
	err := s.set(append([]byte{spaceSetting}, key...), append(stored, value...))
	if err != nil {
		return Setting{}, fmt.Errorf("journal: cannot store %q: %w", key, err)
	}
	c.current[key] = entry
	for ch, prefix := range c.watchers {
		if strings.HasPrefix(key, prefix) {
			select {
			case ch <- entry:
			default:
			}
		}
	}
	return entry, nil
}

// Watch delivers every change of a key that begins with prefix, from now on, until stop
// is called. A watcher that lags by more than its buffer loses changes, never blocks.
func (s *Store) Watch(prefix string) (changes <-chan Setting, stop func()) {
	c := &s.settings
	ch := make(chan Setting, watchBuffer)
	c.mu.Lock()
	c.watchers[ch] = prefix
	c.mu.Unlock()
	return ch, sync.OnceFunc(func() {
		c.mu.Lock()
		delete(c.watchers, ch)
		c.mu.Unlock()
		close(ch)
	})
}

// quiet drops Pebble's informational lines; its faults reach us as errors.
type quiet struct{}

// Infof drops the line.
func (quiet) Infof(string, ...any) {}

// Errorf drops the line: the operation that failed says so itself.
func (quiet) Errorf(string, ...any) {}

// Fatalf ends the process, as Pebble demands: it can no longer tell what is stored.
func (quiet) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf("journal: the store cannot go on: "+format, args...))
}

func isLockError(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "lock held") ||
		strings.Contains(err.Error(), "resource temporarily unavailable") ||
		errors.Is(err, pebble.ErrDBAlreadyExists))
}
