package engine

import (
	"strconv"
	"testing"
)

// TestSeen: what was added is always seen, and of full filters few others are.
func TestSeen(t *testing.T) {
	const keys = 3 * seenFirst
	s := newSeen()
	for i := range keys {
		s.add(hashOf([]byte("till-" + strconv.Itoa(i))))
	}
	for i := range keys {
		if !s.maybe(hashOf([]byte("till-" + strconv.Itoa(i)))) {
			t.Fatalf("key %d was added and is not seen", i)
		}
	}
	wrong := 0
	for i := range keys {
		if s.maybe(hashOf([]byte("other-" + strconv.Itoa(i)))) {
			wrong++
		}
	}
	if len(s.filters) != 2 || wrong > keys/150 {
		t.Errorf("%d filters, %d of %d are seen that were not added", len(s.filters), wrong, keys)
	}
	t.Logf("%d of %d wrong", wrong, keys)
}
