package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"weighbridge/pipeline"
)

// MostHTML is how long an HTML report gets, in bytes, whatever there is to tell.
const MostHTML = 5_000_000

// Bounds of the parts of a page, in bytes of HTML where nothing else is said. Together
// with what a page holds beside them they stay below [MostHTML].
const (
	mostPageFindings = 600_000 // of packs that enforce, and again of those that report
	mostPageObjects  = 400_000
	mostPageTable    = 50_000
	mostPageList     = 20_000

	// mostPageRows and mostListedObjects count rows of tables, mostPageText and
	// mostPageName bound one text from elsewhere, in bytes before it is escaped.
	mostPageRows      = 100
	mostListedObjects = 500
	mostPageText      = 800
	mostPageName      = 240
)

//go:embed page.html.tmpl
var pageText string

//go:embed page.css
var pageStyle string

// pageTemplate is never changed after it was parsed.
var pageTemplate = template.Must(template.New("page").Parse(pageText))

// HTML writes a report as one page of at most [MostHTML] bytes, which loads nothing: its
// style and drawings stand in it, it has no script, and its policy forbids both what comes
// from elsewhere and what is not this style. Links to the sources of rules are the only
// addresses in it. Texts from elsewhere pass through [Clean] and are escaped by
// html/template; what has no room is counted.
func HTML(w io.Writer, r *pipeline.Report) error {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, pageOf(r)); err != nil {
		return fmt.Errorf("make the page: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// htmlPage is what the template shows.
type htmlPage struct {
	Title, Source string
	// Style is the style, and Policy names it by its digest.
	Style  template.CSS
	Policy string
	// Verdict is one of the four words, and Kind names it to the style.
	Verdict, Kind string
	// Means says what the verdict means, Because what it rests on.
	Means, Because string
	Reasons        *bullets
	Glance         []glance
	Sections       []section
	Tool           string
	Disclaimer     string
}

// glance is one of the few things that are shown large.
type glance struct{ Label, Value, Note string }

// section is a part of a page with a heading. One without blocks is left out.
type section struct {
	ID, Title string
	Blocks    []block
}

// block is one thing in a section: the field that is set.
type block struct {
	Heading string
	Text    line
	Facts   []fact
	Table   *grid
	List    *bullets
	Scale   *scale
	Tree    *tree
	Finding *htmlFinding
	// Message is a text to send, as it is.
	Message string
	Fold    *fold
}

// fold is folded away until it is asked for.
type fold struct {
	Summary string
	Blocks  []block
}

// fact is a name with what is known by it.
type fact struct {
	Name  string
	Value line
}

// bullets is a list below a label, with the number of items that had no room.
type bullets struct {
	Label string
	// Alert is true where what is listed does not fit or is missing.
	Alert bool
	Items []line
	Left  string
}

// grid is a table. The first cell of a row is its heading.
type grid struct {
	Caption string
	Head    []column
	Rows    [][]cell
	Left    string
}

type column struct {
	Name   string
	Number bool
}

type cell struct {
	Line   line
	Number bool
	// Bar draws a share of a whole, in per cent of the cell; "" for none.
	Bar string
}

// line is a line of text. word is a piece of it: our words and those of rules as they are,
// what an artifact holds as code.
type (
	line []word
	word struct {
		Text string
		Code bool
		Href string
	}
)

// say shows a text in prose, quote one that somebody may have made up: a name, a path, a
// value. Nothing else makes words, so that all are clean and bounded.
func say(s string) word {
	// Spaces at the ends part it from its neighbours.
	return word{Text: cut(Clean(cut(s, mostPageText)), 2*mostPageText)}
}

func quote(s string) word {
	text := shown(s, mostPageName)
	if text == "" {
		text = "(empty)"
	}
	return word{Text: text, Code: true}
}

func said(s string) line   { return line{say(s)} }
func quoted(s string) line { return line{quote(s)} }

// quotedOr quotes a text where there is one.
func quotedOr(s *string, other string) line {
	if s == nil || *s == "" {
		return said(other)
	}
	return quoted(*s)
}

func textCell(l line) cell     { return cell{Line: l} }
func numberCell(s string) cell { return cell{Line: said(s), Number: true} }

func columns(names ...string) []column {
	var out []column
	for _, name := range names {
		name, number := strings.CutPrefix(name, "#")
		out = append(out, column{name, number})
	}
	return out
}

// cost is about how many bytes of HTML something takes.
func (l line) cost() int {
	n := 0
	for _, w := range l {
		n += 30 + len(template.HTMLEscapeString(w.Text)) + 3*len(w.Href)
	}
	return n
}

func (g *grid) rowCost(row []cell) int {
	n := 20
	for i, c := range row {
		n += 60 + c.Line.cost()
		if c.Bar != "" {
			n += 160
		}
		if i < len(g.Head) {
			n += len(g.Head[i].Name)
		}
	}
	return n
}

func (b block) cost() int {
	n := 80 + b.Text.cost() + len(b.Heading) + len(template.HTMLEscapeString(b.Message))
	for _, f := range b.Facts {
		n += 40 + len(f.Name) + f.Value.cost()
	}
	if b.Table != nil {
		n += 200
		for _, row := range b.Table.Rows {
			n += b.Table.rowCost(row)
		}
	}
	if b.List != nil {
		n += 100
		for _, item := range b.List.Items {
			n += 12 + item.cost()
		}
	}
	if b.Finding != nil {
		n += b.Finding.cost()
	}
	return n
}

// fill makes what there are n of, one after the other, until there are most or the room of
// so many bytes is used up. The first is made in any case: each is bounded. left says how
// many more there are.
func fill[T any](n, most, room int, make func(int) T, cost func(T) int) (out []T, left int) {
	for i := range n {
		if i == most {
			return out, n - i
		}
		one := make(i)
		room -= cost(one)
		if room < 0 && i > 0 {
			return out, n - i
		}
		out = append(out, one)
	}
	return out, 0
}

// rows makes a table of n rows; noun is what one of them is.
func rows(caption string, head []column, n int, noun string, row func(int) []cell) []block {
	return sized(caption, head, n, mostPageRows, mostPageTable, noun, row)
}

func sized(caption string, head []column, n, most, room int, noun string, row func(int) []cell) []block {
	if n == 0 {
		return nil
	}
	g := &grid{Caption: caption, Head: head}
	var left int
	g.Rows, left = fill(n, most, room, row, g.rowCost)
	g.Left = more(left, noun)
	return []block{{Table: g}}
}

// items makes a list of n items below a label.
func items(label string, n int, noun string, item func(int) line) *bullets {
	if n == 0 {
		return nil
	}
	b := &bullets{Label: label}
	var left int
	b.Items, left = fill(n, mostPageRows, mostPageList, item, func(l line) int { return 12 + l.cost() })
	b.Left = more(left, noun)
	return b
}

// listing is a list of names or paths.
func listing(label string, all []string, noun string) []block {
	list := items(label, len(all), noun, func(i int) line { return quoted(all[i]) })
	if list == nil {
		return nil
	}
	return []block{{List: list}}
}

// alerts is a list of sentences about what does not fit.
func alerts(label string, all []string, noun string) []block {
	list := items(label, len(all), noun, func(i int) line { return said(all[i]) })
	if list == nil {
		return nil
	}
	list.Alert = true
	return []block{{List: list}}
}

func more(left int, noun string) string {
	if left == 0 {
		return ""
	}
	return "and " + plural(int64(left), "more "+noun)
}

// facts makes a block of what is known, and leaves out what is not.
func facts(all ...fact) []block {
	all = slices.DeleteFunc(all, func(f fact) bool { return len(f.Value) == 0 })
	if len(all) == 0 {
		return nil
	}
	return []block{{Facts: all}}
}

// counted, yesNo, named and worded are facts that are left out where nothing is known.
func counted(name string, n *int64, noun string) fact {
	if n == nil {
		return fact{}
	}
	return fact{name, said(plural(*n, noun))}
}

func yesNo(name string, b *bool, yes, no string) fact {
	switch {
	case b == nil:
		return fact{}
	case *b:
		return fact{name, said(yes)}
	}
	return fact{name, said(no)}
}

func named(name string, s *string) fact {
	if s == nil || *s == "" {
		return fact{}
	}
	return fact{name, quoted(*s)}
}

func worded(name, text string) fact {
	if text == "" {
		return fact{}
	}
	return fact{name, said(text)}
}

// pageOf lays a page out.
func pageOf(r *pipeline.Report) htmlPage {
	sum := sha256.Sum256([]byte(pageStyle))
	p := htmlPage{
		Source: shown(r.Artifact.Source, mostPageText), Style: template.CSS(pageStyle), //nolint:gosec // our own style, no text from elsewhere
		Policy:  "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'",
		Verdict: strings.ToUpper(shown(string(r.Verdict), mostCell)), Kind: "unknown",
		Means: capital(verdicts[r.Verdict]), Because: because(r, func(s string) string { return s }),
		Tool:       shown(r.Tool.Name, mostCell) + " " + shown(r.Tool.Version, mostCell),
		Disclaimer: shown(r.Disclaimer, mostPageText),
	}
	if _, known := verdicts[r.Verdict]; known {
		p.Kind = string(r.Verdict)
	}
	p.Title = p.Verdict + ": " + shown(lastOf(r.Artifact.Source), mostCell)
	if len(r.Reasons) > 1 {
		p.Reasons = items("Beside the rules", len(r.Reasons), "reason", func(i int) line { return said(r.Reasons[i]) })
	}
	p.Glance = glances(r)
	p.Sections = sectionsOf(r)
	return p
}

// sectionsOf lists the sections in which something stands.
func sectionsOf(r *pipeline.Report) []section {
	var out []section
	for _, s := range []section{
		{"weight", "Weight", weightBlocks(r)},
		{"architecture", "Architecture", architectureBlocks(r)},
		{"findings", "What the rules found", findingBlocks(r)},
		{"questions", "What a reviewer will ask", questionBlocks(r)},
		{"licence", "Licence", licenceBlocks(r.Facts)},
		{"lineage", "Where it comes from", lineageBlocks(r.Facts)},
		{"data", "Sets of data", dataBlocks(r.Facts)},
		{"card", "What its card says", cardBlocks(r.Facts.Card)},
		{"contents", "What else it holds", contentsBlocks(r.Facts.Contents)},
		{"signature", "Signature", signatureBlocks(r.Facts.Signature)},
		{"submission", "Submission", submissionBlocks(r)},
		{"unread", "What was not read", unreadBlocks(r)},
		{"objects", "Objects", objectBlocks(r.Artifact)},
		{"run", "Rules and run", runBlocks(r)},
	} {
		if len(s.Blocks) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// lastOf is the last part of a source: the model's own name.
func lastOf(source string) string {
	source = strings.TrimRight(source, "/")
	return source[strings.LastIndexByte(source, '/')+1:]
}

// mostGlance bounds what is shown large, in bytes: the sections below have it whole.
const mostGlance = 60

// glances are the few things that most people look for.
func glances(r *pipeline.Report) []glance {
	var out []glance
	p := r.Facts.Params
	if p.Estimate != nil {
		g := glance{"Weight", rounded(*p.Estimate), weight(p)}
		if r.Facts.Adapter != nil {
			g.Label = "Weight of the adapter"
		}
		out = append(out, g)
	} else {
		out = append(out, glance{"Weight", weight(p), ""})
	}
	if r.Facts.Adapter != nil {
		g := glance{"Weight with its base", "unknown", ""}
		if p.EffectiveEstimate != nil && p.EffectiveLower != nil {
			g.Value, g.Note = rounded(*p.EffectiveEstimate), weight(pipeline.Params{Lower: p.EffectiveLower, Estimate: p.EffectiveEstimate, Upper: p.EffectiveUpper})
		}
		out = append(out, g)
	}
	if a := r.Facts.Architecture; a.Family != nil {
		out = append(out, glance{"Architecture", shown(*a.Family, mostGlance), confidence[deref(a.Confidence)]})
	} else {
		out = append(out, glance{"Architecture", "not identified", ""})
	}
	out = append(out, glance{"Stored", Size(r.Artifact.Bytes), plural(int64(len(r.Artifact.Objects)), "object")})
	if e := r.Facts.LicenseFound.Expression; e != nil {
		g := glance{"Licence", shown(*e, mostGlance), "as the artifact says of itself"}
		if *e == noAssertion || *e == "" {
			g = glance{"Licence", "not stated", "or none that is known"}
		}
		out = append(out, g)
	} else if d := r.Facts.License.Declared; d != nil {
		out = append(out, glance{"Licence", shown(*d, mostGlance), "as declared"})
	}
	matched, open := 0, 0
	for _, one := range byRule(r.Findings) {
		switch f := one.lead(); {
		case f.Mode != pipeline.ModeEnforce:
		case f.Outcome == pipeline.OutcomeMatched:
			matched++
		case f.Outcome == pipeline.OutcomeUndetermined:
			open++
		}
	}
	return append(out, glance{"Enforced rules", Count(int64(matched)) + " matched", Count(int64(open)) + " cannot be decided"})
}
