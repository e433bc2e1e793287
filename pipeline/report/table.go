package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"weighbridge/pipeline"
)

// verdicts says in words what a verdict means to the person who waits for it.
var verdicts = map[pipeline.Verdict]string{
	pipeline.VerdictClear:        "no enforced rule stopped these facts and none was left undecided",
	pipeline.VerdictReview:       "a person must decide",
	pipeline.VerdictBlock:        "an enforced rule blocks this",
	pipeline.VerdictInconclusive: "something could not be read or weighed",
}

// Table writes a report for a person to read.
func Table(w io.Writer, r *pipeline.Report) error {
	t := &table{w: bufio.NewWriter(w)}
	t.line("%s", Clean(r.Artifact.Source))
	t.line("")
	t.row("Verdict", "%s: %s", strings.ToUpper(string(r.Verdict)), verdicts[r.Verdict])
	for _, reason := range r.Reasons {
		t.row("", "%s", Clean(reason))
	}
	t.facts(r)
	t.findings(r)
	t.questions(r)
	t.notes(r.Notes)
	if r.Case == nil {
		t.row("Case", "not queued: no database was named")
	} else {
		t.row("Case", "%s, %s", r.Case.ID, strings.ReplaceAll(string(r.Case.State), "_", " "))
	}
	t.cost(r.Cost)
	t.line("")
	t.wrap("", pipeline.Disclaimer)
	return t.flush()
}

// InspectionTable writes facts without a verdict.
func InspectionTable(w io.Writer, r *pipeline.Report) error {
	t := &table{w: bufio.NewWriter(w)}
	t.line("%s", Clean(r.Artifact.Source))
	t.line("")
	for i, reason := range r.Reasons {
		t.row(map[bool]string{true: "Not read"}[i == 0], "%s", Clean(reason))
	}
	t.facts(r)
	t.objects(r.Artifact.Objects)
	t.notes(r.Notes)
	t.cost(r.Cost)
	return t.flush()
}

const (
	labelWidth = 13
	lineWidth  = 100
	mostRows   = 40
)

// table writes labelled rows. The first error stays.
type table struct {
	w   *bufio.Writer
	err error
}

func (t *table) flush() error {
	if t.err == nil {
		t.err = t.w.Flush()
	}
	if t.err != nil {
		return fmt.Errorf("write the table: %w", t.err)
	}
	return nil
}

func (t *table) line(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintln(t.w, strings.TrimRight(fmt.Sprintf(format, args...), " "))
	}
}

// row writes a label and a text, broken into lines where it is long.
func (t *table) row(label, format string, args ...any) { t.wrap(label, fmt.Sprintf(format, args...)) }

func (t *table) wrap(label, text string) {
	line := fmt.Sprintf("%-*s", labelWidth, label)
	used := 0
	for word := range strings.FieldsSeq(text) {
		if used > 0 && len(line)+1+len(word) > lineWidth {
			t.line("%s", line)
			line, used = strings.Repeat(" ", labelWidth), 0
		}
		if used > 0 {
			line += " "
		}
		line += word
		used++
	}
	t.line("%s", line)
}

// facts writes weight, make-up and architecture.
func (t *table) facts(r *pipeline.Report) {
	p := r.Facts.Params
	t.row("Weight", "%s", weight(p))
	files, size := 0, r.Artifact.Bytes
	for _, o := range r.Artifact.Objects {
		if o.Role == pipeline.RoleWeights {
			files++
		}
	}
	t.row("", "%s; %s in %s, %s with weights", dtypes(p), Size(size), plural(int64(len(r.Artifact.Objects)), "file"), Count(int64(files)))
	if p.StoredElements != nil && p.Estimate != nil && *p.StoredElements != *p.Estimate {
		t.row("", "%s elements are stored", Count(*p.StoredElements))
	}
	for _, a := range p.SetAside {
		t.row("", "set aside: %s in %s %s (%s)", Count(a.Elements), plural(a.Tensors, "tensor"), Clean(a.Name), a.Reason)
	}
	for i, w := range p.WidenedBy {
		if i == 5 {
			t.row("", "and %s", plural(int64(len(p.WidenedBy)-i), "more group"))
			break
		}
		t.row("", "%s: %s to %s, %s", Clean(w.Name), Count(w.Lower), Count(w.Upper), w.Reason)
	}
	if len(p.ByComponent) > 0 {
		t.row("Made of", "%s", components(p))
	}
	if a := r.Facts.Adapter; a != nil {
		text := "an adapter"
		if a.Kind != nil {
			text += " (" + Clean(*a.Kind) + ")"
		}
		if a.Base != nil {
			text += " for " + Clean(*a.Base)
		}
		t.row("Adapter", "%s; the weight of its base is not in these bytes", text)
	}
	t.architecture(r.Facts.Architecture)
	for i, problem := range r.Facts.Index.Problems {
		if i == 5 {
			t.row("", "and %s", plural(int64(len(r.Facts.Index.Problems)-i), "more problem"))
			break
		}
		t.row(map[bool]string{true: "Index"}[i == 0], "%s", Clean(problem))
	}
}

// weight says the interval in words.
func weight(p pipeline.Params) string {
	switch {
	case p.Lower == nil || p.Estimate == nil || p.Upper == nil:
		return "unknown"
	case *p.Lower == *p.Upper:
		return Count(*p.Lower) + " parameters, exactly"
	}
	return fmt.Sprintf("%s parameters, at least %s, at most %s", Count(*p.Estimate), Count(*p.Lower), Count(*p.Upper))
}

func dtypes(p pipeline.Params) string {
	if len(p.ByDType) == 0 {
		return "no plain weights"
	}
	names := largestFirst(p.ByDType)
	return strings.Join(names, ", ")
}

func components(p pipeline.Params) string {
	var whole int64
	for _, n := range p.ByComponent {
		whole += n
	}
	var out []string
	for _, name := range largestFirst(p.ByComponent) {
		out = append(out, name+" "+share(p.ByComponent[name], whole))
	}
	return strings.Join(out, ", ")
}

func largestFirst(m map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(cmp.Compare(m[b], m[a]), strings.Compare(a, b))
	})
}

func (t *table) architecture(a pipeline.Architecture) {
	if a.Family == nil {
		text := "not identified"
		if a.Declared != nil {
			text += "; the config declares " + Clean(*a.Declared)
		}
		t.row("Model", "%s", text)
	} else {
		text := *a.Family
		if a.Class != nil {
			text += " (" + *a.Class + ")"
		}
		for _, n := range []struct {
			label string
			value *int64
		}{{"layers", a.Layers}, {"hidden size", a.HiddenSize}, {"vocabulary", a.VocabSize}, {"experts", a.Experts}} {
			if n.value != nil && *n.value > 0 {
				text += ", " + n.label + " " + Count(*n.value)
			}
		}
		t.row("Model", "%s", text)
	}
	if a.Confidence != nil && *a.Confidence != "none" {
		t.row("", "told by %s", strings.ReplaceAll(*a.Confidence, "+", ", "))
	}
	for _, c := range a.Contradictions {
		t.row("", "contradiction: %s", Clean(c))
	}
}

func (t *table) findings(r *pipeline.Report) {
	if len(r.Packs) == 0 {
		return
	}
	var names []string
	for _, p := range r.Packs {
		names = append(names, fmt.Sprintf("%s %s (%s)", p.Name, p.Version, p.Mode))
	}
	t.row("Rules", "%s, as of %s", Clean(strings.Join(names, ", ")), r.AsOf)
	for i, f := range r.Findings {
		if i == mostRows {
			t.row("", "and %s", plural(int64(len(r.Findings)-i), "more finding"))
			break
		}
		name := f.Rule
		if name == "" {
			name = f.Pack
		}
		outcome := string(f.Effect)
		if f.Outcome == pipeline.OutcomeUndetermined {
			outcome = "undecided"
		}
		if f.Mode == pipeline.ModeReport {
			outcome += ", report only"
		}
		t.row("", "%s (%s) %s", Clean(name), outcome, Clean(f.Message))
		if len(f.Missing) > 0 {
			t.row("", "  missing: %s", strings.Join(f.Missing, ", "))
		}
		if len(f.ReliedOn) > 0 {
			t.row("", "  rests on weaker grounds than the rule accepts: %s", strings.Join(f.ReliedOn, ", "))
		}
	}
	if len(r.Findings) == 0 {
		t.row("", "no finding")
	}
}

// questions lists what a reviewer will ask for, each once.
func (t *table) questions(r *pipeline.Report) {
	var asked []string
	for _, f := range r.Findings {
		for _, name := range slices.Concat(f.Ask, f.Missing) {
			if !slices.Contains(asked, name) && !pipeline.Measurable(name) {
				asked = append(asked, name)
			}
		}
	}
	if len(asked) > 0 {
		t.row("To answer", "%s (in a submission file, by --submission)", strings.Join(asked, ", "))
	}
}

func (t *table) objects(objects []pipeline.ArtifactObject) {
	for i, o := range objects {
		if i == mostRows {
			t.row("", "and %s", plural(int64(len(objects)-i), "more file"))
			break
		}
		t.row(map[bool]string{true: "Files"}[i == 0], "%s, %s, %s", Clean(o.Path), o.Format, Size(o.Size))
	}
}

func (t *table) notes(notes []string) {
	for i, note := range notes {
		t.row(map[bool]string{true: "Note"}[i == 0], "%s", Clean(note))
	}
}

func (t *table) cost(c pipeline.Cost) {
	t.row("Cost", "%s, %s read, %.2f s", plural(c.Requests, "request"), Size(c.BytesRead), c.Seconds)
}
