package symbol

import (
	"cmp"
	"math"
	"slices"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode/detector"
)

// The limits on finder patterns, so that a picture strewn with them costs no more than one
// with symbols. Three belong to each symbol; data now and then looks like one.
const (
	findersMax    = 6 * symbolsMax
	neighboursMax = 12 // Finder patterns that are tried as partners of one.
	cornersMax    = 8 * symbolsMax
)

// spot is the middle of a finder pattern, in pixels.
type spot struct {
	x, y   float64
	module float64 // Pixels a module along the row where it was found: too long where turned.
}

func (s spot) to(other spot) float64 { return math.Hypot(other.x-s.x, other.y-s.y) }

// findFinders looks for the pattern 1:1:3:1:1 in every second row and leaves the checks
// across it to gozxing. gozxing's own search for several symbols is not used: it joins
// every three patterns, without a limit, and a picture of patterns keeps it busy for hours.
func findFinders(bits *gozxing.BitMatrix) []spot {
	finder := detector.NewFinderPatternFinder(bits, nil)
	for y := 1; y < bits.GetHeight(); y += 2 {
		findInRow(finder, bits, y)
		if len(finder.GetPossibleCenters()) > findersMax {
			break
		}
	}
	var spots []spot
	for _, c := range finder.GetPossibleCenters() {
		spots = append(spots, spot{c.GetX() + 0.5, c.GetY() + 0.5, c.GetEstimatedModuleSize()})
	}
	return spots
}

// findInRow walks over the runs of one row, the last five of which are in runs.
func findInRow(finder *detector.FinderPatternFinder, bits *gozxing.BitMatrix, y int) {
	var row gozxing.BitArray
	line := bits.GetRow(y, &row)
	var runs [5]int
	for x := line.GetNextSet(0); x < line.GetSize(); {
		light := line.GetNextUnset(x)
		dark := line.GetNextSet(light)
		runs[4] = light - x
		if detector.FinderPatternFinder_foundPatternCross(runs[:]) && crosses(bits, runs[:], light, y) {
			finder.HandlePossibleCenter(runs[:], y, light)
		}
		runs = [5]int{runs[2], runs[3], runs[4], dark - light, 0}
		x = dark
	}
}

// crosses looks up and down from the middle of a pattern that ends before x end: its dark
// heart is about as high as wide. gozxing would follow a bar down the whole picture, for
// every row again.
func crosses(bits *gozxing.BitMatrix, runs []int, end, y int) bool {
	x := end - runs[4] - runs[3] - (runs[2]+1)/2
	height, most := 1, 2*runs[2]+1
	for up := y - 1; up >= 0 && height <= most && bits.Get(x, up); up-- {
		height++
	}
	for down := y + 1; down < bits.GetHeight() && height <= most && bits.Get(x, down); down++ {
		height++
	}
	return height <= most
}

// corner is three finder patterns that lie as those of one symbol.
type corner struct {
	upperLeft, upperRight, lowerLeft spot
	penalty                          float64 // How far from a square, 0 is none.
}

// findCorners joins finder patterns, the likeliest first.
func findCorners(spots []spot) []corner {
	var corners []corner
	for i := range spots {
		near := nearest(spots, i)
		for j := range near {
			for k := range near[:j] {
				if c, ok := newCorner(spots[i], near[j], near[k]); ok {
					corners = append(corners, c)
				}
			}
		}
	}
	slices.SortStableFunc(corners, func(a, b corner) int { return cmp.Compare(a.penalty, b.penalty) })
	return corners[:min(len(corners), cornersMax)]
}

// nearest are the patterns around spots[i] that are of its size, within the reach of the
// largest version, nearest first.
func nearest(spots []spot, i int) []spot {
	var near []spot
	for j, other := range spots {
		ratio := other.module / spots[i].module
		if j != i && ratio > 0.5 && ratio < 2 && spots[i].to(other) < 180*spots[i].module {
			near = append(near, other)
		}
	}
	slices.SortStableFunc(near, func(a, b spot) int { return cmp.Compare(spots[i].to(a), spots[i].to(b)) })
	return near[:min(len(near), neighboursMax)]
}

// newCorner takes two patterns as the ends of the edges at upperLeft, in the order that
// makes them a symbol seen from the front.
func newCorner(upperLeft, a, b spot) (corner, bool) {
	lengthA, lengthB := upperLeft.to(a), upperLeft.to(b)
	cross := (a.x-upperLeft.x)*(b.y-upperLeft.y) - (a.y-upperLeft.y)*(b.x-upperLeft.x)
	dot := (a.x-upperLeft.x)*(b.x-upperLeft.x) + (a.y-upperLeft.y)*(b.y-upperLeft.y)
	if cross < 0 {
		a, b = b, a
	}
	askew := math.Abs(dot) / (lengthA * lengthB)
	uneven := math.Abs(lengthA-lengthB) / max(lengthA, lengthB)
	if askew > 0.5 || uneven > 0.4 || min(lengthA, lengthB) < 10*upperLeft.module/math.Sqrt2 {
		return corner{}, false
	}
	sizes := math.Abs(a.module-b.module)/upperLeft.module + math.Abs(a.module-upperLeft.module)/upperLeft.module
	// In a sheet of equal symbols, patterns of several symbols make good squares too: those
	// of one are closest.
	distance := (lengthA + lengthB) / upperLeft.module / 1000
	return corner{upperLeft, a, b, askew + uneven + sizes/2 + distance}, true
}
