package settlement

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// FuzzCompare: whatever a bank sends, the answer is a list of faults or that all is as it
// was instructed, and the latter only for the sums that were instructed.
func FuzzCompare(f *testing.F) {
	s, _, _ := sealed(f, 5, 30)
	f.Add([]byte("H,tongma-confirmation,1,1,2026-11-26,156,BANK\nC,W000001-0001,pay,elm,1,156,B\nT,1,1,0\n"))
	f.Add([]byte("H,\"\n"))
	instructions, _ := s.InstructionFile()
	f.Add(instructions)
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := s.Compare(text); err == nil {
			for _, i := range s.Instructions() {
				if !bytes.Contains(text, []byte(i.ID+","+i.Direction+",")) || !bytes.Contains(text, []byte(","+i.Amount.String()+",")) {
					t.Errorf("confirmed without %+v", i)
				}
			}
		}
	})
}

// FuzzVerify: of all texts, only the statement itself proves anything.
func FuzzVerify(f *testing.F) {
	s, _, list := sealed(f, 3, 6)
	files, err := filepath.Glob(filepath.Join(write(f, s, list), "*.gz"))
	if err != nil {
		f.Fatal(err)
	}
	good := map[string]bool{}
	for _, name := range files {
		packed, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		text := unpacked(f, name)
		good[string(text)] = true
		f.Add(text)
		f.Add(packed)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := Verify(bytes.NewReader(text), &s.Close); err == nil && !good[string(text)] && !bytes.HasPrefix(text, []byte{0x1f, 0x8b}) {
			t.Errorf("another text proves itself: %q", text)
		}
	})
}
