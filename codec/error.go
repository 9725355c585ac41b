package codec

import "fmt"

// The codes of a decoding error.
const (
	CodeEmpty     = "empty"
	CodeTooLong   = "too_long"
	CodeNotUTF8   = "not_utf8"
	CodeUnknown   = "unknown_code"
	CodeTruncated = "truncated"
	CodeID        = "bad_id"
	CodeLength    = "bad_length"
	CodeDuplicate = "duplicate_id"
	CodeOrder     = "bad_order"
	CodeMissing   = "missing_object"
	CodeFormat    = "bad_format"
	CodeCRC       = "crc_mismatch"
	CodeAmount    = "bad_amount"
	CodeTip       = "bad_tip"
	CodeHost      = "bad_host"
	CodePath      = "bad_path"
	CodeUntrusted = "look_alike_host"
	CodeControl   = "control_character"
	CodeProfile   = "unknown_profile"
	CodeBase64    = "bad_base64"
	CodeMasked    = "account_masked" // Only of encoding.
	CodePartial   = "not_whole"      // Only of encoding.
)

// Error says where and why a text is not a payment code. It never holds a payer's code.
type Error struct {
	Code   string
	Offset int    // Bytes from the beginning of the text, without white space around it.
	Found  string // Only what reveals nothing: a length, an id, a checksum.
	Want   string
	Clause string // Of the standard, where one is broken.
}

// Error is one line for people.
func (e *Error) Error() string {
	text := fmt.Sprintf("codec: %s at byte %d", e.Code, e.Offset)
	if e.Found != "" {
		text += ": found " + e.Found
	}
	if e.Want != "" {
		text += ", want " + e.Want
	}
	if e.Clause != "" {
		text += " (" + e.Clause + ")"
	}
	return text
}
