package symbol

import (
	"cmp"
	"io"
	"math"
	"slices"
	"strconv"
)

// place is a point in a picture, or a direction, in pixels.
type place struct{ x, y float64 }

func (p place) to(other place) float64 { return math.Hypot(other.x-p.x, other.y-p.y) }

// plus is p moved by t times along.
func (p place) plus(along place, t float64) place { return place{p.x + along.x*t, p.y + along.y*t} }

// found is a symbol in the pixels of the picture it was looked for in.
type found struct {
	kind    Kind
	text    string
	corners [4]place
}

// Read finds the QR and Code 128 symbols of a PNG or JPEG picture, in any direction and in
// dark on light or the reverse, ordered from above, then from the left. The error is a
// *codec.Error: CodePictureTooLarge, CodePictureBad, CodeNoSymbol or CodeTooManySymbols;
// or it wraps what picture itself returned.
//
// A picture is tried as it is and reduced; only where nothing at all is found are noise
// and blur fought, which takes several times as long.
func Read(picture io.Reader) ([]Symbol, error) {
	g, err := load(picture)
	if err != nil {
		return nil, err
	}
	symbols := newSearch(g).run()
	switch {
	case len(symbols) == 0:
		return nil, fail(CodeNoSymbol, "", "a QR code or a Code 128")
	case len(symbols) > symbolsMax:
		return nil, fail(CodeTooManySymbols, "", strconv.Itoa(symbolsMax)+" symbols or fewer")
	}
	return symbols, nil
}

// search gathers what several attempts at one picture find.
type search struct {
	picture  gray
	found    []found
	attempts int
}

func newSearch(g gray) *search { return &search{picture: g, attempts: attemptsMax} }

func (s *search) run() []Symbol {
	s.plain()
	if len(s.found) == 0 {
		s.thorough()
	}
	symbols := make([]Symbol, len(s.found))
	for i, f := range s.found {
		symbols[i] = f.symbol()
	}
	slices.SortStableFunc(symbols, func(a, b Symbol) int {
		return cmp.Or(cmp.Compare(a.Corners[0].Y, b.Corners[0].Y), cmp.Compare(a.Corners[0].X, b.Corners[0].X))
	})
	return symbols
}

// radius is how far around a pixel the light is compared for QR: a finder pattern of
// modules up to five pixels lies within, larger ones are found in a reduced picture.
const radius = 16

// The pixels of a side down to which a picture is reduced, and up to which it is enlarged.
const (
	sideMin = 100
	sideMax = 800
	// thoroughPixels is the largest picture in which dirt is fought.
	thoroughPixels = 2 << 20
)

// plain looks for QR at every size, and for Code 128 along rows, columns and slopes.
func (s *search) plain() {
	for n := 1; n == 1 || min(s.picture.width, s.picture.height)/n >= sideMin; n *= 2 {
		g := s.picture.reduced(n)
		s.add(float64(n), readQR(g, radius))
		s.add(float64(n), readQR(g.inverted(), radius))
	}
	s.bars(1, 3, 15, false)
}

// bars sweeps a picture of at most about a megapixel, reduced times smaller, in directions
// step degrees apart.
func (s *search) bars(reduced, taps int, step float64, firstOnly bool) {
	n := reduced * max(1, max(s.picture.width, s.picture.height)/1200)
	g := s.picture.reduced(n)
	spacing := max(3, float64(max(g.width, g.height))/160)
	for degrees := 0.0; degrees < 180; degrees += step {
		s.add(float64(n), sweep{degrees, spacing, taps, &s.attempts}.read(g))
		if firstOnly && len(s.found) > 0 {
			return
		}
	}
}

// thorough fights noise, blur and modules of hardly more than a pixel. It stops at the
// first attempt that finds something, and does not look at more than about two megapixels:
// dirt of single pixels is gone after that.
func (s *search) thorough() {
	n := 1
	for s.picture.width/n*(s.picture.height/n) > thoroughPixels {
		n++
	}
	g := s.picture.reduced(n)
	attempts := []func() (gray, float64){
		func() (gray, float64) { return g.blurred(1), 1 },
		func() (gray, float64) { return g.median(), 1 },
		func() (gray, float64) { return g.blurred(2), 1 },
		func() (gray, float64) { return g.enlarged(2), 0.5 },
	}
	if max(g.width, g.height) > sideMax {
		attempts = attempts[:3]
	}
	for _, attempt := range attempts {
		clean, scale := attempt()
		s.add(scale*float64(n), readQR(clean, radius))
		s.add(scale*float64(n), readQR(clean.inverted(), radius))
		if len(s.found) > 0 {
			return
		}
	}
	for _, reduced := range [2]int{2, 1} {
		if len(s.found) == 0 {
			s.bars(reduced, 7, 7.5, true)
		}
	}
}

// add takes over what was found in a picture that is scale times smaller, unless it is
// there already.
func (s *search) add(scale float64, all []found) {
	for _, f := range all {
		for i := range f.corners {
			f.corners[i].x *= scale
			f.corners[i].y *= scale
		}
		s.found = merge(s.found, f)
	}
}

// merge adds f; of several sights of one symbol the largest stays. A tall Code 128 of few
// characters can be read along its diagonal, which shows next to nothing of its bars.
func merge(all []found, f found) []found {
	kept := all[:0:0]
	for _, other := range all {
		switch {
		case !f.same(other):
			kept = append(kept, other)
		case other.area() >= f.area():
			f = other
		}
	}
	return append(kept, f)
}

// area is in square pixels.
func (f found) area() float64 {
	a, b := f.corners[2].plus(f.corners[0], -1), f.corners[3].plus(f.corners[1], -1)
	return math.Abs(a.x*b.y-a.y*b.x) / 2
}

// same reports whether two are one symbol: of one kind and text, the middle of one within
// the other.
func (f found) same(other found) bool {
	return f.kind == other.kind && f.text == other.text &&
		(f.holds(other.middle()) || other.holds(f.middle()))
}

func (f found) middle() place {
	var m place
	for _, corner := range f.corners {
		m = m.plus(corner, 0.25)
	}
	return m
}

// holds reports whether p lies on the same side of all four edges.
func (f found) holds(p place) bool {
	left, right := false, false
	for i, a := range f.corners {
		b := f.corners[(i+1)%4]
		side := (b.x-a.x)*(p.y-a.y) - (b.y-a.y)*(p.x-a.x)
		left, right = left || side < 0, right || side > 0
	}
	return !left || !right
}

func (f found) symbol() Symbol {
	symbol := Symbol{Kind: f.kind, Text: f.text}
	for i, corner := range f.corners {
		symbol.Corners[i] = Point{int(math.Round(corner.x)), int(math.Round(corner.y))}
	}
	return symbol
}
