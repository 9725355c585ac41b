package codec

import (
	"slices"
	"strings"
)

// linkRule is one form of merchant's link.
type linkRule struct {
	rule
	uri     string   // https, weixin, wxp, upi: in lower case.
	hosts   []string // In lower case; none for any host.
	opaque  bool     // What follows "://" is no host but the path.
	path    pathForm
	query   []linkParam
	needs   []string // Keys of which the query must have one.
	dynamic bool
	// dynamicWith is the key that makes a link dynamic; empty where none does.
	dynamicWith string
	payload     string // What the last part of the path holds; empty for itself.
	currency    string // ISO 4217 number of the amount.
	before      precedence
}

// linkParam is a parameter of a query that the rule knows.
type linkParam struct {
	key  string
	part linkPart
	want string // The only value allowed; empty for any.
}

// readsAs reports whether r and other find the same in a link that both fit.
func (r *linkRule) readsAs(other *linkRule) bool {
	alike := func(a, b pathStep) bool {
		return a.literal == b.literal && a.count == b.count && a.kind == b.kind && a.part.role == b.part.role
	}
	same := func(a, b linkParam) bool { return a.key == b.key && a.part.role == b.part.role }
	return r.dynamic == other.dynamic && r.payload == other.payload && r.dynamicWith == other.dynamicWith &&
		slices.EqualFunc(r.path.steps, other.path.steps, alike) && slices.EqualFunc(r.query, other.query, same)
}

// settle fills what follows from the rule's other fields.
func (r *linkRule) settle() {
	end := 1
	if r.path.open {
		end = 0
	}
	r.before = precedence{r.rank, r.path.literals, r.path.fixed, end, len(r.needs), int(r.trust)}
}

// linkIndex finds rules by scheme and host, then by what the path begins with.
type linkIndex struct {
	hosts map[string]*hostLinks // In lower case, with a dot or without.
	any   *hostLinks            // Those of any host; nil where there are none.
	none  *hostLinks            // Opaque ones, which have no host.
	names []string              // The hosts that have a dot: those that others dress up as.
}

// hostLinks are the rules of a host. The one that goes before stands before.
type hostLinks struct {
	rules    []*linkRule
	lengths  []int               // Of the beginnings in starts, ascending.
	starts   map[string][]uint32 // Places in rules, ascending, by beginning.
	unbroken bool                // Few rules: asked one after another.
}

// unbrokenMax is how many rules are asked one after another.
const unbrokenMax = 6

func newLinkIndex(rules []*linkRule) *linkIndex {
	x := &linkIndex{hosts: map[string]*hostLinks{}}
	rules = slices.Clone(rules)
	slices.SortStableFunc(rules, func(a, b *linkRule) int {
		if c, _ := b.before.compare(&a.before); c != 0 {
			return c
		}
		return strings.Compare(a.id, b.id)
	})
	for _, r := range rules {
		for _, host := range r.keys() {
			h := x.hosts[host]
			if h == nil {
				h = &hostLinks{starts: map[string][]uint32{}}
				x.hosts[host] = h
				if strings.Contains(host, ".") {
					x.names = append(x.names, host)
				}
			}
			h.add(r)
		}
	}
	x.any, x.none = x.hosts[anyHost], x.hosts[noHost]
	delete(x.hosts, anyHost)
	delete(x.hosts, noHost)
	return x
}

// What rules without hosts stand under. No host is written so.
const anyHost, noHost = "*", "/"

// keys are the hosts that the rule stands under.
func (r *linkRule) keys() []string {
	switch {
	case r.opaque:
		return []string{noHost}
	case len(r.hosts) == 0:
		return []string{anyHost}
	}
	return r.hosts
}

func (h *hostLinks) add(r *linkRule) {
	start := r.path.literal
	if _, ok := h.starts[start]; !ok {
		at, found := slices.BinarySearch(h.lengths, len(start))
		if !found {
			h.lengths = slices.Insert(h.lengths, at, len(start))
		}
	}
	h.starts[start] = append(h.starts[start], uint32(len(h.rules)))
	h.rules = append(h.rules, r)
	h.unbroken = len(h.rules) <= unbrokenMax
}

// find gives the rule that a link is read by, nil where none fits, and where the pieces of
// its path lie.
func (h *hostLinks) find(l *linkText, spans *[pathStepsMax]span) *linkRule {
	if h.unbroken {
		for _, r := range h.rules {
			if r.fits(l, spans) {
				return r
			}
		}
		return nil
	}
	best, asked := len(h.rules), 0
	for at := len(h.lengths) - 1; at >= 0; at-- {
		size := h.lengths[at]
		if size > len(l.path) {
			continue
		}
		for _, i := range h.starts[l.path[:size]] {
			if int(i) >= best {
				break // What follows goes after the best so far.
			}
			if asked = int(i); h.rules[i].fits(l, spans) {
				best = asked
				break
			}
		}
	}
	if best == len(h.rules) {
		return nil
	}
	if r := h.rules[best]; asked == best || r.fits(l, spans) { // Spans are those of the last one asked.
		return r
	}
	return nil // Not reached: it did fit.
}

// fits reports whether the link has the rule's form, its host aside.
func (r *linkRule) fits(l *linkText, spans *[pathStepsMax]span) bool {
	if l.uri != r.uri && (len(r.uri) != len(l.uri) || !equalFold(l.uri, r.uri)) || !r.path.match(l.path, spans) {
		return false
	}
	if len(r.needs) == 0 {
		return true
	}
	for _, key := range r.needs {
		if l.has(key) {
			return true
		}
	}
	return false
}

// equalFold compares text with lower, of its length and in lower case, without the case of
// ASCII letters.
func equalFold(text, lower string) bool {
	for i := range len(lower) {
		c := text[i]
		if c-'A' < 26 {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// hostMax is the longest name of a host in characters (RFC 1035, 2.3.4).
const hostMax = 253

// of gives the rules of a host, compared without case.
func (x *linkIndex) of(host string) *hostLinks {
	if h := x.hosts[host]; h != nil {
		return h
	}
	var lower [hostMax]byte
	if len(host) > len(lower) {
		return nil
	}
	for i := range len(host) {
		c := host[i]
		if c-'A' < 26 {
			c |= 0x20
		}
		lower[i] = c
	}
	return x.hosts[string(lower[:len(host)])]
}

// alike gives the known host that a stranger dresses up as: contained in the stranger's name,
// or one slip of the pen away from it. Empty where there is none.
func (x *linkIndex) alike(host string) string {
	lower := strings.ToLower(host)
	for _, known := range x.names {
		if strings.Contains(lower, known) || strings.ReplaceAll(lower, "-", ".") == known || oneSlip(lower, known) {
			return known
		}
	}
	return ""
}

// oneSlip reports whether a becomes b by changing, adding, leaving out or swapping
// characters once.
func oneSlip(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) != len(b) {
		return a[i:] == b[i+1:]
	}
	if i == len(a) {
		return true
	}
	swapped := i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
	return a[i+1:] == b[i+1:] || swapped
}
