// Package reconcile finds every difference between two sides' records of the same
// payments, and explains each.
//
// A side is one or more files. Its rows are read in parallel in large blocks, reduced
// to a 20-byte entry (a hash of the rule's key, a hash of everything compared, and the
// row's position), and spread by the key's hash over partitions that fit in a core's
// cache. A partition is then joined on its own: rows that agree in key and in every
// compared value are matched there, and only the others are read again from the file.
// A partition that one heavy key makes too big is split further by the second hash,
// and entries that would exceed the memory budget go to disk, so that the cost stays
// near linear at any skew.
//
// Rules are a cascade from exact to loose. Each row is consumed once, by the first
// rule that explains it; the outcome is the same for any number of threads and any
// memory budget.
//
// Directions are stated from the left side, which is ours: long means that the right
// side (the counterparty) has a row that we lack, short means that we have one that it
// lacks.
//
// This package knows files, rows and rules. It may not know the gateway, the
// institutions' dialects or the engine: what the switch does about a difference is
// returned as data (Discrepancy.Action).
package reconcile
