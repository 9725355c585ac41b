package codec

// payloadAlipayPlus is the payload of Alipay+ merchant links: base64 of objects of a
// four-letter id and three digits of length, under one root; within them two digits of each
// (docs.alipayplus.com, mpmcodeformat).
const payloadAlipayPlus = "alipayplus"

// alipayPlusRoot is the id of the root.
const alipayPlusRoot = "GPLD"

// alipayPlusNames are the parts that the documentation names.
var alipayPlusNames = map[string]linkPart{
	"PLVS":    {path: "PLVS", name: "version"},
	"CDSD.01": {path: "CDSD.01", name: "platform", role: roleAcquirer},
	"CDSD.02": {path: "CDSD.02", name: "merchant", role: rolePayee},
	"CIRD.01": {path: "CIRD.01", name: "issuer", role: roleIssuer},
	"CIRD.02": {path: "CIRD.02"}, "CIRD.03": {path: "CIRD.03"},
}

// alipayPlusPayload is the decoded text of a link's payload, and where it stood.
type alipayPlusPayload struct {
	text string
	at   int // Byte offset of the base64 in the link.
}

// takePayload reads the payload of an Alipay+ link.
func (c *Code) takePayload(text string, at int) error {
	decoded, err := decodeBase64(nil, text)
	if err != nil {
		err.Offset += at
		return err
	}
	for _, b := range decoded {
		if b < ' ' || b > '~' {
			return &Error{Code: CodeFormat, Offset: at, Want: "a payload of printable ASCII", Clause: clauseAlipayPlus}
		}
	}
	p := alipayPlusPayload{text: string(decoded), at: at}
	id, from, to, fault := p.object(0, len(p.text), 4, 3)
	if fault != nil {
		return fault
	}
	if id != alipayPlusRoot || to != len(p.text) {
		return p.fault(CodeFormat, 0, "one root object GPLD")
	}
	for at := from; at < to; {
		id, inner, end, fault := p.object(at, to, 4, 3)
		if fault != nil {
			return fault
		}
		if fault := p.section(c, id, inner, end); fault != nil {
			return fault
		}
		at = end
	}
	if fieldValue(c, "CDSD.02") == "" && fieldValue(c, "CIRD.01") == "" {
		return p.fault(CodeMissing, 0, "CDSD with a merchant or CIRD with an issuer")
	}
	return nil
}

const clauseAlipayPlus = "Alipay+ MPM code format"

// section takes what stands under one id of the root: a version, or objects.
func (p *alipayPlusPayload) section(c *Code, id string, from, to int) error {
	if id == "PLVS" {
		return p.take(c, id, from, to)
	}
	for at := from; at < to; {
		part, inner, end, fault := p.object(at, to, 2, 2)
		if fault != nil {
			return fault
		}
		if err := p.take(c, id+"."+part, inner, end); err != nil {
			return err
		}
		at = end
	}
	return nil
}

func (p *alipayPlusPayload) take(c *Code, path string, from, to int) error {
	if fieldAt(c, path) >= 0 {
		return p.fault(CodeDuplicate, from, "each object once")
	}
	part, known := alipayPlusNames[path]
	if !known {
		part = linkPart{path: path}
	}
	return c.takePart(&part, p.text[from:to], p.offset(from), "")
}

// object reads an id and a length of so many characters at byte at of text[:end].
func (p *alipayPlusPayload) object(at, end, idSize, lengthSize int) (id string, from, to int, fault error) {
	from = at + idSize + lengthSize
	if from > end {
		return "", 0, 0, p.fault(CodeTruncated, at, "an id and a length")
	}
	size := 0
	for _, c := range []byte(p.text[at+idSize : from]) {
		if c-'0' > 9 {
			return "", 0, 0, p.fault(CodeLength, at+idSize, "a length in digits")
		}
		size = size*10 + int(c-'0')
	}
	if to = from + size; to > end {
		return "", 0, 0, p.fault(CodeTruncated, at, "as many characters as the object says")
	}
	return p.text[at : at+idSize], from, to, nil
}

// offset is where in the link the group of base64 begins that holds byte at of the payload.
func (p *alipayPlusPayload) offset(at int) int { return p.at + at/3*4 }

func (p *alipayPlusPayload) fault(code string, at int, want string) error {
	return &Error{Code: code, Offset: p.offset(at), Want: want, Clause: clauseAlipayPlus}
}

// fieldAt is the place of a field by its path, -1 where there is none.
func fieldAt(c *Code, path string) int {
	for i := range c.Fields {
		if c.Fields[i].Path == path {
			return i
		}
	}
	return -1
}

func fieldValue(c *Code, path string) string {
	if i := fieldAt(c, path); i >= 0 {
		return c.Fields[i].Value
	}
	return ""
}
