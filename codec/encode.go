package codec

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Encode writes a decoded code again: for a code that Strict takes, the same text. Checksums
// and lengths are made anew, so that a code with forgiven deviations of those comes out right.
// The error is an *Error: CodeMasked where Fields hide a part of an account number, CodePartial
// where a consumer presented code offered more than the chosen application (ConsumerCode writes
// such codes), CodeLength where a value is too long, CodeFormat where Fields are no code's.
func Encode(c *Code) (string, error) {
	switch c.Standard {
	case EMVMerchant:
		return encodeMerchant(c.Fields)
	case EMVConsumer:
		return encodeConsumer(c)
	case PayCode:
		if i := fieldAt(c, "code"); i >= 0 {
			return c.Fields[i].Value, nil
		}
	case Link:
		return encodeLink(c)
	}
	return "", &Error{Code: CodeFormat, Want: "the fields of a decoded code"}
}

// encodeLink joins the scheme of a link, its host and its path with the query.
func encodeLink(c *Code) (string, error) {
	uri, path := fieldValue(c, "uri"), fieldValue(c, "path")
	if uri == "" || fieldAt(c, "host") < 0 {
		return "", &Error{Code: CodeFormat, Want: "the fields uri, host and path"}
	}
	if host := fieldValue(c, "host"); host != "" {
		return uri + "://" + host + path, nil
	}
	return uri + ":/" + path, nil // The path of an opaque link begins with the second slash.
}

// objects gives fields one by one, or several that are parts of one template: those that
// follow one another with the same beginning of their paths, depth characters aside.
func objects(fields []Field, depth int, yield func(id string, parts []Field, value string) error) error {
	for len(fields) > 0 {
		id, _, isPart := strings.Cut(fields[0].Path[depth:], ".")
		if !isPart {
			if err := yield(id, nil, fields[0].Value); err != nil {
				return err
			}
			fields = fields[1:]
			continue
		}
		n, start := 1, fields[0].Path[:depth+len(id)+1]
		for n < len(fields) && strings.HasPrefix(fields[n].Path, start) {
			n++
		}
		if err := yield(id, fields[:n], ""); err != nil {
			return err
		}
		fields = fields[n:]
	}
	return nil
}

// encodeMerchant writes the objects in the order of the fields, and the checksum last.
func encodeMerchant(fields []Field) (string, error) {
	text, err := appendObjects(nil, fields, 0)
	if err != nil {
		return "", err
	}
	return withCRC(string(text)), nil
}

// withCRC puts the checksum behind the objects of a merchant presented code.
func withCRC(text string) string {
	text += "6304"
	return text + fmt.Sprintf("%04X", fastCRC(text))
}

func appendObjects(dst []byte, fields []Field, depth int) ([]byte, error) {
	err := objects(fields, depth, func(id string, parts []Field, value string) error {
		if depth == 0 && id == "63" {
			return nil
		}
		if parts != nil {
			inner, err := appendObjects(nil, parts, depth+len(id)+1)
			if err != nil {
				return err
			}
			value = string(inner)
		}
		var err error
		dst, err = appendObject(dst, id, value)
		return err
	})
	return dst, err
}

// appendObject writes id, length in characters, and value.
func appendObject(dst []byte, id, value string) ([]byte, error) {
	count := utf8.RuneCountInString(value)
	if len(id) != 2 || !allDigits(id) {
		return nil, &Error{Code: CodeID, Want: "ids of two digits", Clause: "EMVCo MPM 4.4"}
	}
	if count > 99 {
		return nil, &Error{Code: CodeLength, Found: fmt.Sprintf("%d characters in object %s", count, id),
			Want: "at most 99", Clause: "EMVCo MPM 4.4.1"}
	}
	return fmt.Appendf(dst, "%s%02d%s", id, count, value), nil
}

// encodeConsumer writes the objects in the order of the fields.
func encodeConsumer(c *Code) (string, error) {
	if c.partial {
		return "", &Error{Code: CodePartial, Want: "a code of one application and nothing beside it"}
	}
	data, err := appendTags(nil, c.Fields, 0)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(data), nil
}

func appendTags(dst []byte, fields []Field, depth int) ([]byte, error) {
	err := objects(fields, depth, func(id string, parts []Field, value string) error {
		var data []byte
		var err error
		if parts != nil {
			data, err = appendTags(nil, parts, depth+len(id)+1)
		} else {
			data, err = hexBytes(id, value)
		}
		if err == nil {
			dst, err = appendTag(dst, id, data)
		}
		return err
	})
	return dst, err
}

// hexBytes reads a value's digits.
func hexBytes(id, value string) ([]byte, error) {
	if strings.IndexByte(value, '*') >= 0 {
		return nil, &Error{Code: CodeMasked, Found: "object " + id + " with its middle hidden", Want: "the whole account number"}
	}
	data, err := hex.DecodeString(value)
	if err != nil {
		return nil, &Error{Code: CodeFormat, Found: "object " + id, Want: "hexadecimal digits, two to a byte"}
	}
	return data, nil
}

// appendTag writes tag, length in the shortest form, and value.
func appendTag(dst []byte, id string, value []byte) ([]byte, error) {
	tag, err := hex.DecodeString(id)
	if err != nil || len(tag) == 0 || len(tag) > tagBytesMax {
		return nil, &Error{Code: CodeID, Found: "tag " + id, Want: "a tag of 1 to 3 bytes in hexadecimal digits"}
	}
	dst = append(dst, tag...)
	switch n := len(value); {
	case n < 0x80:
		dst = append(dst, byte(n))
	case n < 0x100:
		dst = append(dst, 0x81, byte(n))
	case n < 0x10000:
		dst = append(dst, 0x82, byte(n>>8), byte(n))
	default:
		return nil, &Error{Code: CodeLength, Found: "object " + id, Want: "fewer than 65536 bytes"}
	}
	return append(dst, value...), nil
}
