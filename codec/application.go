package codec

// application is a rule: consumer presented codes whose application name (ADF name) begins
// with aid are of the scheme. A registered identifier (RID) alone is such a beginning.
type application struct {
	rule
	aid string // Upper-case hexadecimal digits.
}

// before reports whether a is preferred to other: where neither is, the place in the code
// decides.
func (a *application) before(other *application) bool {
	if a.rank != other.rank {
		return a.rank > other.rank
	}
	return len(a.aid) > len(other.aid)
}

// fits reports whether an application's name begins with a's aid.
func (a *application) fits(name []byte) bool {
	if len(a.aid) > 2*len(name) {
		return false
	}
	for i := range len(a.aid) {
		if a.aid[i] != upperHex[nibbleAt(name, i)] {
			return false
		}
	}
	return true
}
