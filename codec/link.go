package codec

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// linkText is a link taken apart; all are parts of the text.
type linkText struct {
	uri, host, path, query string
	at                     int // Byte offset of what follows "://".
}

// splitLink takes a link apart at its first "://", which stands at byte mark.
func splitLink(text string, mark int) linkText {
	l := linkText{uri: text[:mark], at: mark + 3}
	end := l.at
	for end < len(text) && characters[text[end]]&isHost != 0 {
		end++
	}
	for end < len(text) && text[end] != '/' && text[end] != '?' && text[end] != '#' {
		end++ // No host: what it holds instead is found later.
	}
	l.host, l.path = text[l.at:end], text[end:]
	l.cut()
	return l
}

// cut takes the query off the path.
func (l *linkText) cut() {
	if j := strings.IndexByte(l.path, '?'); j >= 0 {
		l.path, l.query = l.path[:j], l.path[j+1:]
	}
}

// has reports whether the query has a parameter of that name with a value.
func (l *linkText) has(key string) bool {
	for rest := l.query; rest != ""; {
		var name, value string
		name, value, rest = nextParam(rest)
		if name == key && value != "" {
			return true
		}
	}
	return false
}

// nextParam takes the first parameter off a query.
func nextParam(query string) (name, value, rest string) {
	pair := query
	if i := strings.IndexByte(query, '&'); i >= 0 {
		pair, rest = query[:i], query[i+1:]
	}
	if i := strings.IndexByte(pair, '='); i >= 0 {
		return pair[:i], pair[i+1:], rest
	}
	return pair, "", rest
}

// decodeLink reads a merchant's link, whose first "://" stands at byte mark, by scheme, host and
// path. The host is compared without case and must be the whole host: nothing before it, nothing
// after it, no user, no port, no escapes, no other alphabet.
//
// The fields are the host, the path with the query, the scheme of the link, then the parts
// that the rule names; of a part that stands in base64 the offset is that of its first four
// characters.
func (d *Decoder) decodeLink(text string, mark int, into *Code) error {
	into.Standard, into.Mode, into.Static = Link, MerchantPresented, true
	l := splitLink(text, mark)
	var spans [pathStepsMax]span
	best, err := d.linkRule(text, &l, &spans)
	if err != nil {
		return err
	}
	pathAt := l.at + len(l.host)
	if best.opaque {
		pathAt = l.at - 1
	}
	into.Scheme, into.Issuer, into.Static, into.Rule = best.scheme, best.issuer, !best.dynamic, best.id
	into.add("host", "host", l.host, l.at)
	into.add("path", "path", text[pathAt:], pathAt)
	into.add("uri", "scheme of the link", l.uri, 0)
	for i := range best.path.steps {
		step := &best.path.steps[i]
		if step.part.name == "" {
			continue
		}
		from, to := pathAt+int(spans[i].from), pathAt+int(spans[i].to)
		if step.any && best.payload != "" {
			return into.takePayload(text[from:to], from)
		}
		if err := into.takePart(&step.part, text[from:to], from, best.currency); err != nil {
			return err
		}
	}
	if len(best.query) == 0 {
		return nil
	}
	return into.takeQuery(best, l.query, len(text)-len(l.query))
}

// linkRule finds the rule of a link, or says why there is none. A known host needs no check,
// and a path without a query that a rule fits to its end is one that checkPath would take.
func (d *Decoder) linkRule(text string, l *linkText, spans *[pathStepsMax]span) (*linkRule, *Error) {
	if d.links == nil {
		return nil, &Error{Code: CodeUnknown, Offset: l.at, Found: "a link, and no rules", Want: "a decoder with rules"}
	}
	h := d.links.of(l.host)
	if h != nil {
		r := h.find(l, spans)
		if r != nil && !r.path.open && l.query == "" && l.at+len(l.host)+len(l.path) == len(text) {
			return r, nil
		}
		if err := checkPath(text, l.at+len(l.host)); err != nil || r != nil {
			return r, err
		}
		return nil, &Error{Code: CodeUnknown, Offset: l.at, Found: "a link of no known form on a known host",
			Want: "a known merchant link"}
	}
	if r := d.links.opaqueRule(text, l, spans); r != nil {
		return r, checkPath(text, l.at-1)
	}
	return d.strangerRule(text, l, spans)
}

// opaqueRule finds the rule of a link that has no host, and makes of l what it is then.
func (x *linkIndex) opaqueRule(text string, l *linkText, spans *[pathStepsMax]span) *linkRule {
	if x.none == nil || strings.IndexByte(l.host, '.') >= 0 {
		return nil
	}
	opaque := linkText{uri: l.uri, path: text[l.at-1:], at: l.at}
	opaque.cut()
	r := x.none.find(&opaque, spans)
	if r != nil {
		*l = opaque
	}
	return r
}

// strangerRule finds the rule of a link whose host no rule names.
func (d *Decoder) strangerRule(text string, l *linkText, spans *[pathStepsMax]span) (*linkRule, *Error) {
	if err := checkHost(l); err != nil {
		return nil, err
	}
	if err := checkPath(text, l.at+len(l.host)); err != nil {
		return nil, err
	}
	if known := d.links.alike(l.host); known != "" {
		return nil, &Error{Code: CodeUntrusted, Offset: l.at, Found: "a host that looks like " + known, Want: known + " alone"}
	}
	if h := d.links.any; h != nil && l.host != "" {
		if r := h.find(l, spans); r != nil {
			return r, nil
		}
	}
	return nil, &Error{Code: CodeUnknown, Offset: l.at, Found: "a host of no scheme", Want: "a known merchant link"}
}

// checkHost refuses what no host of a payment code holds. A name of the Punycode alphabet is
// refused as well: none is known to be used, and look-alikes are.
func checkHost(l *linkText) *Error {
	if len(l.host) > hostMax {
		return &Error{Code: CodeHost, Offset: l.at + hostMax, Found: "a longer name", Want: "at most 253 characters"}
	}
	for k := 0; k < len(l.host); k++ {
		c := l.host[k]
		if characters[c]&isHost == 0 {
			return &Error{Code: CodeHost, Offset: l.at + k, Want: "letters, digits, dots and hyphens"}
		}
		if c == '-' && k >= 3 && l.host[k-1] == '-' && equalFold(l.host[k-3:k-1], "xn") {
			return &Error{Code: CodeHost, Offset: l.at + k - 3, Found: "a name in Punycode", Want: "a name in ASCII"}
		}
	}
	return nil
}

// checkPath refuses what no path and no query of a payment code holds. Text of other scripts
// may stand in a query, where a payee is named in it.
func checkPath(text string, at int) *Error {
	path, query := text[at:], ""
	if i := strings.IndexByte(path, '?'); i >= 0 {
		path, query = path[:i], path[i+1:]
	}
	if i, want := pathFault(path); want != "" {
		return &Error{Code: CodePath, Offset: at + i, Want: want}
	}
	at = len(text) - len(query)
	for i := 0; i < len(query); i++ {
		switch c := query[i]; {
		case c == '#':
			return &Error{Code: CodePath, Offset: at + i, Want: "no fragment"}
		case c == '\\' || c == ' ' || c == '%' && !escape(query[i:]):
			return &Error{Code: CodePath, Offset: at + i, Want: "a query without blanks, backslashes and broken escapes"}
		}
	}
	return nil
}

// escape reports whether text begins with a percent sign and two hexadecimal digits.
func escape(text string) bool {
	return len(text) >= 3 && hexValue(text[1]) <= 15 && hexValue(text[2]) <= 15
}

// takeQuery takes the parameters that the rule knows, each of which may stand once. A name
// with escapes would be another one to a reader that resolves them first.
func (c *Code) takeQuery(r *linkRule, query string, at int) error {
	var seen uint64
	for rest := query; rest != ""; {
		var name, value string
		offset := at + len(query) - len(rest)
		name, value, rest = nextParam(rest)
		if i := strings.IndexByte(name, '%'); i >= 0 {
			return &Error{Code: CodePath, Offset: offset + i, Want: "names of parameters without escapes"}
		}
		for i := range r.query {
			p := &r.query[i]
			if p.key != name {
				continue
			}
			if seen&(1<<i) != 0 {
				return &Error{Code: CodeDuplicate, Offset: offset, Found: "parameter " + name + " again", Want: "each once"}
			}
			seen |= 1 << i
			valueAt := min(offset+len(name)+1, at+len(query))
			if p.want != "" && value != p.want {
				return &Error{Code: CodeFormat, Offset: valueAt, Want: name + "=" + p.want}
			}
			if err := c.takePart(&p.part, value, valueAt, r.currency); err != nil {
				return err
			}
			if name == r.dynamicWith {
				c.Static = false
			}
		}
	}
	return nil
}

// takePart notes a part of a link and what it means. Escapes of a query stay in the field and
// are resolved in what the merchant is called. A plus sign is a blank there and nowhere else.
func (c *Code) takePart(p *linkPart, value string, at int, currency string) error {
	c.add(p.path, p.name, value, at)
	if p.role == roleNone {
		return nil
	}
	meaning := value
	if p.escaped {
		meaning = unescape(value)
	}
	switch p.role {
	case roleIssuer:
		c.Issuer = meaning
	case roleName:
		c.Merchant.Name = meaning
	case roleCategory:
		c.Merchant.Category = meaning
	case roleAmount:
		return c.takeAmount(value, at, currency)
	default:
		c.setRole(p.role, meaning)
	}
	return nil
}

// takeAmount reads an amount of major units, such as 12.50.
func (c *Code) takeAmount(value string, at int, currency string) error {
	exponent, known := exponentOf(currency)
	minor, fault := parseAmount(value, exponent)
	if !known || fault != amountGood {
		return &Error{Code: CodeAmount, Offset: at, Want: "an amount above zero with the decimals of its currency"}
	}
	c.HasAmount, c.AmountFen, c.Currency = true, minor, currency
	return nil
}

// unescape resolves the escapes of a query. What is not UTF-8 then stays as it is.
func unescape(value string) string {
	if strings.IndexByte(value, '%') < 0 && strings.IndexByte(value, '+') < 0 {
		return value
	}
	plain, err := url.QueryUnescape(value)
	if err != nil || !utf8.ValidString(plain) || readable(plain) == "" {
		return value
	}
	return plain
}
