package routing

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
)

// Load compiles a table from its YAML text against register, which must not be nil.
//
// A text that cannot be read gives a *Malformed and no table. A text that can be read
// gives a table and what its check found; a table with a finding of severity Error can
// be explained, never activated. Lists need LoadFS.
func Load(text []byte, register *Register) (*Table, []Finding, error) {
	return load(text, register, nil)
}

// LoadFS reads the table named name and the lists that it names from files, and
// compiles them; see Load. A file above its limit is refused without being read.
func LoadFS(files fs.FS, name string, register *Register) (*Table, []Finding, error) {
	text, err := readFile(files, name, "tableBytesMax", tableBytesMax)
	if err != nil {
		return nil, nil, err
	}
	return load(text, register, files)
}

// readFile reads at most limit bytes. The size is asked first, so that a large file
// costs nothing; what lies about its size is cut off while reading.
func readFile(files fs.FS, name, limitName string, limit int64) ([]byte, error) {
	file, err := files.Open(name)
	if err != nil {
		return nil, fmt.Errorf("routing: cannot open file: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("routing: cannot read size of %s: %w", name, err)
	}
	oversized := &Malformed{File: name, Faults: []Fault{{1, 1, fmt.Sprintf(
		"file has more bytes than the limit %s, %d", limitName, limit)}}}
	if info.Size() > limit {
		return nil, oversized
	}
	text, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, fmt.Errorf("routing: cannot read %s: %w", name, err)
	}
	if int64(len(text)) > limit {
		return nil, oversized
	}
	return text, nil
}

func load(text []byte, register *Register, files fs.FS) (*Table, []Finding, error) {
	doc := document{noun: "table"}
	root := doc.parse(text)
	if root == nil {
		return nil, nil, doc.err()
	}
	file := doc.table(root)
	if err := doc.err(); err != nil {
		return nil, nil, err
	}
	digest := sha256.New()
	digest.Write(text)
	entries := 0
	for _, list := range file.lists {
		if files == nil {
			doc.fault(list.node, "list %s: files cannot be read here", list.rule.id)
			return nil, nil, doc.err()
		}
		csv, err := readFile(files, list.file, "listBytesMax", listBytesMax)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
			doc.fault(list.node, "list %s: there is no file %.100q beside the table", list.rule.id, list.file)
			return nil, nil, doc.err()
		}
		if err != nil {
			return nil, nil, err
		}
		digest.Write(csv)
		if err := list.read(csv, entriesMax-entries); err != nil {
			return nil, nil, err
		}
		entries += len(list.rule.entries)
	}
	table := compile(file, register)
	table.digest = hex.EncodeToString(digest.Sum(nil))
	findings := check(table)
	table.faulty = slices.ContainsFunc(findings, func(f Finding) bool {
		return f.Severity == Error
	})
	return table, findings, nil
}

func compile(file *tableFile, register *Register) *Table {
	t := &Table{
		version: file.version, register: register, file: file,
		hosts:   make(map[string]*prefixIndex),
		guids:   make(map[string][]int32),
		schemes: make(map[string][]int32),
	}
	t.rules = slices.Clone(file.rules)
	for _, list := range file.lists {
		t.rules = append(t.rules, list.rule)
	}
	slices.SortStableFunc(t.rules, func(a, b *rule) int { return cmp.Compare(a.line, b.line) })
	if file.fallback != nil {
		t.rules = append(t.rules, file.fallback)
	}
	for order, r := range t.rules {
		r.order = order
		t.resolve(r)
		t.index(r)
	}
	t.build()
	t.relations()
	return t
}

// resolve finds the institutions that r names in the register.
func (t *Table) resolve(r *rule) {
	for i := range r.targets {
		t.resolveTarget(&r.targets[i])
	}
	if r.entries == nil {
		slices.SortStableFunc(r.targets, func(a, b target) int {
			return cmp.Compare(a.priority, b.priority)
		})
	}
	if len(r.match.callers) > 0 {
		r.callers = t.setOf(r.match.callers)
	}
}

func (t *Table) resolveTarget(target *target) {
	target.index = -1
	if i, found := t.register.index[target.institution]; found {
		target.index = i
	}
	target.seed = mix(hashText(target.institution))
}

// setOf gives the institutions named, by index; "*" gives the set of all.
func (t *Table) setOf(names []string) bitset {
	if slices.Contains(names, everyone) {
		return nil
	}
	set := make(bitset, len(t.register.institutions)/64+1)
	for _, name := range names {
		if i, found := t.register.index[name]; found {
			set.set(i)
		}
	}
	return set
}

// index puts the clauses of r where look-ups find them. A rule that spreads into too
// many clauses is left out; the check reports it.
func (t *Table) index(r *rule) {
	clauses, fits := r.clauses()
	if !fits {
		return
	}
	for _, c := range clauses {
		c.state()
		t.place(int32(len(t.clauses)), &c)
		t.clauses = append(t.clauses, c)
	}
}

func (t *Table) place(i int32, c *clause) {
	m := &c.rule.match
	switch {
	case c.rule.entries != nil:
		for _, e := range c.rule.entries {
			t.paycodes.add(candidate{key: e.key, row: row{e.lengths, i, e.target, e.line}})
		}
	case c.prefix != "" || m.lengths != 0:
		t.paycodes.add(candidate{key: keyOf(c.prefix), row: row{0, i, -1, int32(c.rule.line)}})
	case c.host != "":
		if t.hosts[c.host] == nil {
			t.hosts[c.host] = &prefixIndex{}
		}
		start := c.path[:min(len(c.path), prefixBytesMax)]
		t.hosts[c.host].add(candidate{key: keyOf(start), row: row{0, i, -1, int32(c.rule.line)}})
	case c.guid != "":
		t.guids[c.guid] = append(t.guids[c.guid], i)
	case c.template != "":
		if id := twoDigits(c.template); id >= 0 {
			t.templates[id] = append(t.templates[id], i)
		}
	case len(m.schemes) > 0:
		for _, scheme := range slices.Compact(slices.Sorted(slices.Values(m.schemes))) {
			t.schemes[scheme] = append(t.schemes[scheme], i)
		}
	default:
		t.loose = append(t.loose, i)
	}
}

// build finishes the indexes once every clause has its place.
func (t *Table) build() {
	t.paycodes.build(t.rank)
	for _, index := range t.hosts {
		index.build(t.rank)
	}
	best := func(a, b int32) int { return cmp.Compare(t.clauses[b].rank, t.clauses[a].rank) }
	for _, clauses := range t.guids {
		slices.SortStableFunc(clauses, best)
	}
	for i := range t.templates {
		slices.SortStableFunc(t.templates[i], best)
	}
	for _, clauses := range t.schemes {
		slices.SortStableFunc(clauses, best)
	}
	slices.SortStableFunc(t.loose, best)
	for _, clauses := range t.schemes {
		t.unindexed = max(t.unindexed, t.clauses[clauses[0]].rank)
	}
	if len(t.loose) > 0 {
		t.unindexed = max(t.unindexed, t.clauses[t.loose[0]].rank)
	}
}

// relations prepares what is looked up by institution.
func (t *Table) relations() {
	t.parties = make([]party, len(t.register.institutions))
	for _, a := range t.file.agreements {
		a.callerSet = t.setOf(a.callers)
		institutions := t.setOf(a.institutions)
		for i := range t.parties {
			if institutions.has(int32(i)) {
				t.parties[i].agreements = append(t.parties[i].agreements, a)
			}
		}
	}
	for i := range t.file.windows {
		w := &t.file.windows[i]
		if index, found := t.register.index[w.institution]; found {
			w.target = index
			t.parties[index].windows = append(t.parties[index].windows, *w)
			continue
		}
		w.target = -1
	}
	for i := range t.parties {
		entry := &t.register.institutions[i]
		t.parties[i].barred, t.parties[i].span = entry.barred(), entry.span
		t.parties[i].standbys = t.chain(entry.ID)
	}
}

// chain follows the standby list from institution. It ends where it would come back,
// which the check reports.
func (t *Table) chain(institution string) []target {
	var chain []target
	met := []string{institution}
	for {
		at := slices.IndexFunc(t.file.standbys, func(s standby) bool {
			return s.institution == met[len(met)-1]
		})
		if at < 0 || slices.Contains(met, t.file.standbys[at].standby) {
			return chain
		}
		next := target{institution: t.file.standbys[at].standby, weight: 1,
			priority: int64(priorityMax + len(met)), line: t.file.standbys[at].line}
		t.resolveTarget(&next)
		chain = append(chain, next)
		met = append(met, next.institution)
	}
}
