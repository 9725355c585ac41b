package settlement

import (
	"crypto/sha256"
	"fmt"

	"tongma/switch/payment"
)

// Instruction tells the settlement bank to move one sum between a member's account and
// the clearing account, which is empty before and after.
type Instruction struct {
	ID        string      `json:"id"`        // Window and number, such as W000017-0001.
	Direction string      `json:"direction"` // pay: the member pays in; receive: it is paid.
	Member    string      `json:"member"`
	Amount    payment.Fen `json:"amount_fen"`
}

// The directions of an instruction.
const (
	directionPay     = "pay"
	directionReceive = "receive"
)

// Instructions are one for each member whose net is not zero: who pays stands first, so
// that the clearing account has the money before it pays out. After a default the ids are
// others: what was instructed before cannot be confirmed any more.
func (s *Seal) Instructions(excluded ...string) []Instruction {
	var list []Instruction
	name := fmt.Sprintf("W%06d", s.Window)
	if len(excluded) > 0 {
		name += fmt.Sprintf("R%d", len(excluded))
	}
	for _, direction := range [...]string{directionPay, directionReceive} {
		for _, net := range s.Nets(excluded...) {
			amount := net.Amount
			if direction == directionPay {
				amount = -amount
			}
			if amount <= 0 {
				continue
			}
			id := fmt.Sprintf("%s-%04d", name, len(list)+1)
			list = append(list, Instruction{id, direction, net.Member, amount})
		}
	}
	return list
}

// InstructionFile is what the settlement bank is sent, CSV: a header, one line for each
// instruction, a trailer with their number, the sum of each direction and the SHA-256 of
// everything before the trailer.
func (s *Seal) InstructionFile(excluded ...string) (text []byte, digest Hash) {
	text = fmt.Appendf(nil, "H,tongma-instructions,1,%d,%s,%s,%s,%s\n", s.Window, s.Date, s.ValueDate, s.Currency, s.Digest)
	sums := map[string]payment.Fen{}
	list := s.Instructions(excluded...)
	for _, i := range list {
		text = fmt.Appendf(text, "I,%s,%s,%s,%d,%s\n", i.ID, i.Direction, appendField(nil, i.Member), i.Amount, s.Currency)
		sums[i.Direction] += i.Amount
	}
	text = fmt.Appendf(text, "T,%d,%d,%d,%x\n", len(list), sums[directionPay], sums[directionReceive], sha256.Sum256(text))
	return text, sha256.Sum256(text)
}
