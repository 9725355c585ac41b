package reconcile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	blockBytes      = 1 << 20 // What a worker reads at once.
	lineBytesMax    = 64 << 10
	zstdMemoryMax   = 1 << 28
	unpackedMax     = positionLimit
	unpackedPerByte = 1100 // Above what deflate can reach; a file beyond it is a bomb.
)

var (
	errUTF16  = errors.New("file is UTF-16, want UTF-8 or GBK")
	errEmpty  = errors.New("file is empty: a side without payments is told by its header or trailer")
	errLimit  = fmt.Errorf("side is larger than %d bytes", int64(positionLimit))
	errPacked = errors.New("file unpacks to far more than its size")
)

// source is one opened side: its files laid end to end, so that one number is the
// position of a row. Files that were carried from the day before stand first.
type source struct {
	name   string
	layout Layout
	parts  []part
	rules  []*parser // One for each part, read only: each worker copies them.
}

// part is one file of a side, from begin (past the header) to its end.
type part struct {
	path    string
	file    *os.File
	base    int64 // Position of the file's first byte among the side's files.
	begin   int64
	size    int64
	blocks  int64 // Number of the file's first block among the side's blocks.
	header  []byte
	carried []Carried // One for each line in order, when the part is a carried one.
	origin  *origin   // Where its lines stood, when the part is what is left of a file.
	number  int       // Of that file; see settledFile.
}

// openSource opens a side's files. Compressed ones (.gz, .zst) are written out first,
// because rows are read again by position; with a work directory they stay there for a
// run that is started again.
func openSource(side Side, work string) (*source, error) {
	s := &source{name: side.Name, layout: side.Layout}
	for i, path := range side.Paths {
		spool := ""
		if work != "" {
			spool = filepath.Join(work, fmt.Sprintf("%s-%d.plain", side.Name, i))
		}
		if err := s.open(path, spool, nil); err != nil {
			s.close()
			return nil, fmt.Errorf("reconcile: cannot read %s: %w", path, err)
		}
		if side.names != nil {
			s.parts[i].path = side.names[i]
		}
	}
	for _, c := range side.settled {
		if err := s.openSettled(&c); err != nil {
			s.close()
			return nil, fmt.Errorf("reconcile: cannot read %s: %w", c.rows, err)
		}
	}
	for _, c := range side.carried {
		if err := s.open(c.path, "", c.items); err != nil {
			s.close()
			return nil, fmt.Errorf("reconcile: cannot read %s: %w", c.path, err)
		}
	}
	return s, nil
}

// open adds one file to the side.
func (s *source) open(path, spool string, carried []Carried) error {
	file, err := openPlain(path, spool)
	if err != nil {
		return err
	}
	p := part{path: path, file: file, carried: carried}
	if len(s.parts) > 0 {
		last := &s.parts[len(s.parts)-1]
		p.base = last.base + last.size
		p.blocks = last.blocks + last.blockCount()
	}
	s.parts = append(s.parts, p)
	at := &s.parts[len(s.parts)-1]
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if at.size = info.Size(); at.base+at.size >= positionLimit {
		return errLimit
	}
	if at.size == 0 {
		return errEmpty
	}
	if err := s.begin(at); err != nil {
		return err
	}
	rule, err := newParser(s.layout, at.header)
	s.rules = append(s.rules, rule)
	return err
}

// begin finds where a file's rows begin: past a byte order mark and the header.
func (s *source) begin(p *part) error {
	first, err := s.line(p.base)
	if err != nil {
		return err
	}
	if bytes.HasPrefix(first, []byte("\xff\xfe")) || bytes.HasPrefix(first, []byte("\xfe\xff")) {
		return errUTF16
	}
	if bytes.HasPrefix(first, []byte("\xef\xbb\xbf")) {
		p.begin = 3
	}
	if s.layout.Header {
		p.header = bytes.Clone(bytes.TrimSuffix(first, []byte("\r")))
		p.begin = min(int64(len(first))+1, p.size)
	}
	return nil
}

func (p *part) blockCount() int64 { return (p.size - p.begin + blockBytes - 1) / blockBytes }

// unpackName is how files are called while they are unpacked.
const unpackName = "tongma-unpack-*"

// openPlain opens a file, unpacked to spool or, without one, to a file that is gone with
// the process.
func openPlain(path, spool string) (*os.File, error) {
	if !strings.HasSuffix(path, ".gz") && !strings.HasSuffix(path, ".zst") {
		return openRegular(path)
	}
	if spool != "" {
		if done, err := os.Open(spool); err == nil {
			return done, nil
		}
	}
	packed, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer packed.Close()
	directory := "" // Of temporary files.
	if spool != "" {
		directory = filepath.Dir(spool)
	}
	plain, err := os.CreateTemp(directory, unpackName)
	if err != nil {
		return nil, err
	}
	if spool == "" { // The open file stays, and nothing of it when the run is killed.
		err = os.Remove(plain.Name())
	} else {
		defer os.Remove(plain.Name()) // Gone by then, unless it failed.
	}
	if err != nil {
		plain.Close()
		return nil, err
	}
	if err := unpack(plain, packed); err != nil {
		plain.Close()
		return nil, err
	}
	if spool != "" {
		if err := os.Rename(plain.Name(), spool); err != nil {
			plain.Close()
			return nil, err
		}
	}
	return plain, nil
}

func openRegular(path string) (*os.File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no regular file; rows are read again by position")
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func unpack(plain io.Writer, packed *os.File) error {
	info, err := packed.Stat()
	if err != nil {
		return err
	}
	var reader io.Reader
	if strings.HasSuffix(packed.Name(), ".gz") {
		reader, err = gzip.NewReader(packed)
	} else {
		var decoder *zstd.Decoder
		decoder, err = zstd.NewReader(packed, zstd.WithDecoderMaxMemory(zstdMemoryMax),
			zstd.WithDecoderConcurrency(1))
		if err == nil {
			defer decoder.Close()
			reader = decoder
		}
	}
	if err != nil {
		return err
	}
	limit := min(info.Size()*unpackedPerByte, unpackedMax)
	n, err := io.CopyN(plain, reader, limit+1)
	if err == nil && n > limit {
		return errPacked
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (s *source) close() {
	for i := range s.parts {
		s.parts[i].file.Close()
		if s.parts[i].origin != nil {
			s.parts[i].origin.file.Close()
		}
	}
}

// blocks is the number of blocks of all files.
func (s *source) blocks() int64 {
	if len(s.parts) == 0 {
		return 0
	}
	last := &s.parts[len(s.parts)-1]
	return last.blocks + last.blockCount()
}

// bytes is the size of all files.
func (s *source) bytes() int64 {
	if len(s.parts) == 0 {
		return 0
	}
	last := &s.parts[len(s.parts)-1]
	return last.base + last.size
}

// line reads the line at position, without its line feed, into memory of its own.
func (s *source) line(position int64) ([]byte, error) {
	return s.lineNear(&near{}, position)
}

// near is the stretch of a side's files that was read last: most rows are read again in
// their order, and then one read serves many. It belongs to one goroutine.
type near struct {
	at   int64 // Position of its first byte.
	text []byte
}

// Bytes that are read at once: for a row that stands alone, and for one that goes on where
// the row before it stood.
const (
	aloneBytes = 512
	nearBytes  = 32 << 10
)

// lineNear is line with memory that is used again: the line is valid until the next call.
func (s *source) lineNear(n *near, position int64) ([]byte, error) {
	size := aloneBytes
	if skip := position - n.at; skip >= 0 && skip < int64(len(n.text)) {
		rest := n.text[skip:]
		if end := bytes.IndexByte(rest, '\n'); end >= 0 {
			return rest[:end], nil
		}
		size = nearBytes
	} else if skip >= 0 && skip < int64(len(n.text)+aloneBytes) {
		size = nearBytes
	}
	p := &s.parts[s.part(position)]
	for ; ; size *= 8 {
		size = int(min(int64(size), p.base+p.size-position))
		n.at, n.text = position, slices.Grow(n.text[:0], size)[:size]
		read, err := p.file.ReadAt(n.text, position-p.base)
		n.text = n.text[:read]
		if err != nil && err != io.EOF {
			return nil, err
		}
		if end := bytes.IndexByte(n.text, '\n'); end >= 0 {
			return n.text[:end], nil
		}
		if read < size || position+int64(size) == p.base+p.size || size > lineBytesMax {
			return n.text, nil
		}
	}
}

// part finds the file that holds position.
func (s *source) part(position int64) int {
	at := len(s.parts) - 1
	for at > 0 && s.parts[at].base > position {
		at--
	}
	return at
}

// parsers copies one parser for each file, because headers may differ and a parser
// belongs to one goroutine.
func (s *source) parsers() []*parser {
	parsers := make([]*parser, len(s.rules))
	for i := range parsers {
		own := *s.rules[i]
		own.scratch = nil
		parsers[i] = &own
	}
	return parsers
}
