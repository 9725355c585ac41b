package routing

import (
	"strings"
	"testing"
	"testing/fstest"
)

// TestBundleComesBack packs a table with a list and finds the same table in the bundle.
func TestBundleComesBack(t *testing.T) {
	files := fstest.MapFS{
		"t.yaml": {Data: []byte("version: \"1\"\nlists:\n  - {id: bins, file: more/bins.csv, match: {standard: paycode, length: 19}}\n" +
			"agreements: [{id: all, caller: \"*\", institution: \"*\"}]\n")},
		"more/bins.csv": {Data: []byte("prefix,length,institution\n62,19,harbourbank\n620105,19,lanternbank\n")},
	}
	register := demoRegister(t)
	want, _, err := LoadFS(files, "t.yaml", register)
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := Bundle(files, "t.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := LoadBundle(bundle, register)
	if err != nil || got.Digest() != want.Digest() {
		t.Errorf("%v: digest differs", err)
	}
	for _, text := range []string{"", "PK", strings.Repeat("x", 1000), string(bundle[:len(bundle)/2])} {
		if _, _, err := LoadBundle([]byte(text), register); err == nil {
			t.Errorf("a bundle of %d bytes of something else was read", len(text))
		}
	}
}
