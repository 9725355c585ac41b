package routing

// Permit says whether q's caller may have institution called at all: both are in the
// register with a licence in force, institution is not under maintenance, and an
// agreement between them allows the amount. It is what a leg needs that no code names,
// such as the debit of a card at a third bank. The error is a *Refusal.
func (t *Table) Permit(institution string, q *Query) error {
	p := t.probe(q)
	if p.caller < 0 {
		return errUnknown
	}
	i, found := t.register.index[institution]
	if !found {
		return errTargetUnlicensed
	}
	if _, refusal := t.admit(i, &p); refusal != nil {
		return refusal
	}
	return nil
}
