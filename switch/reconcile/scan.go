package reconcile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/zeebo/xxh3"
)

// entry is what a row is reduced to for the join.
type entry struct {
	key      uint64 // Hash of the id.
	value    uint64 // Hash, under another seed, of the id and everything compared.
	position int64  // Of the line among the side's files, in bytes.
}

const chunkEntries = 256

// shard is what one worker found on one side: per partition, chunks of entries in
// ascending order of position.
type shard struct {
	chunks [][][]entry
	free   []entry
	rows   int64
	amount int64
	reject []Reject

	content []byte // Of the row at hand.
}

func (s *shard) add(partition int, e entry) {
	chunks := s.chunks[partition]
	last := len(chunks) - 1
	if last < 0 || len(chunks[last]) == cap(chunks[last]) {
		if len(s.free) < chunkEntries {
			s.free = make([]entry, 1024*chunkEntries)
		}
		chunks = append(chunks, s.free[:0:chunkEntries])
		s.free = s.free[chunkEntries:]
		s.chunks[partition] = chunks
		last++
	}
	chunks[last] = append(chunks[last], e)
}

// scan reads one side with all workers and spreads its rows over partitions.
type scan struct {
	source  *source
	job     *job
	next    atomic.Int64 // The block to read next.
	rejects atomic.Int64
}

func (j *job) scanSide(s *source) ([]*shard, error) {
	work := &scan{source: s, job: j}
	shards := make([]*shard, j.options.Threads)
	failures := make([]error, len(shards))
	var group sync.WaitGroup
	for i := range shards {
		shards[i] = &shard{chunks: make([][][]entry, j.partitions)}
		group.Go(func() { failures[i] = work.run(shards[i]) })
	}
	group.Wait()
	for _, err := range failures {
		if err != nil {
			return nil, fmt.Errorf("reconcile: cannot read side %s: %w", s.name, err)
		}
	}
	return shards, nil
}

func (w *scan) run(out *shard) error {
	parsers, err := w.source.parsers()
	if err != nil {
		return err
	}
	buffer := make([]byte, blockBytes+lineBytesMax)
	for {
		number, at := w.next.Add(1)-1, 0
		for ; at < len(w.source.parts); at++ {
			p := &w.source.parts[at]
			blocks := (p.size - p.begin + blockBytes - 1) / blockBytes
			if number < blocks {
				break
			}
			number -= blocks
		}
		if at == len(w.source.parts) {
			return nil
		}
		if err := w.block(out, parsers[at], &w.source.parts[at], number, buffer); err != nil {
			return err
		}
	}
}

// parsers compiles one parser for each file, because headers may differ.
func (s *source) parsers() ([]*parser, error) {
	parsers := make([]*parser, len(s.parts))
	for i, p := range s.parts {
		var err error
		if p.size == 0 {
			continue
		}
		if parsers[i], err = newParser(s.layout, p.header); err != nil {
			return nil, fmt.Errorf("%s: %w", p.path, err)
		}
	}
	return parsers, nil
}

// block reads the rows that begin in one block; the last may end in the next.
func (w *scan) block(out *shard, p *parser, file *part, number int64, buffer []byte) error {
	from := file.begin + number*blockBytes
	skip := number > 0
	if skip {
		from-- // A row that begins at the block's first byte is this block's.
	}
	n, err := file.file.ReadAt(buffer, from)
	if err != nil && err != io.EOF {
		return err
	}
	text, end := buffer[:n], file.begin+(number+1)*blockBytes-from
	at := int64(0)
	if skip {
		first := bytes.IndexByte(text, '\n')
		if first < 0 {
			return nil // The whole block is inside one line, rejected where it begins.
		}
		at = int64(first) + 1
	}
	var r row
	for at < min(end, int64(n)) {
		length := int64(bytes.IndexByte(text[at:], '\n'))
		long := length < 0 && from+int64(n) < file.size || length > lineBytesMax
		if length < 0 {
			length = int64(n) - at
		}
		line := text[at : at+length]
		reason := errLong
		if !long {
			line = bytes.TrimSuffix(line, []byte("\r"))
			if len(line) == 0 {
				at += length + 1
				continue
			}
			reason = p.parse(line, &r)
		}
		position := file.base + from + at
		if reason != nil {
			if err := w.refuse(out, file, position, reason); err != nil {
				return err
			}
		} else {
			w.take(out, p, &r, position)
		}
		at += length + 1
	}
	return nil
}

var errLong = fmt.Errorf("line is longer than %d bytes", lineBytesMax)

func (w *scan) refuse(out *shard, file *part, position int64, reason error) error {
	out.reject = append(out.reject, Reject{Side: w.source.name, Path: file.path,
		Offset: position - file.base, Reason: reason.Error(), position: position})
	if n := w.rejects.Add(1); n > w.job.options.RejectsMax {
		return fmt.Errorf("more than %d lines rejected, the last one of %s at byte %d: %w",
			w.job.options.RejectsMax, file.path, position-file.base, reason)
	}
	return nil
}

func (w *scan) take(out *shard, p *parser, r *row, position int64) {
	out.rows++
	out.amount += r.amount
	key := xxh3.HashSeed(r.text[ID], w.job.seed)
	out.content = w.job.content(out.content[:0], r)
	value := xxh3.HashSeed(out.content, ^w.job.seed)
	out.add(int(key>>w.job.shift), entry{key, value, position})
}

// content writes the id and every compared field to text, each text with its length.
func (j *job) content(text []byte, r *row) []byte {
	text = appendText(text, r.text[ID])
	text = binary.LittleEndian.AppendUint64(text, uint64(r.amount))
	for _, field := range j.options.Compare {
		switch field {
		case Amount:
		case Fee:
			text = binary.LittleEndian.AppendUint64(text, uint64(r.fee))
		case Day:
			text = binary.LittleEndian.AppendUint64(text, uint64(r.day()))
		case Time:
			text = binary.LittleEndian.AppendUint64(text, uint64(r.second))
		default:
			text = appendText(text, r.text[field])
		}
	}
	return text
}

func appendText(text, field []byte) []byte {
	text = binary.LittleEndian.AppendUint32(text, uint32(len(field)))
	return append(text, field...)
}
