package codec

import (
	"encoding/base64"
	"strings"
)

// strictBase64 refuses bits behind the last byte; padding is taken off before.
var strictBase64 = base64.RawStdEncoding.Strict()

// decodeBase64 appends the bytes of base64 to dst, which is empty and keeps its room. Padding
// may be left out whole, never in part, and no bits stand behind the last byte (RFC 4648). The
// offset of a fault is a byte of text.
func decodeBase64(dst []byte, text string) ([]byte, *Error) {
	padded := strings.TrimRight(text, "=")
	if len(text)-len(padded) > 2 || len(text) != len(padded) && len(text)%4 != 0 {
		return dst, base64Fault(len(padded))
	}
	dst = append(dst, padded...)
	n, err := strictBase64.Decode(dst, dst[:len(padded):len(padded)])
	if err != nil {
		offset := len(padded)
		if at, ok := err.(base64.CorruptInputError); ok {
			offset = min(int(at), len(padded))
		}
		return dst, base64Fault(offset)
	}
	if n != strictBase64.DecodedLen(len(padded)) {
		return dst, base64Fault(len(padded))
	}
	return dst[:n], nil
}

func base64Fault(at int) *Error {
	return &Error{Code: CodeBase64, Offset: at, Want: "base64 in fours, padded with ="}
}
