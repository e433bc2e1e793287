package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

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
	t.content(r.Artifact)
	t.findings(r)
	t.questions(r)
	t.notes(r.Notes)
	if r.Case == nil {
		t.row("Case", "not queued: no database was named")
	} else {
		t.row("Case", "%s, %s", r.Case.ID, words(r.Case.State))
		if held := bound(r.Case); held != "" {
			t.row("", "%s", held)
		}
		t.sameStructure(r.Case.SameStructure)
	}
	t.cost(r.Cost)
	t.line("")
	t.wrap("", r.Disclaimer)
	return t.flush()
}

// Row writes one more row below a table, in its layout.
func Row(w io.Writer, label, text string) error {
	t := &table{w: bufio.NewWriter(w)}
	t.wrap(label, Clean(text))
	return t.flush()
}

// InspectionTable writes facts without a verdict.
func InspectionTable(w io.Writer, r *pipeline.Report) error {
	t := &table{w: bufio.NewWriter(w)}
	t.line("%s", Clean(r.Artifact.Source))
	t.line("")
	for i, reason := range r.Reasons {
		t.row(first(i, "Not read"), "%s", Clean(reason))
	}
	var skipped []string
	for _, i := range r.Inspections {
		if i.Status == pipeline.InspectionSkipped {
			skipped = append(skipped, Clean(i.Object)+": "+Clean(i.Reason))
		}
	}
	if len(skipped) > 0 {
		t.row(first(len(r.Reasons), "Not read"), "%s of a format that is not understood", plural(int64(len(skipped)), "file"))
		t.list(skipped, "file")
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
	// mostAlike is how many rows of one kind are shown within a part.
	mostAlike = 5
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

// wrap writes a text behind its label. Lines break at single spaces only, so that a path
// with other spaces in it shows as it is; what is broken lines up below the text.
func (t *table) wrap(label, text string) { t.hang(label, "", text) }

// hang writes a text that is set in by an indent.
func (t *table) hang(label, indent, text string) {
	line := fmt.Sprintf("%-*s", labelWidth, label) + indent
	used := 0
	for word := range strings.SplitSeq(text, " ") {
		if used > 0 && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > lineWidth {
			t.line("%s", line)
			line, used = strings.Repeat(" ", labelWidth)+indent, 0
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
	var files int64
	for _, o := range r.Artifact.Objects {
		if o.Role == pipeline.RoleWeights {
			files++
		}
	}
	stored := fmt.Sprintf("%s in %s, %s with weights", Size(r.Artifact.Bytes), plural(int64(len(r.Artifact.Objects)), "file"), Count(files))
	if len(p.ByDType) > 0 {
		stored = strings.Join(largestFirst(p.ByDType), ", ") + "; " + stored
	}
	t.row("", "%s", stored)
	if p.StoredElements != nil && p.Estimate != nil && *p.StoredElements != *p.Estimate {
		t.row("", "stored: %s", plural(*p.StoredElements, "element"))
	}
	t.widening(p.WidenedBy)
	t.setAside(p.SetAside)
	if len(p.ByComponent) > 0 {
		t.row("Made of", "%s", components(p))
	}
	if a := r.Facts.Adapter; a != nil {
		text := "of an unknown kind"
		if a.Kind != nil {
			text = Clean(*a.Kind)
		}
		if a.Base != nil {
			text += " for " + Clean(*a.Base)
		}
		t.row("Adapter", "%s; the weight of its base is not in these bytes", text)
		t.row("", "with its base: %s", weight(pipeline.Params{Lower: p.EffectiveLower, Estimate: p.EffectiveEstimate, Upper: p.EffectiveUpper}))
	}
	t.architecture(r.Facts.Architecture)
	t.training(r.Facts)
	t.submission(r.Facts.Submission.Contradictions)
	problems := r.Facts.Index.Problems
	for i, problem := range problems {
		if i == mostAlike {
			t.row("", "and %s", plural(int64(len(problems)-i), "more problem"))
			break
		}
		t.row(first(i, "Index"), "%s", Clean(problem))
	}
}

// first labels the first of several rows.
func first(i int, label string) string {
	if i == 0 {
		return label
	}
	return ""
}

// setAside says what is stored and not counted: each reason once, with what it befalls.
func (t *table) setAside(all []pipeline.Aside) {
	groups := byReason(all, func(a pipeline.Aside) string { return a.Reason })
	for i, g := range groups {
		var elements, tensors int64
		var lines []string
		for _, a := range g {
			elements += a.Elements
			tensors += a.Tensors
			lines = append(lines, Count(a.Elements)+" in "+Clean(a.Name))
		}
		t.row(first(i, "Not counted"), "%s in %s: %s", plural(elements, "element"), plural(tensors, "tensor"), Clean(g[0].Reason))
		t.list(lines, "group")
	}
}

// widening says what keeps the ends of the interval apart: each reason once, with what
// it befalls.
func (t *table) widening(all []pipeline.Widening) {
	for i, g := range byReason(all, func(w pipeline.Widening) string { return w.Reason }) {
		var lines []string
		for _, w := range g {
			lines = append(lines, Count(w.Lower)+" to "+Count(w.Upper)+" in "+Clean(w.Name))
		}
		t.row(first(i, "Uncertain"), "%s", Clean(g[0].Reason))
		t.list(lines, "group")
	}
}

// list writes the first of some lines, set in, and how many more there are.
func (t *table) list(lines []string, noun string) {
	for i, line := range lines {
		if i == mostAlike && len(lines) > mostAlike+1 {
			t.hang("", "  ", "and "+plural(int64(len(lines)-i), "more "+noun))
			return
		}
		t.hang("", "  ", line)
	}
}

// byReason groups what has the same reason, in the order in which reasons come up.
func byReason[T any](all []T, reason func(T) string) [][]T {
	var groups [][]T
	at := map[string]int{}
	for _, v := range all {
		i, known := at[reason(v)]
		if !known {
			i = len(groups)
			at[reason(v)] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], v)
	}
	return groups
}

// weight says the interval in words.
func weight(p pipeline.Params) string {
	switch {
	case p.Lower == nil || p.Estimate == nil:
		return "unknown"
	case p.Upper == nil:
		return Count(*p.Lower) + " parameters or more"
	case p.StoredElements != nil && *p.StoredElements == 0 && *p.Upper == 0:
		return "nothing to weigh"
	case *p.Lower == *p.Upper:
		return Count(*p.Lower) + " parameters, exactly"
	case *p.Estimate == 0:
		return Count(*p.Upper) + " parameters at most"
	case *p.Lower == *p.Estimate:
		return fmt.Sprintf("%s parameters or more, %s at most", Count(*p.Lower), Count(*p.Upper))
	}
	return fmt.Sprintf("%s parameters most likely, %s at least, %s at most", Count(*p.Estimate), Count(*p.Lower), Count(*p.Upper))
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
			format string
			value  *int64
		}{{"%s layers", a.Layers}, {"hidden size %s", a.HiddenSize}, {"vocabulary %s", a.VocabSize}, {"%s experts a layer", a.Experts}} {
			if n.value != nil && *n.value > 0 {
				text += ", " + fmt.Sprintf(n.format, Count(*n.value))
			}
		}
		t.row("Model", "%s", text)
	}
	if told := confidence[deref(a.Confidence)]; told != "" {
		t.row("", "%s", told)
	}
	for i, c := range a.Contradictions {
		if i == mostAlike {
			t.row("", "and %s", plural(int64(len(a.Contradictions)-i), "more contradiction"))
			break
		}
		t.row("", "contradiction: %s", Clean(c))
	}
}

// submission shows in what a submission differs from what was found.
func (t *table) submission(contradictions []string) {
	for i, c := range contradictions {
		if i == mostAlike {
			t.row("", "and %s", plural(int64(len(contradictions)-i), "more contradiction"))
			return
		}
		t.row(first(i, "Submission"), "contradiction: %s", Clean(c))
	}
}

// confidence says in words what an identification rests on.
var confidence = map[string]string{
	"names":               "told by the names of its tensors",
	"names+config":        "told by the names of its tensors; its config agrees",
	"names+shapes":        "told by the names and shapes of its tensors",
	"names+shapes+config": "told by the names and shapes of its tensors; its config agrees",
	"shapes":              "told by the shapes of its tensors",
	"shapes+config":       "told by the shapes of its tensors; its config agrees",
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// training says how many operations the training took, and where the tokens are not known,
// with how many it would reach the lines that rules draw.
func (t *table) training(f pipeline.Facts) {
	label := "Training"
	if told := operations(f.Training.Flops); told != "" {
		t.row(label, "compute of %s%s", told, established(deref(f.Compute.Method)))
		label = ""
	}
	if f.Training.Tokens != nil || len(f.Compute.Crossings) == 0 {
		return
	}
	var crossed []string
	for i, c := range f.Compute.Crossings {
		if i == 0 {
			crossed = append(crossed, plural(c.Tokens, "token")+" would reach "+power(c.Operations)+" operations")
			continue
		}
		crossed = append(crossed, plural(c.Tokens, "token")+" "+power(c.Operations))
	}
	text := strings.Join(crossed, ", ")
	if label != "" {
		text = "compute unknown; " + text
	}
	t.row(label, "%s", text)
}

// operations says an interval of operations in words, "" where nothing is known of it.
func operations(i pipeline.Interval) string {
	switch {
	case i.Lower != nil && i.Upper != nil && i.Estimate != nil:
		return fmt.Sprintf("%s operations (%s to %s)", power(*i.Estimate), power(*i.Lower), power(*i.Upper))
	case i.Lower != nil && i.Upper != nil:
		return fmt.Sprintf("%s to %s operations", power(*i.Lower), power(*i.Upper))
	case i.Lower != nil:
		return power(*i.Lower) + " operations or more"
	case i.Upper != nil:
		return power(*i.Upper) + " operations at most"
	case i.Estimate != nil:
		return "about " + power(*i.Estimate) + " operations"
	}
	return ""
}

// established says by what methods operations were counted.
func established(method string) string {
	switch method {
	case "":
		return ""
	case "declared":
		return ", as declared"
	}
	return ", by " + strings.ReplaceAll(strings.ReplaceAll(method, "declared", "declaration"), "+", " and ")
}

// findings writes what enforced rules found in full. What packs would have done that only
// report is told in short: it changes nothing, and JSON has all of it.
func (t *table) findings(r *pipeline.Report) {
	if len(r.Packs) == 0 {
		return
	}
	var enforcing, reporting []string
	for _, p := range r.Packs {
		if p.Mode == pipeline.ModeReport {
			reporting = append(reporting, Clean(p.Name))
		} else {
			enforcing = append(enforcing, Clean(p.Name)+" version "+Clean(p.Version))
		}
	}
	if len(enforcing) == 0 {
		enforcing = []string{"no pack enforces"}
	}
	t.row("Rules", "%s, as of %s", strings.Join(enforcing, ", "), r.AsOf)
	shown := 0
	for i, f := range r.Findings {
		if f.Mode == pipeline.ModeReport {
			continue
		}
		if shown == mostRows {
			t.row("", "and %s", plural(int64(len(r.Findings)-i), "more finding"))
			break
		}
		shown++
		t.finding(f)
		if len(f.Missing) > 0 {
			t.hang("", "  ", "unknown: "+Clean(strings.Join(f.Missing, ", ")))
		}
		if len(f.ReliedOn) > 0 {
			t.hang("", "  ", "known on weaker grounds than the rule accepts: "+Clean(strings.Join(f.ReliedOn, ", ")))
		}
	}
	if shown == 0 {
		t.row("", "no enforced rule matched")
	}
	if len(reporting) > 0 {
		t.reported(r, reporting)
	}
}

// finding writes one finding on one line.
func (t *table) finding(f pipeline.Finding) {
	outcome := string(f.Effect)
	if f.Outcome == pipeline.OutcomeUndetermined {
		outcome = "undecided"
	}
	if f.Stale {
		outcome += ", stale"
	}
	if f.Unverified {
		outcome += ", source not verified"
	}
	t.row("", "%s (%s): %s", Clean(cmp.Or(f.Rule, f.Pack)), outcome, Clean(f.Message))
}

// mostReported is how many matches of packs that only report are spelled out.
const mostReported = 6

// reported says what the packs that only report would have done.
func (t *table) reported(r *pipeline.Report, packs []string) {
	t.row("Reported", "%s only report and change no verdict", strings.Join(packs, ", "))
	var matched []pipeline.Finding
	open := map[string]int64{}
	for _, f := range r.Findings {
		switch {
		case f.Mode != pipeline.ModeReport:
		case f.Outcome == pipeline.OutcomeMatched && f.Effect != pipeline.EffectInfo:
			matched = append(matched, f)
		case f.Outcome == pipeline.OutcomeUndetermined:
			open[f.Pack]++
		}
	}
	slices.SortStableFunc(matched, func(a, b pipeline.Finding) int { return weightOf(a.Effect) - weightOf(b.Effect) })
	for i, f := range matched {
		if i == mostReported {
			t.row("", "and %s", plural(int64(len(matched)-i), "more match"))
			break
		}
		t.finding(f)
	}
	if len(open) > 0 {
		var parts []string
		for _, pack := range slices.Sorted(maps.Keys(open)) {
			parts = append(parts, Clean(pack)+" "+Count(open[pack]))
		}
		t.row("", "cannot be decided: %s", strings.Join(parts, ", "))
	}
}

// weightOf orders effects, strongest first.
func weightOf(e pipeline.Effect) int {
	return slices.Index([]pipeline.Effect{pipeline.EffectBlock, pipeline.EffectReview, pipeline.EffectWarn, pipeline.EffectInfo}, e)
}

// numbered finds the number of a shard in its name.
var numbered = regexp.MustCompile(`[0-9]+-of-`)

// objects lists the files; the shards of a numbered set, and what else lies in a row
// under names that differ in their number only, share a line.
func (t *table) objects(objects []pipeline.ArtifactObject) {
	type line struct {
		name, format string
		files, bytes int64
	}
	var lines []line
	for _, o := range objects {
		name := numbered.ReplaceAllString(o.Path, "*-of-")
		if n := len(lines); n > 0 && lines[n-1].name == name && lines[n-1].format == o.Format {
			lines[n-1].files++
			lines[n-1].bytes += o.Size
			continue
		}
		lines = append(lines, line{name, o.Format, 1, o.Size})
	}
	at := 0
	for i, l := range lines {
		if i == mostRows {
			t.row("", "and %s", plural(int64(len(objects)-at), "more file"))
			break
		}
		name, format := l.name, l.format
		if l.files == 1 {
			name = objects[at].Path
		}
		if format == "" {
			format = "not read"
		}
		text := fmt.Sprintf("%s, %s, %s", Clean(name), format, Size(l.bytes))
		if l.files > 1 {
			text += " in " + plural(l.files, "file")
		}
		t.row(first(i, "Files"), "%s", text)
		at += int(l.files)
	}
}

// likeness says in words what two models have in common.
var likeness = map[pipeline.Likeness]string{
	pipeline.LikeStructure: "Same structure as",
	pipeline.LikeMatrices:  "Same matrices, packed otherwise, as",
}

// sameStructure names the newest cases of the same structure. Where as many were found
// as are looked for, there may be more.
func (t *table) sameStructure(found []pipeline.StructureMatch) {
	for i, m := range found {
		if i == mostAlike && len(found) > mostAlike+1 {
			rest := plural(int64(len(found)-i), "more case")
			if len(found) == pipeline.MostSameStructure {
				rest = "at least " + rest
			}
			t.row("", "and %s of the same structure or matrices", rest)
			return
		}
		t.row("", "%s case %s, %s, %s", likeness[m.Same], m.ID, words(m.State), Clean(m.Source))
	}
}

func words(s pipeline.State) string { return strings.ReplaceAll(string(s), "_", " ") }

func (t *table) notes(notes []string) {
	for i, note := range notes {
		t.row(first(i, "Note"), "%s", Clean(note))
	}
}

// content names the bytes, where they were hashed.
func (t *table) content(a pipeline.Artifact) {
	if a.ContentDigest == nil {
		return
	}
	how := map[string]string{"hashed": "every byte was read", "store": "by the store's word for every object",
		"hashed+store": "read, and by the store's word for some objects"}[a.ContentBasis]
	t.row("Content", "%s (%s)", *a.ContentDigest, how)
}

func (t *table) cost(c pipeline.Cost) { t.row("Cost", "%s", costText(c)) }

func costText(c pipeline.Cost) string {
	return fmt.Sprintf("%s, %s read, %.2f s", plural(c.Requests, "request"), Size(c.BytesRead), c.Seconds)
}
