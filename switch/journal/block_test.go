package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"pgregory.net/rapid"
)

// Any block that is encoded is decoded to the same block.
func TestBlockComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Record {
			return Record{
				Kind: rapid.Uint8().Draw(t, "kind"), Version: rapid.Uint8().Draw(t, "version"),
				Body: rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "body"),
			}
		}), 0, 20).Draw(t, "records")
		b := Block{
			Shard: rapid.Uint16().Draw(t, "shard"), Epoch: rapid.Uint64().Draw(t, "epoch"),
			Sequence: rapid.Uint64().Draw(t, "sequence"), Time: time.Unix(0, rapid.Int64().Draw(t, "time")).UTC(),
		}
		copy(b.Previous[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "previous"))
		data := new(encoder).encode(&b, records)
		got, err := decodeBlock(data, b.Sequence)
		if err != nil {
			t.Fatal(err)
		}
		if got.Shard != b.Shard || got.Epoch != b.Epoch || got.Hash != b.Hash || got.Previous != b.Previous ||
			!got.Time.Equal(b.Time) || len(got.Records) != len(records) {
			t.Fatalf("got %+v, want %+v", got, b)
		}
		for i := range records {
			if got.Records[i].Kind != records[i].Kind || !bytes.Equal(got.Records[i].Body, records[i].Body) {
				t.Fatalf("record %d is %+v, want %+v", i, got.Records[i], records[i])
			}
		}
		flip := rapid.IntRange(0, len(data)*8-1).Draw(t, "flip")
		data[flip/8] ^= 1 << (flip % 8)
		if _, err := decodeBlock(data, b.Sequence); err == nil {
			t.Fatalf("a block with bit %d flipped was read", flip)
		}
	})
}

// plainHex is a block of format version 1, whose records are not packed, as the builds before
// version 2 wrote it.
const plainHex = "544d42010300020000000500000000000000070000000000000000002d1002b47b18ab000000000000000000" +
	"00000000000000000000000000000000000000000000010209000000616e20696e74656e7404020a00000061" +
	"6e206f7574636f6d659e2f3c3151760e1df01d10ecb737051f80a9c2147c726384e335547c1fafa1ff985cd6" +
	"43"

func plainBlock(t testing.TB) []byte {
	data, err := hex.DecodeString(plainHex)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A journal that began before blocks were packed is still read.
func TestPlainBlockIsRead(t *testing.T) {
	b, err := decodeBlock(plainBlock(t), 7)
	if err != nil {
		t.Fatal(err)
	}
	if b.Shard != 3 || b.Epoch != 5 || b.Previous[0] != 0xab || b.Time.Unix() != 1764201600 || len(b.Records) != 2 {
		t.Fatalf("got %+v", b)
	}
	if r := b.Records[1]; r.Kind != 4 || r.Version != 2 || string(r.Body) != "an outcome" {
		t.Errorf("record 1 is %+v", r)
	}
}

// A block that unpacks to something else than it says, or to more than memory should hold, is
// refused, even with its checksum and hash made to fit.
func TestPackedRecordsAreChecked(t *testing.T) {
	records := []Record{{Kind: 1, Version: 1, Body: bytes.Repeat([]byte("a"), 5000)}}
	good := bytes.Clone(new(encoder).encode(&Block{Sequence: 7}, records))
	packed := good[blockHeader : len(good)-blockTrailer]
	for what, forged := range map[string][]byte{
		"cut":         packed[:len(packed)-3],
		"of no bytes": {},
		"of 1 GiB":    append(binary.AppendUvarint(nil, 1<<30), packed[2:]...),
		"too long":    s2.Encode(nil, append(bytes.Repeat([]byte{0}, 6), 1)),
		"too short":   s2.Encode(nil, []byte{1, 1, 5, 0}),
		"not packed":  bytes.Repeat([]byte{0xff}, 40),
	} {
		data := append(bytes.Clone(good[:blockHeader]), forged...)
		hash := sha256.Sum256(data)
		data = append(data, hash[:]...)
		data = binary.LittleEndian.AppendUint32(data, crc32.Checksum(data, castagnoli))
		if _, err := decodeBlock(data, 7); !errors.Is(err, ErrTornBlock) {
			t.Errorf("records %s: %v, want a torn block", what, err)
		}
	}
}

// FuzzDecodeBlock never panics; what it refuses it refuses with one of the codes.
func FuzzDecodeBlock(f *testing.F) {
	records := []Record{{Kind: 1, Version: 1, Body: []byte("body")}}
	good := new(encoder).encode(&Block{Sequence: 7, Time: time.Now()}, records)
	f.Add(good, uint64(7))
	f.Add(plainBlock(f), uint64(7))
	f.Add(good[:40], uint64(7))
	f.Fuzz(func(t *testing.T, data []byte, sequence uint64) {
		_, err := decodeBlock(data, sequence)
		var fault *Fault
		if err != nil && !errors.As(err, &fault) {
			t.Errorf("refused with %v, want a Fault", err)
		}
	})
}
