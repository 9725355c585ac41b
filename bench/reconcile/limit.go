package reconcile

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/zeebo/xxh3"
)

// limit is the plain hash join that the matcher is held against: one table in memory, all
// processors, a reader written for these two layouts and nothing else. It tells only how
// many rows have an equal row on the other side: no classes, no raw lines, no bad lines,
// no quotes, no memory budget.
type limit struct {
	mask  uint64
	slots []slot
}

// slot holds a row of the left side: the hash of its id, and of everything compared with
// the lowest bit saying whether a right row took it. A key of 0 is empty.
type slot struct{ key, value atomic.Uint64 }

type limitResult struct {
	Seconds float64
	CPU     float64
	Left    int64
	Right   int64
	Equal   int64
}

func runLimit(left, right string, rows uint64) (limitResult, error) {
	var r limitResult
	size := uint64(1024)
	for size*3/4 < rows {
		size *= 2
	}
	start, before := time.Now(), processorSeconds()
	l := &limit{mask: size - 1, slots: make([]slot, size)}
	var err error
	if r.Left, _, err = l.read(left, cutLeft, l.insert); err != nil {
		return r, err
	}
	if r.Right, r.Equal, err = l.read(right, cutRight, l.take); err != nil {
		return r, err
	}
	r.Seconds, r.CPU = time.Since(start).Seconds(), processorSeconds()-before
	return r, nil
}

// processorSeconds is what this process has used of the processors.
func processorSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

func (l *limit) insert(key, value uint64) bool {
	for at := key & l.mask; ; at = (at + 1) & l.mask {
		if l.slots[at].key.Load() == 0 && l.slots[at].key.CompareAndSwap(0, key) {
			l.slots[at].value.Store(value)
			return true
		}
	}
}

func (l *limit) take(key, value uint64) bool {
	for at := key & l.mask; ; at = (at + 1) & l.mask {
		switch l.slots[at].key.Load() {
		case 0:
			return false
		case key:
			if l.slots[at].value.Load() == value && l.slots[at].value.CompareAndSwap(value, value|1) {
				return true
			}
		}
	}
}

const limitBlock = 1 << 20

// read hands every row's hashes to fn, and counts the rows and those that fn accepts.
func (l *limit) read(name string, cut func(line []byte, f *fields), fn func(key, value uint64) bool) (rows, yes int64, err error) {
	file, err := os.Open(name)
	if err != nil {
		return 0, 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return 0, 0, err
	}
	var next, sumRows, sumYes atomic.Int64
	workers := runtime.GOMAXPROCS(0)
	failures := make([]error, workers)
	var group sync.WaitGroup
	for i := range workers {
		group.Go(func() {
			buffer := make([]byte, limitBlock+4096)
			var own, accepted int64
			for failures[i] == nil {
				from := (next.Add(1) - 1) * limitBlock
				if from >= info.Size() {
					break
				}
				n, err := file.ReadAt(buffer, from)
				if err != nil && err != io.EOF {
					failures[i] = err
					break
				}
				a, b := block(buffer[:n], cut, fn)
				own, accepted = own+a, accepted+b
			}
			sumRows.Add(own)
			sumYes.Add(accepted)
		})
	}
	group.Wait()
	for _, err := range failures {
		if err != nil {
			return 0, 0, fmt.Errorf("bench: limit: %w", err)
		}
	}
	return sumRows.Load(), sumYes.Load(), nil
}

// fields is what both layouts are brought to.
type fields struct {
	id, merchant []byte
	amount, fee  int64
	day          uint64
	words        uint64 // Currency and status.
}

// block takes the lines that follow the first line end of a block: the header's in the
// first one, elsewhere that of the line which the block before ends with.
func block(text []byte, cut func([]byte, *fields), fn func(key, value uint64) bool) (rows, yes int64) {
	at := bytes.IndexByte(text, '\n') + 1
	var f fields
	var content [64]byte
	for at <= limitBlock && at < len(text) {
		length := bytes.IndexByte(text[at:], '\n')
		if length < 0 {
			break
		}
		cut(text[at:at+length], &f)
		at += length + 1
		key := xxh3.Hash(f.id) | 1
		packed := append(content[:0], f.merchant...)
		for _, n := range [...]uint64{uint64(f.amount), uint64(f.fee), f.day, f.words} {
			packed = append(packed, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
		}
		rows++
		if fn(key, xxh3.Hash(packed)&^1) {
			yes++
		}
	}
	return rows, yes
}

func comma(line []byte) (cell, rest []byte) {
	i := bytes.IndexByte(line, ',')
	return line[:i], line[i+1:]
}

// number reads digits and passes over a point.
func number(text []byte) (n int64) {
	for _, c := range text {
		if c != '.' {
			n = n*10 + int64(c-'0')
		}
	}
	return n
}

func cutLeft(line []byte, f *fields) {
	f.id, line = comma(line)
	f.day = uint64(line[8])<<8 | uint64(line[9])
	line = line[20:]
	f.merchant, line = comma(line)
	var cell []byte
	cell, line = comma(line)
	f.amount = number(cell)
	cell, line = comma(line)
	f.fee = number(cell)
	f.words = words(line[0] == '1', line[4] == 'a')
}

func cutRight(line []byte, f *fields) {
	f.id, line = comma(line)
	f.merchant, line = comma(line)
	var cell []byte
	cell, line = comma(line)
	f.amount = number(cell)
	cell, line = comma(line)
	f.fee = number(cell)
	f.words = words(line[0] == 'C', line[4] == 'S')
	line = line[6:]
	f.day = uint64(line[8])<<8 | uint64(line[9])
}

func words(renminbi, approved bool) (n uint64) {
	if renminbi {
		n = 1
	}
	if approved {
		n |= 2
	}
	return n
}
