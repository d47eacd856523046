package sample

// kth returns the k-th highest of xs, k from 1, and reorders them. Hoare's Find
// (1961): linear in the mean.
func kth(xs []float32, k int) float32 {
	for len(xs) > 1 {
		higher, equal := split(xs, middle(xs[0], xs[len(xs)/2], xs[len(xs)-1]))
		switch {
		case k <= higher:
			xs = xs[:higher]
		case k <= equal:
			return xs[higher]
		default:
			xs, k = xs[equal:], k-equal
		}
	}
	return xs[0]
}

// split puts what is higher than the pivot first and what equals it next, and
// returns where both end.
func split(xs []float32, pivot float32) (higher, equal int) {
	for i, x := range xs {
		switch {
		case x > pivot:
			xs[i] = xs[equal]
			xs[equal] = xs[higher]
			xs[higher] = x
			higher++
			equal++
		case x == pivot:
			xs[i] = xs[equal]
			xs[equal] = x
			equal++
		}
	}
	return higher, equal
}

func middle(a, b, c float32) float32 { return max(min(a, b), min(max(a, b), c)) }
