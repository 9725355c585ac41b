package engine

import "tongma/switch/payment"

// refundLegs turns a payment round: money is taken back from the payee first and given
// back to the payer after. A leg whose institution is the caller itself needs no call.
func refundLegs(original *payment.Payment, caller string, amount payment.Fen) []payment.Leg {
	var legs []payment.Leg
	add := func(kind payment.OperationKind, institution, reference string) {
		if institution == caller {
			return
		}
		legs = append(legs, payment.Leg{
			Kind: kind, Institution: institution, Original: reference, Amount: amount,
		})
	}
	payer := false
	for i := len(original.Legs) - 1; i >= 0; i-- {
		leg := &original.Legs[i]
		if leg.Kind == payment.Credit {
			add(payment.TakeBack, leg.Institution, original.Reference(i))
			continue
		}
		payer = true
		add(payment.GiveBack, leg.Institution, original.Reference(i))
	}
	if !payer {
		// The payer's money was the calling institution's own affair: it gives it back.
		add(payment.GiveBack, original.Institution, original.RequestID)
	}
	return legs
}

// cancelLegs undoes the legs of an approved payment, last one first.
func cancelLegs(original *payment.Payment) []payment.Leg {
	legs := make([]payment.Leg, 0, len(original.Legs))
	for i := len(original.Legs) - 1; i >= 0; i-- {
		leg := &original.Legs[i]
		legs = append(legs, payment.Leg{
			Kind: payment.CancelLeg, Institution: leg.Institution,
			Original: original.Reference(i), Amount: leg.Amount,
		})
	}
	return legs
}
