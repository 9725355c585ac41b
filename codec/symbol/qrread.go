package symbol

import (
	"cmp"
	"math"
	"slices"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/common"
	"github.com/makiuchi-d/gozxing/qrcode/decoder"
)

// readQR finds the QR codes of a picture. gozxing finds and checks the finder patterns and
// corrects and decodes the modules; the modules themselves are read here, out of the grey
// values, because gozxing takes one pixel of the black-and-white picture for each.
func readQR(g gray, radius int) []found {
	bits := g.bits(radius)
	spots := findFinders(bits)
	var all []found
	used := map[spot]bool{}
	failures := 0
	for _, c := range findCorners(spots) {
		if used[c.upperLeft] || used[c.upperRight] || used[c.lowerLeft] {
			continue
		}
		if failures >= failuresMax {
			break
		}
		if f, ok := readCorner(g, bits, c); !ok {
			failures++
		} else {
			all = append(all, f)
			used[c.upperLeft], used[c.upperRight], used[c.lowerLeft] = true, true, true
		}
	}
	return all
}

// failuresMax is how many corners of a picture may turn out to be none: noise has plenty.
const failuresMax = 40

// readCorner tries the sizes that the distance of the finder patterns allows.
func readCorner(g gray, bits *gozxing.BitMatrix, c corner) (found, bool) {
	guess, ok := c.dimension(bits)
	if !ok {
		return found{}, false
	}
	for _, dimension := range dimensions(g, c, guess) {
		for _, end := range c.ends(g, dimension) {
			if f, ok := readGrid(g, newGrid(c, end, dimension)); ok {
				return f, true
			}
		}
	}
	return found{}, false
}

// dimension guesses the modules of an edge from the width of the finder patterns along it.
func (c corner) dimension(bits *gozxing.BitMatrix) (float64, bool) {
	across := edgeModules(bits, c.upperLeft, c.upperRight)
	down := edgeModules(bits, c.upperLeft, c.lowerLeft)
	if math.IsNaN(across) || math.IsNaN(down) {
		return 0, false
	}
	return (across+down)/2 + 7, true
}

// edgeModules is the distance of two patterns in modules; NaN where neither can be measured.
func edgeModules(bits *gozxing.BitMatrix, a, b spot) float64 {
	distance := a.to(b)
	dx, dy := (b.x-a.x)/distance, (b.y-a.y)/distance
	sum, count := 0.0, 0.0
	for _, s := range []spot{a, b} {
		if width := reach(bits, s, dx, dy) + reach(bits, s, -dx, -dy); width > 0 {
			sum += width
			count++
		}
	}
	if count == 0 {
		return math.NaN()
	}
	return distance / (sum / count / 7)
}

// reach is the distance from the middle of a pattern to its outer edge: dark, light, dark.
// Not a number where the picture ends before.
func reach(bits *gozxing.BitMatrix, s spot, dx, dy float64) float64 {
	const step = 0.25
	wantDark, changes := true, 0
	for distance := 0.0; distance < 12*s.module; distance += step {
		x, y := int(math.Floor(s.x+dx*distance)), int(math.Floor(s.y+dy*distance))
		if x < 0 || y < 0 || x >= bits.GetWidth() || y >= bits.GetHeight() {
			break
		}
		if bits.Get(x, y) == wantDark {
			continue
		}
		if wantDark, changes = !wantDark, changes+1; changes == 3 {
			return distance
		}
	}
	return math.NaN()
}

// dimensions are the legal sizes about a guess, the one whose timing pattern shows best
// first: errors of a few percent are more than a version in a large symbol.
func dimensions(g gray, c corner, guess float64) []int {
	const smallest, largest, step = 21, 177, 4
	nearest := smallest + step*int(math.Round((guess-smallest)/step))
	spread := step * (1 + int(guess/60))
	var sizes []int
	for size := nearest - spread; size <= nearest+spread; size += step {
		if size >= smallest && size <= largest {
			sizes = append(sizes, size)
		}
	}
	score := map[int]float64{}
	for _, size := range sizes {
		score[size] = timing(g, c, size)
	}
	slices.SortStableFunc(sizes, func(a, b int) int { return cmp.Compare(score[b], score[a]) })
	return sizes[:min(len(sizes), 3)]
}

// timing is how clearly light and dark alternate between the finder patterns, as the mean
// difference of grey values.
func timing(g gray, c corner, dimension int) float64 {
	grid := newGrid(c, c.parallelogram(), dimension)
	sum := 0.0
	for i := 8; i < dimension-8; i++ {
		sign := 1.0
		if i%2 == 0 {
			sign = -1
		}
		x, y := grid.pixel(float64(i)+0.5, 6.5)
		sum += sign * g.at(x, y)
		x, y = grid.pixel(6.5, float64(i)+0.5)
		sum += sign * g.at(x, y)
	}
	return sum / float64(dimension-16)
}

// end is a fourth point of a symbol beside its finder patterns, in modules and in pixels.
type end struct {
	module float64 // From the upper left corner, in both directions.
	x, y   float64
}

func (c corner) parallelogram() end {
	return end{math.NaN(), c.upperRight.x - c.upperLeft.x + c.lowerLeft.x,
		c.upperRight.y - c.upperLeft.y + c.lowerLeft.y}
}

// ends are the fourth points to try: the alignment pattern where there is one, and what the
// other three would make in a picture taken from straight above.
func (c corner) ends(g gray, dimension int) []end {
	ends := []end{c.parallelogram()}
	if dimension > 21 {
		if e, ok := c.alignment(g, dimension); ok {
			ends = append([]end{e}, ends...)
		}
	}
	return ends
}

// alignment looks for the lower right alignment pattern about where it would be, in steps
// of half a module: light ring, dark ring and dark middle against each other.
func (c corner) alignment(g gray, dimension int) (end, bool) {
	grid := newGrid(c, c.parallelogram(), dimension)
	middle := float64(dimension) - 6.5
	reach := 4 + float64(dimension)/12 // Perspective moves it by a share of the size.
	best, bestScore := end{module: middle}, 0.0
	for dy := -reach; dy <= reach; dy += 0.5 {
		for dx := -reach; dx <= reach; dx += 0.5 {
			score := alignmentScore(g, grid, middle+dx, middle+dy)
			score -= 0.5 * (math.Abs(dx) + math.Abs(dy)) // Of two that are alike, the nearer.
			if score > bestScore {
				bestScore = score
				best.x, best.y = grid.pixel(middle+dx, middle+dy)
			}
		}
	}
	return best, bestScore > 8
}

// alignmentScore is the difference of grey between what should be light and dark.
func alignmentScore(g gray, grid grid, column, row float64) float64 {
	light, dark := 0.0, 0.0
	for dy := -2; dy <= 2; dy++ {
		for dx := -2; dx <= 2; dx++ {
			x, y := grid.pixel(column+float64(dx), row+float64(dy))
			value := g.at(x, y)
			if max(dx, -dx, dy, -dy) == 1 {
				light += value
			} else {
				dark += value
			}
		}
	}
	return light/8 - dark/17
}

// grid is where the modules of a symbol lie in a picture.
type grid struct {
	dimension int
	transform *common.PerspectiveTransform
}

func newGrid(c corner, e end, dimension int) grid {
	far := float64(dimension) - 3.5
	if math.IsNaN(e.module) {
		e.module = far
	}
	return grid{dimension, common.PerspectiveTransform_QuadrilateralToQuadrilateral(
		3.5, 3.5, far, 3.5, e.module, e.module, 3.5, far,
		c.upperLeft.x, c.upperLeft.y, c.upperRight.x, c.upperRight.y, e.x, e.y, c.lowerLeft.x, c.lowerLeft.y)}
}

// pixel is where a place in modules lies in the picture.
func (t grid) pixel(column, row float64) (x, y float64) {
	point := [2]float64{column, row}
	t.transform.TransformPoints(point[:])
	return point[0], point[1]
}

// readGrid reads the modules and decodes them.
func readGrid(g gray, t grid) (found, bool) {
	if !t.within(g) {
		return found{}, false
	}
	values := t.sample(g)
	bits, err := gozxing.NewSquareBitMatrix(t.dimension)
	if err != nil {
		return found{}, false
	}
	levels := values.blurred(levelModules)
	for i, value := range values.pix {
		if value < levels.pix[i] {
			bits.Set(i%t.dimension, i/t.dimension)
		}
	}
	text, mirrored, ok := decodeModules(bits)
	if !ok {
		return found{}, false
	}
	return found{KindQR, text, t.corners(mirrored)}, true
}

// levelModules is how far around a module its threshold looks: light that falls unevenly
// on paper changes slowly, and masks keep light and dark in balance over such a field.
const levelModules = 7

// within reports whether the corners lie in the picture, but for a few modules that may be
// cut off: a wrong corner's perspective can send them to the horizon.
func (t grid) within(g gray) bool {
	slack := float64(g.width+g.height) / 20
	for _, corner := range t.corners(false) {
		inside := corner.x > -slack && corner.x < float64(g.width)+slack &&
			corner.y > -slack && corner.y < float64(g.height)+slack
		if !inside { // Also what is not a number.
			return false
		}
	}
	return true
}

// sample gives the grey value of each module: the mean of its inner part.
func (t grid) sample(g gray) gray {
	values := emptyGray(t.dimension, t.dimension)
	offsets := [3]float64{0.3, 0.5, 0.7}
	for row := range t.dimension {
		for column := range t.dimension {
			sum := 0.0
			for _, dy := range offsets {
				for _, dx := range offsets {
					sum += g.at(t.pixel(float64(column)+dx, float64(row)+dy))
				}
			}
			values.pix[row*t.dimension+column] = uint8(sum/9 + 0.5)
		}
	}
	return values
}

// decodeModules corrects errors and decodes. Nothing that a picture shows may end the
// process: gozxing indexes by what it decodes, and its checks before that were not proven
// complete, so a panic in it means that this was no symbol.
func decodeModules(bits *gozxing.BitMatrix) (text string, mirrored, ok bool) {
	defer func() {
		if recover() != nil {
			text, ok = "", false
		}
	}()
	result, err := decoder.NewDecoder().Decode(bits, nil)
	if err != nil || result.GetText() == "" {
		return "", false, false
	}
	_, mirrored = result.GetOther().(*decoder.QRCodeDecoderMetaData)
	return result.GetText(), mirrored, true
}

// corners are the corners of the symbol; a mirrored one is seen from behind.
func (t grid) corners(mirrored bool) [4]place {
	size := float64(t.dimension)
	places := [4][2]float64{{0, 0}, {size, 0}, {size, size}, {0, size}}
	if mirrored {
		places[1], places[3] = places[3], places[1]
	}
	var corners [4]place
	for i, p := range places {
		corners[i].x, corners[i].y = t.pixel(p[0], p[1])
	}
	return corners
}
