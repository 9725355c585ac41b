package engine

import "tongma/switch/payment"

// turned is the payment that l turns round; nil where it turns none.
func (l *life) turned() *payment.Payment {
	if l.original == nil || !l.Kind.Turns() {
		return nil
	}
	return l.original.Payment
}

// hold reserves in the book what l would move. A cancel of a payment still at work moves
// nothing yet: it holds when the payment turns out to be approved.
func (c *core) hold(l *life) payment.Failure {
	if l.Kind == payment.Cancel && !l.original.ended() {
		return payment.NoFailure
	}
	failure := c.book.Hold(l.Payment, l.turned())
	l.held = failure == payment.NoFailure
	return failure
}

// holdAgain reserves what l held before a restart, without asking for the limit.
func (c *core) holdAgain(l *life) {
	if l.phase == phaseFollowing {
		return
	}
	c.book.HoldAgain(l.Payment, l.turned())
	l.held = true
}

// free gives back what l holds.
func (c *core) free(l *life) {
	if l.held {
		c.book.Release(l.Payment, l.turned())
		l.held = false
	}
}

// settle ends the hold of l: approved, it becomes the postings of the outcome's record;
// otherwise it is given back.
func (c *core) settle(l *life) []payment.Posting {
	if !l.held || l.Status != payment.StatusApproved {
		c.free(l)
		return nil
	}
	l.held = false
	from := len(c.lines)
	c.lines = append(c.lines, c.book.Settle(l.Payment, l.turned())...)
	return c.lines[from:len(c.lines):len(c.lines)]
}
