package codec

import (
	"fmt"
	"unicode/utf8"
)

// mandatory are the objects that every code must hold and that some real codes do not.
var mandatory = [...]struct {
	id        int
	deviation string
}{
	{52, "category-missing"}, {58, "country-missing"},
	{59, "merchant-name-missing"}, {60, "merchant-city-missing"},
}

// accountIDs are the ids of accounts, 02 to 51.
const accountIDs = uint64(1)<<52 - 1<<2

// finish checks what takes several objects: presence, currency, amount, tip.
func (r *merchantReader) finish() *Error {
	switch {
	case !r.seen.has(63): // Its bytes stood at the end, as a part of another value.
		return r.noCRC()
	case r.seen[0]&accountIDs == 0:
		return &Error{Code: CodeMissing, Want: "an account, one of objects 02 to 51", Clause: "EMVCo MPM 4.7.4"}
	case !r.seen.has(53):
		return &Error{Code: CodeMissing, Want: "object 53, the currency", Clause: "EMVCo MPM 4.7.6"}
	}
	if len(r.text) > charactersMax && utf8.RuneCountInString(r.text) > charactersMax {
		return r.longFault()
	}
	for i := range mandatory {
		if !r.seen.has(mandatory[i].id) {
			r.deviate(mandatory[i].deviation, rootPaths.path[mandatory[i].id], 0)
		}
	}
	exponent, known := exponentOf(r.held[0].value)
	if !known {
		return formatFault(r.held[0].at, "a currency of ISO 4217", "EMVCo MPM 4.7.6")
	}
	if r.seen.has(54) {
		if err := r.setAmount(r.held[1], exponent); err != nil {
			return err
		}
	}
	return r.checkTip(exponent)
}

// setAmount reads object 54. A zero and a fraction too small for the currency leave the
// code without an amount, where the profile forgives them: they are not paid as they
// stand.
func (r *merchantReader) setAmount(h held, exponent int) *Error {
	minor, fault := parseAmount(h.value, exponent)
	switch fault {
	case amountBroken:
		return amountBrokenFault(h, exponent)
	case amountZero:
		r.deviate(deviationZero, "54", h.at)
		return nil
	case amountFraction:
		r.deviate(deviationDecimals, "54", h.at)
		return nil
	case amountDecimals:
		r.deviate(deviationDecimals, "54", h.at)
	}
	r.into.HasAmount, r.into.AmountFen = true, minor
	return nil
}

// checkTip demands that 56 and 57 stand where 55 says, and only there (EMVCo MPM 4.7.8).
func (r *merchantReader) checkTip(exponent int) *Error {
	tip, fixed, percent := r.held[2], r.held[3], r.held[4]
	hasFixed, hasPercent := r.seen.has(56), r.seen.has(57)
	switch {
	case !r.seen.has(55) && !hasFixed && !hasPercent:
		return nil
	case !r.seen.has(55):
		return tipFault(max(fixed.at, percent.at), "a fee without object 55", "object 55 of 02 or 03")
	case tip.value == "01" && !hasFixed && !hasPercent:
		return nil
	case tip.value == "02" && hasFixed && !hasPercent:
		if _, fault := parseAmount(fixed.value, exponent); fault != amountGood {
			return tipFault(fixed.at, "", "a fee greater than zero")
		}
		return nil
	case tip.value == "03" && hasPercent && !hasFixed:
		if !isPercentage(percent.value) {
			return tipFault(percent.at, "", "a percentage of 00.01 to 99.99")
		}
		return nil
	}
	return tipFault(tip.at, "an indicator that its fees do not fit",
		"01 without a fee, 02 with object 56 or 03 with object 57")
}

// isPercentage reports whether value is 00.01 to 99.99: at most two digits on either
// side of the point.
func isPercentage(value string) bool {
	hundredths, fault := parseAmount(value, 2)
	return fault == amountGood && len(value) <= 5 && hundredths < 100_00
}

// deviate notes a deviation, for the profile to judge.
func (r *merchantReader) deviate(code, path string, at int) {
	r.into.Deviations = append(r.into.Deviations, Deviation{Code: code, Path: path, Offset: at})
}

// What follows makes errors. It is no part of the way of a good code.

// formWords are the forms that are checked character by character.
var formWords = [...]string{formDigits: "digits", formLetters: "letters", formCapitals: "capital letters"}

// lengthWords are the lengths that are demanded exactly.
var lengthWords = [...]string{2: "2 characters", 3: "3 characters", 4: "4 characters"}

// fault says why there is no object at byte at of text[:end].
func (r *merchantReader) fault(at, end int) *Error {
	text := r.text[at:end]
	isDigit := func(i int) bool { return text[i]-'0' <= 9 }
	for i := range min(4, len(text)) {
		switch {
		case isDigit(i):
		case i < 2:
			return &Error{Code: CodeID, Offset: at, Want: "an id of two digits", Clause: "EMVCo MPM 4.4"}
		default:
			return &Error{Code: CodeLength, Offset: at + 2, Want: "a length of two digits", Clause: "EMVCo MPM 4.4"}
		}
	}
	if len(text) < 4 {
		return &Error{Code: CodeTruncated, Offset: at, Found: fmt.Sprintf("%d bytes", len(text)),
			Want: "id and length of 2 digits each", Clause: "EMVCo MPM 4.4"}
	}
	return &Error{Code: CodeTruncated, Offset: end, Found: "the end",
		Want: fmt.Sprintf("%s characters of object %s", text[2:4], text[:2]), Clause: "EMVCo MPM 4.4.1.1"}
}

// missingCRC says why a code does not end in its checksum: it is cut, broken, goes on
// behind the checksum, or has none.
func (r *merchantReader) missingCRC() *Error {
	for at := 0; at < len(r.text); {
		id, to := r.object(at, len(r.text))
		if to < 0 {
			return r.fault(at, len(r.text))
		}
		if id == 63 && to != len(r.text) {
			return &Error{Code: CodeOrder, Offset: at, Found: "object 63 before the end",
				Want: "the CRC last", Clause: "EMVCo MPM 4.4.2"}
		}
		if id == 63 {
			return formatFault(at+4, lengthWords[4], "EMVCo MPM 4.7.3")
		}
		at = to
	}
	return r.noCRC()
}

func (r *merchantReader) noCRC() *Error {
	return &Error{Code: CodeMissing, Offset: len(r.text), Found: "no object 63 at the end",
		Want: "the CRC", Clause: "EMVCo MPM 4.7.3"}
}

func crcFault(text string, want uint16) *Error {
	n := len(text)
	return &Error{Code: CodeCRC, Offset: n - 4, Found: fmt.Sprintf("%q", text[n-4:]),
		Want: fmt.Sprintf("%04X", want), Clause: "EMVCo MPM 4.7.3"}
}

func (r *merchantReader) longFault() *Error {
	count := 0
	for at := range r.text {
		if count == charactersMax {
			return &Error{Code: CodeTooLong, Offset: at, Found: "more characters",
				Want: fmt.Sprintf("at most %d", charactersMax), Clause: "EMVCo MPM 3.1"}
		}
		count++
	}
	return nil // Not reached: the code is longer.
}

func duplicateFault(at int) *Error {
	return &Error{Code: CodeDuplicate, Offset: at, Found: "an id again", Want: "each id once", Clause: "EMVCo MPM 4.2"}
}

func emptyFault(at int) *Error {
	return &Error{Code: CodeLength, Offset: at, Found: "00", Want: "01 to 99", Clause: "EMVCo MPM 4.4.1"}
}

func formatFault(at int, want, clause string) *Error {
	return &Error{Code: CodeFormat, Offset: at, Want: want, Clause: clause}
}

func tipFault(at int, found, want string) *Error {
	return &Error{Code: CodeTip, Offset: at, Found: found, Want: want, Clause: "EMVCo MPM 4.7.8"}
}

func amountBrokenFault(h held, exponent int) *Error {
	return &Error{Code: CodeAmount, Offset: h.at, Found: fmt.Sprintf("%d characters", len(h.value)),
		Want:   fmt.Sprintf("digits, at most %d, with at most %d decimals", amountDigitsMax, exponent),
		Clause: "EMVCo MPM 4.7.7"}
}
