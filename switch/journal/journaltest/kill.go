package journaltest

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"tongma/switch/journal"
)

// childDirectory names, in the environment of this test's own child process, the
// journal that the child appends to until it is killed.
const childDirectory = "TONGMA_TEST_JOURNAL"

// Main is the TestMain of an engine's tests: the contract kills child processes of the
// test binary, which append to the journal that their environment names.
func Main(m *testing.M, engine Engine) {
	if directory := os.Getenv(childDirectory); directory != "" {
		appendUntilKilled(engine, directory)
	}
	os.Exit(m.Run())
}

// appendUntilKilled keeps two blocks on their way and prints each sequence once it is durable.
func appendUntilKilled(engine Engine, directory string) {
	s, err := engine.Open(directory)
	if err != nil {
		fmt.Println("fault", err)
		os.Exit(1)
	}
	type sent struct {
		sequence uint64
		ticket   journal.Ticket
	}
	var before sent
	for sequence, _ := s.Tail(); ; sequence++ {
		body := fmt.Appendf(nil, "block %d", sequence+1)
		ticket, err := s.Append(sequence, []journal.Record{{Kind: 1, Version: 1, Body: body}},
			[]journal.Update{{Key: fmt.Append(nil, sequence+1), Value: body}})
		if err == nil && before.ticket != nil {
			err = before.ticket.Wait()
		}
		if err != nil {
			fmt.Println("fault", err)
			os.Exit(1)
		}
		if before.ticket != nil {
			fmt.Println(before.sequence)
		}
		before = sent{sequence + 1, ticket}
	}
}

// testKill kills a writing process at random instants: every block that it was told is
// durable is there, with its view, and the chain holds.
func testKill(t *testing.T, e Engine) {
	place := t.TempDir()
	for round := range 5 {
		acknowledged := killWriter(t, place, time.Duration(20+rand.IntN(150))*time.Millisecond)
		s := e.open(t, place)
		tail, _ := s.Tail()
		if tail < acknowledged {
			t.Errorf("round %d: the log ends at %d, but %d was acknowledged", round, tail, acknowledged)
		}
		err := s.Read(1, func(b *journal.Block) error {
			if want := fmt.Sprintf("block %d", b.Sequence); string(b.Records[0].Body) != want {
				return fmt.Errorf("block %d holds %q", b.Sequence, b.Records[0].Body)
			}
			_, err := s.Value(fmt.Append(nil, b.Sequence), nil)
			return err
		})
		if err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		closeStore(t, s)
	}
}

// killWriter runs a writer for a while and returns the last sequence it acknowledged.
func killWriter(t *testing.T, place string, life time.Duration) uint64 {
	t.Helper()
	return killWriterAfter(t, place, life, nil)
}

// killWriterAfter cuts, if cut is not nil, just before the kill. What is acknowledged once
// the cut has begun does not count: with the power gone nobody would hear it, and the
// simulation lets a sync that is under way at that instant succeed.
func killWriterAfter(t *testing.T, place string, life time.Duration, cut func()) uint64 {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDirectory+"="+place)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var last, heard atomic.Uint64
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if last.Load() == 0 {
			time.AfterFunc(life, func() {
				if cut != nil {
					heard.Store(last.Load())
					cut()
				}
				_ = child.Process.Kill()
			})
		}
		sequence, err := strconv.ParseUint(lines.Text(), 10, 64)
		if err != nil {
			t.Logf("the writer says %q", lines.Text())
			break
		}
		last.Store(sequence)
	}
	_ = child.Wait()
	if last.Load() == 0 {
		t.Fatal("the writer acknowledged nothing")
	}
	if cut != nil {
		return heard.Load()
	}
	return last.Load()
}
