package symbol

import (
	"bytes"
	"encoding/xml"
	"image"
	"image/color"
	"image/png"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// drawings are one of each kind.
func drawings(t testing.TB) map[string]Drawing {
	return map[string]Drawing{merchantCode: drawQR(t, merchantCode, LevelQ), payerCode: drawCode128(t, payerCode)}
}

// TestSVGShowsTheModules paints the path of the SVG and reads the outcome.
func TestSVGShowsTheModules(t *testing.T) {
	rectangle := regexp.MustCompile(`M(\d+) (\d+)h(\d+)v(\d+)h-(\d+)z`)
	for text, d := range drawings(t) {
		var file bytes.Buffer
		if err := d.SVG(&file); err != nil {
			t.Fatal(err)
		}
		if err := xml.Unmarshal(file.Bytes(), new(struct{})); err != nil {
			t.Errorf("not XML: %v", err)
		}
		painted := newDrawing(d.kind, d.width, d.height)
		for _, m := range rectangle.FindAllStringSubmatch(file.String(), -1) {
			var n [5]int
			for i := range n {
				n[i], _ = strconv.Atoi(m[i+1])
			}
			for i := range n[2] * n[3] {
				painted.dark[(n[1]+i/n[2])*d.width+n[0]+i%n[2]] = true
			}
		}
		wantOnly(t, pictureOf(t, painted, 3), d.kind, text)
	}
}

// TestTerminalShowsTheModules takes the half blocks apart again and reads the outcome.
func TestTerminalShowsTheModules(t *testing.T) {
	for text, d := range drawings(t) {
		var out bytes.Buffer
		if err := d.Terminal(&out); err != nil {
			t.Fatal(err)
		}
		painted := newDrawing(d.kind, d.width, d.height)
		for row, line := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
			line, ok := strings.CutPrefix(strings.TrimSuffix(line, terminalReset), terminalColour)
			if !ok {
				t.Fatalf("line %d without colours", row)
			}
			for column, block := range []rune(line) {
				if block == '▀' || block == '█' {
					painted.dark[2*row*d.width+column] = true
				}
				if block == '▄' || block == '█' {
					painted.dark[(2*row+1)*d.width+column] = true
				}
			}
		}
		wantOnly(t, pictureOf(t, painted, 3), d.kind, text)
	}
}

func TestQuietZones(t *testing.T) {
	for _, d := range drawings(t) {
		quiet := map[Kind]int{KindQR: 4, KindCode128: 10}[d.kind]
		for y := range d.height {
			for x := range quiet {
				if d.Dark(x, y) || d.Dark(d.width-1-x, y) {
					t.Fatalf("%s: dark in the quiet zone", d.kind)
				}
			}
		}
	}
}

// TestColoursAndTransparency reads what is not simply grey: colours, 16 bits, transparency.
func TestColoursAndTransparency(t *testing.T) {
	d := drawQR(t, merchantCode, LevelM)
	f := func(ink, paper color.Color) {
		t.Helper()
		for _, picture := range []interface {
			image.Image
			Set(x, y int, c color.Color)
		}{
			image.NewNRGBA(image.Rect(0, 0, 4*d.width, 4*d.height)),
			image.NewRGBA64(image.Rect(0, 0, 4*d.width, 4*d.height)),
		} {
			for y := range 4 * d.height {
				for x := range 4 * d.width {
					c := paper
					if d.Dark(x/4, y/4) {
						c = ink
					}
					picture.Set(x, y, c)
				}
			}
			var file bytes.Buffer
			if err := png.Encode(&file, picture); err != nil {
				t.Fatal(err)
			}
			wantOnly(t, file.Bytes(), KindQR, merchantCode)
		}
	}
	f(color.Black, color.Transparent)
	f(color.NRGBA{0, 0, 160, 255}, color.White)
	f(color.NRGBA{0, 0, 0, 128}, color.NRGBA{255, 255, 255, 10})
	f(color.White, color.NRGBA{200, 0, 0, 255})
}

func BenchmarkQR(b *testing.B) {
	for b.Loop() {
		if _, err := QR(merchantCode, LevelM); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCode128(b *testing.B) {
	for b.Loop() {
		if _, err := Code128(payerCode); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	for text, d := range drawings(b) {
		file := pictureOf(b, d, 5)
		b.Run(string(d.kind), func(b *testing.B) {
			for b.Loop() {
				wantOnly(b, file, d.kind, text)
			}
		})
	}
}
