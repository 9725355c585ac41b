// Package figures says what the figures of several rounds come to.
//
// It does not know what they measure.
package figures

import "slices"

// Median is the middle one of list, of an even number the upper of both; list stays as it is.
// It panics where list is empty.
func Median(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}
