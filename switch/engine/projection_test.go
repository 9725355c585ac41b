package engine

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"tongma/switch/journal"
	"tongma/switch/payment"
)

// TestLargeBlocksAreNotKept: a block of large acts is read anew each time.
func TestLargeBlocksAreNotKept(t *testing.T) {
	for size, want := range map[int]int{blockKeptMax: 1, blockKeptMax + 1: 3} {
		log := newMemory()
		log.blocks = []*journal.Block{{Sequence: 1, Records: []journal.Record{{Body: make([]byte, size)}}}}
		p := projection{log: log}
		for range 3 {
			if b, err := p.block(1); err != nil || b.Sequence != 1 {
				t.Fatal(b, err)
			}
		}
		if log.reads != want {
			t.Errorf("a block of %d bytes was read %d times, want %d", size, log.reads, want)
		}
	}
}

// TestBlocksAreKept: questions about the same payments read their blocks once, those of more
// payments than are kept read them anew, and each tells of its own payment.
func TestBlocksAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		e, _ := start(t, log, approve)
		const payments = blocksKept // Two blocks each.
		for i := range payments {
			if _, err := e.Submit(debit(fmt.Sprint("r", i), payment.Fen(100+i))); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second) // All are durable.
		reads := func(asked, times int) int {
			log.reads = 0
			for range times {
				for i := range asked {
					p, err := e.FindRequest("shop", fmt.Sprint("r", i))
					if err != nil || p.Amount != payment.Fen(100+i) || p.Status != payment.StatusApproved {
						t.Fatalf("r%d: %d fen, %s, %v", i, p.Amount, p.Status, err)
					}
				}
			}
			return log.reads
		}
		few := payments / 4
		if n := reads(few, 10); n < few || n > 2*few {
			t.Errorf("%d blocks were read for ten questions about each of %d payments, want %d at most", n, few, 2*few)
		}
		if n := reads(payments, 2); n < 2*payments {
			t.Errorf("%d blocks were read for %d payments asked about twice in turn: too many are kept", n, payments)
		}
		stop(t, e)
	})
}
