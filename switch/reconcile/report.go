package reconcile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// Reject is a line that is no row, or a file whose totals are wrong.
type Reject struct {
	Side     string `json:"side"`
	Path     string `json:"path"`
	Line     int64  `json:"line"`   // From 1.
	Offset   int64  `json:"offset"` // Of the line's first byte in its file, unpacked.
	Reason   string `json:"reason"`
	Position int64  `json:"position"` // Among the side's files.
	Block    int64  `json:"block"`
}

// Line is a raw line, in UTF-8, and where it stands.
type Line struct {
	Path   string `json:"path"`
	Offset int64  `json:"offset"`
	Text   string `json:"text"`
	Amount int64  `json:"amount"`          // Minor units.
	ID     string `json:"id,omitempty"`    // Of the row, as its layout reads it.
	Party  string `json:"party,omitempty"` // The institution or merchant that the row belongs to.
}

// Discrepancy is one explained difference.
type Discrepancy struct {
	Class      string      `json:"class"`
	Rule       string      `json:"rule"` // Under which the rows met, or the last that found no partner.
	Left       *Line       `json:"left,omitempty"`
	Right      *Line       `json:"right,omitempty"`
	Amount     int64       `json:"amount"`     // Of the left row, or of the right when there is no left; in a batch, of the item.
	Difference int64       `json:"difference"` // Right minus left: of fees in class fee, else of amounts; 0 for items of a batch.
	AgeDays    int         `json:"age_days"`
	Repair     string      `json:"repair"` // The action as one word, for programs.
	Action     string      `json:"action"`
	Candidates []Candidate `json:"candidates,omitempty"`
}

// Pair is one match.
type Pair struct {
	Rule        string
	Left, Right Line
}

// Summary is the outcome of a run.
type Summary struct {
	Left    Total            `json:"left"`
	Right   Total            `json:"right"`
	Matched Total            `json:"matched"` // Left rows that a right row took.
	Rules   map[string]Total `json:"rules"`   // Matched left rows by the rule that did it.
	Classes map[string]Total `json:"classes"`
	Rejects []Reject         `json:"rejects"`
	// Groups are those of totals_by whose totals differ, the largest difference first.
	Groups    []GroupDifference `json:"groups,omitempty"`
	Ambiguous int64             `json:"ambiguous"` // Rows that a loose rule had too many of for one key.
	Closed    Total             `json:"closed"`    // Rows of earlier days that today's files settled.
	Carried   Total             `json:"carried"`   // Open rows that are carried to the next day.
	Expired   Total             `json:"expired"`   // Open rows that are too old to be carried on.
	Digest    string            `json:"digest"`    // SHA-256 over the sorted differences, hex.
}

// Clean reports whether the two sides agree in full.
func (s *Summary) Clean() bool { return len(s.Classes) == 0 && len(s.Rejects) == 0 }

// checkTrailers holds each file's line of totals against its rows.
func (j *job) checkTrailers(side int) error {
	s, c := j.sources[side], j.counts[side]
	t := s.layout.Trailer
	if t == nil {
		return nil
	}
	found := make([][]trailer, len(s.parts))
	for _, x := range c.trailers {
		found[x.Part] = append(found[x.Part], x)
	}
	for i := range s.parts {
		if s.parts[i].carried != nil || s.parts[i].origin != nil {
			continue
		}
		position, reason := s.parts[i].base+s.parts[i].size, ""
		switch len(found[i]) {
		case 0:
			reason = "file ends without its trailer: it has been cut"
		case 1:
			position = found[i][0].Position
			line, err := s.line(position)
			if err != nil {
				return err
			}
			reason = s.rules[i].totals(bytes.TrimSuffix(line, []byte("\r")), c.totals[i])
		default:
			reason = fmt.Sprintf("file has %d trailers", len(found[i]))
		}
		if reason != "" {
			c.rejects = append(c.rejects, Reject{Side: s.name, Path: s.parts[i].path,
				Offset: position - s.parts[i].base, Reason: reason, Position: position})
		}
	}
	return nil
}

// totals says what is wrong with a line of totals; empty when it is right.
func (p *parser) totals(line []byte, have Total) string {
	for _, check := range []struct {
		name   string
		column *Column
		have   int64
		units  int
	}{
		{"rows", p.layout.Trailer.Rows, have.Rows, 0},
		{"amount", p.layout.Trailer.Amount, have.Amount, p.decimals},
	} {
		if check.column == nil {
			continue
		}
		want, err := parseAmount(p.cell(line, check.column), check.units)
		if err != nil {
			return fmt.Sprintf("trailer's %s: %v", check.name, err)
		}
		if want != check.have {
			return fmt.Sprintf("trailer says %s %d, the file's rows have %d", check.name, want, check.have)
		}
	}
	return ""
}

// cell cuts one column out of a trailer; nil when it is not there.
func (p *parser) cell(line []byte, c *Column) []byte {
	if p.layout.Format == "fixed" {
		if c.Offset+c.Length > len(line) {
			return nil
		}
		return line[c.Offset : c.Offset+c.Length]
	}
	cells := bytes.Split(line, []byte(p.layout.Delimiter))
	if c.Index < 1 || c.Index > len(cells) {
		return nil
	}
	return bytes.Trim(cells[c.Index-1], p.layout.Quote)
}

// report explains what was found, in order.
type report struct {
	job        *job
	reader     *worker
	summary    *Summary
	digest     hash.Hash
	emit       func(*Discrepancy) error
	candidates *candidates
	typed      []Total // Left rows that a rule typed as a difference, by rule.
	open       Total   // Left rows that no rule found a partner for.
	counted    int64   // Position of the last left row in typed: a batch has it several times.
	kept       *keeper
}

func (j *job) report(emit func(*Discrepancy) error) (*Summary, error) {
	r := &report{job: j, reader: j.workers[0], digest: sha256.New(), emit: emit, counted: -1,
		typed: make([]Total, len(j.plan.Rules)),
		summary: &Summary{Rules: map[string]Total{}, Classes: map[string]Total{}, Rejects: []Reject{},
			Left: j.counts[0].total(), Right: j.counts[1].total(), Ambiguous: j.ambiguous.Load()}}
	for _, c := range j.counts {
		r.summary.Rejects = append(r.summary.Rejects, c.rejects...)
	}
	r.summary.Groups = compareGroups(j.counts[0].groups, j.counts[1].groups)
	if j.options.whole != nil {
		j.options.whole.apply(r.summary)
	}
	var all, open, pairs []*findings
	for _, w := range j.workers {
		all = append(all, &w.found, &w.opened)
		open = append(open, &w.opened)
		pairs = append(pairs, &w.pairs)
	}
	j.progress.begin("explaining differences", 0)
	var err error
	if r.candidates, err = r.gather(open); err != nil {
		return nil, err
	}
	if j.options.Carry != nil {
		if r.kept, err = j.options.Carry.keeper(j); err != nil {
			return nil, err
		}
		defer r.kept.abandon()
	}
	if err := inOrder(all, r.finding); err != nil {
		return nil, err
	}
	if j.options.Pairs != nil {
		if err := inOrder(pairs, r.pair); err != nil {
			return nil, err
		}
	}
	r.matched()
	for i := range r.summary.Rejects {
		reject := &r.summary.Rejects[i]
		fmt.Fprintf(r.digest, "reject\x00%s\x00%d\x00%s\n", reject.Side, reject.Position, reject.Reason)
	}
	fmt.Fprint(r.digest, r.summary.Left, r.summary.Right)
	r.summary.Digest = hex.EncodeToString(r.digest.Sum(nil))
	if r.kept != nil {
		if err := r.kept.commit(r.summary); err != nil {
			return nil, err
		}
	}
	return r.summary, j.finish()
}

// matched works out what each rule matched: what came to it, less what it typed and what
// it left.
func (r *report) matched() {
	came := r.summary.Left
	for i := range r.typed {
		left := r.open
		if i+1 < len(r.typed) {
			left = r.job.entered[i]
		}
		t := Total{came.Rows - r.typed[i].Rows - left.Rows, came.Amount - r.typed[i].Amount - left.Amount}
		if t.Rows > 0 {
			r.summary.Rules[r.job.plan.Rules[i].Name] = t
		}
		r.summary.Matched.Rows += t.Rows
		r.summary.Matched.Amount += t.Amount
		came = left
	}
}

func (r *report) finding(f finding) error {
	if err := r.job.stopped(); err != nil {
		return err
	}
	d := &Discrepancy{Rule: r.job.plan.Rules[f.rule].Name}
	var amounts, fees [2]int64
	late := false
	for side, position := range []int64{f.left, f.right} {
		if position < 0 {
			continue
		}
		line, err := r.line(side, position)
		if err != nil {
			return err
		}
		row := &r.reader.rows[side]
		amounts[side], fees[side] = row.amount, row.fee
		if side == 0 {
			d.Left = line
		} else {
			d.Right = line
		}
		if r.job.options.Carry != nil {
			d.AgeDays = max(d.AgeDays, r.job.age(side, position, row))
		}
		cutOff := r.job.plan.cutOff
		late = late || cutOff >= 0 && row.second != noTime && row.second-row.day()*secondsPerDay >= cutOff
	}
	if open := f.class == Short || f.class == Long; open {
		d.Rule = r.job.plan.Rules[len(r.job.plan.Rules)-1].Name
		d.Candidates = r.candidates.nearest(f)
		if late && d.AgeDays == 0 {
			f.class = CutOff
		}
	}
	d.Class, d.Repair, d.Action = f.class.String(), f.class.Repair(), f.class.Action()
	byRight := f.class == BatchDiffers && r.job.plan.Rules[f.rule].Many == "right"
	if d.Amount = amounts[1]; d.Left != nil && !byRight {
		d.Amount = amounts[0]
	}
	switch d.Difference = amounts[1] - amounts[0]; f.class {
	case FeeDiffers:
		d.Difference = fees[1] - fees[0]
	case RefundOrphan, DuplicateLeft, DuplicateRight, BatchDiffers:
		d.Difference = 0
	}
	return r.book(f, d)
}

// book counts a difference and gives it out.
func (r *report) book(f finding, d *Discrepancy) error {
	total := r.summary.Classes[d.Class]
	r.summary.Classes[d.Class] = Total{total.Rows + 1, total.Amount + d.Amount}
	open := f.left < 0 || f.right < 0
	open = open && (f.class == Short || f.class == Long || f.class == CutOff)
	switch {
	case f.left < 0 || f.class == RefundOrphan:
	case open:
		r.open = Total{r.open.Rows + 1, r.open.Amount + d.Amount}
	case f.left != r.counted:
		r.counted = f.left
		t := &r.typed[f.rule]
		*t = Total{t.Rows + 1, t.Amount + d.Left.Amount}
	}
	if r.kept != nil {
		if err := r.kept.seen(f, d, open); err != nil {
			return err
		}
	}
	left, right := "", ""
	if d.Left != nil {
		left = d.Left.Text
	}
	if d.Right != nil {
		right = d.Right.Text
	}
	fmt.Fprintf(r.digest, "%s\x00%s\x00%s\x00%s\n", d.Class, d.Rule, left, right)
	return r.emit(d)
}

// line reads a row again, with its text in UTF-8.
func (r *report) line(side int, position int64) (*Line, error) {
	if err := r.reader.read(side, position); err != nil {
		return nil, err
	}
	s := r.job.sources[side]
	part := &s.parts[s.part(position)]
	text := bytes.TrimSuffix(r.reader.line[side], []byte("\r"))
	row := &r.reader.rows[side]
	line := &Line{Path: part.path, Offset: position - part.base, Amount: row.amount,
		ID: string(row.text[ID]), Party: string(row.text[Party])}
	if s.layout.Encoding == "gbk" {
		var err error
		if text, err = simplifiedchinese.GB18030.NewDecoder().Bytes(text); err != nil {
			return nil, err
		}
	}
	line.Text = string(text)
	if item := part.item(position - part.base); item != nil {
		line.Path, line.Offset = item.Path, item.Offset
	}
	if part.origin != nil {
		var err error
		line.Path = part.origin.path
		if line.Offset, err = part.origin.offset(position - part.base); err != nil {
			return nil, err
		}
	}
	return line, nil
}

func (r *report) pair(f finding) error {
	left, err := r.line(0, f.left)
	if err != nil {
		return err
	}
	right, err := r.line(1, f.right)
	if err != nil {
		return err
	}
	return r.job.options.Pairs(Pair{r.job.plan.Rules[f.rule].Name, *left, *right})
}

// ClassNames lists the classes of s in their fixed order.
func (s *Summary) ClassNames() []string {
	var names []string
	for _, name := range classNames {
		if _, ok := s.Classes[name]; ok {
			names = append(names, name)
		}
	}
	return names
}

// Yuan prints minor units with two decimals, for people.
func Yuan(amount int64) string {
	sign := ""
	if amount < 0 {
		sign, amount = "-", -amount
	}
	text := strconv.FormatInt(amount/100, 10)
	return sign + text + "." + string([]byte{'0' + byte(amount%100/10), '0' + byte(amount%10)})
}
