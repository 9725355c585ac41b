package reconcile

import (
	"fmt"
	"os"
)

// strand is a sequence of entries in ascending order of position: chunks in memory, then
// a section of a file, then what had not been written to it.
type strand struct {
	chunks  [][]entry
	file    *os.File
	at, end int64 // Bytes of file.
	tail    []entry

	ready  []entry
	buffer []entry
	owner  *arena // Takes chunks back once they are read; nil keeps them.
	last   [][]entry
}

// strandEntries is how many entries are read from a file at once.
const strandEntries = 4096

// next returns the first entry without taking it; nil at the end.
func (s *strand) next() (*entry, error) {
	for len(s.ready) == 0 {
		if len(s.last) > 0 && s.owner != nil {
			s.owner.give(s.last)
		}
		s.last = nil
		switch {
		case len(s.chunks) > 0:
			s.ready, s.last, s.chunks = s.chunks[0], s.chunks[:1], s.chunks[1:]
		case s.at < s.end:
			if s.buffer == nil {
				s.buffer = make([]entry, strandEntries)
			}
			n := min(int64(strandEntries), (s.end-s.at)/entryBytes)
			if err := readEntries(s.file, s.buffer[:n], s.at); err != nil {
				return nil, err
			}
			s.at += n * entryBytes
			s.ready = s.buffer[:n]
		case len(s.tail) > 0:
			s.ready, s.tail = s.tail, nil
		default:
			return nil, nil
		}
	}
	return &s.ready[0], nil
}

func readEntries(file *os.File, into []entry, at int64) error {
	if _, err := file.ReadAt(entryMemory(into), at); err != nil {
		return fmt.Errorf("reconcile: cannot read spilled entries: %w", err)
	}
	return nil
}

// skip takes the entry that next returned.
func (s *strand) skip() { s.ready = s.ready[1:] }

// merge calls fn with the entries of all strands in ascending order of position.
func merge(strands []*strand, fn func(entry) error) error {
	return mergeInto(strands, func(a, b *entry) bool { return a.position() < b.position() }, fn)
}

// spool gathers entries in the order given: in chunks while the arena has some, then in a
// file.
type spool struct {
	arena  *arena
	folder string
	chunks [][]entry
	file   *os.File
	buffer []entry
	size   int64 // Bytes of file.

	rows  int64
	first entry
	mixed bool // Not all values are the first one's.
}

func (s *spool) add(e entry) error {
	if s.rows == 0 {
		s.first = e
	} else if !s.mixed {
		s.mixed = !e.same(&s.first)
	}
	s.rows++
	if s.file == nil && len(s.buffer) == 0 {
		last := len(s.chunks) - 1
		if last >= 0 && len(s.chunks[last]) < cap(s.chunks[last]) {
			s.chunks[last] = append(s.chunks[last], e)
			return nil
		}
		if chunk := s.arena.take(); chunk != nil {
			s.chunks = append(s.chunks, append(chunk, e))
			return nil
		}
	}
	if s.buffer == nil {
		s.buffer = make([]entry, 0, chunkEntries)
	}
	if s.buffer = append(s.buffer, e); len(s.buffer) < chunkEntries {
		return nil
	}
	return s.write()
}

func (s *spool) write() error {
	if s.file == nil {
		var err error
		if s.file, err = temporary(s.folder); err != nil {
			return err
		}
	}
	n, err := s.file.WriteAt(entryMemory(s.buffer), s.size)
	s.size += int64(n)
	s.buffer = s.buffer[:0]
	if err != nil {
		return fmt.Errorf("reconcile: cannot spill: %w", err)
	}
	return nil
}

// strand ends the gathering and reads what was gathered.
func (s *spool) strand() *strand {
	return &strand{chunks: s.chunks, file: s.file, end: s.size, tail: s.buffer, owner: s.arena}
}

func (s *spool) close() {
	if s.file != nil {
		s.file.Close()
	}
}

// temporary opens a file that is gone with the process.
func temporary(folder string) (*os.File, error) {
	file, err := os.CreateTemp(folder, "spool-*")
	if err != nil {
		return nil, fmt.Errorf("reconcile: cannot spill: %w", err)
	}
	return file, os.Remove(file.Name())
}
