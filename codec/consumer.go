package codec

import (
	"math/bits"
	"unicode"
	"unicode/utf8"
)

// consumerStart is how every EMVCo consumer presented code begins: tag 85, length 5, "CPV"
// in base64.
const consumerStart = "hQVDUFY"

// The limits of a consumer presented code beyond its length.
const (
	consumerDepthMax        = 4  // Templates within one another, transparent data included.
	consumerFieldsMax       = 96 // Objects.
	consumerApplicationsMax = 2  // EMVCo CPM 4.3.
)

// The deviations of consumer presented codes.
const (
	deviationOneCommon = "common-data-beside-one-application"
	deviationNoAccount = "account-missing"
	deviationSize      = "value-length"
	deviationLoose     = "length-not-shortest"
	deviationUnpadded  = "padding-missing"
)

// consumerField is an object that was read and where its parts lie: the path in the room,
// the value in the data.
type consumerField struct {
	tag              tag
	pathFrom, pathTo int
	from, to         int
}

// outer reports whether the object stands in an application or the common data itself, not
// in the transparent data of one.
func (f *consumerField) outer() bool {
	return f.pathTo-f.pathFrom == len("61.")+(bits.Len32(uint32(f.tag))+7)/8*2
}

// consumerReader takes a consumer presented code apart. It lives on the stack; what it
// found becomes one string in the end, so that a decoding into a used Code allocates once.
type consumerReader struct {
	data    []byte
	room    []byte // Data, then its hexadecimal form, then paths.
	fields  [consumerFieldsMax]consumerField
	count   int
	into    *Code
	account bool // The chosen data names an account.
}

// decodeConsumer reads an EMVCo consumer presented code. Offsets count bytes of the decoded
// data, except those of a text that is not base64.
//
// Fields are those of the chosen application, after the payload format and before the
// common data: the application whose rule has the higher rank, then the longer aid; the one
// that stands first in the code where that is the same or no rule fits. A value is upper-case hexadecimal digits; of an
// account number all but the first six and the last four are masked, see AccountNumber.
func (d *Decoder) decodeConsumer(profile Profile, text string, into *Code) error {
	into.Standard, into.Mode = EMVConsumer, CustomerPresented
	r := consumerReader{into: into, room: into.scratch[:0]}
	defer func() { clear(r.room) }() // It is used again, and held account numbers.
	if err := r.decodeText(text); err != nil {
		return err
	}
	chosen, err := r.root(d.applications)
	if err != nil {
		return err
	}
	into.Scheme, into.Issuer, into.Rule = chosen.scheme, chosen.issuer, chosen.id
	r.publish()
	into.scratch = r.room
	return judge(profile, into)
}

// decodeText turns base64 into data and its hexadecimal form.
func (r *consumerReader) decodeText(text string) *Error {
	var err *Error
	if r.room, err = decodeBase64(r.room[:0], text); err != nil {
		err.Clause = "EMVCo CPM 4.1, RFC 4648"
		return err
	}
	n := len(r.room)
	for _, b := range r.room[:n] {
		r.room = append(r.room, upperHex[b>>4], upperHex[b&15])
	}
	r.data = r.room[:n:n]
	if len(text)%4 != 0 {
		r.deviate(deviationUnpadded, "", len(text))
	}
	return nil
}

const upperHex = "0123456789ABCDEF"

// offer is an application that the code offers, or the common data.
type offer struct {
	tlv
	name []byte // ADF name; empty where there is none that can be used.
}

// root reads what stands at the top and then the chosen application and the common data.
func (r *consumerReader) root(rules []application) (application, *Error) {
	var offers [consumerApplicationsMax]offer
	count, common := 0, tlv{}
	first, err := readTLV(r.data, 0, len(r.data))
	if err != nil {
		return application{}, err
	}
	if err := r.format(first); err != nil {
		return application{}, err
	}
	for at, others := first.to, false; at < len(r.data); {
		o, err := readTLV(r.data, at, len(r.data))
		if err != nil {
			return application{}, err
		}
		r.loose(o)
		switch {
		case o.tag == tagApplication && (others || common.tag != 0), o.tag == tagCommon && others:
			return application{}, &Error{Code: CodeOrder, Offset: at, Found: "an application or common data behind other objects",
				Want: "applications, common data, others", Clause: "EMVCo CPM 4.3"}
		case o.tag == tagApplication && count == len(offers), o.tag == tagCommon && common.tag != 0, o.tag == tagFormat:
			return application{}, duplicateTag(at)
		case o.tag == tagApplication:
			offers[count] = offer{o, r.adfName(o)}
			count++
		case o.tag == tagCommon:
			common = o
		default:
			others = true // What else there is follows; a reader passes it over.
			r.into.partial = true
		}
		at = o.to
	}
	return r.choose(offers[:count], common, rules)
}

// format demands the payload format indicator as the first object.
func (r *consumerReader) format(o tlv) *Error {
	if o.tag != tagFormat {
		return &Error{Code: CodeOrder, Found: "another object", Want: "object 85 first", Clause: "EMVCo CPM 4.3"}
	}
	if string(r.data[o.from:o.to]) != "CPV01" {
		return &Error{Code: CodeFormat, Offset: o.from, Want: "payload format CPV01", Clause: "EMVCo CPM 4.4.1"}
	}
	return r.keep(o, "")
}

// adfName is the name of an application, empty where it has none of 5 to 16 bytes: such an
// application is passed over (EMVCo CPM 5.2).
func (r *consumerReader) adfName(o tlv) []byte {
	for at := o.from; at < o.to; {
		part, err := readTLV(r.data, at, o.to)
		if err != nil {
			return nil
		}
		if size := part.to - part.from; part.tag == tagADFName && size >= 5 && size <= 16 {
			return r.data[part.from:part.to]
		}
		at = part.to
	}
	return nil
}

// choose takes the application that the rules like best and reads it.
func (r *consumerReader) choose(offers []offer, common tlv, rules []application) (application, *Error) {
	if len(offers) == 0 {
		return application{}, &Error{Code: CodeMissing, Offset: len(r.data), Want: "object 61, an application", Clause: "EMVCo CPM 4.3"}
	}
	r.into.Applications = len(offers)
	r.into.partial = r.into.partial || len(offers) > 1
	best, rank := -1, 0
	for i := range offers {
		if len(offers[i].name) == 0 {
			continue
		}
		at := rankOf(offers[i].name, rules)
		if best < 0 || at < len(rules) && (rank == len(rules) || rules[at].before(&rules[rank])) {
			best, rank = i, at
		}
	}
	if best < 0 {
		return application{}, &Error{Code: CodeMissing, Offset: offers[0].from,
			Want: "object 4F, an application's name of 5 to 16 bytes", Clause: "EMVCo CPM 5.2"}
	}
	if err := r.read(offers[best].tlv, common, len(offers)); err != nil {
		return application{}, err
	}
	if rank == len(rules) {
		return application{}, nil
	}
	return rules[rank], nil
}

// rankOf is the place of the first rule that fits name, len(rules) where none does.
func rankOf(name []byte, rules []application) int {
	for i := range rules {
		if rules[i].fits(name) {
			return i
		}
	}
	return len(rules)
}

// read takes the objects of the chosen application and of the common data.
func (r *consumerReader) read(chosen, common tlv, offers int) *Error {
	if err := r.template(chosen, "61", 1); err != nil {
		return err
	}
	if common.tag != 0 {
		if err := r.template(common, "62", 1); err != nil {
			return err
		}
		if offers == 1 {
			r.deviate(deviationOneCommon, "62", common.from)
		}
	}
	if !r.account {
		r.deviate(deviationNoAccount, "61", chosen.from)
	}
	return nil
}

// template takes the objects of a template. No primitive object may be there twice, the
// application and the common data taken together.
func (r *consumerReader) template(o tlv, path string, depth int) *Error {
	blob := false // Transparent data was read.
	for at := o.from; at < o.to; {
		part, err := readTLV(r.data, at, o.to)
		if err != nil {
			return err
		}
		r.loose(part)
		switch {
		case part.tag == tagTransparent || part.tag == tagCommonBlob:
			if blob {
				return duplicateTag(at)
			}
			blob = true
			err = r.transparent(part, path, depth)
		case part.tag.constructed():
			err = &Error{Code: CodeFormat, Offset: at, Found: "a template", Want: "a primitive object, or 63 or 64", Clause: "EMVCo CPM 4.3"}
		case r.has(part.tag):
			err = duplicateTag(at)
		default:
			err = r.primitive(part, path, at)
		}
		if err != nil {
			return err
		}
		at = part.to
	}
	return nil
}

// primitive takes an object whose meaning the specification gives, or one to carry along.
func (r *consumerReader) primitive(o tlv, path string, at int) *Error {
	known := consumerTags[o.tag]
	size := o.to - o.from
	switch o.tag {
	case tagTrack2, tagPAN:
		if size < known.min || size > known.max {
			return &Error{Code: CodeLength, Offset: at, Want: "an account within its length", Clause: "EMVCo CPM table 4.2"}
		}
		if _, ok := accountDigits(r.data[o.from:o.to], o.tag); !ok {
			return &Error{Code: CodeFormat, Offset: o.from, Want: accountWords[o.tag == tagTrack2], Clause: "EMVCo CPM table 4.2"}
		}
		r.account = true
	}
	if known.max != 0 && (size < known.min || size > known.max) {
		r.deviate(deviationSize, path+"."+o.tag.String(), o.from)
	}
	return r.keep(o, path)
}

// transparent takes data that goes to the issuer unread. Where it is made of objects they
// are listed, for people; where it is not it is one value.
func (r *consumerReader) transparent(o tlv, path string, depth int) *Error {
	if !r.objects(o.from, o.to, depth) {
		return r.keep(o, path)
	}
	path += "." + o.tag.String()
	for at := o.from; at < o.to; {
		part, err := readTLV(r.data, at, o.to)
		if err != nil {
			return err // objects has read it before.
		}
		if part.tag.constructed() && part.from < part.to && r.objects(part.from, part.to, depth+1) {
			err = r.transparent(part, path, depth+1)
		} else {
			err = r.keep(part, path)
		}
		if err != nil {
			return err
		}
		at = part.to
	}
	return nil
}

// objects reports whether data[from:to] is one object or more and nothing else, written so
// that they can be written again to the same bytes: lengths in the shortest form, no template
// beside another of its tag.
func (r *consumerReader) objects(from, to, depth int) bool {
	if from == to || depth > consumerDepthMax {
		return false
	}
	for last := tag(0); from < to; {
		o, err := readTLV(r.data, from, to)
		if err != nil || o.tag == 0 || o.loose || o.tag.constructed() && o.tag == last {
			return false
		}
		from, last = o.to, o.tag
	}
	return true
}

// has reports whether a primitive object of the application or the common data was read.
func (r *consumerReader) has(t tag) bool {
	for i := range r.fields[:r.count] {
		if f := &r.fields[i]; f.tag == t && f.outer() {
			return true
		}
	}
	return false
}

// keep notes an object; parts of templates have the template's path before their tag.
func (r *consumerReader) keep(o tlv, path string) *Error {
	if r.count == len(r.fields) {
		return &Error{Code: CodeTooLong, Offset: o.from, Found: "more objects", Want: "at most 96"}
	}
	from := len(r.room)
	if path != "" {
		r.room = append(append(r.room, path...), '.')
	}
	r.room = o.tag.append(r.room)
	r.fields[r.count] = consumerField{tag: o.tag, pathFrom: from, pathTo: len(r.room), from: o.from, to: o.to}
	r.count++
	return nil
}

func (t tag) append(dst []byte) []byte {
	for shift := 16; shift >= 0; shift -= 8 {
		if b := byte(t >> shift); t>>shift != 0 {
			dst = append(dst, upperHex[b>>4], upperHex[b&15])
		}
	}
	return dst
}

// String is the tag in upper-case hexadecimal digits.
func (t tag) String() string { return string(t.append(nil)) }

func (r *consumerReader) loose(o tlv) {
	if o.loose {
		r.deviate(deviationLoose, o.tag.String(), o.from)
	}
}

func (r *consumerReader) deviate(code, path string, at int) {
	r.into.Deviations = append(r.into.Deviations, Deviation{Code: code, Path: path, Offset: at})
}

// publish makes one string of everything that was read, accounts masked, and cuts the
// fields out of it.
func (r *consumerReader) publish() {
	r.hideAccounts()
	size := len(r.data)
	all := string(r.room)
	for i := range r.fields[:r.count] {
		f := &r.fields[i]
		r.into.Fields = append(r.into.Fields, Field{
			Path: all[f.pathFrom:f.pathTo], Name: consumerTags[f.tag].name, Offset: f.from,
			Value: all[size+2*f.from : size+2*f.to], Readable: readable(all[f.from:f.to]),
		})
	}
}

// readable is value where it is text that people can read, empty elsewhere.
func readable(value string) string {
	for _, c := range value {
		if !unicode.IsPrint(c) || c == utf8.RuneError {
			return ""
		}
	}
	return value
}

func duplicateTag(at int) *Error {
	return &Error{Code: CodeDuplicate, Offset: at, Want: "each object once", Clause: "EMVCo CPM 4.3"}
}
