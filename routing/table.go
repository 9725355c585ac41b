package routing

import (
	"math/bits"
	"strings"

	"tongma/codec"
)

// Table is a compiled routing table. It never changes; any number of goroutines may
// ask it at once.
type Table struct {
	version string
	digest  string
	faulty  bool // Its check found an error; it can be explained but not activated.

	register  *Register
	file      *tableFile
	rules     []*rule // Rules and lists in the order of the file.
	clauses   []clause
	paycodes  prefixIndex
	hosts     map[string]*prefixIndex // Candidates by how the path begins.
	guids     map[string][]int32      // Clauses by global id, folded; best first.
	templates [100][]int32            // Clauses by template alone; best first.
	schemes   map[string][]int32      // Clauses with none of these, by scheme; best first.
	loose     []int32                 // Clauses that any code may match; best first.
	unindexed uint64                  // Highest rank in schemes and loose.
	parties   []party                 // By institution, as the register numbers them.
}

// Version gives the table's own name for itself.
func (t *Table) Version() string { return t.version }

// Digest gives the SHA-256 of the table's files, in hex.
func (t *Table) Digest() string { return t.digest }

// Faulty says that the check found an error, so that the table cannot be activated.
func (t *Table) Faulty() bool { return t.faulty }

// Register gives the register that the table was compiled against.
func (t *Table) Register() *Register { return t.register }

// Size gives the number of rules and of lines in lists.
func (t *Table) Size() (rules, entries int) {
	for _, r := range t.rules {
		if r.entries != nil {
			entries += len(r.entries)
			continue
		}
		rules++
	}
	return rules, entries
}

// hit is the best match so far.
type hit struct {
	clause   *clause
	rank     uint64
	position int   // Of the template in the code; -1 without one.
	target   int32 // Of a list's line; -1 for a rule.
	line     int32 // Of a leaf see lineOf.
	leaf     int32 // Index in the stems of t.paycodes; -1 for none.
}

// lineOf gives the line of the rule, or of the entry in its list.
func (t *Table) lineOf(h *hit) int {
	if h.leaf >= 0 {
		return int(t.paycodes.stems.lines[h.leaf])
	}
	return int(h.line)
}

// beats says whether h is to be preferred to other. Only exact ties come to the
// template's position and to the order of the file.
func (t *Table) beats(h, other *hit) bool {
	switch {
	case other.clause == nil:
		return true
	case h.rank != other.rank:
		return h.rank > other.rank
	case h.position != other.position:
		return h.position < other.position
	case h.clause.rule.order != other.clause.rule.order:
		return h.clause.rule.order < other.clause.rule.order
	}
	return t.lineOf(h) < t.lineOf(other)
}

// Route decides who answers for q and fills into. The error is a *Refusal; into then
// still names the rule that matched, if one did. It does not allocate once into has
// been used. It neither keeps nor changes q.
func (t *Table) Route(q *Query, into *Decision) error {
	into.reset(t)
	var p probe
	t.prepare(q, &p)
	if p.caller < 0 {
		return errUnknown
	}
	if refusal := t.parties[p.caller].check(p.at); refusal != nil {
		return refusal
	}
	var best hit
	t.matchInto(&p, &best)
	if best.clause == nil {
		return errNoRoute
	}
	into.Rule, into.line, into.leaf = best.clause.rule.id, best.line, best.leaf
	if refusal := t.arrange(&best, &p, into); refusal != nil {
		return refusal
	}
	return nil
}

func (d *Decision) reset(t *Table) {
	d.Institution, d.Agreement, d.Rule = "", "", ""
	d.table, d.line, d.leaf = t, 0, -1
	d.Targets = d.Targets[:0]
	d.TableVersion, d.TableDigest = t.version, t.digest
}

// Follow decides who answers for a later operation of a payment that went to
// institution: always that one, whatever the table says by now. The error is a
// *Refusal of an institution that the register no longer knows; one that is suspended
// or in maintenance is still asked what became of the money.
func (t *Table) Follow(institution string, into *Decision) error {
	into.reset(t)
	i, found := t.register.index[institution]
	if !found {
		return errUnknown
	}
	into.Institution = t.register.institutions[i].ID
	into.Targets = append(into.Targets, Target{Institution: into.Institution, Priority: 1})
	return nil
}

// match gives the best clause for p; without any, hit.clause is nil.
func (t *Table) match(p *probe) hit {
	var best hit
	t.matchInto(p, &best)
	return best
}

func (t *Table) matchInto(p *probe, best *hit) {
	switch p.Code.Standard {
	case codec.PayCode:
		t.matchLeaves(&t.paycodes.stems, p, best)
		t.matchPrefix(&t.paycodes, p.Text, p, best)
	case codec.Link:
		var buffer [foldBytesMax]byte
		if host, ok := foldInto(&buffer, p.host); ok {
			if index := t.hosts[string(host)]; index != nil {
				t.matchPrefix(index, p.path, p, best)
			}
		}
	case codec.EMVMerchant, codec.EMVConsumer:
		t.matchFields(p, best)
	}
	if best.clause == nil || t.unindexed >= best.rank {
		t.matchClauses(t.schemes[p.Code.Scheme], p, best)
		t.matchClauses(t.loose, p, best)
	}
}

func (t *Table) matchPrefix(index *prefixIndex, text string, p *probe, best *hit) {
	if len(index.depths) == 0 || best.clause != nil && index.depths[0].rank < best.rank {
		return
	}
	whole := keyOf(text[:min(len(text), prefixBytesMax)])
	for _, depth := range index.depths {
		if depth.length > len(text) {
			continue
		}
		if best.clause != nil && depth.rank < best.rank {
			return
		}
		next := index.find(whole.cut(depth.length))
		for next >= 0 {
			c := &index.candidates[next]
			t.matchRow(&c.row, -1, depth.length, p, best)
			next = c.next
		}
	}
}

// matchLeaves tries the leaves of the bucket that the probe found, long prefixes first.
func (t *Table) matchLeaves(s *stems, p *probe, best *hit) {
	if p.leaves.first == noLeaf {
		return
	}
	at, digits := p.leaves.at, p.leaves.digits
	for fit := s.fitting(at, digits); fit != 0; fit &= fit - 1 {
		if t.matchLeaf(s, at+uint32(bits.TrailingZeros32(fit)), p, best) {
			return
		}
	}
	at, l := s.after(at + bucketLeaves - 2)
	for ; l != noLeaf; at, l = s.after(at) {
		if l.begins(digits) && t.matchLeaf(s, at, p, best) {
			return
		}
	}
}

// matchLeaf tries one leaf and says whether those after it can no longer win.
func (t *Table) matchLeaf(s *stems, at uint32, p *probe, best *hit) bool {
	l := s.leaves[at]
	length := l.length()
	t.matchRow(&s.rows[uint16(l)], int32(at), length, p, best)
	return best.clause != nil && s.below[length] < best.rank
}

// matchRow tries a row, that of a leaf or with leaf below zero, whose prefix, of length
// bytes, p's text begins with.
func (t *Table) matchRow(r *row, leaf int32, length int, p *probe, best *hit) {
	found := hit{clause: &t.clauses[r.clause], rank: t.rankOf(r, length), position: -1,
		target: r.target, line: r.line, leaf: leaf}
	if !t.beats(&found, best) || !r.lengths.has(len(p.Text)) {
		return
	}
	if found.clause.miss(p) == Matches {
		*best = found
	}
}

func (t *Table) rank(c *candidate) uint64 { return t.rankOf(&c.row, c.key.length()) }

// rankOf a list's line counts its prefix and its length, which the list's clause does
// not hold, as if the line were a rule.
func (t *Table) rankOf(r *row, length int) uint64 {
	rank := t.clauses[r.clause].rank
	if r.target >= 0 {
		rank += uint64(length) << textShift
		if r.lengths != 0 {
			rank++
		}
	}
	return rank
}

// matchFields looks up each template of an EMV code.
func (t *Table) matchFields(p *probe, best *hit) {
	var buffer [foldBytesMax]byte
	template := -1
	for i := range p.Code.Fields {
		field := &p.Code.Fields[i]
		if len(field.Path) < 2 {
			continue
		}
		if id := twoDigits(field.Path); id >= 0 && id != template {
			template = id
			t.matchClauses(t.templates[id], p, best)
		}
		if !isGlobalID(field.Path) {
			continue
		}
		if guid, ok := foldInto(&buffer, field.Value); ok {
			t.matchClauses(t.guids[string(guid)], p, best)
		}
	}
}

// matchClauses tries clauses in the order of their rank. A later one can still win by
// standing earlier in the code, so the search ends at a lower rank, not at a match.
func (t *Table) matchClauses(clauses []int32, p *probe, best *hit) {
	for _, i := range clauses {
		c := &t.clauses[i]
		if best.clause != nil && c.rank < best.rank {
			return
		}
		if c.miss(p) != Matches {
			continue
		}
		found := hit{clause: c, rank: c.rank, position: c.position(p.Code), target: -1,
			line: int32(c.rule.line), leaf: -1}
		if t.beats(&found, best) {
			*best = found
		}
	}
}

func twoDigits(text string) int {
	tens, units := int(text[0])-'0', int(text[1])-'0'
	if tens < 0 || tens > 9 || units < 0 || units > 9 {
		return -1
	}
	return tens*10 + units
}

// foldBytesMax is the longest host or global id that a rule can name, in bytes.
const foldBytesMax = 64

// foldInto lowers the ASCII letters of text without allocating.
func foldInto(buffer *[foldBytesMax]byte, text string) ([]byte, bool) {
	if len(text) > len(buffer) {
		return nil, false
	}
	for i := range len(text) {
		c := text[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		buffer[i] = c
	}
	return buffer[:len(text)], strings.IndexByte(text, 0) < 0
}
