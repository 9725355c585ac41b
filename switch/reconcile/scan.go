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

// stretch is what a worker counted over the blocks that it read: kept beside its entries
// on disk, so that a run that is started again need not read these blocks.
type stretch struct {
	Blocks  []blockCount `json:"blocks"`
	Totals  []Total      `json:"totals"` // By file.
	Rejects []Reject     `json:"rejects"`
	Trailer []trailer    `json:"trailers"`
	Groups  groups       `json:"groups,omitempty"`
}

// rows counts the rows of all files.
func (s *stretch) rows() (n int64) {
	for _, t := range s.Totals {
		n += t.Rows
	}
	return n
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

// totalsApart keeps the totals of two workers, which both count at every row, out of one
// line of a processor's cache.
const totalsApart = 8

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
	out.row = row{}
	if rule := parsers[0]; rule.layout.Format == "csv" {
		out.separators.delimiter = rule.layout.Delimiter[0]
		out.separators.quote = (rule.layout.Quote + rule.layout.Delimiter)[0]
	}
	buffer := make([]byte, blockBytes+lineBytesMax)
	shard := out.shards[w.side]
	shard.Totals = make([]Total, len(w.source.parts), len(w.source.parts)+totalsApart)
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
		if w.job.options.Work != "" && (shard.rows*entryBytes >= w.job.stretchBytes ||
			out.arena.limit-out.arena.held < w.job.blockChunks()) {
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

// A worker's entries are kept for a run that is started again whenever it has gathered
// stretchBytes of them: a hundredth of a side or so, because that is what a kill loses.
const (
	stretchBytesMin = 1 << 20
	stretchBytesMax = 32 << 20
	stretches       = 256 // Into how many parts a file's text is divided by it.
)

// blockChunks is how many chunks the rows of one block can take. As many are free before
// a block is begun, so that what is kept always ends with a whole block.
func (j *job) blockChunks() int64 {
	const shortest = 4 // Bytes of a row: an id, a delimiter, an amount, a line feed.
	rows := int64(blockBytes/shortest + 1)
	if j.plan.Refunds != nil {
		rows *= 2
	}
	return int64(j.sections()) + rows/chunkEntries + 1
}

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
	err = nil // The end of the file is no fault of an empty line, which sets none.
	text, end := buffer[:n], min(file.begin+(number+1)*blockBytes-from, int64(n))
	begin := int64(0)
	if skip {
		first := bytes.IndexByte(text, '\n')
		if first < 0 {
			return 0, nil // The whole block is inside one line, rejected where it begins.
		}
		begin = int64(first) + 1
	}
	return w.lines(out, p, blockText{text, begin, end, from, at, number + file.blocks})
}

// blockText is a block as it was read, with as much behind it as its last line may need.
type blockText struct {
	text  []byte
	begin int64 // In text, of the first line that begins in the block.
	end   int64 // In text, of the block.
	from  int64 // In the file, of the text.
	part  int
	block int64 // Among the side's blocks.
}

// lines takes the lines that begin in a block: plain ones by the sweep, others each on its
// own.
func (w *scan) lines(out *worker, p *parser, b blockText) (lines int64, err error) {
	file := &w.source.parts[b.part]
	size, slow := int64(len(b.text)), int64(0)
	if p.layout.Format != "csv" {
		slow = b.end
	}
	for i := b.begin; i < b.end; lines++ {
		if i >= slow {
			next, taken, err := w.sweep(out, p, &b, i, lines)
			if err != nil {
				return 0, err
			}
			lines += taken
			if i = next; i >= b.end {
				break
			}
			if taken == 0 {
				slow = i + sweepBytes
			}
		}
		length := int64(bytes.IndexByte(b.text[i:], '\n'))
		long := length < 0 && b.from+size < file.size || length > lineBytesMax
		if length < 0 {
			length = size - i
		}
		line := b.text[i : i+length]
		if last := len(line) - 1; last >= 0 && line[last] == '\r' {
			line = line[:last]
		}
		mark := mark{b.part, file.base + b.from + i, b.block, lines}
		i += length + 1
		if long {
			err = w.refuse(out, mark, errLong)
		} else if len(line) > 0 {
			err = w.line(out, p, line, mark)
		}
		if err != nil {
			return 0, err
		}
	}
	return lines, nil
}

// sweep takes plain lines from i on, as far as one search for separators reaches; it
// returns where the first line begins that it left, and how many it took.
func (w *scan) sweep(out *worker, p *parser, b *blockText, i, number int64) (next, lines int64, err error) {
	s, text := &out.separators, b.text[i:min(int64(len(b.text)), i+sweepBytes)]
	if !s.find(text) {
		return i, 0, nil
	}
	base, end := w.source.parts[b.part].base+b.from+i, int(min(int64(len(text)), b.end-i))
	r, begin, field := &out.row, 0, 0
	first := 0 // Of the line.
	for _, at := range s.ends[:s.count] {
		cell := text[begin:at]
		last := text[at] == '\n'
		if last && len(cell) > 0 && cell[len(cell)-1] == '\r' {
			cell = cell[:len(cell)-1]
		}
		if field < len(p.fields) {
			if f := p.fields[field]; int(f) < fieldCount {
				r.text[f] = cell
			}
		}
		begin = int(at) + 1
		if field++; !last {
			continue
		}
		mark := mark{b.part, base + int64(first), b.block, number + lines}
		if p.marked || field < len(p.fields) {
			if line := bytes.TrimSuffix(text[first:at], []byte("\r")); len(line) > 0 {
				err = w.line(out, p, line, mark)
			}
		} else {
			err = w.plain(out, p, r, mark)
		}
		if err != nil {
			return 0, 0, err
		}
		lines++
		if first, field = begin, 0; first >= end {
			break
		}
	}
	return i + int64(first), lines, nil
}

// plain takes a line whose fields are cut.
func (w *scan) plain(out *worker, p *parser, r *row, at mark) error {
	if err := p.translate(r); err != nil {
		return w.refuse(out, at, err)
	}
	return w.take(out, r, at)
}

// mark is where a line stands.
type mark struct {
	part     int
	position int64
	block    int64 // Among the side's blocks.
	line     int64 // From 0 among the lines that begin in the block.
}

var errLong = fmt.Errorf("line is longer than %d bytes", lineBytesMax)

func (w *scan) line(out *worker, p *parser, line []byte, at mark) error {
	r := &out.row
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
	cell := r.text[f]
	text = binary.LittleEndian.AppendUint32(text, uint32(len(cell)))
	if len(cell) > 8 {
		return append(text, cell...)
	}
	return binary.LittleEndian.AppendUint64(text, shortWord(cell))
}

// shortWord is a text of at most eight bytes as a number. Mostly something stands behind it
// in memory, and is read with it.
func shortWord(text []byte) uint64 {
	if cap(text) >= 8 {
		return binary.LittleEndian.Uint64(text[:8]) << (64 - 8*uint(len(text)))
	}
	var whole [8]byte
	copy(whole[8-len(text):], text)
	return binary.LittleEndian.Uint64(whole[:])
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
