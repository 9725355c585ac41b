package settlement

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tongma/switch/payment"
)

// Tally is what two parties owe each other by the rows of one kind, in fen.
type Tally struct {
	Rows uint64      `json:"rows"`
	AtoB payment.Fen `json:"a_to_b_fen"` // Gross, A owes B.
	BtoA payment.Fen `json:"b_to_a_fen"`
	Root Hash        `json:"root"` // Merkle root over the rows, in the journal's order.
}

// Pair is two parties of a window; A stands before B in the alphabet.
type Pair struct {
	A      string `json:"a"`
	B      string `json:"b"`
	Detail Tally  `json:"detail"`
	Fee    Tally  `json:"fee"`
}

// Net is what A owes B in the end, below zero where B owes A.
func (p *Pair) Net() payment.Fen {
	return p.Detail.AtoB + p.Fee.AtoB - p.Detail.BtoA - p.Fee.BtoA
}

// line is the pair's text, a leaf of both parties' trees.
func (p *Pair) line() string {
	return fmt.Sprintf("%s,%s,%s,%s", appendField(nil, p.A), appendField(nil, p.B), p.Detail.line(), p.Fee.line())
}

func (t *Tally) line() string {
	return fmt.Sprintf("%d,%d,%d,%s", t.Rows, t.AtoB, t.BtoA, t.Root)
}

// Close is what everybody may know of a closed window: enough to check a statement by.
type Close struct {
	Window    uint32      `json:"window"` // From 1, without gaps.
	Date      string      `json:"date"`   // Business date, Asia/Shanghai.
	ValueDate string      `json:"value_date"`
	Currency  string      `json:"currency"` // ISO 4217 number.
	Opened    time.Time   `json:"opened"`   // UTC. For people: what decides is the position.
	Closed    time.Time   `json:"closed"`
	ClosedBy  string      `json:"closed_by"`
	After     string      `json:"after"` // Position of the close before, block.record; 0.0 for none.
	At        string      `json:"at"`    // Position of the close's own record.
	First     string      `json:"first"` // Position of the first payment's outcome; 0.0 for none.
	Last      string      `json:"last"`
	Payments  uint64      `json:"payments"`
	Gross     payment.Fen `json:"gross_fen"` // Sum of the details of all pairs, both directions.
	Fees      payment.Fen `json:"fees_fen"`  // Sum of the fees, returned ones too.
	Members   int         `json:"members"`
	Pairs     int         `json:"pairs"`
	Chain     Hash        `json:"chain"` // Hash of the journal's block before the close's.
	Root      Hash        `json:"root"`  // Merkle root over members, each over its pairs, each over its rows.
	Digest    Hash        `json:"digest"`
	Signature []byte      `json:"signature,omitempty"` // Of the switch over the digest; see Keys.
}

// digest is over every field of c before it.
func (c *Close) digest() Hash {
	return sha256.Sum256(fmt.Appendf(nil, "tongma-close,1,%d,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%d,%d,%d,%d,%d,%s,%s",
		c.Window, c.Date, c.ValueDate, c.Currency, c.Opened.UTC().Format(timeLayout), c.Closed.UTC().Format(timeLayout),
		appendField(nil, c.ClosedBy), c.After, c.At, c.First, c.Last, c.Payments, c.Gross, c.Fees, c.Members, c.Pairs, c.Chain, c.Root))
}

// ErrSeal says that a sealed close is not what it was sealed as.
var ErrSeal = errors.New("settlement: the sealed close was altered")

// Check holds c against its own digest.
func (c *Close) Check() error {
	if c.digest() != c.Digest {
		return ErrSeal
	}
	return nil
}

// Seal is a closed window with the figures of every pair.
type Seal struct {
	Close
	Names []string `json:"names"` // Of the members, in order; some may have no pair.
	List  []Pair   `json:"list"`  // In order.
}

// pairsOf are the pairs that name is in, in order.
func (s *Seal) pairsOf(name string) []Pair {
	var list []Pair
	for i := range s.List {
		if s.List[i].A == name || s.List[i].B == name {
			list = append(list, s.List[i])
		}
	}
	return list
}

// memberLeaf is the leaf of a member: its name over the tree of its pairs.
func memberLeaf(name string, pairs []Pair) Hash {
	var t Tree
	var scratch []byte
	for i := range pairs {
		var leaf Hash
		leaf, scratch = leafOf(scratch, []byte(pairs[i].line()))
		t.Add(leaf)
	}
	leaf, _ := leafOf(scratch, fmt.Appendf(nil, "%s,%d,%s", appendField(nil, name), len(pairs), t.Root()))
	return leaf
}

// leaves are those of all members, in order.
func (s *Seal) leaves() []Hash {
	of := map[string][]Pair{}
	for _, p := range s.List {
		of[p.A] = append(of[p.A], p)
		of[p.B] = append(of[p.B], p)
	}
	leaves := make([]Hash, len(s.Names))
	for i, name := range s.Names {
		leaves[i] = memberLeaf(name, of[name])
	}
	return leaves
}

// seal fills what follows from names and pairs.
func (s *Seal) seal() {
	slices.SortFunc(s.List, func(a, b Pair) int {
		return cmp.Or(strings.Compare(a.A, b.A), strings.Compare(a.B, b.B))
	})
	for i := range s.List {
		p := &s.List[i]
		s.Gross += p.Detail.AtoB + p.Detail.BtoA
		s.Fees += p.Fee.AtoB + p.Fee.BtoA
		s.Names = append(s.Names, p.A, p.B)
	}
	slices.Sort(s.Names)
	s.Names = slices.Compact(s.Names)
	s.Members, s.Pairs = len(s.Names), len(s.List)
	s.Root = rootOf(s.leaves())
	s.Digest = s.digest()
}

// Check holds a seal with all its pairs against its root and its digest.
func (s *Seal) Check() error {
	if rootOf(s.leaves()) != s.Root {
		return ErrSeal
	}
	return s.Close.Check()
}
