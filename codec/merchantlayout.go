package codec

import "fmt"

// form is how the value of a data object is written (EMVCo MPM 4.3).
type valueForm uint8

const (
	formANS      valueForm = iota // Printable ASCII.
	formText                      // Any UTF-8.
	formDigits                    // Digits; from here on a value is checked character by character.
	formLetters                   // Letters, of ISO 639.
	formCapitals                  // Capital letters, of ISO 3166-1.
)

// holds reports whether text has the form, digits or letters.
func (f valueForm) holds(text string) bool {
	if f == formDigits {
		return allDigits(text)
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		if f == formLetters {
			c &^= 0x20 // Either case.
		}
		if c-'A' >= 26 {
			return false
		}
	}
	return true
}

// role says what a part of an account or a link means to the payment.
type role uint8

const (
	roleNone role = iota
	rolePayee
	roleAcquirer
	roleIssuer
	roleName
	roleCategory
	roleAmount
)

// entry describes one data object: its name, how it is written, and the layout of its
// parts where it is a template.
type entry struct {
	name  string
	inner *layout
	form  valueForm
	max   uint8 // Characters; 0 for the 99 that two digits can count.
	exact bool  // Exactly max characters.
	role  role
}

// layout describes the objects of the root or of one template, by id.
type layout [100]entry

// rootLayout is EMVCo MPM table 3.1. Accounts 26 to 51 take the layout of the scheme
// that their identifier names.
var rootLayout = makeRootLayout()

func makeRootLayout() *layout {
	l := &layout{
		0:  {name: "payload format", form: formDigits, max: 2, exact: true},
		1:  {name: "point of initiation", form: formDigits, max: 2, exact: true},
		15: {name: "unionpay account"}, 16: {name: "unionpay account"},
		52: {name: "merchant category", form: formDigits, max: 4, exact: true},
		53: {name: "currency", form: formDigits, max: 3, exact: true},
		54: {name: "amount"},
		55: {name: "tip indicator", form: formDigits, max: 2, exact: true},
		56: {name: "fixed fee"},
		57: {name: "percentage fee"},
		58: {name: "country", form: formCapitals, max: 2, exact: true},
		59: {name: "merchant name", max: 25},
		60: {name: "merchant city", max: 15},
		61: {name: "postal code", max: 10},
		62: {name: "additional data", inner: additionalLayout},
		63: {name: "crc", max: 4, exact: true},
		64: {name: "language template", inner: languageLayout},
	}
	for id, name := range map[int]string{2: "visa", 3: "visa", 4: "mastercard", 5: "mastercard",
		9: "discover", 10: "discover", 11: "american express", 12: "american express", 13: "jcb", 14: "jcb"} {
		l[id].name = name + " account"
	}
	for id := range l {
		switch {
		case l[id].name != "":
		case id >= 2 && id <= 25:
			l[id].name = "emvco account"
		case id >= 26 && id <= 51:
			l[id] = entry{name: "account", inner: accountLayout}
		case id >= 65 && id <= 79:
			l[id] = entry{name: "reserved", form: formText}
		case id >= 80:
			l[id] = entry{name: "unreserved template", inner: unreservedLayout}
		}
	}
	return l
}

// identifierMax is the longest globally unique identifier in characters.
const identifierMax = 32

// accountLayout is the layout of an account of no known scheme.
var accountLayout = &layout{0: {name: "unique identifier", max: identifierMax}}

// unreservedLayout is the layout of templates 80 to 99 (EMVCo MPM table 3.9).
var unreservedLayout = makeTextLayout()

func makeTextLayout() *layout {
	l := &layout{}
	for id := range l {
		l[id].form = formText
	}
	l[0] = entry{name: "unique identifier", max: identifierMax}
	return l
}

// languageLayout is the layout of template 64 (EMVCo MPM table 3.8).
var languageLayout = makeLanguageLayout()

func makeLanguageLayout() *layout {
	l := makeTextLayout()
	l[0] = entry{name: "language", form: formLetters, max: 2, exact: true}
	l[1] = entry{name: "merchant name, local", form: formText, max: 25}
	l[2] = entry{name: "merchant city, local", form: formText, max: 15}
	return l
}

// additionalLayout is the layout of template 62 (EMVCo MPM table 3.7; 10 and 11 are of
// version 1.1). Parts 50 to 99 are templates of payment systems.
var additionalLayout = makeAdditionalLayout()

func makeAdditionalLayout() *layout {
	l := &layout{}
	names := []string{1: "bill number", 2: "mobile number", 3: "store label", 4: "loyalty number",
		5: "reference label", 6: "customer label", 7: "terminal label", 8: "purpose"}
	for id, name := range names {
		if name != "" {
			l[id] = entry{name: name, max: 25}
		}
	}
	l[9] = entry{name: "consumer data request", max: 3}
	l[10] = entry{name: "merchant tax id", max: 20}
	l[11] = entry{name: "merchant channel", max: 3, exact: true}
	for id := 50; id < 100; id++ {
		l[id] = entry{name: "payment system template", inner: unreservedLayout}
	}
	return l
}

// pathRow holds the paths of the objects of the root or of one template.
type pathRow struct {
	path  [100]string
	inner [100]*pathRow // Nil for what is no template anywhere.
}

// rootPaths are the texts of all paths, so that decoding makes none.
var rootPaths = makeRootPaths()

func makeRootPaths() *pathRow {
	root := makePathRow("")
	for id := 26; id < 100; id++ {
		if rootLayout[id].inner == nil {
			continue
		}
		row := makePathRow(root.path[id] + ".")
		row.grow(rootLayout[id].inner)
		if id <= 51 {
			for _, form := range accountForms {
				row.grow(form.layout())
			}
		}
		root.inner[id] = row
	}
	return root
}

func makePathRow(prefix string) *pathRow {
	row := &pathRow{}
	for id := range row.path {
		row.path[id] = fmt.Sprintf("%s%02d", prefix, id)
	}
	return row
}

// grow adds rows for every template of l, and for theirs.
func (r *pathRow) grow(l *layout) {
	for id := range l {
		if l[id].inner == nil {
			continue
		}
		if r.inner[id] == nil {
			r.inner[id] = makePathRow(r.path[id] + ".")
		}
		r.inner[id].grow(l[id].inner)
	}
}
