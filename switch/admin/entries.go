package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"tongma/switch/engine"
	"tongma/switch/payment"
)

// Entries is what people need to book chargebacks and adjustments; see engine.Engine.
type Entries interface {
	NewID() payment.ID
	Post(n *engine.Entry, act *engine.Act) (payment.Payment, error)
	Find(id payment.ID) (payment.Payment, error)
	States(prefix string, visit func(key string, state []byte) error) error
}

// EntryProposal is a chargeback or an adjustment that one person wants booked, and what
// became of that. What it says of the money does not change any more: who wants other money
// booked withdraws it and proposes another.
type EntryProposal struct {
	ID       payment.ID  `json:"id,omitempty"` // The payment's once it is booked. Given by the switch.
	Kind     string      `json:"kind"`         // chargeback or adjustment
	Reason   string      `json:"reason"`       // See payment.Reasons.
	Payment  payment.ID  `json:"payment,omitempty"`
	Amount   payment.Fen `json:"amount_fen"`
	Debited  string      `json:"debited,omitempty"`  // Adjustment: who gives.
	Credited string      `json:"credited,omitempty"` // Adjustment: who gets.
	Medium   string      `json:"medium,omitempty"`   // Adjustment: commercial or ecny; empty is commercial.

	// Reference is the proposer's own for the matter, such as a discrepancy's: the same
	// reference again is the same proposal, unless that was withdrawn or rejected.
	Reference string `json:"reference,omitempty"`
	Word

	State     EntryState `json:"state"`
	DecidedBy string     `json:"decided_by,omitempty"`
	DecidedAt time.Time  `json:"decided_at,omitzero"`
}

// EntryState is what became of a proposal.
type EntryState string

// The states. All but the first are final.
const (
	EntryProposed  EntryState = "proposed"
	EntryBooked    EntryState = "booked"
	EntryWithdrawn EntryState = "withdrawn"
	EntryRejected  EntryState = "rejected"
)

// The limits of entries.
const (
	entriesShown      = 500
	referenceBytesMax = 128
)

// String says what money would move.
func (p *EntryProposal) String() string {
	text := fmt.Sprintf("%s of %s yuan, %s", p.Kind, p.Amount.Yuan(), p.Reason)
	if p.Kind == payment.Adjustment.String() {
		text += fmt.Sprintf(", from %s to %s in %s money", p.Debited, p.Credited, p.Medium)
	}
	if p.Payment != "" {
		text += ", of " + string(p.Payment)
	}
	return text
}

func (p *EntryProposal) sameMoney(q *EntryProposal) bool {
	return p.Kind == q.Kind && p.Reason == q.Reason && p.Payment == q.Payment && p.Amount == q.Amount &&
		p.Debited == q.Debited && p.Credited == q.Credited && p.Medium == q.Medium
}

// entryPrefix begins the keys under which proposals are kept; what follows is the id, which
// begins with the time, so that they stand in the order in which they were proposed.
const entryPrefix = "entry/"

func entryKey(id payment.ID) string { return entryPrefix + string(id) }

// entry is p as the engine takes it.
func (p *EntryProposal) entry() (*engine.Entry, error) {
	n := &engine.Entry{ID: p.ID, Original: p.Payment, Amount: p.Amount, Debited: p.Debited, Credited: p.Credited}
	var known bool
	if n.Kind, known = payment.ParseKind(p.Kind); !known || n.Kind != payment.Chargeback && n.Kind != payment.Adjustment {
		return nil, &Refusal{BodyInvalid, "kind is chargeback or adjustment"}
	}
	if n.Reason, _ = payment.ParseReason(p.Reason); !n.Reason.Fits(n.Kind) {
		return nil, &Refusal{ReasonInvalid, fmt.Sprintf("the reasons of %s are %v", n.Kind, payment.Reasons(n.Kind))}
	}
	if n.Kind == payment.Chargeback {
		if p.Debited != "" || p.Credited != "" || p.Medium != "" {
			return nil, &Refusal{BodyInvalid, "a chargeback goes the way of its payment: it names no sides and no medium"}
		}
		return n, nil
	}
	if n.Medium, known = payment.ParseMedium(p.Medium); !known {
		return nil, &Refusal{BodyInvalid, "medium is commercial or ecny"}
	}
	return n, nil
}

// entryCodes says how this API tells what the engine refuses of an entry.
var entryCodes = map[payment.Failure]Code{
	payment.PaymentNotFound: PaymentUnknown, payment.NotChargeable: NotChargeable,
	payment.ChargebackExceeds: ChargebackExceeds, payment.PaymentOpen: PaymentOpen,
	payment.ReasonInvalid: ReasonInvalid, payment.AmountInvalid: BodyInvalid, payment.FieldInvalid: BodyInvalid,
	payment.NotAParty: NotAParty, payment.LiquidityShort: LiquidityShort, payment.RequestConflict: EntryConflict,
}

// entryRefused writes down that an entry was not proposed or booked, and gives the reason on.
func (c *call) entryRefused(a *engine.Act, failure payment.Failure) error {
	code, known := entryCodes[failure]
	if !known {
		return &Refusal{JournalRefused, failure.Sentence()}
	}
	return c.options.Tables.refused(a, &Refusal{code, failure.Sentence()})
}

// proposeEntry keeps one person's word.
func proposeEntry(c *call, a *engine.Act) (any, error) {
	var p EntryProposal
	if err := c.read(&p); err != nil {
		return nil, c.options.Tables.refused(a, err)
	}
	return c.proposeEntry(a, &p)
}

// proposeEntry keeps p as a's person's word, or gives the proposal that stands for its
// reference already.
func (c *call) proposeEntry(a *engine.Act, p *EntryProposal) (*EntryProposal, error) {
	c.deciding.Lock()
	defer c.deciding.Unlock()
	a.Subject = clip(string(p.Payment))
	n, err := c.wanted(p)
	if err != nil {
		return nil, c.options.Tables.refused(a, err)
	}
	known, err := c.referred(p.Reference)
	switch {
	case err != nil:
		return nil, err
	case known != nil && known.sameMoney(p):
		return known, nil
	case known != nil:
		return nil, c.options.Tables.refused(a, &Refusal{ReferenceKnown, fmt.Sprintf("%s stands for it: %s", known.ID, known)})
	}
	failure, err := c.admissible(n)
	if err != nil {
		return nil, err
	}
	if failure != payment.NoFailure {
		return nil, c.entryRefused(a, failure)
	}
	p.ID, p.State, p.DecidedBy, p.DecidedAt = c.options.Entries.NewID(), EntryProposed, "", time.Time{}
	a.Subject = string(p.ID)
	return p, c.propose(a, entryKey(p.ID), p)
}

// wanted fills in what p leaves out and refuses what could never be booked.
func (c *call) wanted(p *EntryProposal) (*engine.Entry, error) {
	if p.Medium == "" && p.Kind == payment.Adjustment.String() {
		p.Medium = payment.Commercial.String()
	}
	n, err := p.entry()
	if err != nil {
		return nil, err
	}
	for _, institution := range []string{p.Debited, p.Credited} {
		if n.Kind == payment.Adjustment && !c.options.Tables.Registered(institution) {
			return nil, &Refusal{BodyInvalid, "want two institutions of the register, debited and credited"}
		}
	}
	if _, err := payment.ParseID(string(p.Payment)); err != nil && p.Payment != "" {
		return nil, &Refusal{PaymentUnknown, "want its id"}
	}
	if len(p.Reference) > referenceBytesMax {
		return nil, &Refusal{BodyInvalid, fmt.Sprintf("reference has %d bytes, want %d or fewer", len(p.Reference), referenceBytesMax)}
	}
	return n, nil
}

// admissible says what stands against n as the payment that it is linked to stands now.
func (c *call) admissible(n *engine.Entry) (payment.Failure, error) {
	if n.Original == "" {
		return n.Check(nil), nil
	}
	linked, err := c.options.Entries.Find(n.Original)
	var refusal *payment.Refusal
	switch {
	case err == nil:
		return n.Check(&linked), nil
	case errors.As(err, &refusal):
		return refusal.Failure, nil
	}
	return payment.NoFailure, err
}

// referred finds the proposal that stands for reference; nil where none does.
func (c *call) referred(reference string) (*EntryProposal, error) {
	if reference == "" {
		return nil, nil
	}
	var found *EntryProposal
	err := c.eachEntry(func(p *EntryProposal) {
		if p.Reference == reference && (p.State == EntryProposed || p.State == EntryBooked) {
			found = p
		}
	})
	return found, err
}

func (c *call) eachEntry(visit func(*EntryProposal)) error {
	return c.options.Entries.States(entryPrefix, func(key string, state []byte) error {
		p := new(EntryProposal)
		if err := json.Unmarshal(state, p); err != nil {
			return fmt.Errorf("admin: cannot read the proposal %s: %w", key, err)
		}
		visit(p)
		return nil
	})
}

// listEntries lists what waits for a second word, or with all=true also what became of the
// others; the newest first, bounded.
func listEntries(c *call, _ *engine.Act) (any, error) {
	all := c.http.URL.Query().Get("all") == "true"
	list := []*EntryProposal{}
	err := c.eachEntry(func(p *EntryProposal) {
		if all || p.State == EntryProposed {
			list = append(list, p)
		}
		if len(list) > 2*entriesShown {
			list = slices.Delete(list, 0, entriesShown)
		}
	})
	slices.Reverse(list)
	return list[:min(len(list), entriesShown)], err
}

func showEntry(c *call, _ *engine.Act) (any, error) {
	return c.entry(payment.ID(c.http.PathValue("id")))
}

// entry reads the proposal id.
func (c *call) entry(id payment.ID) (*EntryProposal, error) {
	if _, err := payment.ParseID(string(id)); err != nil {
		return nil, &Refusal{EntryUnknown, "want its id"}
	}
	p := new(EntryProposal)
	found, err := c.proposed(entryKey(id), p)
	if err == nil && !found {
		err = &Refusal{EntryUnknown, "nobody has proposed it"}
	}
	return p, err
}

// waiting reads the proposal of the path, which must still wait for a second word, and what
// the second person says of it.
func (c *call) waiting(a *engine.Act, said *EntryProposal) (*EntryProposal, error) {
	id := payment.ID(c.http.PathValue("id"))
	a.Subject = clip(string(id))
	if err := c.read(said); err != nil {
		return nil, err
	}
	p, err := c.entry(id)
	if err != nil {
		return nil, err
	}
	if p.State != EntryProposed {
		return p, &Refusal{EntryDecided, fmt.Sprintf("%s by %s", p.State, p.DecidedBy)}
	}
	return p, nil
}

// approveEntry is the second person's word: it must name the amount that the first one named,
// and the money moves. The entry, its act and the state of the proposal are one block. Who
// approved it and asks again, having lost the answer, gets the same one.
func approveEntry(c *call, a *engine.Act) (any, error) {
	c.deciding.Lock()
	defer c.deciding.Unlock()
	var said EntryProposal
	p, err := c.waiting(a, &said)
	if err != nil {
		if p != nil && p.State == EntryBooked && p.DecidedBy == a.Who && p.Amount == said.Amount {
			return p, nil
		}
		return nil, c.options.Tables.refused(a, err)
	}
	if err := c.second(a, entryKey(p.ID), p, said.Word, func() bool { return p.Amount == said.Amount }); err != nil {
		return nil, err
	}
	n, err := p.entry()
	if err != nil {
		return nil, err
	}
	done := *a
	p.State, p.DecidedBy, p.DecidedAt = EntryBooked, a.Who, a.Time
	done.Key = entryKey(p.ID)
	if done.State, err = json.Marshal(p); err != nil {
		return nil, err
	}
	if _, err := c.options.Entries.Post(n, &done); err != nil {
		var refusal *payment.Refusal
		if errors.As(err, &refusal) {
			return nil, c.entryRefused(a, refusal.Failure)
		}
		return nil, err
	}
	return p, nil
}

// withdrawEntry takes a proposal back; rejectEntry is what an approver says to one.
func withdrawEntry(c *call, a *engine.Act) (any, error) { return c.dismiss(a, EntryWithdrawn) }

func rejectEntry(c *call, a *engine.Act) (any, error) { return c.dismiss(a, EntryRejected) }

// dismiss ends a proposal without money. It takes one person: nothing moves.
func (c *call) dismiss(a *engine.Act, state EntryState) (any, error) {
	c.deciding.Lock()
	defer c.deciding.Unlock()
	var said EntryProposal
	p, err := c.waiting(a, &said)
	if err != nil {
		return nil, c.options.Tables.refused(a, err)
	}
	p.State, p.DecidedBy, p.DecidedAt = state, a.Who, a.Time
	a.Detail = clip(fmt.Sprintf("%s, as %s proposed. %s", p, p.By, said.Evidence))
	if err := c.leave(a, entryKey(p.ID), p); err != nil {
		return nil, err
	}
	return p, nil
}
