package routing

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"tongma/codec"
)

// witness is one query out of a region, with a code that can be scanned.
type witness struct {
	example Example
	code    codec.Code
}

func (w *witness) query() *Query {
	e := &w.example
	return &Query{Code: &w.code, Text: e.Text, Caller: e.Caller, Scene: e.Scene,
		AmountFen: e.AmountFen, Currency: e.Currency, At: e.At}
}

// exampleAt is the instant examples take where nothing asks for another.
var exampleAt = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// exampleAmountFen is the amount examples take where nothing asks for another.
const exampleAmountFen = 100

// pick gives a query of the region; false where no code that could be scanned is in it.
func (t *Table) pick(r *region) (witness, bool) {
	w := witness{code: codec.Code{
		Standard: r.family.standard, Mode: r.family.mode(), Scheme: r.family.scheme,
	}}
	if r.empty() || !r.pickText(&w) || !t.pickCaller(r, &w.example) {
		return witness{}, false
	}
	var found [2]bool
	w.example.Scene, found[0] = r.scene.pick()
	w.example.Currency, found[1] = r.currency.pick(homeCurrency, "702", "344", "840", "392")
	w.example.AmountFen = r.amount.from
	if r.amount.has(exampleAmountFen) {
		w.example.AmountFen = exampleAmountFen
	}
	return w, found[0] && found[1]
}

// pick prefers the values given in their order, then takes the first listed.
func (c choice) pick(preferred ...string) (string, bool) {
	for _, value := range preferred {
		if c.has(value) {
			return value, true
		}
	}
	if !c.but && len(c.values) > 0 {
		return c.values[0], true
	}
	return "", false
}

// pickCaller takes a caller whose entry is in force at an instant of the region.
func (t *Table) pickCaller(r *region, e *Example) bool {
	for i := range t.register.institutions {
		caller := &t.register.institutions[i]
		if !r.callers.has(int32(i)) {
			continue
		}
		within := r.time.and(caller.span)
		if within.empty() {
			continue
		}
		e.Caller = caller.ID
		switch {
		case within.has(exampleAt.Unix()):
			e.At = exampleAt
		case within.from != math.MinInt64:
			e.At = time.Unix(within.from, 0).UTC()
		default:
			e.At = time.Unix(within.until-1, 0).UTC()
		}
		return true
	}
	return false
}

// pickText writes a code and what a decoder would say of it.
func (r *region) pickText(w *witness) bool {
	switch r.family.standard {
	case codec.PayCode:
		return r.pickPaycode(w)
	case codec.Link:
		return r.pickLink(w)
	}
	return r.pickEMV(w)
}

func (r *region) pickPaycode(w *witness) bool {
	filler := "#"
	if strings.Trim(r.prefix, "0123456789") != "" {
		filler = "?"
	}
	for _, length := range r.lengths.values() {
		if length < len(r.prefix) {
			continue
		}
		shape := r.prefix + strings.Repeat(filler, length-len(r.prefix))
		if text, ok := r.text.least(shape); ok {
			w.example.Text = text
			return r.issuer.has("") && r.acquirer.has("") && r.country.has("")
		}
	}
	return false
}

func (r *region) pickLink(w *witness) bool {
	path, ok := r.path.least(r.family.path)
	if !ok {
		return false
	}
	w.example.Text = r.family.start + r.family.host + path + r.family.tail
	if at := r.family.issuerAt; at > 0 {
		w.code.Issuer = path[at : at+r.family.issuerOf]
	}
	return r.issuer.has(w.code.Issuer) && r.acquirer.has("") && r.country.has("")
}

func (r textRange) has(text string) bool {
	return r.from <= text && (r.until == "" || text < r.until)
}

// least gives the first text of the range that has the shape: '#' stands for a digit,
// '?' for a letter or digit, anything else for itself.
func (r textRange) least(shape string) (string, bool) {
	for same := min(len(r.from), len(shape)); same >= 0; same-- {
		if !shaped(r.from[:same], shape) {
			continue
		}
		text := r.from[:same]
		switch {
		case same == len(r.from):
		case same == len(shape):
			continue // A beginning of from comes before it.
		default:
			next, ok := after(r.from[same], shape[same])
			if !ok {
				continue
			}
			text += string([]byte{next})
		}
		text += fill(shape[len(text):])
		return text, r.has(text)
	}
	return "", false
}

func alphabet(shape byte) string {
	switch shape {
	case '#':
		return alphanumeric[:10]
	case '?':
		return "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	}
	return string([]byte{shape})
}

func shaped(text, shape string) bool {
	for i := range len(text) {
		if strings.IndexByte(alphabet(shape[i]), text[i]) < 0 {
			return false
		}
	}
	return true
}

// after gives the first character of the shape beyond c.
func after(c, shape byte) (byte, bool) {
	for _, next := range []byte(alphabet(shape)) {
		if next > c {
			return next, true
		}
	}
	return 0, false
}

func fill(shape string) string {
	return strings.NewReplacer("#", "0", "?", "0").Replace(shape)
}

// pickEMV composes a code with the templates that the region asks for and no other.
func (r *region) pickEMV(w *witness) bool {
	var ok bool
	m := &w.code.Merchant
	if m.Country, ok = r.country.pick("CN", "SG", "TH", "HK", "US"); !ok || !r.issuer.has("") {
		return false
	}
	templates, ok := r.templates()
	if !ok {
		return false
	}
	if m.Acquirer, ok = r.acquirer.least("########"); !ok {
		return false
	}
	switch _, holds := templates[unionPayTemplate]; {
	case holds:
	case r.acquirer.has(""):
		m.Acquirer = ""
	case slices.ContainsFunc(r.without, (feature{unionPayTemplate, ""}).implies) || r.family.standard != codec.EMVMerchant:
		return false // Nothing else names the acquirer in every scheme.
	default:
		templates[unionPayTemplate] = ""
	}
	if r.family.standard == codec.EMVConsumer {
		return w.composeConsumer(templates["61"])
	}
	w.composeMerchant(templates)
	return true
}

// unionPayTemplate is the object whose value begins with UnionPay's acquirer.
const unionPayTemplate = "15"

// templates settles where each feature of the region stands: template and identifier.
func (r *region) templates() (map[string]string, bool) {
	placed := make(map[string]string)
	var homeless []feature
	for _, f := range r.with {
		switch {
		case f.template == "":
			homeless = append(homeless, f)
		case placed[f.template] == "":
			placed[f.template] = f.guid
		}
	}
	for _, f := range homeless {
		if !r.place(f, placed) {
			return nil, false
		}
	}
	for template, guid := range placed {
		if slices.ContainsFunc(r.without, (feature{template, guid}).implies) {
			return nil, false
		}
	}
	return placed, r.account(placed)
}

// account sees to it that a merchant presented code names an account, one of 02 to 51
// (EMVCo MPM 4.7.4): without one no decoder takes it.
func (r *region) account(placed map[string]string) bool {
	if r.family.standard != codec.EMVMerchant {
		return true
	}
	for template := range placed {
		if "02" <= template && template <= "51" {
			return true
		}
	}
	for id := 2; id <= 51; id++ {
		template := fmt.Sprintf("%02d", id)
		if template != unionPayTemplate && !slices.ContainsFunc(r.without, (feature{template, ""}).implies) {
			placed[template] = ""
			return true
		}
	}
	return false
}

// place finds a template for an identifier that may stand in any of 26 to 51.
func (r *region) place(f feature, placed map[string]string) bool {
	if r.family.standard == codec.EMVConsumer {
		if placed["61"] == "" || placed["61"] == f.guid {
			placed["61"] = f.guid
			return true
		}
		return false
	}
	for _, guid := range placed {
		if guid == f.guid {
			return true
		}
	}
	for id := 26; id <= 51; id++ {
		template := fmt.Sprint(id)
		guid, taken := placed[template]
		if taken && guid != "" && guid != f.guid {
			continue
		}
		if !slices.ContainsFunc(r.without, (feature{template, f.guid}).implies) {
			placed[template] = f.guid
			return true
		}
	}
	return false
}

// composeMerchant writes an EMVCo merchant presented code and its fields.
func (w *witness) composeMerchant(templates map[string]string) {
	var b strings.Builder
	put := func(id, value string) { fmt.Fprintf(&b, "%s%02d%s", id, len(value), value) }
	field := func(path, value string) {
		w.code.Fields = append(w.code.Fields, codec.Field{Path: path, Value: value})
	}
	put("00", "01")
	put("01", "11")
	w.code.Static = true
	for _, id := range slices.Sorted(maps.Keys(templates)) {
		switch {
		case id == unionPayTemplate:
			value := (w.code.Merchant.Acquirer + "00000000000000000000000")[:23] + "DEMOSHOP"
			put(id, value)
			field(id, value)
		case id < "26" || id == "52" || id > "91":
			put(id, "0000000000000000")
			field(id, "0000000000000000")
		default:
			guid := strings.ToUpper(templates[id])
			if guid == "" {
				guid = "COM.EXAMPLE.ANY"
			}
			put(id, fmt.Sprintf("00%02d%s", len(guid), guid))
			field(id+".00", guid)
		}
	}
	put("52", "5812")
	put("53", homeCurrency)
	put("58", w.code.Merchant.Country)
	put("59", "DEMO SHOP")
	put("60", "SHANGHAI")
	b.WriteString("6304")
	w.example.Text = fmt.Sprintf("%s%04X", b.String(), crc16(b.String()))
	w.code.Currency = homeCurrency
}

// crc16 is CRC-16/CCITT with initial value FFFF, as EMVCo merchant presented codes end.
func crc16(text string) uint16 {
	crc := uint16(0xFFFF)
	for i := range len(text) {
		crc ^= uint16(text[i]) << 8
		for range 8 {
			carry := crc&0x8000 != 0
			crc <<= 1
			if carry {
				crc ^= 0x1021
			}
		}
	}
	return crc
}

// composeConsumer writes an EMVCo consumer presented code for the application aid, in
// hex; empty takes the one of EMVCo's own sample.
func (w *witness) composeConsumer(aid string) bool {
	if aid == "" {
		aid = "A0000000555555"
	}
	id, err := hex.DecodeString(aid)
	if err != nil {
		return false
	}
	track := []byte{0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x58, 0xD1, 0x91, 0x22, 0x01,
		0x12, 0x34, 0x5F}
	application := slices.Concat([]byte{0x4F, byte(len(id))}, id, []byte{0x57, byte(len(track))}, track)
	text := slices.Concat([]byte("\x85\x05CPV01\x61"), []byte{byte(len(application))}, application)
	w.example.Text = base64.StdEncoding.EncodeToString(text)
	w.code.Fields = []codec.Field{{Path: "61.4F", Value: strings.ToUpper(aid)}}
	return true
}
