package webui

import (
	"strconv"

	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
)

// The drawing of a lineage: the model at the left, what it was made from to the right of
// it, each step in a column of its own. Lengths are in units of the drawing.
const (
	nodeWidth, nodeHeight = 236, 62
	columnStep, nodeStep  = 352, 78
	// mostGraph bounds the models and sets of data together, mostColumns the steps.
	mostGraph   = 36
	mostColumns = 5
	// mostNodeText is how many characters a line in a box has room for.
	mostNodeText = 31
)

// lineageView is from what a model was made.
type lineageView struct {
	Width, Height int
	Nodes         []graphNode
	Edges         []graphEdge
	// More counts what had no room.
	More int
	// Problems are what does not fit, Undeclared tells of a known structure without a
	// named base, Complete whether the whole chain is on record.
	Problems    []string
	Undeclared  bool
	Complete    *bool
	Obligations []pipeline.Obligation
	Known       []pipeline.KnownStructure
	Licence     string
}

// graphNode is a box. Kind is "self", "model", "data" or "unknown".
type graphNode struct {
	X, Y int
	Kind string
	// Name is whole, Short as the box has room for it.
	Name, Short string
	// Relation is how what is to its left was made from it, "" for the model itself.
	Relation, Of string
	Licence      string
	// State is where its case stands, "" where it is not on record; Case is that case.
	State pipeline.State
	Case  string
	// Dashed is true for what is not on record.
	Dashed bool
	// Facts are further words on a set of data, as the artifact or the submission says
	// them.
	Facts []string
}

// The places of the lines of a box.
func (n graphNode) NameY() int    { return n.Y + 22 }
func (n graphNode) LicenceY() int { return n.Y + 40 }
func (n graphNode) StateY() int   { return n.Y + 55 }
func (n graphNode) TextX() int    { return n.X + 12 }

// W and H are the size of a box.
func (graphNode) W() int { return nodeWidth }
func (graphNode) H() int { return nodeHeight }

type graphEdge struct {
	Path           string
	Label          string
	LabelX, LabelY int
	Dashed         bool
}

// clipNode cuts a name to what a box has room for.
func clipNode(s string) string {
	text := []rune(report.Shown(s, 200))
	if len(text) <= mostNodeText {
		return string(text)
	}
	// The end tells more of a path than the beginning.
	return "…" + string(text[len(text)-mostNodeText+1:])
}

// graph lays the boxes out.
type graph struct {
	v    *lineageView
	rows [mostColumns + 1]int
	at   map[string]int
}

// lineageOf draws from what a report's model was made.
func lineageOf(c pipeline.Case, r *pipeline.Report) lineageView {
	f, l := r.Facts, r.Facts.Lineage
	v := lineageView{Complete: l.Complete, Undeclared: l.Undeclared != nil && *l.Undeclared,
		Obligations: l.Obligations[:min(len(l.Obligations), mostRows)], Known: l.Known[:min(len(l.Known), mostRows)]}
	v.Problems = append(v.Problems, l.Problems[:min(len(l.Problems), mostRows)]...)
	v.Problems = append(v.Problems, l.ChainProblems[:min(len(l.ChainProblems), mostRows)]...)
	v.Licence = licenceOf(f)
	g := &graph{v: &v, at: map[string]int{}}
	g.add(graphNode{Kind: "self", Name: c.Source, Licence: v.Licence, State: c.State}, 0, -1)
	const self = "this model"
	g.at[self] = 0
	g.bases(f, self)
	g.data(f)
	width := 0
	for i, n := range g.rows {
		if n > 0 {
			width = i*columnStep + nodeWidth + 8
			v.Height = max(v.Height, n*nodeStep+8)
		}
	}
	v.Width = width
	return v
}

// licenceOf is the model's own licence, as it says itself.
func licenceOf(f pipeline.Facts) string {
	if e := f.LicenseFound.Expression; e != nil && *e != "" && *e != "NOASSERTION" {
		return report.Shown(*e, 120)
	}
	return report.Shown(textOf(f.License.Declared), 120)
}

func (g *graph) bases(f pipeline.Facts, self string) {
	chain := f.Lineage.Chain
	for _, a := range chain {
		of, known := g.at[a.Of]
		if !known {
			g.v.More++ // what it belongs to had no room
			continue
		}
		n := graphNode{Kind: "model", Name: a.ID, Relation: a.Relation, Of: a.Of, Licence: report.Shown(a.License, 120), State: pipeline.State(a.State), Case: a.Case, Dashed: a.Case == ""}
		if i := g.add(n, int(min(max(a.Depth, 1), mostColumns+1)), of); i >= 0 {
			g.at[a.ID] = i
		}
	}
	if len(chain) > 0 {
		return
	}
	for _, b := range f.Bases {
		g.add(graphNode{Kind: "model", Name: textOf(b.ID), Relation: textOf(b.Relation), Of: self, Licence: report.Shown(textOf(b.License), 120), Dashed: true}, 1, 0)
	}
	if f.Bases == nil {
		g.add(graphNode{Kind: "unknown", Of: self, Dashed: true}, 1, 0)
	}
}

func (g *graph) data(f pipeline.Facts) {
	for _, d := range f.Datasets {
		name := textOf(d.ID)
		if name == "" {
			name = textOf(d.Name)
		}
		n := graphNode{Kind: "data", Name: name, Relation: "data", Licence: report.Shown(textOf(d.License), 120), Dashed: d.License == nil}
		for _, one := range []*string{d.OriginCountry, d.Collection, d.Modality} {
			if one != nil {
				n.Facts = append(n.Facts, report.Shown(*one, 80))
			}
		}
		g.add(n, 1, 0)
	}
	if len(f.Datasets) == 0 {
		g.add(graphNode{Kind: "unknown", Relation: "data", Dashed: true}, 1, 0)
	}
}

// add puts a box into a column, joined to the one of an index; it returns -1 where there
// is no room.
func (g *graph) add(n graphNode, column, of int) int {
	if len(g.v.Nodes) >= mostGraph || column > mostColumns {
		g.v.More++
		return -1
	}
	n.Name = report.Shown(n.Name, 400)
	n.Short = clipNode(n.Name)
	n.X, n.Y = column*columnStep+2, g.rows[column]*nodeStep+4
	g.rows[column]++
	g.v.Nodes = append(g.v.Nodes, n)
	if of >= 0 {
		from := g.v.Nodes[of]
		x1, y1, x2, y2 := from.X+nodeWidth, from.Y+nodeHeight/2, n.X, n.Y+nodeHeight/2
		mid := x1 + 14
		g.v.Edges = append(g.v.Edges, graphEdge{Dashed: n.Dashed, Label: n.Relation, LabelX: x2 - 8, LabelY: y2 - 6,
			Path: "M" + strconv.Itoa(x1) + " " + strconv.Itoa(y1) + "H" + strconv.Itoa(mid) + "V" + strconv.Itoa(y2) + "H" + strconv.Itoa(x2)})
	}
	return len(g.v.Nodes) - 1
}
