package codec

import (
	"maps"
	"slices"
)

// Profile says what a decoder forgives: "auto", "strict", "byte-lengths", "open" or the
// name of a scheme. No profile forgives a wrong or missing CRC, a broken length or a
// truncated code.
type Profile string

const (
	// Auto, the default, recognises the scheme and uses its profile; Open where it
	// recognises none.
	Auto Profile = "auto"
	// Strict is the standard's letter.
	Strict Profile = "strict"
	// Open forgives what codes of no known scheme are seen to do.
	Open Profile = "open"
	// ByteLengths is Open for producers whose lengths count bytes of UTF-8 instead of
	// characters. It is never chosen by itself: such a code can be misread.
	ByteLengths Profile = "byte-lengths"
)

// Profiles lists the names of all profiles in order.
func Profiles() []Profile {
	return slices.Sorted(maps.Keys(profiles))
}

// The deviations that a merchant presented code can have, beside those of mandatory. Those
// of consumer presented codes stand with their reader.
const (
	deviationCRCLower    = "crc-lower-case"
	deviationByteLengths = "byte-lengths"
	deviationWide        = "text-not-ascii"
	deviationLong        = "value-long"
	deviationEmpty       = "template-empty"
	deviationIdentifier  = "identifier-missing"
	deviationLanguage    = "language-missing"
	deviationZero        = "amount-zero"
	deviationDecimals    = "amount-decimals"
)

// deviationErrors are the errors that deviations become where they are not forgiven.
var deviationErrors = map[string]Error{
	"category-missing":      {Code: CodeMissing, Want: "object 52, the merchant category", Clause: "EMVCo MPM table 3.1"},
	"country-missing":       {Code: CodeMissing, Want: "object 58, the country", Clause: "EMVCo MPM table 3.1"},
	"merchant-name-missing": {Code: CodeMissing, Want: "object 59, the merchant's name", Clause: "EMVCo MPM table 3.1"},
	"merchant-city-missing": {Code: CodeMissing, Want: "object 60, the merchant's city", Clause: "EMVCo MPM table 3.1"},
	deviationCRCLower:       {Code: CodeFormat, Want: "a CRC in upper case", Clause: "EMVCo MPM 4.7.3"},
	deviationByteLengths:    {Code: CodeLength, Want: "lengths in characters", Clause: "EMVCo MPM 4.4.1.1"},
	deviationWide:           {Code: CodeFormat, Want: "printable ASCII", Clause: "EMVCo MPM 4.3"},
	deviationLong:           {Code: CodeLength, Want: "the object's longest length", Clause: "EMVCo MPM table 3.1"},
	deviationEmpty:          {Code: CodeLength, Found: "00", Want: "a template with an object", Clause: "EMVCo MPM 4.4.1"},
	deviationIdentifier:     {Code: CodeMissing, Want: "object 00, the unique identifier", Clause: "EMVCo MPM 4.7.4"},
	deviationLanguage:       {Code: CodeMissing, Want: "objects 00 and 01 of the language template", Clause: "EMVCo MPM table 3.8"},
	deviationZero:           {Code: CodeAmount, Want: "an amount greater than zero", Clause: "EMVCo MPM 4.7.7"},
	deviationOneCommon:      {Code: CodeOrder, Want: "common data beside two applications", Clause: "EMVCo CPM 4.3"},
	deviationNoAccount:      {Code: CodeMissing, Want: "object 57 or 5A, an account", Clause: "EMVCo CPM table 4.2"},
	deviationSize:           {Code: CodeLength, Want: "a value within its length", Clause: "EMVCo CPM tables 4.2 to 4.4"},
	deviationLoose:          {Code: CodeLength, Want: "the shortest form of a length", Clause: "EMVCo CPM 4.2"},
	deviationUnpadded:       {Code: CodeBase64, Want: "padding with = to a multiple of four", Clause: "RFC 4648 3.2"},
	deviationDecimals:       {Code: CodeAmount, Want: "no decimals in this currency", Clause: "EMVCo MPM 4.7.7"},
}

// forgiven is a deviation that a profile takes, and where codes are seen to have it.
type forgiven struct{ deviation, seen string }

// everywhere is what every profile but Strict forgives.
var everywhere = []forgiven{
	{deviationLoose, "Card software writes lengths under 128 as 81 and one byte; BER allows it."},
	{deviationUnpadded, "Padding says nothing that the objects do not: RFC 4648, 3.2, lets a format leave it out."},
	{deviationCRCLower, "The checksum is right, in lower case; e9fc is seen in public sample codes."},
	{deviationWide, "Text of the merchant's own script outside the language template; " +
		"public Chinese, Japanese and Khmer test codes have it."},
}

// without are the objects that transfer codes of banks leave out.
func without(seen string) []forgiven {
	var list []forgiven
	for _, object := range mandatory {
		if object.deviation != "country-missing" {
			list = append(list, forgiven{object.deviation, seen})
		}
	}
	return list
}

// schemeForgives is what single schemes forgive beyond everywhere. A scheme that is not
// here has a profile all the same.
var schemeForgives = map[Profile][]forgiven{
	"promptpay": without("PromptPay transfer codes hold no merchant: github.com/tanat44/useful-script, vector M18."),
	"vietqr":    without("VietQR transfer codes hold no merchant: NAPAS VietQR format, transfers to accounts."),
	"pix": {{deviationZero, "Pix leaves the amount to the payer by writing zero: " +
		"github.com/mvallim/emv-qrcode tests, vector M10."}},
	"fps": {{deviationEmpty, "Hong Kong FPS codes carry an empty object 62: public sample, vector M14."}},
	Open: {
		{deviationEmpty, "An empty template 80 stands in the tests of github.com/mercari/go-emv-code, vector M4."},
		{deviationOneCommon, "One application with common data stands in a vendor's decoder test, vector C3."},
		{deviationNoAccount, "The account stands in private objects of 64 in a vendor's decoder test, vector C3."},
		{deviationSize, "An application version of three bytes stands in a wallet's sample, vector C5."},
		{deviationDecimals, "A yen amount with decimals stands in the documentation of " +
			"github.com/dongri/emv-qrcode, vector M7."},
	},
	ByteLengths: {{deviationByteLengths, "Some producers outside the standard count bytes of UTF-8."}},
}

// profiles gives for every profile the deviations it forgives, each with where it was
// seen. Auto forgives nothing by itself: it stands for another.
var profiles = makeProfiles()

func makeProfiles() map[Profile]map[string]string {
	all := map[Profile]map[string]string{Auto: {}, Strict: {}}
	names := map[Profile]bool{Open: true, ByteLengths: true, "unionpay": true}
	for _, form := range accountForms {
		names[Profile(form.scheme)] = true
	}
	for name := range names {
		all[name] = map[string]string{}
		lists := [][]forgiven{everywhere, schemeForgives[name]}
		if name == ByteLengths {
			lists = append(lists, schemeForgives[Open])
		}
		for _, item := range slices.Concat(lists...) {
			all[name][item.deviation] = item.seen
		}
	}
	return all
}

// judge lets the profile forgive the deviations of an EMVCo code, or turns the first that
// it does not forgive into an error.
func judge(profile Profile, c *Code) error {
	if profile == Auto {
		profile = Open
		if c.Scheme != "" && profiles[Profile(c.Scheme)] != nil {
			profile = Profile(c.Scheme)
		}
	}
	c.Profile = profile
	for i := range c.Deviations {
		d := &c.Deviations[i]
		seen, ok := profiles[profile][d.Code]
		if !ok {
			return refuse(d)
		}
		d.Message = seen
	}
	return nil
}

// refuse turns a deviation into an error.
func refuse(d *Deviation) error {
	e := deviationErrors[d.Code]
	e.Offset = d.Offset
	if e.Found == "" {
		e.Found = d.Code
	}
	if d.Path != "" {
		e.Found += " in object " + d.Path
	}
	return &e
}
