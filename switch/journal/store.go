package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// The key-spaces of the store. Log, view, snapshots and settings share one Pebble, so
// that one synced batch holds a block and everything that is folded from it.
const (
	spaceLog      = 'b' // + sequence, 8 bytes big-endian: block.
	spaceView     = 'v' // + the view's key: value.
	spaceSnapshot = 's' // + sequence, 8 bytes big-endian: SHA-256, state.
	spaceMeta     = 'm' // + name: the store's own facts.
	spaceSetting  = 'k' // + key: settings with revisions.
)

var (
	keyEpoch  = []byte("mepoch")  // 8 bytes: the newest epoch.
	keyShard  = []byte("mshard")  // 2 bytes: the shard whose log this is.
	keyAnchor = []byte("manchor") // 8 + 32 bytes: newest trimmed sequence and its hash.
)

// Options says where a journal lives and what bounds it.
type Options struct {
	Directory      string
	Shard          uint16
	BlockBytesMax  int    // A block is refused whose records are more before they are packed.
	DiskFreeMin    uint64 // Bytes; with less free nothing new is accepted.
	BallastBytes   uint64 // Given up when the disk has no byte left; 0 for none.
	MemTableBytes  uint64
	CacheBytes     int64
	DiskCheckEvery time.Duration
	SnapshotsKept  int
	FS             vfs.FS // The disk; nil is the operating system's.
	ReadOnly       bool
	DiskFree       func(directory string) (uint64, error) // Bytes; nil asks the operating system.
}

// DefaultOptions are those of one small machine. Directory stays empty.
func DefaultOptions() Options {
	return Options{
		BlockBytesMax:  16 << 20,
		DiskFreeMin:    512 << 20,
		BallastBytes:   32 << 20,
		MemTableBytes:  64 << 20,
		CacheBytes:     128 << 20,
		DiskCheckEvery: time.Second,
		SnapshotsKept:  2,
	}
}

// Validate reports every fault of o at once.
func (o *Options) Validate() error {
	var faults []error
	check := func(ok bool, fault string) {
		if !ok {
			faults = append(faults, errors.New("journal: "+fault))
		}
	}
	check(o.Directory != "", "Directory is empty")
	check(o.BlockBytesMax >= 1<<16, "BlockBytesMax is below 64 KiB")
	check(o.BlockBytesMax <= plainBytesMax, "BlockBytesMax is above 256 MiB")
	check(o.MemTableBytes >= 1<<20, "MemTableBytes is below 1 MiB")
	check(o.CacheBytes >= 1<<20, "CacheBytes is below 1 MiB")
	check(o.DiskCheckEvery > 0, "DiskCheckEvery is not above zero")
	check(o.SnapshotsKept >= 1, "SnapshotsKept is below 1")
	return errors.Join(faults...)
}

// Store is the journal of one shard in one Pebble: Log, View, snapshots and settings.
type Store struct {
	options Options
	db      *pebble.DB
	epoch   uint64

	appending sync.Mutex // Held while a block is made; whoever only asks does not wait for that.
	encoder   encoder

	mu       sync.Mutex // Guards what follows; only TrimBefore holds it for longer than an instant.
	tail     uint64
	hash     [32]byte
	anchor   uint64 // Newest trimmed sequence; 0 where nothing was trimmed.
	anchored [32]byte
	durable  uint64 // Newest sequence whose ticket was waited for.

	marked    uint64 // What the mark says; the disk watcher's, and Close's after it.
	settings  settings
	failed    atomic.Pointer[error] // Set once: from then on nothing is accepted.
	diskFault atomic.Pointer[error]
	closing   chan struct{}
	closed    sync.WaitGroup
}

// Open opens or creates the journal in o.Directory and begins a new epoch. It refuses a
// directory that another process has open, a shard that is not o.Shard, a tail that does
// not read well and a disk without room.
func Open(o Options) (*Store, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.DiskFree == nil {
		o.DiskFree = diskFree
	}
	if err := o.makeRoom(); err != nil {
		return nil, err
	}
	s := &Store{options: o, closing: make(chan struct{})}
	keeping := &keepingFS{FS: &runwayFS{o.FS}}
	o.FS = keeping
	if !o.ReadOnly {
		o.FS = vfs.OnDiskFull(o.FS, s.dropBallast)
	}
	var err error
	settings := pebbleOptions(&o)
	settings.EventListener = &pebble.EventListener{DataCorruption: s.corrupted}
	if s.db, err = pebble.Open(o.Directory, settings); err != nil {
		return nil, openFault(o.Directory, err)
	}
	if err := s.begin(); err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	keeping.release()
	return s, nil
}

// corrupted is told by Pebble of a table that does not read well, also where nobody asked for
// it. Whoever did has an error; nothing more is accepted.
func (s *Store) corrupted(info pebble.DataCorruptionInfo) {
	_ = s.fail(fmt.Errorf("%w: %s: %v", ErrCorruptBlock, info.Path, info.Details))
}

// makeRoom makes the directory and refuses a disk without room before Pebble sees it:
// with its log to be read back and nowhere to put the tables, Pebble tries again for ever.
func (o *Options) makeRoom() error {
	if o.ReadOnly {
		return nil
	}
	if err := o.FS.MkdirAll(o.Directory, 0o755); err != nil {
		return openFault(o.Directory, err)
	}
	return o.checkDisk()
}

func openFault(directory string, err error) error {
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) || isLockError(err) {
		return fmt.Errorf("journal: %s: %w: another process has it open", directory, ErrLocked)
	}
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("journal: %s: %w: %v", directory, ErrDiskFull, err)
	}
	return fmt.Errorf("journal: cannot open %s: %w", directory, err)
}

// pebbleOptions writes every choice out. The write-ahead log is where durability
// happens; blocks and view reach the tables later, in the background. What is flushed is not
// compressed: blocks are packed, keys stand without what they share with the one before, and
// whatever is merged later is compressed then.
func pebbleOptions(o *Options) *pebble.Options {
	options := &pebble.Options{
		FS:                          o.FS,
		ReadOnly:                    o.ReadOnly,
		FormatMajorVersion:          pebble.FormatNewest,
		MemTableSize:                o.MemTableBytes,
		MemTableStopWritesThreshold: 4,
		CacheSize:                   o.CacheBytes,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       24,
		LBaseMaxBytes:               256 << 20,
		BytesPerSync:                512 << 10,
		WALBytesPerSync:             0,
		MaxOpenFiles:                1000,
		CompactionConcurrencyRange:  func() (int, int) { return 1, 1 },
		BlockPropertyCollectors:     []func() pebble.BlockPropertyCollector{newBlocksCollector},
		Logger:                      quiet{},
	}
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		options.Levels[i].BlockSize = 32 << 10
		options.Levels[i].Compression = func() *sstable.CompressionProfile { return sstable.SnappyCompression }
	}
	options.Levels[0].Compression = func() *sstable.CompressionProfile { return sstable.NoCompression }
	options.Experimental.SpanPolicyFunc = span
	return options
}

// span ends a table where a key-space of the store or of the view ends. Blocks only ever
// follow blocks, and most keys of the view those of their kind: a table of one kind alone
// goes down the levels without being merged with the ones before it.
func span(start []byte) (policy pebble.SpanPolicy, end []byte, err error) {
	length := 1
	if bytes.HasPrefix(start, []byte{spaceView}) {
		length = 2 // The view's own kinds of key.
	}
	return policy, after(start[:min(length, len(start))]), nil
}

// begin reads what the store says of itself and starts a new epoch.
func (s *Store) begin() error {
	if err := s.checkShard(); err != nil {
		return err
	}
	if err := s.readTail(); err != nil {
		return err
	}
	if err := s.checkMark(); err != nil {
		return err
	}
	if err := s.settings.load(s.db); err != nil {
		return err
	}
	if s.options.ReadOnly {
		return nil // Who only reads finds for itself what is missing, and says more of it.
	}
	if err := s.checkWhole(); err != nil {
		return err
	}
	if err := s.options.takeBallast(); err != nil {
		return err
	}
	epoch, err := s.number(keyEpoch)
	if err != nil {
		return err
	}
	s.epoch = epoch + 1
	if err := s.set(keyEpoch, binary.BigEndian.AppendUint64(nil, s.epoch)); err != nil {
		return fmt.Errorf("journal: cannot begin epoch %d: %w", s.epoch, err)
	}
	s.closed.Add(1)
	go s.watchDisk()
	return nil
}

func (s *Store) checkShard() error {
	value, err := s.value(keyShard, nil)
	if errors.Is(err, ErrNotFound) {
		if s.options.ReadOnly {
			return nil
		}
		return s.set(keyShard, binary.BigEndian.AppendUint16(nil, s.options.Shard))
	}
	if err != nil {
		return err
	}
	if len(value) != 2 {
		return fmt.Errorf("journal: shard of %d bytes, want 2: %w", len(value), ErrCorruptBlock)
	}
	shard := binary.BigEndian.Uint16(value)
	if s.options.ReadOnly {
		s.options.Shard = shard
	}
	if shard != s.options.Shard {
		return fmt.Errorf("journal: %w: directory holds shard %d, want %d", ErrForeignShard, shard, s.options.Shard)
	}
	return nil
}

// readTail finds where the log ends, and the anchor before its first block.
func (s *Store) readTail() error {
	value, err := s.value(keyAnchor, nil)
	if err == nil && len(value) == 40 {
		s.anchor, s.anchored = binary.BigEndian.Uint64(value), [32]byte(value[8:])
	} else if err == nil || !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("journal: cannot read the anchor: %w", errors.Join(err, ErrCorruptBlock))
	}
	s.tail, s.hash = s.anchor, s.anchored
	it, err := s.db.NewIter(bounds([]byte{spaceLog}))
	if err != nil {
		return fmt.Errorf("journal: cannot read the tail: %w", err)
	}
	defer it.Close()
	if !it.Last() {
		return it.Error()
	}
	sequence := binary.BigEndian.Uint64(it.Key()[1:])
	block, err := decodeBlock(it.Value(), sequence)
	if err != nil {
		return err
	}
	s.tail, s.hash = sequence, block.Hash
	return nil
}

func (s *Store) number(key []byte) (uint64, error) {
	value, err := s.value(key, nil)
	if errors.Is(err, ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if len(value) != 8 {
		return 0, fmt.Errorf("journal: number of %d bytes, want 8: %w", len(value), ErrCorruptBlock)
	}
	return binary.BigEndian.Uint64(value), nil
}

func (s *Store) value(key, into []byte) ([]byte, error) {
	value, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("journal: cannot read a value: %w", err)
	}
	into = append(into[:0], value...)
	return into, closer.Close()
}

// Epoch is this opening's number; it grows with each.
func (s *Store) Epoch() uint64 { return s.epoch }

// Close ends the store. What was appended and not waited for is durable after it.
func (s *Store) Close() error {
	close(s.closing)
	s.closed.Wait()
	if s.options.ReadOnly {
		return s.db.Close()
	}
	return errors.Join(s.writeMark(), s.db.Close())
}

// watchDisk keeps the answer of Accepting fresh.
func (s *Store) watchDisk() {
	defer s.closed.Done()
	ticker := time.NewTicker(s.options.DiskCheckEvery)
	defer ticker.Stop()
	for {
		select {
		case <-s.closing:
			return
		case <-ticker.C:
			if err := s.checkHealth(); err != nil {
				s.diskFault.Store(&err)
			} else {
				s.diskFault.Store(nil)
			}
		}
	}
}

// checkHealth says why nothing new is to be accepted, and takes the ballast again that was
// dropped when there was no room.
func (s *Store) checkHealth() error {
	err := s.options.checkDisk()
	if err == nil {
		err = s.options.takeBallast()
	}
	return errors.Join(err, s.writeMark())
}

func (o *Options) checkDisk() error {
	free, err := o.DiskFree(o.Directory)
	if err != nil {
		return fmt.Errorf("journal: cannot tell the free space of %s: %w", o.Directory, err)
	}
	if want := o.DiskFreeMin + o.ballastMissing(); free < want {
		return fmt.Errorf("journal: %w: %d bytes free in %s, want %d", ErrDiskFull, free,
			o.Directory, want)
	}
	return nil
}

// diskFree is the number of bytes that a plain user may still write under directory.
func diskFree(directory string) (uint64, error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(directory, &stat); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: directory, Err: err}
	}
	return stat.Bavail * uint64(stat.Bsize), nil
}

// Accepting is Log's.
func (s *Store) Accepting() error {
	if fault := s.diskFault.Load(); fault != nil {
		return *fault
	}
	return s.failure()
}
