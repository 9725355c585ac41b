package payment

// Posting is one line of double entry. The postings of one outcome sum to zero in each
// currency; they are part of the outcome's record.
type Posting struct {
	Account  string
	Amount   Fen // Above zero for money in, below for money out.
	Currency string
}
