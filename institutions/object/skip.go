package object

// Skip passes over the value at hand, whatever it is, and checks that it is JSON.
func (r *Reader) Skip() { r.skip(r.depth) }

func (r *Reader) skip(depth int) {
	if r.at >= len(r.data) {
		r.fail(Malformed)
		return
	}
	switch c := r.data[r.at]; {
	case depth >= depthMax:
		r.fail(TooDeep)
	case c == '"':
		r.quoted()
	case c == '{':
		r.skipMembers('}', depth, true)
	case c == '[':
		r.skipMembers(']', depth, false)
	case c == '-' || c >= '0' && c <= '9':
		r.skipNumber()
	default:
		if !r.word("true") && !r.word("false") && !r.word("null") {
			r.fail(Malformed)
		}
	}
}

func (r *Reader) skipMembers(end byte, depth int, keys bool) {
	r.at++
	r.space()
	if r.take(end) {
		return
	}
	for r.Fault == None {
		r.space()
		if keys {
			r.quoted()
			r.space()
			if !r.take(':') {
				r.fail(Malformed)
			}
			r.space()
		}
		r.skip(depth + 1)
		r.space()
		if r.take(end) {
			return
		}
		if !r.take(',') {
			r.fail(Malformed)
		}
	}
}

func (r *Reader) skipNumber() {
	r.take('-')
	if !r.take('0') && r.digits() == 0 {
		r.fail(Malformed)
	}
	if r.take('.') && r.digits() == 0 {
		r.fail(Malformed)
	}
	if r.take('e') || r.take('E') {
		if !r.take('+') {
			r.take('-')
		}
		if r.digits() == 0 {
			r.fail(Malformed)
		}
	}
}

func (r *Reader) digits() int {
	start := r.at
	for r.at < len(r.data) && r.data[r.at] >= '0' && r.data[r.at] <= '9' {
		r.at++
	}
	return r.at - start
}
