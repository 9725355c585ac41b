package codec

// decodePayCode reads a payer's code. Its digits are never part of an error.
func (d *Decoder) decodePayCode(text string, into *Code) error {
	into.Standard, into.Mode = PayCode, CustomerPresented
	digits := allDigits(text)
	if len(text) < 2 || !digits && (len(text) > payLengthMax || !alphanumeric(text)) {
		return &Error{Code: CodeUnknown, Want: "an EMVCo code, a link or the digits of a payer's code"}
	}
	best := d.payCodes.find(text, digits)
	if best == nil {
		return &Error{Code: CodeUnknown, Found: "a prefix and length of no scheme", Want: "a known payer's code"}
	}
	into.Scheme, into.Issuer, into.Rule = best.scheme, best.issuer, best.id
	into.add("code", best.name, text, 0)
	for i := range best.parts {
		part := &best.parts[i]
		value := text[part.from:part.to]
		into.add(part.path, part.name, value, part.from)
		if part.issuer {
			into.Issuer = value
		}
	}
	return nil
}

func alphanumeric(text string) bool {
	for i := 0; i < len(text); i++ {
		if !isAlphanumeric(text[i]) {
			return false
		}
	}
	return true
}
