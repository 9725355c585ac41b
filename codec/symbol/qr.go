package symbol

import (
	"strconv"
	"unicode/utf8"

	"rsc.io/qr/coding"

	"tongma/codec"
)

// Level says how much of a QR code may be damaged. The zero value is what most payment
// codes use.
type Level uint8

// The levels of ISO/IEC 18004, with the share of codewords that can be restored.
const (
	LevelM Level = iota // 15 %
	LevelL              // 7 %
	LevelQ              // 25 %
	LevelH              // 30 %
)

var codingLevels = [...]coding.Level{LevelM: coding.M, LevelL: coding.L, LevelQ: coding.Q, LevelH: coding.H}

// qrQuietModules is the quiet zone on every side: ISO/IEC 18004 clause 9.1.
const qrQuietModules = 4

// eciUTF8 goes before bytes that are UTF-8: ECI designator 000026, which EMVCo asks for
// where a code has more than ASCII. Without it a reader has to guess the character set.
type eciUTF8 struct{}

func (eciUTF8) Check() error                            { return nil }
func (eciUTF8) Bits(coding.Version) int                 { return 4 + 8 }
func (eciUTF8) Encode(b *coding.Bits, _ coding.Version) { b.Write(0b0111, 4); b.Write(26, 8) }

// QR draws text at an error correction level, in the smallest version that holds it. Text
// with more than ASCII is marked as UTF-8. The error is a *codec.Error: codec.CodeEmpty,
// codec.CodeNotUTF8, CodeTextTooLong or
// CodeLevel.
func QR(text string, level Level) (Drawing, error) {
	if err := checkText(text); err != nil {
		return Drawing{}, err
	}
	if int(level) >= len(codingLevels) {
		return Drawing{}, fail(CodeLevel, strconv.Itoa(int(level)), "one of the four levels")
	}
	segments := qrSegments(text)
	version, ok := qrVersion(segments, codingLevels[level])
	if !ok {
		return Drawing{}, fail(CodeTextTooLong, strconv.Itoa(len(text))+" bytes",
			"what version 40 holds at this level")
	}
	plan, err := coding.NewPlan(version, codingLevels[level], 0)
	if err != nil {
		return Drawing{}, err
	}
	code, err := plan.Encode(segments...)
	if err != nil {
		return Drawing{}, err
	}
	d := newDrawing(KindQR, code.Size+2*qrQuietModules, code.Size+2*qrQuietModules)
	for y := range code.Size {
		row := d.dark[(y+qrQuietModules)*d.width+qrQuietModules:]
		for x := range code.Size {
			row[x] = code.Black(x, y)
		}
	}
	return d, nil
}

func checkText(text string) error {
	switch {
	case text == "":
		return fail(codec.CodeEmpty, "", "text to draw")
	case len(text) > textBytesMax:
		return fail(CodeTextTooLong, strconv.Itoa(len(text))+" bytes", "fewer than "+strconv.Itoa(textBytesMax))
	case !utf8.ValidString(text):
		return fail(codec.CodeNotUTF8, "", "UTF-8")
	}
	return nil
}

// qrSegments is text in the tightest mode that takes all of it.
func qrSegments(text string) []coding.Encoding {
	switch {
	case coding.Num(text).Check() == nil:
		return []coding.Encoding{coding.Num(text)}
	case coding.Alpha(text).Check() == nil:
		return []coding.Encoding{coding.Alpha(text)}
	case isASCII(text):
		return []coding.Encoding{coding.String(text)}
	}
	return []coding.Encoding{eciUTF8{}, coding.String(text)}
}

// qrVersion is the smallest version that holds the segments.
func qrVersion(segments []coding.Encoding, level coding.Level) (coding.Version, bool) {
	for version := coding.Version(coding.MinVersion); version <= coding.MaxVersion; version++ {
		bits := 0
		for _, segment := range segments {
			bits += segment.Bits(version)
		}
		if bits <= 8*version.DataBytes(level) {
			return version, true
		}
	}
	return 0, false
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
