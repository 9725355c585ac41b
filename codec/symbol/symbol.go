// Package symbol reads QR and Code 128 symbols out of PNG and JPEG pictures and draws
// both as PNG, SVG and terminal text.
//
// It knows pixels, modules and text. It may not know what the text means: telling payment
// codes apart is the work of the package above it, from which it takes only the form of
// errors. The found text is a payer's or a merchant's code and never part of an error.
package symbol

import "tongma/codec"

// The limits on what is read. They bound memory and time by the size of a picture, so that
// a small file that claims a large picture is refused before its pixels are unpacked.
const (
	// pictureBytesMax is the largest file that is read: a telephone's photograph has 3 to 6 MB.
	pictureBytesMax = 8 << 20
	// pixelsMax is the largest picture, by its header: a photograph of 12 megapixels passes.
	// One pixel costs at most 8 bytes unpacked, so this is 128 MB.
	pixelsMax = 16 << 20
	// scansMax is the largest number of scans of a JPEG file. A progressive one has about ten;
	// each costs a pass over the whole picture, however few bytes it has in the file.
	scansMax = 64
	// symbolsMax is the largest number of symbols in a picture.
	symbolsMax = 64
)

// The limits on what is drawn. The symbologies' own capacities lie below textBytesMax.
const (
	// textBytesMax is the most that any QR code holds: version 40, level L, digits only
	// (ISO/IEC 18004 table 7).
	textBytesMax = 7089
	// code128CharactersMax is what the drawing library takes, and more than a till reads.
	code128CharactersMax = 80
)

// The codes of the errors of this package, beside codec.CodeEmpty and codec.CodeNotUTF8.
const (
	CodePictureTooLarge = "picture_too_large" // More bytes, pixels or scans than the limit.
	CodePictureBad      = "picture_bad"       // Not a PNG or JPEG picture, or a damaged one.
	CodeNoSymbol        = "no_symbol"         // A picture without a symbol that can be read.
	CodeTooManySymbols  = "too_many_symbols"
	CodeTextTooLong     = "text_too_long" // More than the symbol holds at that level.
	CodeCharacter       = "bad_character" // Code 128 carries ASCII only.
	CodeLevel           = "bad_level"
	CodeModulePixels    = "bad_module_size" // A drawing with less than a pixel a module.
)

// Kind is a symbology.
type Kind string

// The symbologies that payment codes use.
const (
	KindQR      Kind = "qr"      // ISO/IEC 18004.
	KindCode128 Kind = "code128" // ISO/IEC 15417.
)

// Point is a place in a picture: pixels right of and below its upper left corner.
type Point struct{ X, Y int }

// Symbol is one symbol that was found in a picture.
type Symbol struct {
	Kind Kind
	Text string // UTF-8.
	// Corners are upper left, upper right, lower right and lower left of the symbol without
	// its quiet zone, as one who reads it upright sees them. Of Code 128 the upper and the
	// lower edge are the outermost lines that could be read.
	Corners [4]Point
}

func fail(code, found, want string) error {
	return &codec.Error{Code: code, Found: found, Want: want}
}
