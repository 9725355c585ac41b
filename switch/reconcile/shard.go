package reconcile

// shard is what one worker found on one side since its last flush: per section, chunks of
// entries in ascending order of position, then those that still wait for a chunk. Chunks
// are spread over more memory than the processor's caches and page tables hold, waiting
// entries are not; so chunks are filled by several entries at once.
type shard struct {
	stretch
	full    [][][]entry
	open    [][]entry // The chunk of each section that is being filled.
	waiting []entry   // waitingEntries for each section.
	count   []uint8   // How many wait in each section.
	rows    int64     // Of all sections.

	content []byte // Of the row at hand.
}

// waitingEntries is how many entries of a section are gathered before they go to a chunk;
// a chunk holds a multiple.
const waitingEntries = 16

func newShard(sections int) *shard {
	return &shard{full: make([][][]entry, sections), open: make([][]entry, sections),
		count: make([]uint8, sections)}
}

// chunks lists a section's chunks.
func (s *shard) chunks(section int) [][]entry {
	full := s.full[section]
	if open := s.open[section]; len(open) > 0 {
		return append(full[:len(full):len(full)], open)
	}
	return full
}

// tail lists a section's entries that are in no chunk; they stand behind those that are.
func (s *shard) tail(section int) []entry {
	if s.count[section] == 0 {
		return nil
	}
	at := section * waitingEntries
	return s.waiting[at : at+int(s.count[section])]
}

// add takes an entry; false asks for a flush first.
func (s *shard) add(a *arena, section int, e entry) bool {
	if s.waiting == nil {
		s.waiting = make([]entry, len(s.open)*waitingEntries)
	}
	n := int(s.count[section])
	if n == waitingEntries {
		if !s.settle(a, section) {
			return false
		}
		n = 0
	}
	s.waiting[section*waitingEntries+n] = e
	s.count[section] = uint8(n + 1)
	s.rows++
	return true
}

// settle moves a section's waiting entries to its chunk; false without a free one.
func (s *shard) settle(a *arena, section int) bool {
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
	s.open[section] = append(open, s.tail(section)...)
	s.count[section] = 0
	return true
}

// clear forgets the entries.
func (s *shard) clear() {
	clear(s.full)
	clear(s.open)
	clear(s.count)
	s.rows = 0
}
