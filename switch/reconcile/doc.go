// Package reconcile finds every difference between two sides' records of the same
// payments, and explains each.
//
// A side is one or more files. Its rows are read in parallel in large blocks, reduced to
// a 20-byte entry (a hash of the rule's key, a hash of key and everything compared, and
// the row's position), and spread by the key's hash over partitions that fit in a core's
// cache. Entries that are too many for the memory allowed go to disk. A partition is
// joined on its own: rows that agree in both hashes, 128 bits under a seed of the run,
// are matched there; only the others are read again from the file, and compared byte by
// byte. A partition that is too big is split further, by its keys or, where one key
// dominates it, by the content of its rows (heavy.go).
//
// Rules are tried from exact to loose; what one leaves open comes to the next. Each row is
// consumed once.
//
// Directions are stated from the left side, which is ours: long means that the right
// side (the counterparty) has a row that we lack, short means that we have one that it
// lacks.
//
// This package knows files and rows. It may not know the gateway, the institutions'
// dialects or the engine: what the switch should do about a difference is returned as
// data (Class.Action).
package reconcile
