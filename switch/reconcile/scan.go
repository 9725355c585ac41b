package reconcile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"github.com/zeebo/xxh3"
)

// shard is what one worker found on one side since its last flush: per section, chunks of
// entries in ascending order of position. The chunk that is being filled lies apart, so
// that adding an entry takes no way round.
type shard struct {
	stretch
	full [][][]entry
	open [][]entry
	rows int64 // In chunks.

	content []byte // Of the row at hand.
}

func newShard(sections int) *shard {
	return &shard{full: make([][][]entry, sections), open: make([][]entry, sections)}
}

// chunks lists a section's chunks.
func (s *shard) chunks(section int) [][]entry {
	full := s.full[section]
	if open := s.open[section]; len(open) > 0 {
		return append(full[:len(full):len(full)], open)
	}
	return full
}

// clear forgets the chunks.
func (s *shard) clear() {
	clear(s.full)
	clear(s.open)
	s.rows = 0
}

// stretch is what a worker counted over the blocks that it read: kept beside its entries
// on disk, so that a run that is started again need not read these blocks.
type stretch struct {
	Blocks  []blockCount `json:"blocks"`
	Totals  []Total      `json:"totals"` // By file.
	Rejects []Reject     `json:"rejects"`
	Trailer []trailer    `json:"trailers"`
	Groups  groups       `json:"groups,omitempty"`
}

// blockCount is how many lines begin in a block; numbers of lines are sums of these.
type blockCount struct {
	Block int64 `json:"block"`
	Lines int64 `json:"lines"`
}

// trailer is a line of totals as it was found.
type trailer struct {
	Part     int   `json:"part"`
	Position int64 `json:"position"`
}

// add takes an entry; false asks for a flush first.
func (s *shard) add(a *arena, section int, e entry) bool {
	open := s.open[section]
	if len(open) == cap(open) {
		chunk := a.take()
		if chunk == nil {
			return false
		}
		if len(open) > 0 {
			s.full[section] = append(s.full[section], open)
		}
		open = chunk
	}
	s.open[section] = append(open, e)
	s.rows++
	return true
}

// scan reads one side with all workers and spreads its rows over partitions.
type scan struct {
	job     *job
	side    int
	source  *source
	done    []bool // Blocks that an earlier run has read.
	next    atomic.Int64
	rejects atomic.Int64
}

// run is one worker's part.
func (w *scan) run(out *worker) error {
	parsers := w.source.parsers()
	buffer := make([]byte, blockBytes+lineBytesMax)
	shard := out.shards[w.side]
	shard.Totals = make([]Total, len(w.source.parts))
	for {
		block := w.next.Add(1) - 1
		if block >= int64(len(w.done)) {
			break
		}
		if w.done[block] {
			continue
		}
		if err := w.job.stopped(); err != nil {
			return err
		}
		at := len(w.source.parts) - 1
		for w.source.parts[at].blocks > block {
			at--
		}
		lines, err := w.block(out, parsers[at], at, block-w.source.parts[at].blocks, buffer)
		if err != nil {
			return err
		}
		shard.Blocks = append(shard.Blocks, blockCount{block, lines})
		w.job.progress.bytes.Add(blockBytes)
		if w.job.options.Work != "" && shard.rows*entryBytes >= w.job.stretchBytes {
			if err := out.flush(w.side); err != nil {
				return err
			}
		}
	}
	if w.job.options.Work != "" {
		return out.flush(w.side)
	}
	return nil
}

// stretchBytes is how much a worker gathers before it is kept for a run that is started
// again.
const stretchBytes = 32 << 20

// block reads the rows that begin in one block of a file, and returns how many lines
// begin there; the last may end in the next.
func (w *scan) block(out *worker, p *parser, at int, number int64, buffer []byte) (lines int64, err error) {
	file := &w.source.parts[at]
	from := file.begin + number*blockBytes
	skip := number > 0
	if skip {
		from-- // A row that begins at the block's first byte is this block's.
	}
	n, err := file.file.ReadAt(buffer, from)
	if err != nil && err != io.EOF {
		return 0, err
	}
	text, end := buffer[:n], min(file.begin+(number+1)*blockBytes-from, int64(n))
	begin := int64(0)
	if skip {
		first := bytes.IndexByte(text, '\n')
		if first < 0 {
			return 0, nil // The whole block is inside one line, rejected where it begins.
		}
		begin = int64(first) + 1
	}
	var r row
	for i := begin; i < end; lines++ {
		length := int64(bytes.IndexByte(text[i:], '\n'))
		long := length < 0 && from+int64(n) < file.size || length > lineBytesMax
		if length < 0 {
			length = int64(n) - i
		}
		line := text[i : i+length]
		if last := len(line) - 1; last >= 0 && line[last] == '\r' {
			line = line[:last]
		}
		mark := mark{at, file.base + from + i, number + file.blocks, lines}
		i += length + 1
		if long {
			err = w.refuse(out, mark, errLong)
		} else if len(line) > 0 {
			err = w.line(out, p, line, &r, mark)
		}
		if err != nil {
			return 0, err
		}
	}
	return lines, nil
}

// mark is where a line stands.
type mark struct {
	part     int
	position int64
	block    int64 // Among the side's blocks.
	line     int64 // From 0 among the lines that begin in the block.
}

var errLong = fmt.Errorf("line is longer than %d bytes", lineBytesMax)

func (w *scan) line(out *worker, p *parser, line []byte, r *row, at mark) error {
	if len(p.trailer) > 0 && bytes.HasPrefix(line, p.trailer) {
		s := out.shards[w.side]
		s.Trailer = append(s.Trailer, trailer{at.part, at.position})
		return nil
	}
	if len(p.skip) > 0 && p.isSkipped(line) {
		return nil
	}
	if err := p.parse(line, r); err != nil {
		return w.refuse(out, at, err)
	}
	return w.take(out, r, at)
}

func (w *scan) refuse(out *worker, at mark, reason error) error {
	s, file := out.shards[w.side], &w.source.parts[at.part]
	s.Rejects = append(s.Rejects, Reject{Side: w.source.name, Path: file.path,
		Offset: at.position - file.base, Reason: reason.Error(), Position: at.position,
		Block: at.block, Line: at.line})
	if n := w.rejects.Add(1); n > w.job.plan.RejectsMax {
		return fmt.Errorf("more than %d lines rejected, the last one of %s at byte %d: %w",
			w.job.plan.RejectsMax, file.path, at.position-file.base, reason)
	}
	return nil
}

func (w *scan) take(out *worker, r *row, at mark) error {
	s := out.shards[w.side]
	total := &s.Totals[at.part]
	total.Rows++
	total.Amount += r.amount
	if by := w.job.plan.TotalsBy; by != nil {
		if s.Groups == nil {
			s.Groups = groups{}
		}
		s.Groups.add(r.text[*by], r.amount)
	}
	if w.job.takesBack(r) {
		key := xxh3.HashSeed(r.text[Original], w.job.seed)
		section := w.job.partitions + int(key>>w.job.shift)
		if err := out.place(w.side, section, newEntry(key, 0, at.position)); err != nil {
			return err
		}
	}
	return out.put(w.side, &w.job.plan.Rules[0], r, at.position)
}

// put adds a row to the worker's shard under a rule. A row without the rule's key takes
// no part and stays open.
func (w *worker) put(side int, rule *Rule, r *row, position int64) error {
	s := w.shards[side]
	key, ok := w.key(rule, r)
	if !ok {
		return w.place(side, w.job.unconcerned(), newEntry(0, 0, position))
	}
	var value uint64
	switch rule.kind() {
	case windowRule:
		value = uint64(r.second)
	case sumRule:
		value = uint64(r.amount)
	default:
		// Seeded with the key's hash, it stands for key and content.
		s.content = w.job.content(s.content[:0], r)
		value = xxh3.HashSeed(s.content, ^w.job.seed^key)
	}
	return w.place(side, int(key>>w.job.shift), newEntry(key, value, position))
}

// place adds an entry, and makes room on disk when there is none in memory.
func (w *worker) place(side, section int, e entry) error {
	s := w.shards[side]
	for !s.add(&w.arena, section, e) {
		larger := side
		if w.shards[1-side].rows > s.rows {
			larger = 1 - side
		}
		if err := w.flush(larger); err != nil {
			return err
		}
	}
	return nil
}

// key hashes a rule's key; false when one of its texts is empty.
func (w *worker) key(rule *Rule, r *row) (uint64, bool) {
	if len(rule.Key) == 1 && isText(rule.Key[0]) {
		text := r.text[rule.Key[0]]
		return xxh3.HashSeed(text, w.job.seed), len(text) > 0
	}
	w.keyText = w.keyText[:0]
	for _, f := range rule.Key {
		if isText(f) && len(r.text[f]) == 0 || (f == Time || f == Day) && r.second == noTime {
			return 0, false
		}
		w.keyText = appendField(w.keyText, f, r)
	}
	return xxh3.HashSeed(w.keyText, w.job.seed), rule.Window == 0 || r.second != noTime
}

// sameKey compares two rows' keys byte by byte.
func (w *worker) sameKey(rule *Rule, left, right *row) bool {
	w.keyText = w.keyText[:0]
	for _, f := range rule.Key {
		w.keyText = appendField(w.keyText, f, left)
	}
	middle := len(w.keyText)
	for _, f := range rule.Key {
		w.keyText = appendField(w.keyText, f, right)
	}
	return bytes.Equal(w.keyText[:middle], w.keyText[middle:])
}

// content writes every compared field to text, each text with its length.
func (j *job) content(text []byte, r *row) []byte {
	text = binary.LittleEndian.AppendUint64(text, uint64(r.amount))
	for _, f := range j.plan.Compare {
		if f != Amount {
			text = appendField(text, f, r)
		}
	}
	return text
}

func isText(f Field) bool {
	return f != Amount && f != Fee && f != Time && f != Day
}

func appendField(text []byte, f Field, r *row) []byte {
	switch f {
	case Amount:
		return binary.LittleEndian.AppendUint64(text, uint64(r.amount))
	case Fee:
		return binary.LittleEndian.AppendUint64(text, uint64(r.fee))
	case Day:
		return binary.LittleEndian.AppendUint64(text, uint64(r.day()))
	case Time:
		return binary.LittleEndian.AppendUint64(text, uint64(r.second))
	}
	text = binary.LittleEndian.AppendUint32(text, uint32(len(r.text[f])))
	return append(text, r.text[f]...)
}

// count adds up what all workers, of this run and of one before it, found on a side.
func (w *scan) count(stretches []*stretch) *count {
	c := &count{totals: make([]Total, len(w.source.parts)), lines: make([]int64, len(w.done)+1), groups: groups{}}
	for _, s := range stretches {
		for i, t := range s.Totals {
			c.totals[i].Rows += t.Rows
			c.totals[i].Amount += t.Amount
		}
		for _, b := range s.Blocks {
			c.lines[b.Block+1] = b.Lines
		}
		c.rejects = append(c.rejects, s.Rejects...)
		c.trailers = append(c.trailers, s.Trailer...)
		c.groups.merge(s.Groups)
	}
	for i := range w.done {
		c.lines[i+1] += c.lines[i]
	}
	slices.SortFunc(c.rejects, func(a, b Reject) int { return int(a.Position - b.Position) })
	for i := range c.rejects {
		r := &c.rejects[i]
		file := &w.source.parts[w.source.part(r.Position)]
		r.Line += c.lines[r.Block] - c.lines[file.blocks] + 1
		if w.source.layout.Header {
			r.Line++
		}
	}
	return c
}

// count is what is known of a side once it is read.
type count struct {
	totals   []Total // By file.
	lines    []int64 // Lines before each block.
	rejects  []Reject
	trailers []trailer
	groups   groups
}

func (c *count) total() Total {
	var sum Total
	for _, t := range c.totals {
		sum.Rows += t.Rows
		sum.Amount += t.Amount
	}
	return sum
}
