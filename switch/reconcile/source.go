package reconcile

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
)

const (
	blockBytes   = 1 << 20 // What a worker reads at once.
	lineBytesMax = 64 << 10
)

// source is one opened side: its files laid end to end, so that one number is the
// position of a row.
type source struct {
	name   string
	layout Layout
	parts  []part
}

// part is one file of a side, from begin (past the header) to its end.
type part struct {
	path   string
	file   *os.File
	base   int64 // Position of the file's first byte among the side's files.
	begin  int64
	size   int64
	header []byte
}

// openSource opens a side's files. Compressed ones (.gz, .zst) are written out to a
// temporary file first, because rows are read again by position.
func openSource(side Side) (*source, error) {
	s := &source{name: side.Name, layout: side.Layout}
	base := int64(0)
	for _, path := range side.Paths {
		file, err := openPlain(path)
		if err != nil {
			s.close()
			return nil, fmt.Errorf("reconcile: cannot read %s: %w", path, err)
		}
		s.parts = append(s.parts, part{path: path, file: file, base: base})
		p := &s.parts[len(s.parts)-1]
		info, err := file.Stat()
		if err != nil {
			s.close()
			return nil, fmt.Errorf("reconcile: cannot read %s: %w", path, err)
		}
		p.size = info.Size()
		base += p.size
		if side.Layout.Header && p.size > 0 {
			line, err := s.line(p.base)
			if err != nil {
				s.close()
				return nil, fmt.Errorf("reconcile: cannot read the header of %s: %w", path, err)
			}
			p.header, p.begin = bytes.Clone(line), min(int64(len(line))+1, p.size)
			p.header = bytes.TrimSuffix(p.header, []byte("\r"))
		}
	}
	return s, nil
}

func openPlain(path string) (*os.File, error) {
	file, err := os.Open(path)
	if err != nil || !strings.HasSuffix(path, ".gz") && !strings.HasSuffix(path, ".zst") {
		return file, err
	}
	defer file.Close()
	var plain io.Reader
	if strings.HasSuffix(path, ".gz") {
		plain, err = gzip.NewReader(file)
	} else {
		plain, err = zstd.NewReader(file, zstd.WithDecoderMaxMemory(1<<28))
	}
	if err != nil {
		return nil, err
	}
	spool, err := os.CreateTemp("", "reconcile-*")
	if err != nil {
		return nil, err
	}
	os.Remove(spool.Name()) // The open file stays; a killed run leaves nothing behind.
	if _, err := io.Copy(spool, plain); err != nil {
		spool.Close()
		return nil, err
	}
	return spool, nil
}

func (s *source) close() {
	for _, p := range s.parts {
		p.file.Close()
	}
}

// line reads the line at position, without its line feed, into memory of its own.
func (s *source) line(position int64) ([]byte, error) {
	p := s.part(position)
	for size := 512; ; size *= 8 {
		text := make([]byte, size)
		n, err := p.file.ReadAt(text, position-p.base)
		if err != nil && err != io.EOF {
			return nil, err
		}
		if end := bytes.IndexByte(text[:n], '\n'); end >= 0 {
			return text[:end], nil
		}
		if n < size || size > lineBytesMax {
			return text[:n], nil
		}
	}
}

func (s *source) part(position int64) *part {
	at := len(s.parts) - 1
	for at > 0 && s.parts[at].base > position {
		at--
	}
	return &s.parts[at]
}
