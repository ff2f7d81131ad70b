// Package arrange sorts with little code: slices.SortStableFunc puts some six kilobytes of it into the binary for
// each type that is sorted.
package arrange

import "sort"

// Stable sorts s, equals staying in their order. compare is as for slices.SortStableFunc.
func Stable[T any](s []T, compare func(a, b T) int) {
	sort.Stable(order{
		len(s),
		func(i, j int) bool { return compare(s[i], s[j]) < 0 },
		func(i, j int) { s[i], s[j] = s[j], s[i] },
	})
}

// order is a sort.Interface over closures.
type order struct {
	n    int
	less func(i, j int) bool
	swap func(i, j int)
}

func (o order) Len() int           { return o.n }
func (o order) Less(i, j int) bool { return o.less(i, j) }
func (o order) Swap(i, j int)      { o.swap(i, j) }
