// Package ledger keeps the double entry: what each institution owes or is owed in each
// medium, what is held for payments at work, and what may still be spent.
//
// It is a fold of the journal: an outcome's record carries its postings, and the book is
// what they sum to. It knows payments, accounts and fees. It may not know the gateway,
// institutions' dialects, nor how a payment's outcome was found.
//
// A position is what an institution is owed (above zero) or owes (below zero) since it was
// last settled. Every posting has its counterpart, so that positions, fees, deposits,
// suspense and settlement together are zero in each medium and currency at every record.
package ledger
