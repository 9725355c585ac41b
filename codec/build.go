package codec

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Object is a data object to be written: a value, or parts. For merchant presented codes ID is
// two digits and Value text; for consumer presented codes ID is a tag and Value its bytes, both
// in upper-case hexadecimal digits.
type Object struct {
	ID    string
	Value string
	Parts []Object
}

// MerchantCode is a merchant presented code to be written. What is empty is left out; what the
// standard demands must be there.
type MerchantCode struct {
	Dynamic  bool     // One payment; otherwise the code is static and stands for many.
	Accounts []Object // Of ids 02 to 51, at least one; see UnionPayAccount.

	Category  string // ISO 18245, four digits.
	Currency  string // ISO 4217 number, three digits.
	AmountFen int64  // Minor units of Currency; 0 for an amount that the payer enters.
	Country   string // ISO 3166-1 alpha-2.
	Name      string // At most 25 characters of ASCII.
	City      string // At most 15 characters of ASCII.
	Postal    string

	Additional []Object // Parts of 62: bill number, terminal label ...
	Language   []Object // Parts of 64: language, name and city in the merchant's script.
	Others     []Object // Further objects of the root: tips and fees 55 to 57, templates 80 to 99.
}

// UnionPayAccount is object 15: acquirer and forwarder of 8, merchant of 15 characters. Of parts
// of another length, which would run into one another, it has no value and Encode refuses it.
func UnionPayAccount(acquirer, forwarder, merchant string) Object {
	o := Object{ID: "15"}
	if len(acquirer) == 8 && len(forwarder) == 8 && len(merchant) == 15 {
		o.Value = acquirer + forwarder + merchant
	}
	return o
}

// Encode writes the code in its canonical form: ids ascending, the checksum last. The error is
// an *Error, that of decoding it under Strict: what this writes is a code that the standard's
// letter allows. Its offset is that of the code that would have been written.
func (m *MerchantCode) Encode() (string, error) {
	initiation := "11"
	if m.Dynamic {
		initiation = "12"
	}
	list := []Object{{ID: "00", Value: "01"}, {ID: "01", Value: initiation}}
	for _, account := range m.Accounts {
		if account.ID < "02" || account.ID > "51" {
			return "", &Error{Code: CodeID, Found: "an account in object " + account.ID, Want: "02 to 51", Clause: "EMVCo MPM table 3.1"}
		}
	}
	list = append(list, m.Accounts...)
	put := func(id, value string, parts []Object) {
		if value != "" || len(parts) > 0 {
			list = append(list, Object{id, value, parts})
		}
	}
	amount, err := amountText(m.AmountFen, m.Currency)
	if err != nil {
		return "", err
	}
	put("52", m.Category, nil)
	put("53", m.Currency, nil)
	put("54", amount, nil)
	put("58", m.Country, nil)
	put("59", m.Name, nil)
	put("60", m.City, nil)
	put("61", m.Postal, nil)
	put("62", "", m.Additional)
	put("64", "", m.Language)
	list = append(list, m.Others...)
	slices.SortStableFunc(list, func(a, b Object) int { return cmp.Compare(a.ID, b.ID) })
	text, err := writeObjects(list)
	if err != nil {
		return "", err
	}
	text = withCRC(text)
	var c Code
	if err := (&Decoder{}).DecodeWith(Strict, text, &c); err != nil {
		return "", err
	}
	return text, nil
}

// amountText writes minor units with the decimals of their currency; nothing for 0.
func amountText(minor int64, currency string) (string, error) {
	if minor == 0 {
		return "", nil
	}
	exponent, known := exponentOf(currency)
	if minor < 0 || !known {
		return "", &Error{Code: CodeAmount, Want: "an amount above zero in a currency of ISO 4217", Clause: "EMVCo MPM 4.7.7"}
	}
	text := fmt.Sprintf("%0*d", exponent+1, minor)
	if exponent == 0 {
		return text, nil
	}
	at := len(text) - exponent
	return text[:at] + "." + text[at:], nil
}

func writeObjects(list []Object) (string, error) {
	var text []byte
	for _, o := range list {
		value := o.Value
		if o.Parts != nil {
			inner, err := writeObjects(o.Parts)
			if err != nil {
				return "", err
			}
			value = inner
		}
		var err error
		if text, err = appendObject(text, o.ID, value); err != nil {
			return "", err
		}
	}
	return string(text), nil
}

// ConsumerCode is a consumer presented code to be written: one application, or two and what
// they have in common.
type ConsumerCode struct {
	Applications [][]Object // The objects of each, its name 4F first.
	Common       []Object
}

// Encode writes the code. The error is an *Error, that of decoding it under Strict.
func (c *ConsumerCode) Encode() (string, error) {
	list := []Object{{ID: tagFormat.String(), Value: fmt.Sprintf("%X", "CPV01")}}
	for _, application := range c.Applications {
		list = append(list, Object{ID: tagApplication.String(), Parts: application})
	}
	if len(c.Common) > 0 {
		list = append(list, Object{ID: tagCommon.String(), Parts: c.Common})
	}
	data, err := writeTags(list)
	if err != nil {
		return "", err
	}
	text := base64.StdEncoding.EncodeToString(data)
	var into Code
	if err := (&Decoder{}).DecodeWith(Strict, text, &into); err != nil {
		return "", err
	}
	return text, nil
}

func writeTags(list []Object) (data []byte, err error) {
	for _, o := range list {
		var value []byte
		if o.Parts != nil {
			value, err = writeTags(o.Parts)
		} else {
			value, err = hexBytes(o.ID, o.Value)
		}
		if err == nil {
			data, err = appendTag(data, o.ID, value)
		}
		if err != nil {
			return nil, err
		}
	}
	return data, nil
}

// payTries bounds the codes that are drawn until one is read as what it should be.
const payTries = 1000

// NewPayCode draws a payer's code of a scheme, of the form that goes before its others, as a
// wallet would show it. random gives the bytes that its free characters are drawn from, two
// for each, nearly evenly. The error is an *Error with CodeUnknown where d has no rule of the scheme, or random's own.
func (d *Decoder) NewPayCode(scheme string, random io.Reader) (string, error) {
	for i := range d.payCodes.all() {
		r := &d.payCodes.rules[i]
		if r.scheme != scheme {
			continue
		}
		for range payTries {
			text, err := r.pattern.draw(random)
			if err != nil {
				return "", fmt.Errorf("codec: cannot draw a code: %w", err)
			}
			if d.payCodes.find(text, allDigits(text)) == r {
				return text, nil
			}
		}
	}
	return "", &Error{Code: CodeUnknown, Want: "a scheme of which there is a rule for payer's codes"}
}

// draw makes a text of the form, of its least length.
func (p *pattern) draw(random io.Reader) (string, error) {
	text := make([]byte, p.min)
	var b [2]byte
	for i := range text {
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return "", err
		}
		c := p.at(i)
		among := c.all()
		text[i] = among[(int(b[0])<<8|int(b[1]))%len(among)]
	}
	return string(text), nil
}

// NewLink writes a link by the rule of that id: values holds its parts by the names that the
// rule gives them, "host" where the rule names none, and the objects of an Alipay+ payload by
// their paths. Query values are escaped. The error is an *Error: CodeUnknown where d has no
// such rule, CodeMissing where a part is, or that of decoding what was written.
func (d *Decoder) NewLink(id string, values map[string]string) (string, error) {
	r := d.links.rule(id)
	if r == nil {
		return "", &Error{Code: CodeUnknown, Want: "the id of a rule for links"}
	}
	host := values["host"]
	if len(r.hosts) > 0 {
		host = r.hosts[0]
	}
	path, err := r.writePath(values)
	if err != nil {
		return "", err
	}
	text := r.uri + "://" + host + path
	if r.opaque {
		text = r.uri + ":/" + path
	}
	text += r.writeQuery(values)
	var c Code
	if err := d.Decode(text, &c); err != nil {
		return "", err
	}
	if c.Rule != id {
		return "", &Error{Code: CodeFormat, Found: "a link of rule " + c.Rule, Want: "one of rule " + id}
	}
	return text, nil
}

// rule finds a rule by its id.
func (x *linkIndex) rule(id string) *linkRule {
	if x == nil {
		return nil
	}
	find := func(h *hostLinks) *linkRule {
		for _, r := range h.rules {
			if r.id == id {
				return r
			}
		}
		return nil
	}
	for _, h := range []*hostLinks{x.any, x.none} {
		if h == nil {
			continue
		}
		if r := find(h); r != nil {
			return r
		}
	}
	for _, h := range x.hosts {
		if r := find(h); r != nil {
			return r
		}
	}
	return nil
}

func (r *linkRule) writePath(values map[string]string) (string, error) {
	var path strings.Builder
	for i := range r.path.steps {
		step := &r.path.steps[i]
		path.WriteString(step.literal)
		switch {
		case step.literal != "":
		case step.any && r.payload != "":
			payload, err := writePayload(values)
			if err != nil {
				return "", err
			}
			path.WriteString(payload)
		case values[step.part.name] == "" && !step.any:
			return "", &Error{Code: CodeMissing, Want: "the part " + step.part.name}
		default:
			path.WriteString(values[step.part.name])
		}
	}
	return path.String(), nil
}

// writeQuery writes the parameters that have a value, in the order of the rule. Of two keys
// of one name the first is taken.
func (r *linkRule) writeQuery(values map[string]string) string {
	var query strings.Builder
	named := map[string]bool{}
	for _, p := range r.query {
		value, ok := values[p.part.name]
		if !ok || named[p.part.name] {
			continue
		}
		named[p.part.name] = true
		query.WriteString(map[bool]string{true: "?", false: "&"}[query.Len() == 0])
		query.WriteString(p.key + "=" + escapeQuery(value))
	}
	return query.String()
}

// escapeQuery escapes what a query cannot hold. "@" stays: UPI's payees are read by apps that
// do not resolve escapes.
func escapeQuery(value string) string {
	var text strings.Builder
	for i := range len(value) {
		switch c := value[i]; {
		case characters[c]&isWord != 0 || strings.IndexByte(".~@:,", c) >= 0:
			text.WriteByte(c)
		default:
			fmt.Fprintf(&text, "%%%02X", c)
		}
	}
	return text.String()
}

// writePayload writes the payload of an Alipay+ link: the version, then sections in the order
// of their names.
func writePayload(values map[string]string) (string, error) {
	sections := map[string]string{}
	for _, path := range slices.Sorted(maps.Keys(values)) {
		id, part, ok := strings.Cut(path, ".")
		if !ok || len(id) != 4 || len(part) != 2 {
			continue
		}
		if len(values[path]) > 99 {
			return "", &Error{Code: CodeLength, Want: "at most 99 characters in " + path, Clause: clauseAlipayPlus}
		}
		sections[id] += fmt.Sprintf("%s%02d%s", part, len(values[path]), values[path])
	}
	version := cmp.Or(values["PLVS"], "01")
	inner := fmt.Sprintf("PLVS%03d%s", len(version), version)
	for _, id := range []string{"CDSD", "CIRD"} {
		if sections[id] != "" {
			inner += fmt.Sprintf("%s%03d%s", id, len(sections[id]), sections[id])
		}
	}
	if len(inner) > 999 {
		return "", &Error{Code: CodeLength, Want: "at most 999 characters", Clause: clauseAlipayPlus}
	}
	payload := fmt.Sprintf("%s%03d%s", alipayPlusRoot, len(inner), inner)
	return base64.StdEncoding.EncodeToString([]byte(payload)), nil
}
