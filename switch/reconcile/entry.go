package reconcile

import "unsafe"

// entry is what a row is reduced to for the join: 160 bits, because a hundred million
// of them have to fit in memory. The first 8 bits of the key's hash are not kept: they
// are the same for all entries of a partition.
type entry struct{ words [5]uint32 }

const (
	entryBytes    = int64(unsafe.Sizeof(entry{}))
	keyMask       = 1<<56 - 1
	positionLimit = 1 << 40 // Bytes of one side, unpacked.
	partitionBits = 8       // At least; what keyMask leaves out.
)

// newEntry packs the hash of a key, what the rule compares (a hash of the content, a
// moment or an amount) and the position of the row among the side's files, in bytes.
func newEntry(key, value uint64, position int64) entry {
	return entry{[5]uint32{uint32(key), uint32(key>>32)&0xffffff | uint32(position>>32)<<24,
		uint32(position), uint32(value), uint32(value >> 32)}}
}

func (e *entry) key() uint64 { return uint64(e.words[0]) | uint64(e.words[1]&0xffffff)<<32 }

func (e *entry) value() uint64 { return uint64(e.words[3]) | uint64(e.words[4])<<32 }

func (e *entry) position() int64 {
	return int64(e.words[2]) | int64(e.words[1]>>24)<<32
}

// entryMemory is the memory of entries, as it is written to disk and read back by the
// same machine.
func entryMemory(entries []entry) []byte {
	if len(entries) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&entries[0])), len(entries)*int(entryBytes))
}

// chunkEntries is how many entries are allotted to a partition at once.
const chunkEntries = 256

// blockChunks is how many chunks an arena asks the system for at once.
const blockChunks = 4096

// arena allots chunks up to a limit and takes them back. It belongs to one worker.
type arena struct {
	block []entry
	free  [][]entry
	held  int64 // Chunks given out.
	limit int64 // Chunks.
}

// take gives an empty chunk, or nil when the limit is reached.
func (a *arena) take() []entry {
	if a.held >= a.limit {
		return nil
	}
	a.held++
	if last := len(a.free) - 1; last >= 0 {
		chunk := a.free[last]
		a.free = a.free[:last]
		return chunk[:0]
	}
	if len(a.block) < chunkEntries {
		a.block = make([]entry, blockChunks*chunkEntries)
		hugePages(entryMemory(a.block))
	}
	chunk := a.block[:0:chunkEntries]
	a.block = a.block[chunkEntries:]
	return chunk
}

func (a *arena) give(chunks [][]entry) {
	a.held -= int64(len(chunks))
	a.free = append(a.free, chunks...)
}
