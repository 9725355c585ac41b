package main

import (
	"io/fs"
	"os"
	"testing"
)

// TestFolderOf reads a file that is named without a folder, as where the switch is
// started beside its configuration.
func TestFolderOf(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("table.yaml", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"table.yaml", "./table.yaml"} {
		folder, name := folderOf(file)
		if text, err := fs.ReadFile(folder, name); err != nil || string(text) != "x" {
			t.Errorf("%s: got %q and %v", file, text, err)
		}
	}
}
