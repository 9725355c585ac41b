package routing

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// FuzzLoad gives any text to the loader: it ends with a *Malformed that names a place, or
// with a table whose check is done.
func FuzzLoad(f *testing.F) {
	for _, name := range []string{"testdata/table.yaml", "testdata/faults.txt"} {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, section := range strings.Split(string(text), "\n-- ") {
			_, table, _ := strings.Cut(section, " --\n")
			f.Add([]byte(table))
		}
	}
	f.Add([]byte("version: &a \"1\"\nrules: [*a, <<: *a]\n"))
	f.Add([]byte("? [a: b\n: - |\n\t!!x"))
	text, err := os.ReadFile("testdata/register.yaml")
	if err != nil {
		f.Fatal(err)
	}
	register, err := LoadRegister(text)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		table, _, err := Load(text, register)
		var malformed *Malformed
		if err != nil && (!errors.As(err, &malformed) || malformed.Faults[0].Line < 1 || malformed.Faults[0].Column < 1) {
			t.Fatalf("got %v, want a *Malformed with a place", err)
		}
		if (table == nil) != (err != nil) {
			t.Fatalf("got table %v and error %v", table, err)
		}
		_, _ = LoadRegister(text)
	})
}
