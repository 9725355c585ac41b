package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"
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
//	records: kind 1, version 1, length 4, body
//	SHA-256 of everything above        32
//	CRC-32C of everything above         4
const (
	blockHeader  = 4 + 2 + 4 + 8 + 8 + 8 + 32
	blockTrailer = 32 + 4
	recordHeader = 1 + 1 + 4
)

var (
	blockMagic = [4]byte{'T', 'M', 'B', 1}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// blockSize is the number of bytes of a block that holds records.
func blockSize(records []Record) int {
	size := blockHeader + blockTrailer
	for i := range records {
		size += recordHeader + len(records[i].Body)
	}
	return size
}

// encodeBlock writes b with records into dst, which has blockSize bytes, and sets b.Hash.
func encodeBlock(dst []byte, b *Block, records []Record) {
	copy(dst, blockMagic[:])
	binary.LittleEndian.PutUint16(dst[4:], b.Shard)
	binary.LittleEndian.PutUint32(dst[6:], uint32(len(records)))
	binary.LittleEndian.PutUint64(dst[10:], b.Epoch)
	binary.LittleEndian.PutUint64(dst[18:], b.Sequence)
	binary.LittleEndian.PutUint64(dst[26:], uint64(b.Time.UnixNano()))
	copy(dst[34:], b.Previous[:])
	at := blockHeader
	for i := range records {
		r := &records[i]
		dst[at], dst[at+1] = r.Kind, r.Version
		binary.LittleEndian.PutUint32(dst[at+2:], uint32(len(r.Body)))
		at += recordHeader + copy(dst[at+recordHeader:], r.Body)
	}
	b.Hash = sha256.Sum256(dst[:at])
	at += copy(dst[at:], b.Hash[:])
	binary.LittleEndian.PutUint32(dst[at:], crc32.Checksum(dst[:at], castagnoli))
}

// decodeBlock reads a block that is stored under sequence. The records alias data.
func decodeBlock(data []byte, sequence uint64) (*Block, error) {
	fault := func(code error, format string, args ...any) error {
		return &Fault{Code: code, Sequence: sequence, Detail: fmt.Sprintf(format, args...)}
	}
	if len(data) < blockHeader+blockTrailer {
		return nil, fault(ErrTornBlock, "%d bytes, want %d or more", len(data), blockHeader+blockTrailer)
	}
	if [3]byte(data[:3]) != [3]byte(blockMagic[:3]) {
		return nil, fault(ErrCorruptBlock, "does not begin as a block does")
	}
	if data[3] != blockMagic[3] {
		return nil, fault(ErrForeignVersion, "format version %d, this build reads %d", data[3], blockMagic[3])
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
	count := binary.LittleEndian.Uint32(data[6:])
	var err error
	if b.Records, err = decodeRecords(sealed[blockHeader:], count); err != nil {
		return nil, fault(ErrTornBlock, "%v", err)
	}
	return b, nil
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
