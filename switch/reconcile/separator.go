package reconcile

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// sweepBytes is how much text is searched for separators at once: few enough that text and
// separators stay in a core's first cache.
const sweepBytes = 16 << 10

// separators are the places of delimiters and line feeds in a sweep of plain text: ASCII
// without quotes and NULs, in which each of them ends a field.
type separators struct {
	delimiter byte
	quote     byte // The delimiter's byte again where the layout has no quotes.
	ends      [sweepBytes + 64]uint32
	count     int
}

// find searches text of at most sweepBytes; false means that it is not plain.
func (s *separators) find(text []byte) bool {
	s.count = 0
	if bytes.IndexByte(text, 0) >= 0 || s.quote != s.delimiter && bytes.IndexByte(text, s.quote) >= 0 {
		return false
	}
	high, at := uint64(0), 0
	for ; at+64 <= len(text); at += 64 {
		high |= s.group((*[64]byte)(text[at:]), at)
	}
	if at < len(text) {
		var last [64]byte // Its NULs are neither separators nor beyond ASCII.
		copy(last[:], text[at:])
		high |= s.group(&last, at)
	}
	return high&tops == 0
}

// group notes the separators among 64 bytes, and returns the bits that any of them has.
func (s *separators) group(text *[64]byte, at int) (high uint64) {
	delimiter := ones * uint64(s.delimiter)
	a, b := binary.LittleEndian.Uint64(text[0:]), binary.LittleEndian.Uint64(text[8:])
	c, d := binary.LittleEndian.Uint64(text[16:]), binary.LittleEndian.Uint64(text[24:])
	e, f := binary.LittleEndian.Uint64(text[32:]), binary.LittleEndian.Uint64(text[40:])
	g, h := binary.LittleEndian.Uint64(text[48:]), binary.LittleEndian.Uint64(text[56:])
	found := separatorBits(a, delimiter) | separatorBits(b, delimiter)<<8 |
		separatorBits(c, delimiter)<<16 | separatorBits(d, delimiter)<<24 |
		separatorBits(e, delimiter)<<32 | separatorBits(f, delimiter)<<40 |
		separatorBits(g, delimiter)<<48 | separatorBits(h, delimiter)<<56
	// Eight are written whether there are so many or not, so that there is no branch to
	// guess wrongly; what is too much is written over.
	ends := (*[8]uint32)(s.ends[s.count:])
	rest := found
	for i := range ends {
		ends[i] = uint32(at + bits.TrailingZeros64(rest))
		rest &= rest - 1
	}
	count := s.count + 8
	for ; rest != 0; rest &= rest - 1 {
		s.ends[count] = uint32(at + bits.TrailingZeros64(rest))
		count++
	}
	s.count += bits.OnesCount64(found)
	return a | b | c | d | e | f | g | h
}

// separatorBits has a bit for each byte of word, the first one's lowest, that is a delimiter
// or a line feed. Bytes beyond ASCII make it wrong.
func separatorBits(word, delimiter uint64) uint64 {
	const most, lineFeed, gather = ^uint64(tops), ones * '\n', 0x0002040810204081
	// A byte that is zero stays below 0x80 when 0x7f is added, any other does not.
	other := ((word ^ delimiter) + most) & ((word ^ lineFeed) + most)
	return (^other & tops) * gather >> 56
}
