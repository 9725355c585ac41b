package symbol

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"testing"
)

// photograph is what a camera makes of symbols on paper. All of it follows from its fields
// and its seed.
type photograph struct {
	width, height int
	symbols       []placed
	paper, ink    float64 // Grey values, 255 is white; ink lighter than paper is an inverted symbol.
	shade         float64 // By how much of 1 the light falls off from left to right.
	blur          float64 // Pixels, standard deviation.
	noise         float64 // Grey values, standard deviation.
	specks        float64 // Share of the pixels that are black or white instead.
	quality       int     // Of JPEG; 0 is PNG.
	seed          uint64
}

// placed is a drawing in a photograph.
type placed struct {
	drawing Drawing
	x, y    float64 // Its middle, in pixels.
	module  float64 // Pixels a module.
	degrees float64 // Turned clockwise.
	tilt    float64 // How much nearer its right than its left edge is, as a share: perspective.
	shear   float64 // How much the upper edge is moved along, as a share of the height.
}

// dark reports whether a place in the picture is dark; on is false beside the drawing.
func (p placed) dark(x, y float64) (dark, on bool) {
	sin, cos := math.Sincos(-p.degrees * math.Pi / 180)
	dx, dy := x-p.x, y-p.y
	u, v := (dx*cos-dy*sin)/p.module, (dx*sin+dy*cos)/p.module
	u += p.shear * v
	w := 1 + p.tilt*u/float64(p.drawing.width)
	column := int(math.Floor(u/w + float64(p.drawing.width)/2))
	row := int(math.Floor(v/w + float64(p.drawing.height)/2))
	on = column >= 0 && row >= 0 && column < p.drawing.width && row < p.drawing.height
	return p.drawing.Dark(column, row), on
}

// file is the photograph as PNG or JPEG.
func (p photograph) file(t testing.TB) []byte {
	t.Helper()
	picture := image.NewGray(image.Rect(0, 0, p.width, p.height))
	random := rand.New(rand.NewPCG(p.seed, 1))
	values := p.blurred(p.drawn())
	for i, value := range values {
		value += random.NormFloat64() * p.noise
		if random.Float64() < p.specks {
			value = float64(255 * random.IntN(2))
		}
		picture.Pix[i] = uint8(max(0, min(255, math.Round(value))))
	}
	var file bytes.Buffer
	err := png.Encode(&file, picture)
	if p.quality > 0 {
		file.Reset()
		err = jpeg.Encode(&file, picture, &jpeg.Options{Quality: p.quality})
	}
	if err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// drawn is paper and ink, each pixel the mean of four places in it.
func (p photograph) drawn() []float64 {
	values := make([]float64, p.width*p.height)
	for i := range values {
		x, y := float64(i%p.width), float64(i/p.width)
		sum := 0.0
		for j := range 4 {
			sum += p.value(x+(float64(j%2)+0.5)/2, y+(float64(j/2)+0.5)/2)
		}
		values[i] = sum / 4 * (1 - p.shade*x/float64(p.width))
	}
	return values
}

func (p photograph) value(x, y float64) float64 {
	for _, s := range p.symbols {
		if dark, on := s.dark(x, y); on && dark {
			return p.ink
		} else if on {
			return p.paper
		}
	}
	return p.paper
}

func (p photograph) blurred(values []float64) []float64 {
	if p.blur == 0 {
		return values
	}
	reach := int(math.Ceil(3 * p.blur))
	weights, sum := make([]float64, 2*reach+1), 0.0
	for i := range weights {
		d := float64(i-reach) / p.blur
		weights[i] = math.Exp(-d * d / 2)
		sum += weights[i]
	}
	for _, step := range [2]int{1, p.width} {
		out := make([]float64, len(values))
		for i := range values {
			at, size := i%p.width, p.width
			if step != 1 {
				at, size = i/p.width, p.height
			}
			for j, weight := range weights {
				out[i] += weight / sum * values[i+(clamp(at+j-reach, size)-at)*step]
			}
		}
		values = out
	}
	return values
}

// alone is a drawing in the middle of a photograph with some paper around it.
func alone(d Drawing, module, degrees float64) photograph {
	size := int(math.Hypot(float64(d.width), float64(d.height))*module) + 20
	return photograph{width: size, height: size, paper: 230, ink: 30,
		symbols: []placed{{drawing: d, x: float64(size) / 2, y: float64(size) / 2, module: module, degrees: degrees}}}
}
