package report

import (
	"bytes"
	"fmt"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	_ "gonum.org/v1/plot/vg/vgimg" // writes PNG
	_ "gonum.org/v1/plot/vg/vgsvg" // writes SVG

	"github.com/moltbot/moltbot/bench/load"
	"github.com/moltbot/moltbot/bench/stats"
)

// Plot is a picture of a group.
type Plot struct {
	Group
	File, Title string // the file's name has no extension
	PNG, SVG    []byte
}

// curve is one target's points in a plot.
type curve struct {
	target string
	points plotter.XYs
}

// picture is a plot before it is drawn.
type picture struct {
	title, x, y string
	logX        bool
	dots        bool // not joined by lines
	curves      []curve
}

const (
	plotWidth  = 16 * vg.Centimeter
	plotHeight = 10 * vg.Centimeter
)

// plots draws all that there is to see.
func (r *Report) plots() ([]Plot, error) {
	var all []Plot
	for _, g := range r.groups() {
		for _, p := range r.pictures(g) {
			if len(p.curves) == 0 {
				continue
			}
			png, svg, err := p.draw()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.title, err)
			}
			all = append(all, Plot{g, fileName(p.title), p.title, png, svg})
		}
	}
	return all, nil
}

// fileName is a title in lower case, joined by hyphens.
func fileName(title string) string {
	return strings.ToLower(strings.NewReplacer(" · ", "-", ": ", "-", " ", "-").Replace(title))
}

// draw draws it as PNG and as SVG.
func (p picture) draw() (png, svg []byte, err error) {
	canvas := plot.New()
	canvas.Title.Text, canvas.X.Label.Text, canvas.Y.Label.Text = p.title, p.x, p.y
	canvas.Legend.Top = p.dots // distributions leave the lower right free
	canvas.Y.Min = 0
	canvas.Add(plotter.NewGrid())
	if p.logX {
		canvas.X.Scale, canvas.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	for i, c := range p.curves {
		if err := c.add(canvas, i, p.dots); err != nil {
			return nil, nil, err
		}
	}
	if p.logX { // gonum makes room around a single value by going below it, perhaps to zero
		canvas.X.Min, canvas.X.Max = canvas.X.Min/1.1, canvas.X.Max*1.1
	}
	if p.dots {
		canvas.X.Min, canvas.X.Max, canvas.Y.Max = 0, max(canvas.X.Max, 1), canvas.Y.Max*1.2
	}
	if png, err = render(canvas, "png"); err != nil {
		return nil, nil, err
	}
	svg, err = render(canvas, "svg")
	return png, svg, err
}

// add puts a curve and its legend on a canvas, in the i-th colour.
func (c curve) add(canvas *plot.Plot, i int, dots bool) error {
	if dots {
		s, err := plotter.NewScatter(c.points)
		if err != nil {
			return err
		}
		s.Color, s.Shape = plotutil.Color(i), plotutil.Shape(i)
		canvas.Add(s)
		canvas.Legend.Add(c.target, s)
		return nil
	}
	l, err := plotter.NewLine(c.points)
	if err != nil {
		return err
	}
	l.Color, l.Dashes, l.Width = plotutil.Color(i), plotutil.Dashes(i), vg.Points(1.5)
	canvas.Add(l)
	canvas.Legend.Add(c.target, l)
	return nil
}

func render(canvas *plot.Plot, format string) ([]byte, error) {
	w, err := canvas.WriterTo(plotWidth, plotHeight, format)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	_, err = w.WriteTo(&b)
	return b.Bytes(), err
}

// ecdfSteps bounds the points of a distribution.
const ecdfSteps = 200

// ecdf is the share of values up to x; least keeps x above zero.
func ecdf(values []float64, least float64) plotter.XYs {
	shares := make([]float64, ecdfSteps+1)
	for i := range shares {
		shares[i] = float64(i) / ecdfSteps
	}
	xs := stats.Quantiles(values, shares...)
	points := make(plotter.XYs, len(xs))
	for i, x := range xs {
		points[i] = plotter.XY{X: max(x, least), Y: shares[i]}
	}
	return points
}

// eachOf calls f for the records of one target in a group, over all rounds.
func (r *Report) eachOf(g Group, target string, f func(load.Record)) {
	for _, t := range r.Turns {
		for _, p := range t.Phases {
			if t.Case != g.Case || t.Target != target || p.Name != g.Phase || !p.Counted {
				continue
			}
			for _, record := range p.Records {
				if g.Class == "" || g.Class == record.Class {
					f(record)
				}
			}
		}
	}
}
