package symbol

import (
	"bufio"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"slices"
	"strconv"
)

// Drawing is a symbol as modules, with the quiet zone that its standard asks for.
type Drawing struct {
	kind          Kind
	width, height int    // Modules, quiet zone included.
	dark          []bool // width × height modules, row by row.
}

func newDrawing(kind Kind, width, height int) Drawing {
	return Drawing{kind: kind, width: width, height: height, dark: make([]bool, width*height)}
}

// Size is width and height in modules, quiet zone included.
func (d Drawing) Size() (width, height int) { return d.width, d.height }

// Dark reports whether the module at column x and row y is dark. Outside it is light.
func (d Drawing) Dark(x, y int) bool {
	return x >= 0 && y >= 0 && x < d.width && y < d.height && d.dark[y*d.width+x]
}

// PNG writes the drawing as a picture of one bit a pixel, modulePixels pixels a module.
func (d Drawing) PNG(w io.Writer, modulePixels int) error {
	if modulePixels < 1 {
		return fail(CodeModulePixels, strconv.Itoa(modulePixels), "a pixel a module or more")
	}
	side := max(d.width, d.height, 1) // Looked at first: the area might not fit an int.
	if modulePixels > pixelsMax/side || d.width*modulePixels*d.height*modulePixels > pixelsMax {
		return fail(CodePictureTooLarge, strconv.Itoa(modulePixels)+" pixels a module",
			strconv.Itoa(pixelsMax)+" pixels or fewer")
	}
	if err := png.Encode(w, d.picture(modulePixels)); err != nil {
		return fmt.Errorf("symbol: cannot write PNG: %w", err)
	}
	return nil
}

func (d Drawing) picture(modulePixels int) *image.Paletted {
	size := image.Rect(0, 0, d.width*modulePixels, d.height*modulePixels)
	picture := image.NewPaletted(size, color.Palette{color.White, color.Black})
	for y := range d.height {
		first := picture.Pix[y*modulePixels*picture.Stride:][:picture.Stride]
		for x := range first {
			if d.dark[y*d.width+x/modulePixels] {
				first[x] = 1
			}
		}
		for i := 1; i < modulePixels; i++ {
			copy(picture.Pix[(y*modulePixels+i)*picture.Stride:], first)
		}
	}
	return picture
}

// SVG writes the drawing as one path, a unit a module, so that it scales without seams.
func (d Drawing) SVG(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d"`+
		` shape-rendering="crispEdges"><rect width="100%%" height="100%%" fill="#fff"/><path d="`,
		d.width, d.height)
	for y := 0; y < d.height; {
		rows := d.sameRows(y)
		for x := 0; x < d.width; x++ {
			if length := d.run(x, y); length > 0 {
				fmt.Fprintf(out, "M%d %dh%dv%dh-%dz", x, y, length, rows, length)
				x += length
			}
		}
		y += rows
	}
	fmt.Fprint(out, `"/></svg>`, "\n")
	if err := out.Flush(); err != nil {
		return fmt.Errorf("symbol: cannot write SVG: %w", err)
	}
	return nil
}

// run is the number of dark modules from (x, y) to the right.
func (d Drawing) run(x, y int) int {
	end := x
	for d.Dark(end, y) {
		end++
	}
	return end - x
}

// sameRows is the number of rows from y on that are equal: all the bars of a Code 128.
func (d Drawing) sameRows(y int) int {
	first := d.dark[y*d.width:][:d.width]
	end := y + 1
	for end < d.height && slices.Equal(d.dark[end*d.width:][:d.width], first) {
		end++
	}
	return end - y
}

// The colours of Terminal: black on white out of the fixed part of the 256 colours, because
// a theme may show the first sixteen as it likes and some scanners refuse inverted codes.
const (
	terminalColour = "\x1b[38;5;16;48;5;231m"
	terminalReset  = "\x1b[0m"
)

// Terminal writes the drawing as text, two rows of modules a line in half blocks, which are
// about square in a terminal. It needs UTF-8 and 256 colours; where the colours are lost,
// dark modules are still blocks.
func (d Drawing) Terminal(w io.Writer) error {
	out := bufio.NewWriter(w)
	for y := 0; y < d.height; y += 2 {
		out.WriteString(terminalColour)
		for x := range d.width {
			out.WriteString(halfBlock(d.Dark(x, y), d.Dark(x, y+1)))
		}
		out.WriteString(terminalReset + "\n")
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("symbol: cannot write terminal text: %w", err)
	}
	return nil
}

func halfBlock(upper, lower bool) string {
	switch {
	case upper && lower:
		return "█"
	case upper:
		return "▀"
	case lower:
		return "▄"
	}
	return " "
}
