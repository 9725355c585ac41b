package codec

import "time"

// rule is what every rule of a rule file has.
type rule struct {
	id, scheme, issuer string
	trust              trust
	rank               int
	off                bool
	from, until        time.Time // Zero for always; until is the first instant that is not in force.
	line               int
}

// trust says how sure it is that codes of a form are what the rule says.
type trust uint8

const (
	trustLow  trust = iota // One source, or a form that its owner has not published.
	trustHigh              // Published, or seen in several independent places.
)

// inForce reports whether the rule holds at that instant.
func (r *rule) inForce(at time.Time) bool {
	return !r.off && !at.Before(r.from) && (r.until.IsZero() || at.Before(r.until))
}

// meets reports whether there is an instant at which both rules are in force.
func (r *rule) meets(other *rule) bool {
	return !r.off && !other.off && (r.until.IsZero() || other.from.Before(r.until)) &&
		(other.until.IsZero() || r.from.Before(other.until))
}

// agrees reports whether both rules lead a code to the same place.
func (r *rule) agrees(other *rule) bool {
	return r.scheme == other.scheme && r.issuer == other.issuer
}

// precedence is what decides where two rules of a kind fit one code, its first difference
// first. The order in the file never does.
type precedence [6]int

// payPrecedence and linkPrecedence name what the places of a precedence hold.
var (
	payPrecedence  = [6]string{"rank", "longer prefix", "fewer lengths", "pattern", "trust"}
	linkPrecedence = [6]string{"rank", "more literal characters", "more characters in their place", "an end", "query", "trust"}
)

// compare is above zero where p goes before other; by is the place that decided.
func (p *precedence) compare(other *precedence) (result, by int) {
	for i := range p {
		if p[i] != other[i] {
			return p[i] - other[i], i
		}
	}
	return 0, 0
}
