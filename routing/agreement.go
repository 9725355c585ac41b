package routing

// agreement lets callers pay the codes of institutions. "*" stands for every one.
type agreement struct {
	id           string
	line         int
	callers      []string
	institutions []string
	scenes       []string
	limitFen     int64 // Highest amount of one payment, in fen, inclusive.
	span         span
	callerSet    bitset
}

// everyone is the name that stands for every institution of the register.
const everyone = "*"

// agreementOf gives the id of the first agreement under which p's caller may pay codes
// of institution. Nobody needs one to pay a code of its own.
func (t *Table) agreementOf(institution int32, p *probe) (string, *Refusal) {
	if institution == p.caller {
		return "", nil
	}
	refusal := errNoAgreement
	for _, a := range t.parties[institution].agreements {
		if !a.callerSet.has(p.caller) || !a.span.has(p.at) || !allows(a.scenes, p.Scene) {
			continue
		}
		if p.amount <= a.limitFen {
			return a.id, nil
		}
		refusal = errOverLimit
	}
	return "", refusal
}
