package admin

import (
	"encoding/json"
	"fmt"

	"tongma/switch/payment"
)

// correctionReference is under which a discrepancy's adjustment is proposed: the same
// discrepancy has one proposal, whoever asks for it and however often.
func correctionReference(identity string) string { return "reconcile/" + identity }

// adjust proposes the adjustment that would bring our books to what the institution's say.
// It moves nothing: another person approves it, or rejects it.
func (j *job) adjust() error {
	j.deciding.Lock()
	defer j.deciding.Unlock()
	p := &EntryProposal{Kind: payment.Adjustment.String(), Reason: payment.ReconciliationDifference.String(),
		Payment: j.payment.ID, Reference: correctionReference(j.done.Identity), Word: Word{Evidence: j.describe()}}
	known, err := j.corrected(p.Reference)
	if err != nil {
		return err
	}
	if known != nil {
		j.corrects(known)
		j.done.By, j.done.At, j.done.Before = known.By, known.At, true
		return nil
	}
	if err := j.amend(p); err != nil {
		return err
	}
	n, err := j.wanted(p)
	if err != nil {
		return err
	}
	failure, err := j.admissible(n)
	switch {
	case err != nil:
		return err
	case failure != payment.NoFailure && entryCodes[failure] != "":
		return &Refusal{entryCodes[failure], failure.Sentence()}
	case failure != payment.NoFailure:
		return &Refusal{JournalRefused, failure.Sentence()}
	case j.form.DryRun:
		j.corrects(p)
		j.done.Result = RepairWould
		return nil
	}
	p.ID, p.State = j.options.Entries.NewID(), EntryProposed
	act := *j.act
	act.What, act.Subject = "entry.propose", string(p.ID)
	if err := j.propose(&act, entryKey(p.ID), p); err != nil {
		return err
	}
	j.corrects(p)
	return nil
}

// corrected finds what was proposed for a discrepancy, whatever became of it; nil where
// nothing was. What its proposer withdrew may be proposed anew, what another rejected not.
func (j *job) corrected(reference string) (*EntryProposal, error) {
	var found *EntryProposal
	err := j.eachEntry(func(p *EntryProposal) {
		if p.Reference == reference && p.State != EntryWithdrawn {
			found = p
		}
	})
	return found, err
}

// corrects tells of a proposal as the result of the repair.
func (j *job) corrects(p *EntryProposal) {
	j.done.Result, j.done.Entry, j.done.Detail = string(p.State), p.ID, p.String()
}

// amend says how much is to go from whom to whom: what should have moved by the institution's
// books, less what moved by ours.
func (j *job) amend(p *EntryProposal) error {
	if j.leg < 0 {
		if len(j.payment.Legs) != 1 {
			return &Refusal{LegUnclear, "the caller's difference can be of any leg"}
		}
		j.leg = 0
	}
	leg := &j.payment.Legs[j.leg]
	if own := j.form.Left; own != nil && absolute(own.Amount) != leg.Amount {
		return &Refusal{CaseInvalid, fmt.Sprintf("our row says %d fen, our books %d", own.Amount, leg.Amount)}
	}
	ours := payment.Fen(0)
	if booked(&j.payment, j.leg) == legMoved {
		ours = leg.Amount
	}
	theirs, err := j.theirs(leg.Amount)
	if err != nil {
		return err
	}
	from, to, err := j.direction(leg)
	if err != nil {
		return err
	}
	p.Amount, p.Debited, p.Credited, p.Medium = theirs-ours, from, to, leg.Medium.String()
	if p.Amount < 0 {
		p.Amount, p.Debited, p.Credited = -p.Amount, to, from
	}
	if p.Amount == 0 {
		return &Refusal{NothingToAdjust, "both books come to the same"}
	}
	return nil
}

func absolute(fen int64) payment.Fen { return payment.Fen(max(fen, -fen)) }

// theirs is what moved by the institution's books. Where the files alone do not say, the
// institution's answer to a query does; without one nothing is guessed.
func (j *job) theirs(amount payment.Fen) (payment.Fen, error) {
	switch j.form.Class {
	case "amount", "long":
		return absolute(j.form.Right.Amount), nil
	case "short":
		return 0, nil
	}
	text, err := j.options.Acts.State(j.key("query"))
	if err != nil {
		return 0, err
	}
	var asked Repaired
	if len(text) > 0 {
		if err := json.Unmarshal(text, &asked); err != nil {
			return 0, err
		}
	}
	switch asked.Result {
	case RepairClaimed:
		return amount, nil
	case RepairDenied:
		return 0, nil
	}
	return 0, &Refusal{NothingToAdjust, "the institution has not been asked, or says what our books say"}
}

// direction says who gives and who gets when the leg moves money.
func (j *job) direction(leg *payment.Leg) (from, to string, err error) {
	caller, kind := j.payment.Institution, leg.Kind
	if j.payment.Kind != payment.Pay {
		original, err := j.options.Repairs.Find(j.payment.Original)
		if err != nil {
			return "", "", &Refusal{PaymentUnknown, err.Error()}
		}
		caller = original.Institution
		if leg.Institution == caller { // The payer's money was the caller's own: it came from the payee's side.
			caller = j.payment.Institution
		}
		if kind == payment.CancelLeg {
			kind = turned(&original, leg.Original)
		}
	}
	if caller == leg.Institution {
		return "", "", &Refusal{LegUnclear, "both sides of the leg are the same institution"}
	}
	switch kind {
	case payment.Debit, payment.TakeBack:
		return leg.Institution, caller, nil
	case payment.Credit, payment.GiveBack:
		return caller, leg.Institution, nil
	}
	return "", "", &Refusal{LegUnclear, "the leg moves no money that can be put right"}
}

// turned is the kind of leg that undoing the leg of a reference amounts to. Our books say of a
// cancel's leg whether that one moved, so its own direction is what counts.
func turned(original *payment.Payment, reference string) payment.OperationKind {
	for i := range original.Legs {
		if original.Reference(i) == reference {
			return original.Legs[i].Kind
		}
	}
	return payment.OperationNone
}
