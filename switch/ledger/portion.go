package ledger

import (
	"math/bits"

	"tongma/switch/payment"
)

// portion is amount * part / whole rounded down, without overflow; all in fen, none below
// zero, part not above whole.
func portion(amount, part, whole payment.Fen) payment.Fen {
	high, low := bits.Mul64(uint64(amount), uint64(part))
	quotient, _ := bits.Div64(high, low, uint64(whole))
	return payment.Fen(quotient)
}
