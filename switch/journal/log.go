// Package journal is the durable log of a shard: an ordered, fenced, hash-chained list
// of blocks, beside it the view that is folded from them, the snapshots that bound the
// replay, and a small store of settings with compare-and-set.
//
// It knows blocks, sequences and bytes. It may not know what a record means.
package journal

import "time"

// Record is one change. Kind, Version and Body are the writer's own.
type Record struct {
	Kind    uint8
	Version uint8
	Body    []byte // The caller's until Append returns; a reader's for good.
}

// Position is where a record stands: its block and its index inside it, from 0.
type Position struct {
	Sequence uint64
	Offset   uint32
}

// Update is one change of the view, made together with the block or not at all.
type Update struct {
	Key, Value []byte
	Delete     bool
}

// Block is one durable append.
type Block struct {
	Shard    uint16
	Epoch    uint64 // Of the writer; each start of a writer is a new epoch.
	Sequence uint64 // From 1, without gaps.
	Time     time.Time
	Previous [32]byte // Hash of the block before; zeros before the first.
	Hash     [32]byte // SHA-256 of everything in the block before its checksum.
	Records  []Record
}

// Log is the ordered block log of one shard. Append belongs to one goroutine; the other
// methods may be called by many at once.
type Log interface {
	// Append stores records as block expect+1, with the view's updates, or refuses with
	// ErrFenced when the log does not end at expect. The block is visible to readers at
	// once and durable when the ticket's Wait returns nil. Blocks become durable in
	// order. After any other error the log accepts nothing more: what was stored is known
	// only by opening it again.
	Append(expect uint64, records []Record, updates []Update) (Ticket, error)
	// Read calls fn with every block from sequence from on, in order, each checked.
	Read(from uint64, fn func(*Block) error) error
	// Block reads one block; ErrNotFound past the tail, ErrTrimmed before the first.
	Block(sequence uint64) (*Block, error)
	// Tail is the newest block's sequence and hash; zeros where there is none.
	Tail() (sequence uint64, hash [32]byte)
	// TrimBefore forgets the blocks before sequence. The chain stays provable from there.
	TrimBefore(sequence uint64) error
	// Accepting says why nothing should be begun that must be appended; nil when all is
	// well. Append itself still takes what brings begun work to its end.
	Accepting() error
}

// Ticket is an append on its way to the disk.
type Ticket interface {
	// Wait returns when the block is durable, or with the reason why that is not known.
	// It may be called by several goroutines.
	Wait() error
}

// View is what is folded from the log, by key.
type View interface {
	// Value appends the value of key to into[:0]; ErrNotFound where there is none.
	Value(key, into []byte) ([]byte, error)
	// Scan calls fn with every key that begins with prefix, in order. Key and value are
	// valid only during the call.
	Scan(prefix []byte, fn func(key, value []byte) error) error
	// Walk is Scan from the key from on, which begins with prefix and need not be there:
	// upwards, or with back downwards. It ends with the first error of fn.
	Walk(prefix, from []byte, back bool, fn func(key, value []byte) error) error
}
