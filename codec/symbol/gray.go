package symbol

import (
	"image"
	"image/color"

	"github.com/makiuchi-d/gozxing"
)

// gray is a picture of grey values, 0 is black. Whoever makes one owns its bytes; nothing
// changes them afterwards.
type gray struct {
	width, height int
	pix           []uint8 // width × height, row by row.
}

func emptyGray(width, height int) gray {
	return gray{width: width, height: height, pix: make([]uint8, width*height)}
}

// newGray is the picture on white paper: what is transparent is light.
func newGray(picture image.Image) gray {
	bounds := picture.Bounds()
	g := emptyGray(bounds.Dx(), bounds.Dy())
	switch p := picture.(type) {
	case *image.Gray:
		for y := range g.height {
			copy(g.row(y), p.Pix[y*p.Stride:])
		}
	case *image.YCbCr: // What JPEG gives: its luminance as it stands.
		for y := range g.height {
			copy(g.row(y), p.Y[y*p.YStride:])
		}
	case *image.Paletted:
		g.fromPaletted(p)
	case *image.NRGBA:
		g.fromBytes(p.Pix, p.Stride, true)
	case *image.RGBA: // Only opaque pictures are of this kind out of a PNG.
		g.fromBytes(p.Pix, p.Stride, false)
	default:
		for y := range g.height {
			for x := range g.row(y) {
				g.row(y)[x] = onWhite(picture.At(bounds.Min.X+x, bounds.Min.Y+y))
			}
		}
	}
	return g
}

func (g gray) row(y int) []uint8 { return g.pix[y*g.width:][:g.width] }

func (g gray) fromPaletted(p *image.Paletted) {
	var values [256]uint8
	for i, c := range p.Palette {
		values[i] = onWhite(c)
	}
	for y := range g.height {
		row := g.row(y)
		for x, i := range p.Pix[y*p.Stride:][:g.width] {
			row[x] = values[i]
		}
	}
}

// fromBytes takes four bytes a pixel: red, green, blue and, where it counts, alpha.
func (g gray) fromBytes(pix []uint8, stride int, alpha bool) {
	for y := range g.height {
		row, from := g.row(y), pix[y*stride:]
		for x := range row {
			p := from[4*x : 4*x+4 : 4*x+4]
			value := luminance(uint32(p[0]), uint32(p[1]), uint32(p[2]))
			if alpha {
				value = (value*uint32(p[3]) + 255*(255-uint32(p[3]))) / 255
			}
			row[x] = uint8(value)
		}
	}
}

// luminance weighs colours as JPEG does; the weights sum to 2^16.
func luminance(r, g, b uint32) uint32 { return (19595*r + 38470*g + 7471*b + 1<<15) >> 16 }

func onWhite(c color.Color) uint8 {
	r, g, b, a := c.RGBA() // Already multiplied by alpha.
	return uint8((luminance(r, g, b) + 0xFFFF - a) >> 8)
}

// at is the grey value between pixels, whose centres lie at halves. Outside, the edge counts.
func (g gray) at(x, y float64) float64 {
	x, y = min(max(x-0.5, 0), float64(g.width-1)), min(max(y-0.5, 0), float64(g.height-1))
	column, row := int(x), int(y)
	fx, fy := x-float64(column), y-float64(row)
	upper := g.pix[row*g.width:]
	lower := upper
	if row+1 < g.height {
		lower = upper[g.width:]
	}
	right := min(column+1, g.width-1)
	top := float64(upper[column])*(1-fx) + float64(upper[right])*fx
	bottom := float64(lower[column])*(1-fx) + float64(lower[right])*fx
	return top*(1-fy) + bottom*fy
}

func clamp(i, size int) int { return max(0, min(i, size-1)) }

// reduced is the picture n times smaller, each pixel the mean of n × n.
func (g gray) reduced(n int) gray {
	if n <= 1 {
		return g
	}
	small := emptyGray(max(1, g.width/n), max(1, g.height/n))
	sums := make([]int, small.width)
	for y := range small.height {
		clear(sums)
		for dy := range n {
			row := g.row(clamp(y*n+dy, g.height))
			for x := range sums {
				for dx := range n {
					sums[x] += int(row[clamp(x*n+dx, g.width)])
				}
			}
		}
		for x, sum := range sums {
			small.pix[y*small.width+x] = uint8(sum / (n * n))
		}
	}
	return small
}

// enlarged is the picture n times larger, in between by straight lines.
func (g gray) enlarged(n int) gray {
	large := emptyGray(g.width*n, g.height*n)
	for y := range large.height {
		row := large.row(y)
		for x := range row {
			row[x] = uint8(g.at((float64(x)+0.5)/float64(n), (float64(y)+0.5)/float64(n)) + 0.5)
		}
	}
	return large
}

// blurred is each pixel's mean with its neighbours up to radius, by running sums.
func (g gray) blurred(radius int) gray {
	across := emptyGray(g.width, g.height)
	for y := range g.height {
		mean(g.row(y), across.row(y), 1, g.width, radius)
	}
	down := emptyGray(g.width, g.height)
	for x := range g.width {
		mean(across.pix[x:], down.pix[x:], g.width, g.height, radius)
	}
	return down
}

// mean writes the running means of count values that stand step apart.
func mean(from, to []uint8, step, count, radius int) {
	sum := 0
	for i := -radius; i <= radius; i++ {
		sum += int(from[clamp(i, count)*step])
	}
	for i := range count {
		to[i*step] = uint8(sum / (2*radius + 1))
		sum += int(from[clamp(i+radius+1, count)*step]) - int(from[clamp(i-radius, count)*step])
	}
}

// median is each pixel's median with its eight neighbours: it takes single wrong pixels out.
func (g gray) median() gray {
	out := emptyGray(g.width, g.height)
	for y := range g.height {
		rows := [3][]uint8{g.row(clamp(y-1, g.height)), g.row(y), g.row(clamp(y+1, g.height))}
		for x := range g.width {
			left, right := clamp(x-1, g.width), clamp(x+1, g.width)
			var nine [9]uint8
			for i, row := range rows {
				nine[3*i], nine[3*i+1], nine[3*i+2] = row[left], row[x], row[right]
			}
			out.pix[y*g.width+x] = medianOf(nine)
		}
	}
	return out
}

func medianOf(nine [9]uint8) uint8 {
	for i := 1; i < len(nine); i++ {
		for j := i; j > 0 && nine[j-1] > nine[j]; j-- {
			nine[j-1], nine[j] = nine[j], nine[j-1]
		}
	}
	return nine[4]
}

// inverted is the picture with light and dark exchanged.
func (g gray) inverted() gray {
	out := emptyGray(g.width, g.height)
	for i, value := range g.pix {
		out.pix[i] = 255 - value
	}
	return out
}

// bits are the dark pixels: those darker than the mean around them, up to radius away. A
// pixel has to be darker by a little, so that even paper is light whatever its noise.
func (g gray) bits(radius int) *gozxing.BitMatrix {
	around := g.blurred(radius)
	bits, err := gozxing.NewBitMatrix(g.width, g.height)
	if err != nil { // Only for a picture without pixels, which unpack refuses.
		panic(err)
	}
	for y := range g.height {
		row, level := g.row(y), around.row(y)
		for x, value := range row {
			if int(value)+contrastMin <= int(level[x]) {
				bits.Set(x, y)
			}
		}
	}
	return bits
}

// contrastMin is how much darker than its surroundings a dark pixel is, of 255.
const contrastMin = 3
