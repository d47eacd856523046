package sample

import "github.com/moltbot/moltbot/kvcache"

// draw chooses from what is left, by u out of [0, 1).
func (w *workspace) draw(u float64) kvcache.Token {
	if w.listed {
		return w.drawListed(u)
	}
	return w.drawAny(u)
}

// drawAny draws from the whole row: first the block, then the token in it.
func (w *workspace) drawAny(u float64) kvcache.Token {
	point := wheel{left: u * w.sumBlocks()}
	for b := range w.row.sums {
		if point.pass(b, w.row.weight(b)) {
			break
		}
	}
	b := point.at
	point = wheel{left: point.left}
	for i, logit := range w.row.Block(b) {
		if point.pass(i, w.weight(logit)) {
			break
		}
	}
	return kvcache.Token(b*blockLen + point.at)
}

// drawListed draws from the list, in the order of tokens: a small change of
// logits then rarely changes what a seed gives.
func (w *workspace) drawListed(u float64) kvcache.Token {
	point := wheel{left: u * totalOf(w.list)}
	for i := range w.list {
		if point.pass(i, w.list[i].weight) {
			break
		}
	}
	return w.list[point.at].token
}

// wheel walks along weights until a point lies in one of them.
type wheel struct {
	left float64 // how far the point still is
	at   int     // where it lies; the last that had a weight when sums were rounded
}

func (p *wheel) pass(at int, weight float64) (found bool) {
	if weight == 0 {
		return false
	}
	p.at = at
	if p.left < weight {
		return true
	}
	p.left -= weight
	return false
}
