package settlement

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/bits"
)

// Hash is a SHA-256, written as 64 hexadecimal digits.
type Hash [sha256.Size]byte

// MarshalText is encoding.TextMarshaler's.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText is encoding.TextUnmarshaler's.
func (h *Hash) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(h)) {
		return fmt.Errorf("settlement: hash of %d digits, want %d", len(text), hex.EncodedLen(len(h)))
	}
	_, err := hex.Decode(h[:], text)
	return err
}

// String is the hexadecimal form.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// The prefixes that keep a leaf from passing for a node (RFC 6962, section 2.1).
const (
	prefixLeaf = 0
	prefixNode = 1
)

// leafOf is the hash of one leaf's text. It uses scratch as working space.
func leafOf(scratch []byte, text []byte) (Hash, []byte) {
	scratch = append(append(scratch[:0], prefixLeaf), text...)
	return sha256.Sum256(scratch), scratch
}

func nodeOf(left, right *Hash) Hash {
	var text [1 + 2*sha256.Size]byte
	text[0] = prefixNode
	copy(text[1:], left[:])
	copy(text[1+sha256.Size:], right[:])
	return sha256.Sum256(text[:])
}

// Tree is the Merkle tree of RFC 6962 over leaves that come one by one. It keeps one hash
// for each bit of its size: the roots of its perfect subtrees, the largest first.
type Tree struct {
	Size  uint64 `json:"size"`
	Roots []Hash `json:"roots,omitempty"`
}

// Add takes the next leaf.
func (t *Tree) Add(leaf Hash) {
	for range bits.TrailingZeros64(^t.Size) {
		last := len(t.Roots) - 1
		leaf = nodeOf(&t.Roots[last], &leaf)
		t.Roots = t.Roots[:last]
	}
	t.Roots = append(t.Roots, leaf)
	t.Size++
}

// Root is the hash of the whole tree; of an empty one the hash of nothing.
func (t *Tree) Root() Hash {
	if t.Size == 0 {
		return sha256.Sum256(nil)
	}
	root := t.Roots[len(t.Roots)-1]
	for i := len(t.Roots) - 2; i >= 0; i-- {
		root = nodeOf(&t.Roots[i], &root)
	}
	return root
}

func rootOf(leaves []Hash) Hash {
	var t Tree
	for _, leaf := range leaves {
		t.Add(leaf)
	}
	return t.Root()
}

// pathTo is the audit path of leaf index: the hashes beside the way to the root, the
// nearest first.
func pathTo(leaves []Hash, index int) []Hash {
	if len(leaves) < 2 {
		return nil
	}
	half := 1 << (bits.Len(uint(len(leaves)-1)) - 1)
	if index < half {
		return append(pathTo(leaves[:half], index), rootOf(leaves[half:]))
	}
	return append(pathTo(leaves[half:], index-half), rootOf(leaves[:half]))
}

// climb gives the root to which path leads from leaf index of size leaves; ok is false for
// a path of the wrong length.
func climb(leaf Hash, index, size int, path []Hash) (root Hash, ok bool) {
	if size < 2 {
		return leaf, len(path) == 0 && index == 0 && size == 1
	}
	if len(path) == 0 || index >= size {
		return root, false
	}
	last := path[len(path)-1]
	half := 1 << (bits.Len(uint(size-1)) - 1)
	if index < half {
		below, ok := climb(leaf, index, half, path[:len(path)-1])
		return nodeOf(&below, &last), ok
	}
	below, ok := climb(leaf, index-half, size-half, path[:len(path)-1])
	return nodeOf(&last, &below), ok
}
