package engine

import "tongma/switch/payment"

// refundLegs turns a payment round: money is taken back from the payee first and given
// back to the payer after. A leg whose institution is the caller itself needs no call.
func refundLegs(original *payment.Payment, caller string, amount payment.Fen) []payment.Leg {
	var legs []payment.Leg
	add := func(kind payment.OperationKind, institution string, medium payment.Medium, reference string) {
		if institution == caller {
			return
		}
		legs = append(legs, payment.Leg{
			Kind: kind, Institution: institution, Medium: medium, Original: reference, Amount: amount,
		})
	}
	payer, medium := false, payment.Commercial
	for i := len(original.Legs) - 1; i >= 0; i-- {
		leg := &original.Legs[i]
		medium = leg.Medium
		if leg.Kind == payment.Credit {
			add(payment.TakeBack, leg.Institution, leg.Medium, original.Reference(i))
			continue
		}
		payer = true
		add(payment.GiveBack, leg.Institution, leg.Medium, original.Reference(i))
	}
	if !payer {
		// The payer's money was the calling institution's own affair: it gives it back.
		add(payment.GiveBack, original.Institution, medium, original.RequestID)
	}
	return legs
}

// chargebackLegs names every institution whose money a chargeback moves: the way back of the
// original's legs, and the original's caller for the side that had no leg, so that both sides
// find it as theirs. None of them is called.
func chargebackLegs(original *payment.Payment, amount payment.Fen) []payment.Leg {
	var legs []payment.Leg
	turned := map[payment.OperationKind]payment.OperationKind{payment.Credit: payment.TakeBack, payment.Debit: payment.GiveBack}
	sides := map[payment.OperationKind]bool{}
	medium := payment.Commercial
	for i := len(original.Legs) - 1; i >= 0; i-- {
		leg := &original.Legs[i]
		medium = leg.Medium
		sides[turned[leg.Kind]] = true
		legs = append(legs, payment.Leg{Kind: turned[leg.Kind], Institution: leg.Institution,
			Original: original.Reference(i), Amount: amount, Medium: leg.Medium})
	}
	for _, kind := range []payment.OperationKind{payment.TakeBack, payment.GiveBack} {
		if !sides[kind] && len(legs) < payment.LegsMax {
			legs = append(legs, payment.Leg{Kind: kind, Institution: original.Institution,
				Original: original.RequestID, Amount: amount, Medium: medium})
		}
	}
	return legs
}

// cancelLegs undoes the legs of an approved payment, last one first.
func cancelLegs(original *payment.Payment) []payment.Leg {
	legs := make([]payment.Leg, 0, len(original.Legs))
	for i := len(original.Legs) - 1; i >= 0; i-- {
		leg := &original.Legs[i]
		legs = append(legs, payment.Leg{
			Kind: payment.CancelLeg, Institution: leg.Institution, Medium: leg.Medium,
			Original: original.Reference(i), Amount: leg.Amount,
		})
	}
	return legs
}
