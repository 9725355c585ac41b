package reconcile

import (
	"cmp"
	"slices"
)

// groups are totals by a field's text.
type groups map[string]*Total

// groupsMax bounds them; what comes beyond is counted together under groupsRest.
const (
	groupsMax  = 1 << 17
	groupsRest = "(others)"
)

func (g groups) add(text []byte, amount int64) {
	t := g[string(text)]
	if t == nil {
		t = g.make(string(text))
	}
	t.Rows++
	t.Amount += amount
}

func (g groups) make(text string) *Total {
	if len(g) >= groupsMax {
		text = groupsRest
		if t := g[text]; t != nil {
			return t
		}
	}
	t := &Total{}
	g[text] = t
	return t
}

func (g groups) merge(other groups) {
	for _, text := range sortedKeys(other) {
		t := g[text]
		if t == nil {
			t = g.make(text)
		}
		t.Rows += other[text].Rows
		t.Amount += other[text].Amount
	}
}

func sortedKeys(g groups) []string {
	keys := make([]string, 0, len(g))
	for text := range g {
		keys = append(keys, text)
	}
	slices.Sort(keys)
	return keys
}

// GroupDifference is a group whose totals are not the same on both sides.
type GroupDifference struct {
	Group string `json:"group"`
	Left  Total  `json:"left"`
	Right Total  `json:"right"`
}

// groupDifferencesMax is how many the summary lists: those with the largest differences.
const groupDifferencesMax = 1000

// compareGroups lists the groups that differ, the largest difference of amounts first.
func compareGroups(left, right groups) []GroupDifference {
	var list []GroupDifference
	for text, t := range left {
		d := GroupDifference{Group: text, Left: *t}
		if other := right[text]; other != nil {
			d.Right = *other
		}
		if d.Left != d.Right {
			list = append(list, d)
		}
	}
	for text, t := range right {
		if left[text] == nil {
			list = append(list, GroupDifference{Group: text, Right: *t})
		}
	}
	slices.SortFunc(list, func(a, b GroupDifference) int {
		return cmp.Or(cmp.Compare(b.distance(), a.distance()), cmp.Compare(a.Group, b.Group))
	})
	return list[:min(len(list), groupDifferencesMax)]
}

func (d *GroupDifference) distance() int64 { return abs(d.Left.Amount - d.Right.Amount) }
