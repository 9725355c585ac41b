// Package settlement closes windows and settles them: what the payments of a window leave
// each institution owing the others, sealed so that each can check its own share, netted,
// instructed to the settlement bank, held against what that bank confirms, and taken out
// of the positions.
//
// The cut-off is the journal's order, never a clock: the record of a close is the cut, and
// the outcomes that stand before it are the window. All figures are a fold of the journal
// beside the payments' path, so that a restart or an auditor comes to the same ones.
// e-CNY is final as it is paid and never enters a window.
//
// It knows the journal, what the engine's records say, and the ledger's accounts. It may
// not know HTTP, codes or any institution's dialect.
package settlement
