package settlement

import (
	"fmt"
	"testing"
)

// TestTree holds every path of every size up to 40 against the root, and the running tree
// against the root of RFC 6962 worked out from its definition.
func TestTree(t *testing.T) {
	var defined func(leaves []Hash) Hash
	defined = func(leaves []Hash) Hash {
		if len(leaves) == 1 {
			return leaves[0]
		}
		half := 1
		for half*2 < len(leaves) {
			half *= 2
		}
		left, right := defined(leaves[:half]), defined(leaves[half:])
		return hashOf(append(append([]byte{1}, left[:]...), right[:]...))
	}
	var leaves []Hash
	for size := 1; size <= 40; size++ {
		leaf, _ := leafOf(nil, fmt.Append(nil, size))
		leaves = append(leaves, leaf)
		root := rootOf(leaves)
		if root != defined(leaves) {
			t.Errorf("size %d: root %s", size, root)
		}
		for i := range leaves {
			path := pathTo(leaves, i)
			if got, ok := climb(leaves[i], i, size, path); !ok || got != root {
				t.Errorf("path of leaf %d of %d leads elsewhere", i, size)
			}
			if got, ok := climb(leaves[i], (i+1)%size, size, path); size > 1 && ok && got == root {
				t.Errorf("path of leaf %d of %d leads there from another place", i, size)
			}
			if _, ok := climb(leaves[i], i, size, append(path, leaf)); ok {
				t.Errorf("a path too long for leaf %d of %d is taken", i, size)
			}
		}
	}
	// The empty tree and a tree of one empty leaf, from the test vectors of certificate-transparency.
	f := func(want string, got Hash) {
		t.Helper()
		if got.String() != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", rootOf(nil))
	empty, _ := leafOf(nil, nil)
	f("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d", rootOf([]Hash{empty}))
}
