package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"time"

	"github.com/klauspost/compress/s2"
)

// A block on disk, all integers little-endian:
//
//	magic "TMB" and format version      4 bytes
//	shard                               2
//	count of records                    4
//	epoch                               8
//	sequence                            8
//	time, Unix nanoseconds UTC          8
//	hash of the block before           32
//	records, packed: S2, see github.com/klauspost/compress/s2
//	SHA-256 of everything above        32
//	CRC-32C of everything above         4
//
// Unpacked, a record is kind 1, version 1, length 4, body. The records of one block are
// alike, so that packed they are a third to a fifth: what is not there is not hashed, not
// copied, not synced. In format version 1 they are not packed.
const (
	blockHeader  = 4 + 2 + 4 + 8 + 8 + 8 + 32
	blockTrailer = 32 + 4
	recordHeader = 1 + 1 + 4

	formatPlain  = 1
	formatPacked = 2

	// plainBytesMax bounds what a block may unpack to, whatever it says of itself.
	plainBytesMax = 256 << 20
)

var (
	blockMagic = [3]byte{'T', 'M', 'B'}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// recordsSize is the number of bytes of records before they are packed.
func recordsSize(records []Record) int {
	size := 0
	for i := range records {
		size += recordHeader + len(records[i].Body)
	}
	return size
}

// encoder encodes blocks, one at a time, in room that it uses again.
type encoder struct{ plain, block []byte }

// encode returns the bytes of b with records, valid until the next call, and sets b.Hash.
func (e *encoder) encode(b *Block, records []Record) []byte {
	e.plain = e.plain[:0]
	for i := range records {
		r := &records[i]
		e.plain = append(e.plain, r.Kind, r.Version)
		e.plain = binary.LittleEndian.AppendUint32(e.plain, uint32(len(r.Body)))
		e.plain = append(e.plain, r.Body...)
	}
	out := append(e.block[:0], blockMagic[0], blockMagic[1], blockMagic[2], formatPacked)
	out = binary.LittleEndian.AppendUint16(out, b.Shard)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(records)))
	out = binary.LittleEndian.AppendUint64(out, b.Epoch)
	out = binary.LittleEndian.AppendUint64(out, b.Sequence)
	out = binary.LittleEndian.AppendUint64(out, uint64(b.Time.UnixNano()))
	out = append(out, b.Previous[:]...)
	packedMax := s2.MaxEncodedLen(len(e.plain))
	out = slices.Grow(out, packedMax+blockTrailer)
	packed := s2.Encode(out[len(out):len(out)+packedMax], e.plain)
	out = out[:len(out)+len(packed)] // It was packed in place.
	b.Hash = sha256.Sum256(out)
	out = append(out, b.Hash[:]...)
	out = binary.LittleEndian.AppendUint32(out, crc32.Checksum(out, castagnoli))
	e.block = out
	return out
}

// decodeBlock reads a block that is stored under sequence. The records may alias data.
func decodeBlock(data []byte, sequence uint64) (*Block, error) {
	fault := func(code error, format string, args ...any) error {
		return &Fault{Code: code, Sequence: sequence, Detail: fmt.Sprintf(format, args...)}
	}
	if len(data) < blockHeader+blockTrailer {
		return nil, fault(ErrTornBlock, "%d bytes, want %d or more", len(data), blockHeader+blockTrailer)
	}
	if [3]byte(data[:3]) != blockMagic {
		return nil, fault(ErrCorruptBlock, "does not begin as a block does")
	}
	format := data[3]
	if format != formatPlain && format != formatPacked {
		return nil, fault(ErrForeignVersion, "format version %d, this build reads %d and %d", format, formatPlain, formatPacked)
	}
	body := data[:len(data)-4]
	want := binary.LittleEndian.Uint32(data[len(body):])
	if got := crc32.Checksum(body, castagnoli); got != want {
		return nil, fault(ErrCorruptBlock, "checksum %08x, want %08x", got, want)
	}
	b := &Block{
		Shard:    binary.LittleEndian.Uint16(data[4:]),
		Epoch:    binary.LittleEndian.Uint64(data[10:]),
		Sequence: binary.LittleEndian.Uint64(data[18:]),
		Time:     time.Unix(0, int64(binary.LittleEndian.Uint64(data[26:]))).UTC(),
		Previous: [32]byte(data[34:66]),
		Hash:     [32]byte(body[len(body)-32:]),
	}
	sealed := body[:len(body)-32]
	if sha256.Sum256(sealed) != b.Hash {
		return nil, fault(ErrCorruptBlock, "hash does not fit the content")
	}
	if b.Sequence != sequence {
		return nil, fault(ErrCorruptBlock, "says that it is block %d", b.Sequence)
	}
	plain, err := unpack(sealed[blockHeader:], format)
	if err == nil {
		b.Records, err = decodeRecords(plain, binary.LittleEndian.Uint32(data[6:]))
	}
	if err != nil {
		return nil, fault(ErrTornBlock, "%v", err)
	}
	return b, nil
}

// unpack returns the records as they were before they were packed.
func unpack(records []byte, format uint8) ([]byte, error) {
	if format == formatPlain {
		return records, nil
	}
	size, err := s2.DecodedLen(records)
	if err != nil {
		return nil, fmt.Errorf("packed records cannot be read: %w", err)
	}
	if size > plainBytesMax {
		return nil, fmt.Errorf("records of %d bytes, limit %d", size, plainBytesMax)
	}
	plain, err := s2.Decode(nil, records)
	if err != nil {
		return nil, fmt.Errorf("packed records cannot be read: %w", err)
	}
	return plain, nil
}

func decodeRecords(data []byte, count uint32) ([]Record, error) {
	if uint64(count)*recordHeader > uint64(len(data)) {
		return nil, fmt.Errorf("%d records in %d bytes", count, len(data))
	}
	records := make([]Record, 0, count)
	for i := range count {
		if len(data) < recordHeader {
			return nil, fmt.Errorf("record %d has no header", i)
		}
		length := binary.LittleEndian.Uint32(data[2:])
		if uint64(length) > uint64(len(data)-recordHeader) {
			return nil, fmt.Errorf("record %d of %d bytes, %d are left", i, length, len(data)-recordHeader)
		}
		end := recordHeader + int(length)
		records = append(records, Record{Kind: data[0], Version: data[1], Body: data[recordHeader:end:end]})
		data = data[end:]
	}
	if len(data) > 0 {
		return nil, fmt.Errorf("%d bytes after the last record", len(data))
	}
	return records, nil
}
