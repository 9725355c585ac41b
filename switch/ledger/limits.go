package ledger

import (
	"errors"
	"fmt"

	"tongma/switch/payment"
)

// Limits is the net debit caps that a book begins with. A cap that people set later
// stands in the journal and goes before these.
type Limits struct {
	// DefaultCap binds every side that has no cap of its own, in fen; below zero binds
	// nobody.
	DefaultCap payment.Fen `yaml:"default_cap_fen"`
	Caps       []CapLimit  `yaml:"caps"`
	// AlertPPM is how much of deposit and cap a side may use, in millionths, before the log
	// says so; 0 for never.
	AlertPPM int64 `yaml:"alert_ppm"`
}

// CapLimit is the cap of one institution in one medium.
type CapLimit struct {
	Institution string      `yaml:"institution"`
	Medium      string      `yaml:"medium"` // commercial or ecny
	Cap         payment.Fen `yaml:"cap_fen"`
}

// DefaultLimits bind nobody: caps are the operator's to set.
func DefaultLimits() Limits { return Limits{DefaultCap: -1, AlertPPM: 800_000} }

// Validate reports every fault of l at once.
func (l *Limits) Validate() error {
	var faults []error
	if l.AlertPPM < 0 || l.AlertPPM > million {
		faults = append(faults, fmt.Errorf("ledger: alert_ppm is %d, want 0 to %d", l.AlertPPM, million))
	}
	seen := map[Side]bool{}
	for i, c := range l.Caps {
		medium, known := payment.ParseMedium(c.Medium)
		key := Side{c.Institution, medium}
		switch {
		case c.Institution == "":
			faults = append(faults, fmt.Errorf("ledger: cap %d names no institution", i+1))
		case !known:
			faults = append(faults, fmt.Errorf("ledger: cap of %s has medium %q, want commercial or ecny", c.Institution, c.Medium))
		case c.Cap < 0 || c.Cap > capMax:
			faults = append(faults, fmt.Errorf("ledger: cap of %s is %d fen, want 0 to %d", c.Institution, c.Cap, capMax))
		case seen[key]:
			faults = append(faults, fmt.Errorf("ledger: cap of %s in %s stands twice", c.Institution, c.Medium))
		}
		seen[key] = true
	}
	return errors.Join(faults...)
}

// capMax keeps sums of caps, deposits and positions far from the end of int64.
const capMax payment.Fen = 1e17

// Cap is the cap of side, in fen, and whether it binds.
func (l *Limits) Cap(key Side) (payment.Fen, bool) {
	for _, c := range l.Caps {
		if medium, _ := payment.ParseMedium(c.Medium); c.Institution == key.Institution && medium == key.Medium {
			return c.Cap, true
		}
	}
	return max(l.DefaultCap, 0), l.DefaultCap >= 0
}
