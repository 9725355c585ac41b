package symbol

import "math"

// bars follows the bars of a Code 128 up and down from the lines that were read, to where
// they end. Two groups of lines that noise keeps apart so become one symbol, and two equal
// symbols one above the other stay two: between them the bars end.
type bars struct {
	g           gray
	text        string
	start, stop place // The line in the middle, along the bars' order.
	reference   []float64
	upper       [2]place
	lower       [2]place
}

// The measures of following. Lines are likeness-compared at barSamples places.
const (
	barSamples   = 256
	barStep      = 1.0  // Pixels from line to line.
	barSlip      = 0.5  // Pixels that bars may move along the line from one to the next.
	barGap       = 4    // Lines that may be spoiled.
	likenessMin  = 0.35 // Correlation of lines; noise of the ink's own strength leaves about 0.5.
	barTapPixels = 1.5
)

func newBars(g gray, group []hit) *bars {
	first, last := group[0], group[len(group)-1]
	b := &bars{g: g, text: first.text}
	b.start, b.stop = between(first.start, last.start), between(first.stop, last.stop)
	b.reference = make([]float64, barSamples)
	for _, h := range group {
		for i, v := range b.line(h.start, h.stop) {
			b.reference[i] += v
		}
	}
	b.followBoth()
	b.straighten()
	b.followBoth()
	return b
}

func (b *bars) followBoth() {
	across := place{-(b.stop.y - b.start.y), b.stop.x - b.start.x}
	across = across.times(1 / b.start.to(b.stop))
	b.upper = b.follow(across.times(-barStep))
	b.lower = b.follow(across.times(barStep))
}

// straighten turns the line about its middle until it crosses the bars at right angles: a
// line that crosses them askew leaves their ends before it has followed them whole.
func (b *bars) straighten() {
	down := place{b.lower[0].x + b.lower[1].x - b.upper[0].x - b.upper[1].x,
		b.lower[0].y + b.lower[1].y - b.upper[0].y - b.upper[1].y}
	height := math.Hypot(down.x, down.y)
	if height < 8*barStep {
		return // Too little to tell a direction by.
	}
	normal := place{down.y / height, -down.x / height}
	half := ((b.stop.x-b.start.x)*normal.x + (b.stop.y-b.start.y)*normal.y) / 2
	upper, lower := between(b.upper[0], b.upper[1]), between(b.lower[0], b.lower[1])
	middle := between(upper, lower)
	b.start, b.stop = middle.plus(normal, -half), middle.plus(normal, half)
}

func between(a, b place) place { return place{(a.x + b.x) / 2, (a.y + b.y) / 2} }

// line is the grey values from start to stop, three pixels thick.
func (b *bars) line(start, stop place) []float64 {
	values := make([]float64, barSamples)
	along := place{stop.x - start.x, stop.y - start.y}
	across := place{-along.y, along.x}.times(barTapPixels / math.Hypot(along.x, along.y))
	for i := range values {
		p := start.plus(along, (float64(i)+0.5)/barSamples)
		for tap := -1.0; tap <= 1; tap++ {
			q := p.plus(across, tap)
			values[i] += b.g.at(q.x, q.y)
		}
	}
	return values
}

// follow steps from the middle line until the bars end and gives the last line's ends.
func (b *bars) follow(step place) [2]place {
	along := place{b.stop.x - b.start.x, b.stop.y - b.start.y}.times(1 / b.start.to(b.stop))
	start, stop := b.start, b.stop
	end := [2]place{start, stop}
	for missed := 0; missed <= barGap && b.g.holds(start) && b.g.holds(stop); {
		start, stop = start.plus(step, 1), stop.plus(step, 1)
		best, slip := 0.0, 0.0
		for _, try := range [3]float64{0, -barSlip, barSlip} {
			if like := likeness(b.reference, b.line(start.plus(along, try), stop.plus(along, try))); like > best {
				best, slip = like, try
			}
		}
		if best < likenessMin {
			missed++
			continue
		}
		missed = 0
		start, stop = start.plus(along, slip), stop.plus(along, slip)
		end = [2]place{start, stop}
	}
	return end
}

// likeness is the correlation of two lines, 0 where one of them is even.
func likeness(a, b []float64) float64 {
	var sumA, sumB, squaresA, squaresB, products float64
	for i := range a {
		sumA += a[i]
		sumB += b[i]
		squaresA += a[i] * a[i]
		squaresB += b[i] * b[i]
		products += a[i] * b[i]
	}
	n := float64(len(a))
	spread := (squaresA - sumA*sumA/n) * (squaresB - sumB*sumB/n)
	if spread < 1 {
		return 0
	}
	return (products - sumA*sumB/n) / math.Sqrt(spread)
}

func (b *bars) found() found {
	return found{KindCode128, b.text, [4]place{b.upper[0], b.upper[1], b.lower[1], b.lower[0]}}
}

func (p place) times(t float64) place { return place{p.x * t, p.y * t} }

func (g gray) holds(p place) bool {
	return p.x >= 0 && p.y >= 0 && p.x <= float64(g.width) && p.y <= float64(g.height)
}
