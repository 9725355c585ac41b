package routing

import (
	"encoding/binary"
	"errors"
	"strings"

	"tongma/codec"
)

// What a shape keeps of a code. A payment code loses all that its issuer alone reads:
// eight characters tell the longest issuer number in use (UnionPay: 62, two digits,
// four digits), and beside the last four that a receipt shows too many are missing to pay.
const (
	shapePrefixMax = 8  // Characters of a payment code.
	shapePathMax   = 16 // Characters of a link's path.
	shapeTextMax   = 64 // Characters of a host, a global id, an issuer.
	shapeFieldsMax = 32 // Templates of an EMV code.
)

// AppendShape appends to dst what a table can see of q's code, cut so that nobody can pay
// with it: what a record keeps so that the same question can be put to another table.
// Caller, scene, amount, time and payment stand in the record by themselves.
func AppendShape(dst []byte, q *Query) []byte {
	code := q.Code
	prefix, path, length := "", "", len(q.Text)
	switch code.Standard {
	case codec.PayCode:
		prefix = q.Text[:min(len(q.Text), shapePrefixMax)]
	case codec.Link:
		prefix, path = splitLink(q.Text)
		length = len(path)
		path = path[:min(len(path), shapePathMax)]
	}
	dst = appendShort(dst, string(code.Standard))
	dst = appendShort(dst, string(code.Mode))
	dst = binary.AppendUvarint(dst, uint64(length))
	for _, text := range [...]string{
		prefix, path, code.Scheme, code.Issuer, code.Merchant.Acquirer, code.Merchant.Country,
	} {
		dst = appendShort(dst, text)
	}
	return appendTemplates(dst, code)
}

func appendShort(dst []byte, text string) []byte {
	text = text[:min(len(text), shapeTextMax)]
	dst = append(dst, byte(len(text)))
	return append(dst, text...)
}

// appendTemplates keeps where each template begins, and its global id: of every other
// object no more than that it is there.
func appendTemplates(dst []byte, code *codec.Code) []byte {
	if code.Standard != codec.EMVMerchant && code.Standard != codec.EMVConsumer {
		return dst
	}
	last, kept := "", 0
	for i := range code.Fields {
		path := code.Fields[i].Path
		if len(path) < 2 || kept == shapeFieldsMax {
			continue
		}
		switch {
		case isGlobalID(path):
			dst = appendShort(append(dst, path[:2]...), code.Fields[i].Value)
		case path[:2] != last:
			dst = appendShort(append(dst, path[:2]...), "")
		default:
			continue
		}
		last = path[:2]
		kept++
	}
	return dst
}

// Shape is what AppendShape kept of a code.
type Shape struct {
	code   codec.Code
	prefix string // Of a payment code; of a link, its host.
	path   string
	length int // Of the payment code or the link's path, before it was cut.
}

var errShape = errors.New("routing: shape of a code cannot be read")

// ParseShape is the inverse of AppendShape. It refuses text that AppendShape does not
// write.
func ParseShape(text string) (Shape, error) {
	var s Shape
	r := shapeReader{rest: text}
	s.code.Standard, s.code.Mode = codec.Standard(r.short()), codec.Mode(r.short())
	s.length = r.number()
	s.prefix, s.path = r.short(), r.short()
	s.code.Scheme, s.code.Issuer = r.short(), r.short()
	s.code.Merchant.Acquirer, s.code.Merchant.Country = r.short(), r.short()
	for r.rest != "" && !r.failed {
		if len(r.rest) < 2 {
			return Shape{}, errShape
		}
		field := codec.Field{Path: r.rest[:2]}
		r.rest = r.rest[2:]
		if field.Value = r.short(); field.Value != "" {
			field.Path += identifierOf(s.code.Standard)
		}
		s.code.Fields = append(s.code.Fields, field)
	}
	if r.failed || len(s.prefix) > s.length && s.code.Standard == codec.PayCode {
		return Shape{}, errShape
	}
	return s, nil
}

func identifierOf(standard codec.Standard) string {
	if standard == codec.EMVConsumer {
		return ".4F"
	}
	return ".00"
}

// shapeLengthMax bounds what a shape may claim of a code's length.
const shapeLengthMax = 64 << 10

type shapeReader struct {
	rest   string
	failed bool
}

func (r *shapeReader) short() string {
	if r.rest == "" || int(r.rest[0]) >= len(r.rest) {
		r.failed, r.rest = true, ""
		return ""
	}
	end := 1 + int(r.rest[0])
	text := r.rest[1:end]
	r.rest = r.rest[end:]
	return text
}

func (r *shapeReader) number() int {
	n, size := binary.Uvarint([]byte(r.rest[:min(len(r.rest), binary.MaxVarintLen64)]))
	if size <= 0 || n > shapeLengthMax {
		r.failed, r.rest = true, ""
		return 0
	}
	r.rest = r.rest[size:]
	return int(n)
}

// hidden stands for a character that was not kept. No condition of a rule holds it.
const hidden = "*"

// query puts the code that s is the shape of into q.
func (s *Shape) query(q *Query) {
	q.Code = &s.code
	switch s.code.Standard {
	case codec.PayCode:
		q.Text = s.prefix + strings.Repeat(hidden, s.length-len(s.prefix))
	case codec.Link:
		q.Text = "link://" + s.prefix + s.path
	default:
		q.Text = ""
	}
}
