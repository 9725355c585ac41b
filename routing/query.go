package routing

import (
	"strings"
	"time"

	"tongma/codec"
)

// Query is what the table is asked. It only reads; its strings may alias the request.
type Query struct {
	Code      *codec.Code // What the decoder made of Text.
	Text      string      // The code's text as decoded, without white space around it.
	Caller    string      // Institution that asks, id of the register.
	Scene     string      // in_store, touch, online, cash_on_delivery, offline, cross_border ...
	AmountFen int64       // Minor units of Currency; 0 where it is not known yet.
	Currency  string      // ISO 4217, three digits; empty takes the code's, then 156.
	At        time.Time   // The instant the payment was received.
	Payment   string      // Payment id; keeps a payment with the same target.
	Health    Health      // Nil leaves the weights as the table states them.
}

// homeCurrency is meant where neither the request nor the code names one: yuan.
const homeCurrency = "156"

// Decision is the answer to a Query. It is filled anew by every look-up and its Targets
// are reused; its strings live as long as the table.
type Decision struct {
	Institution  string   // The first target.
	Targets      []Target // In the order to try. Only what provably left nothing may go on.
	Rule         string   // Rule that matched, also where every target was refused.
	Agreement    string   // Of the first target; empty where the caller is the target.
	TableVersion string
	TableDigest  string // SHA-256 of the table's files, hex.

	table *Table
	line  int32
	leaf  int32
}

// Line gives the line of the rule that matched, or of the entry in its list, counted
// from 1; 0 where none did. It is looked up when asked for: no payment needs it.
func (d *Decision) Line() int {
	if d.table == nil {
		return 0
	}
	return d.table.lineOf(&hit{line: d.line, leaf: d.leaf})
}

// Target is one institution of a decision.
type Target struct {
	Institution string
	Priority    int
	Agreement   string
	Standby     bool // From the table's standby list, not from the rule.
}

// Health says how well institutions answer lately. It is an option: a Query without
// one is decided by the table alone.
type Health interface {
	// Share gives the percentage, 1 to 100, of its stated weight that institution keeps.
	Share(institution string) int
}

// probe is a Query made ready for comparison.
type probe struct {
	*Query
	host     string // Of a link, as written.
	path     string // Of a link, from its first slash; query and fragment left out.
	currency string
	amount   int64
	at       int64  // Seconds since 1970, UTC.
	caller   int32  // Index in the register, -1 where unknown.
	leaves   leaves // Of a payment code.
}

func (t *Table) probe(q *Query) probe {
	var p probe
	t.prepare(q, &p)
	return p
}

// prepare fills p, which is zero, in place: it is too large to be passed around on the hot
// path. The leaves are asked for first, because they come from memory while the rest is
// done.
func (t *Table) prepare(q *Query, p *probe) {
	switch q.Code.Standard {
	case codec.PayCode:
		p.leaves = t.paycodes.stems.find(q.Text)
	case codec.Link:
		p.host, p.path = splitLink(q.Text)
	}
	p.Query, p.amount, p.at, p.caller = q, q.AmountFen, q.At.Unix(), -1
	if i, known := t.register.index[q.Caller]; known {
		p.caller = i
	}
	switch {
	case q.Currency != "":
		p.currency = q.Currency
	case q.Code.Currency != "":
		p.currency = q.Code.Currency
	default:
		p.currency = homeCurrency
	}
}

// splitLink gives host and path of scheme://host/path?query#fragment. A link with user
// information before the host has no host here, and a port is left on it: neither matches
// a rule that names a host.
func splitLink(text string) (host, path string) {
	start := strings.Index(text, "://")
	if start < 0 {
		return "", ""
	}
	rest := text[start+len("://"):]
	end := 0
	for end < len(rest) && rest[end] != '/' && rest[end] != '?' && rest[end] != '#' {
		if rest[end] == '@' {
			return "", ""
		}
		end++
	}
	host, path = rest[:end], rest[end:]
	for i := range len(path) {
		if path[i] == '?' || path[i] == '#' {
			path = path[:i]
			break
		}
	}
	return host, path
}
