package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
)

// The mark is a small file beside the store: the sequence of a block that was durable
// when the mark was written, once a second and at the close. A store whose newest blocks
// were damaged reads as a shorter one; the mark tells that it was longer.
const markFile = "TAIL"

// markSize is the sequence, 8 bytes big-endian, and its CRC-32C.
const markSize = 12

func (s *Store) markPath() string { return filepath.Join(s.options.Directory, markFile) }

// writeMark replaces the mark by the newest durable sequence, if that has grown.
func (s *Store) writeMark() error {
	s.mu.Lock()
	durable := s.durable
	s.mu.Unlock()
	if durable <= s.marked {
		return nil
	}
	data := binary.BigEndian.AppendUint64(make([]byte, 0, markSize), durable)
	data = binary.BigEndian.AppendUint32(data, crc32.Checksum(data, castagnoli))
	fresh := s.markPath() + ".new"
	file, err := os.OpenFile(fresh, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("journal: cannot write the mark: %w", err)
	}
	_, err = file.Write(data)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(fresh, s.markPath())
	}
	if err != nil {
		return fmt.Errorf("journal: cannot write the mark: %w", err)
	}
	s.marked = durable
	return nil
}

// checkMark refuses a log that ends before its mark.
func (s *Store) checkMark() error {
	data, err := os.ReadFile(s.markPath())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("journal: cannot read the mark: %w", err)
	}
	if len(data) != markSize || crc32.Checksum(data[:8], castagnoli) != binary.BigEndian.Uint32(data[8:]) {
		return fmt.Errorf("journal: the mark in %s cannot be read: %w", s.markPath(), ErrCorruptBlock)
	}
	s.marked = binary.BigEndian.Uint64(data)
	if s.tail < s.marked {
		return &Fault{Code: ErrGap, Sequence: s.tail + 1,
			Detail: fmt.Sprintf("is missing, block %d was durable: the newest blocks are damaged or gone", s.marked)}
	}
	return nil
}
