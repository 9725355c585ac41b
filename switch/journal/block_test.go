package journal

import (
	"bytes"
	"errors"
	"testing"
	"time"

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
		data := make([]byte, blockSize(records))
		encodeBlock(data, &b, records)
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

// FuzzDecodeBlock never panics; what it refuses it refuses with one of the codes.
func FuzzDecodeBlock(f *testing.F) {
	records := []Record{{Kind: 1, Version: 1, Body: []byte("body")}}
	good := make([]byte, blockSize(records))
	encodeBlock(good, &Block{Sequence: 7, Time: time.Now()}, records)
	f.Add(good, uint64(7))
	f.Add(good[:40], uint64(7))
	f.Fuzz(func(t *testing.T, data []byte, sequence uint64) {
		_, err := decodeBlock(data, sequence)
		var fault *Fault
		if err != nil && !errors.As(err, &fault) {
			t.Errorf("refused with %v, want a Fault", err)
		}
	})
}
