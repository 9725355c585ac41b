package routing

// party is all that a look-up asks about an institution, side by side: with many of them
// each place it would have to look in would be one more wait for memory.
type party struct {
	barred     *Refusal     // Why it may not take part at any time; nil where it may.
	span       span         // When its entry is in force.
	agreements []*agreement // That let somebody pay its codes, in the order of the file.
	windows    []window
	standbys   []target // In the order to try.
}

// check says why the institution may not take part at an instant.
func (y *party) check(at int64) *Refusal {
	if y.barred != nil {
		return y.barred
	}
	return outside(y.span, at)
}
