package reconcile

import (
	"strings"
	"testing"
)

// BenchmarkParse is one row of seven columns, as most files have them.
func BenchmarkParse(b *testing.B) {
	layout, err := ParseLayout([]byte(testLayout))
	if err != nil {
		b.Fatal(err)
	}
	p, err := newParser(layout, []byte(strings.TrimSpace(header)))
	if err != nil {
		b.Fatal(err)
	}
	line := []byte("M00042000000012345,1234.56,7.41,156,S,2026-11-24 10:30:15,M00042")
	var r row
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		if err := p.parse(line, &r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCut is its cutting alone.
func BenchmarkCut(b *testing.B) {
	layout, _ := ParseLayout([]byte(testLayout))
	p, err := newParser(layout, []byte(strings.TrimSpace(header)))
	if err != nil {
		b.Fatal(err)
	}
	line := []byte("M00042000000012345,1234.56,7.41,156,S,2026-11-24 10:30:15,M00042")
	var r row
	for b.Loop() {
		p.cutPlain(line, &r)
	}
}
