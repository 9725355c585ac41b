package symbol

import (
	"math"
	"slices"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/oned"
)

// sweep looks for Code 128 along parallel lines. gozxing decodes a row and checks it; where
// the lines lie and where their bars begin and end is found here, between pixels, because
// gozxing scans rows only, stops at the first symbol and counts whole pixels.
type sweep struct {
	degrees  float64 // The lines' direction: 0 is to the right, 90 down.
	spacing  float64 // Pixels from line to line.
	taps     int     // Places across the line that are taken together, tapPixels apart.
	attempts *int    // How often a row may still be given to gozxing.
}

// The measures of Code 128 in modules (ISO/IEC 15417): a character has 11 in 6 elements of
// 1 to 4, so a longer light run ends a symbol.
const (
	characterModules  = 11
	characterElements = 6
	quietModules      = 5 // Half the quiet zone of the standard, as gozxing.
	elementsMax       = characterElements*(2*code128CharactersMax+4) + 1
	linesMin          = 2 // Lines that have to agree: a checksum of 103 values alone is weak.
	tapPixels         = 1.5
	lineStep          = 0.5  // Pixels from sample to sample.
	attemptsMax       = 4000 // Rows given to gozxing for a picture; a symbol takes one for each line.
)

// hit is a symbol on one line.
type hit struct {
	text        string
	line        int
	start, stop place
}

// views are the ways to see a line: dark on light or the reverse, from either end.
type view struct{ inverted, backward bool }

var views = [4]view{{false, false}, {false, true}, {true, false}, {true, true}}

// read finds the symbols along the lines of s in all views.
func (s sweep) read(g gray) []found {
	sin, cos := math.Sincos(s.degrees * math.Pi / 180)
	along, across := place{cos, sin}, place{-sin, cos}
	middle := place{float64(g.width) / 2, float64(g.height) / 2}
	half := (math.Abs(sin)*float64(g.width) + math.Abs(cos)*float64(g.height)) / 2
	var hits [len(views)][]hit
	for i, t := 0, -half+s.spacing/2; t < half; i, t = i+1, t+s.spacing {
		from, to, ok := clip(g, middle.plus(across, t), along)
		if !ok {
			continue
		}
		values := s.profile(g, from, to, along, across)
		turns := findTurns(values)
		for v, view := range views {
			hits[v] = append(hits[v], s.look(view, values, turns, hit{line: i, start: from, stop: to})...)
		}
	}
	var all []found
	for v, view := range views {
		if view.backward { // So that lines come from the symbol's own upper edge.
			slices.Reverse(hits[v])
		}
		for _, group := range gather(hits[v]) {
			all = merge(all, newBars(g, group).found())
		}
	}
	return all
}

// look finds the symbols of one line, which is given as a hit from end to end.
func (s sweep) look(view view, values []float64, turns []int, line hit) []hit {
	e := findEdges(values, turns, !view.inverted)
	length := line.start.to(line.stop) / lineStep
	if view.backward {
		e = e.reversed(length)
	}
	var hits []hit
	for _, span := range s.decode(e) {
		start, stop := span.start/length, span.stop/length
		if view.backward {
			start, stop = 1-start, 1-stop
		}
		hits = append(hits, hit{span.text, line.line, line.at(start), line.at(stop)})
	}
	return hits
}

// at is the place at a share of the way from start to stop.
func (h hit) at(share float64) place {
	return place{h.start.x + (h.stop.x-h.start.x)*share, h.start.y + (h.stop.y-h.start.y)*share}
}

// clip is the part of a line through p that lies in the picture.
func clip(g gray, p, along place) (from, to place, ok bool) {
	low, high := math.Inf(-1), math.Inf(1)
	for _, axis := range [2][3]float64{{p.x, along.x, float64(g.width)}, {p.y, along.y, float64(g.height)}} {
		at, slope, size := axis[0], axis[1], axis[2]
		if math.Abs(slope) < 1e-9 {
			if at < 0 || at > size {
				return from, to, false
			}
			continue
		}
		a, b := -at/slope, (size-at)/slope
		low, high = max(low, min(a, b)), min(high, max(a, b))
	}
	return p.plus(along, low), p.plus(along, high), high-low > characterModules
}

// profile is the grey values along a line, each the mean of its taps.
func (s sweep) profile(g gray, from, to, along, across place) []float64 {
	values := make([]float64, int(from.to(to)/lineStep)+1)
	for i := range values {
		p := from.plus(along, float64(i)*lineStep)
		sum := 0.0
		for j := range s.taps {
			q := p.plus(across, tapPixels*(float64(j)-float64(s.taps-1)/2))
			sum += g.at(q.x, q.y)
		}
		values[i] = sum / float64(s.taps)
	}
	return values
}

// edges are where dark begins, at even places, and ends, at odd ones, in samples.
type edges []float64

// reversed are the edges from the other end of a line of length samples.
func (e edges) reversed(length float64) edges {
	out := make(edges, len(e))
	for i, at := range e {
		out[len(e)-1-i] = length - at
	}
	return out
}

// findEdges goes from peak to valley to peak. An edge lies where half the way between the
// two is passed: blur and slow changes of light do not move it. The first one falls, or
// rises where light is read as dark.
func findEdges(values []float64, turns []int, falls bool) edges {
	var out edges
	for i := 1; i < len(turns); i++ {
		a, b := turns[i-1], turns[i]
		falling := values[a] > values[b]
		if falling != falls && len(out) == 0 {
			continue // The line begins in the dark.
		}
		half := (values[a] + values[b]) / 2
		for j := a; j < b; j++ {
			if (values[j+1] <= half) == falling && (values[j] > half) == falling {
				out = append(out, float64(j)+(half-values[j])/(values[j+1]-values[j]))
				break
			}
		}
	}
	return out[:len(out)&^1]
}

// findTurns are the peaks and valleys that stand out by a share of the contrast around.
func findTurns(values []float64) []int {
	swing := swings(values)
	var turns []int
	low, high := 0, 0 // Where the least and the greatest value since the last turn are.
	direction := 0
	for i, v := range values {
		if v < values[low] {
			low = i
		}
		if v > values[high] {
			high = i
		}
		switch {
		case direction >= 0 && values[high]-v >= swing[i/swingSamples]:
			turns = append(turns, high)
			direction, low = -1, i
		case direction <= 0 && v-values[low] >= swing[i/swingSamples]:
			turns = append(turns, low)
			direction, high = 1, i
		}
	}
	switch direction {
	case 1:
		turns = append(turns, high)
	case -1:
		turns = append(turns, low)
	}
	return turns
}

// The contrast of a line is taken over fields of swingSamples and their neighbours, of
// which an edge has to have a share, and never less than swingMin of 255.
const (
	swingSamples = 64
	swingShare   = 0.25
	swingMin     = 6
)

// swings is what an edge has to have at least, for each field of swingSamples.
func swings(values []float64) []float64 {
	fields := (len(values) + swingSamples - 1) / swingSamples
	low, high := make([]float64, fields), make([]float64, fields)
	for i := range fields {
		field := values[i*swingSamples : min((i+1)*swingSamples, len(values))]
		low[i], high[i] = slices.Min(field), slices.Max(field)
	}
	out := make([]float64, fields)
	for i := range fields {
		from, to := max(0, i-1), min(fields, i+2)
		out[i] = max(swingMin, swingShare*(slices.Max(high[from:to])-slices.Min(low[from:to])))
	}
	return out
}

// span is a symbol on a line, in samples.
type span struct {
	text        string
	start, stop float64
}

// decode finds the symbols that begin at an edge where dark begins.
func (s sweep) decode(e edges) []span {
	var spans []span
	for i := 0; i+characterElements < len(e); i += 2 {
		module, gain, ok := startCharacter(e[i : i+characterElements+1])
		if !ok || i > 0 && e[i]-e[i-1] < quietModules*module {
			continue
		}
		end := i + 1
		for end+1 < len(e) && e[end+1]-e[end] < quietModules*module && end-i < elementsMax {
			end += 2
		}
		if *s.attempts <= 0 {
			break
		}
		*s.attempts--
		if text, ok := decodeRow(e[i:end+1], module, gain); ok {
			spans = append(spans, span{text, e[i], e[end]})
			i = end - 1
		}
	}
	return spans
}

// startCharacter tells whether six elements are one of the three start characters, by the
// distances of edges of the same kind, which ink and light do not move: A is 211412, B
// 211214, C 211232. It gives the width of a module, and how much wider than drawn the
// dark elements are.
func startCharacter(e edges) (module, gain float64, ok bool) {
	module = (e[6] - e[0]) / characterModules
	distances := [4]float64{e[2] - e[0], e[3] - e[1], e[4] - e[2], e[5] - e[3]}
	starts := [3][4]float64{{3, 2, 5, 5}, {3, 2, 3, 3}, {3, 2, 3, 5}}
	darks := [3]float64{4, 4, 6}
	for i, start := range starts {
		fits := true
		for j, want := range start {
			fits = fits && math.Abs(distances[j]/module-want) < 0.6
		}
		if fits {
			dark := e[1] - e[0] + e[3] - e[2] + e[5] - e[4]
			return module, (dark - darks[i]*module) / 3, true
		}
	}
	return 0, 0, false
}

var code128Reader = oned.NewCode128Reader().(oned.RowDecoder)

// rowModule is the width of a module in the row given to gozxing, and rowQuiet its light
// before and after the symbol.
const (
	rowModule = 8
	rowQuiet  = 12 * rowModule
)

// decodeRow gives the elements to gozxing. A panic in it means that this was no symbol: it
// indexes by what it decodes, and its checks before that were not proven complete.
func decodeRow(e edges, module, gain float64) (text string, ok bool) {
	defer func() {
		if recover() != nil {
			text, ok = "", false
		}
	}()
	scale := rowModule / module
	row := gozxing.NewBitArray(int((e[len(e)-1]-e[0])*scale) + 2*rowQuiet)
	for i := 0; i+1 < len(e); i += 2 {
		from := rowQuiet + int(math.Round((e[i]-e[0]+gain/2)*scale))
		to := rowQuiet + int(math.Round((e[i+1]-e[0]-gain/2)*scale))
		for x := max(from, 0); x < min(max(to, from+1), row.GetSize()); x++ {
			row.Set(x)
		}
	}
	result, err := code128Reader.DecodeRow(0, row, nil)
	if err != nil {
		return "", false
	}
	return fromLatin1(result.GetText()), true
}

// fromLatin1 makes UTF-8 of the bytes that gozxing gives: Code 128 carries ISO 8859-1.
func fromLatin1(text string) string {
	runes := make([]rune, len(text))
	for i := range len(text) {
		runes[i] = rune(text[i])
	}
	return string(runes)
}

// gather joins the hits of one symbol, which follow each other from line to line.
func gather(hits []hit) [][]hit {
	const linesMissing = 4 // Lines between two hits that dirt may spoil.
	var groups [][]hit
	for _, h := range hits {
		near := func(group []hit) bool {
			last := group[len(group)-1]
			reach := 0.2 * h.start.to(h.stop)
			return last.text == h.text && max(h.line-last.line, last.line-h.line) <= linesMissing &&
				last.start.to(h.start) < reach && last.stop.to(h.stop) < reach
		}
		if i := slices.IndexFunc(groups, near); i >= 0 {
			groups[i] = append(groups[i], h)
		} else {
			groups = append(groups, []hit{h})
		}
	}
	return slices.DeleteFunc(groups, func(group []hit) bool { return len(group) < linesMin })
}
