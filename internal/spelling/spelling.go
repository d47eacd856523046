// Package spelling finds what a mistyped name was meant to be.
//
// Must not import: anything but the standard library.
package spelling

import "strings"

// Nearest returns the candidate with the fewest edits from name, whatever the case
// of letters; empty when each differs in more than that share of the longer one. One
// edit is always forgiven.
func Nearest(name string, candidates []string, share float64) (best string) {
	fewest := 0
	for _, c := range candidates {
		n := edits(strings.ToLower(name), strings.ToLower(c))
		if float64(n) <= max(1, share*float64(max(len(name), len(c)))) && (best == "" || n < fewest) {
			best, fewest = c, n
		}
	}
	return best
}

// edits counts the bytes to insert, delete or replace and the neighbours to swap
// on the way from a to b. Source: Damerau 1964, in the optimal string alignment form.
func edits(a, b string) int {
	above, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		twoAbove := above
		above, row = row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+differ(a[i-1], b[j-1]))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], twoAbove[j-2]+1)
			}
		}
	}
	return row[len(b)]
}

func differ(a, b byte) int {
	if a == b {
		return 0
	}
	return 1
}
