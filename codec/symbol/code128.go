package symbol

import (
	"strconv"

	"github.com/boombuler/barcode/code128"

	"tongma/codec"
)

// The measures of a Code 128 drawing in modules. The quiet zone is that of ISO/IEC 15417
// clause 4.3; the height is the larger of two usual rules, 15 % of the length with room for
// a scanner held askew, and 30 modules.
const (
	code128QuietModules  = 10
	code128MarginModules = 4 // Above and below, where the standard asks for none.
	code128HeightModules = 30
	code128HeightShare   = 4 // A quarter of the length.
)

// Code128 draws text, digits in pairs where that is shorter (set C). The error is a
// *codec.Error: codec.CodeEmpty, CodeTextTooLong or CodeCharacter, with its byte offset.
func Code128(text string) (Drawing, error) {
	if err := checkCode128(text); err != nil {
		return Drawing{}, err
	}
	bars, err := code128.Encode(text)
	if err != nil {
		return Drawing{}, err
	}
	length := bars.Bounds().Dx()
	height := max(code128HeightModules, length/code128HeightShare)
	d := newDrawing(KindCode128, length+2*code128QuietModules, height+2*code128MarginModules)
	first := d.dark[code128MarginModules*d.width:][:d.width]
	for x := range length {
		r, _, _, _ := bars.At(x, 0).RGBA()
		first[code128QuietModules+x] = r == 0
	}
	for y := 1; y < height; y++ {
		copy(d.dark[(code128MarginModules+y)*d.width:], first)
	}
	return d, nil
}

// checkCode128 also keeps the drawing library from taking ñ, ò, ó and ô for its function
// characters.
func checkCode128(text string) error {
	if text == "" {
		return fail(codec.CodeEmpty, "", "text to draw")
	}
	for i := range len(text) {
		if text[i] > 127 {
			return &codec.Error{Code: CodeCharacter, Offset: i, Want: "ASCII"}
		}
	}
	if len(text) > code128CharactersMax {
		return fail(CodeTextTooLong, strconv.Itoa(len(text))+" characters",
			strconv.Itoa(code128CharactersMax)+" or fewer")
	}
	return nil
}
