package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"weighbridge/pipeline"
)

// Bounds of a Markdown report, in bytes where nothing else is said. GitHub refuses a
// comment of more than 65,536 characters; what a page holds beside the parts below fits
// into what is left below [MostMarkdown].
const (
	// MostMarkdown is how long a Markdown report gets, whatever there is to tell.
	MostMarkdown = 60_000

	mostEnforced  = 24_000
	mostAsked     = 8_000
	mostUnread    = 6_000
	mostOnlyTold  = 12_000
	mostNoteBytes = 4_000

	// mostMessage and mostCell bound one text from elsewhere; mostLines is how many facts,
	// sources and names are listed with one finding.
	mostMessage = 500
	mostCell    = 160
	mostLines   = 5
)

// Markdown writes a report as a comment on a pull request or merge request, in at most
// [MostMarkdown] bytes. Its first line is the [Marker] of the source. Findings that have
// no room are counted; none is cut in the middle. What comes from the artifact shows as
// text: see prose.
func Markdown(w io.Writer, r *pipeline.Report) error {
	p := &page{}
	p.line("%s", Marker(r.Artifact.Source))
	p.line("## Weighbridge: %s", strings.ToUpper(string(r.Verdict)))
	p.line("")
	p.line("%s", why(r))
	p.line("")
	p.summary(r)
	p.enforced(r)
	p.asked(r)
	p.unread(r)
	p.onlyTold(r)
	p.notes(r.Notes)
	p.line("")
	p.line("<sub>%s %s; rules as of %s; %s, %s read. %s</sub>", prose(shown(r.Tool.Name, mostCell)), prose(shown(r.Tool.Version, mostCell)),
		prose(shown(r.AsOf, mostCell)), plural(r.Cost.Requests, "request"), Size(r.Cost.BytesRead), prose(r.Disclaimer))
	if _, err := io.WriteString(w, p.text.String()); err != nil {
		return fmt.Errorf("write Markdown: %w", err)
	}
	return nil
}

// page is Markdown in the making.
type page struct {
	text strings.Builder
}

func (p *page) line(format string, args ...any) {
	fmt.Fprintf(&p.text, format, args...)
	p.text.WriteByte('\n')
}

// fit writes the first blocks, as many as have room, and says how many more there are.
// Each block ends in a line feed. Those that have no room are never made.
func (p *page) fit(n, room int, noun string, block func(int) string) {
	const most = 80 // for the line that counts the rest
	for i := range n {
		b := block(i)
		if len(b) > room-most {
			p.line("- and %s", plural(int64(n-i), "more "+noun))
			return
		}
		room -= len(b)
		p.text.WriteString(b)
	}
}

// why says in one sentence what the verdict rests on.
func why(r *pipeline.Report) string {
	sentence := "**" + capital(verdicts[r.Verdict]) + "**, for " + code(shown(r.Artifact.Source, mostMessage))
	if rests := because(r, prose); rests != "" {
		sentence += ": " + rests
	}
	return sentence + "."
}

// because names the rules and the first reason that a verdict rests on, "" where there are
// none. A text from elsewhere passes through say, which makes it one of the form.
func because(r *pipeline.Report, say func(string) string) string {
	var rules, open []string
	for _, one := range byRule(r.Findings) {
		f := one.lead()
		name := "rule " + f.Rule
		if f.Rule == "" {
			name = "pack " + f.Pack
		}
		switch {
		case !stops(f):
		case f.Outcome == pipeline.OutcomeMatched:
			rules = append(rules, name)
		default:
			open = append(open, name)
		}
	}
	var reasons []string
	if len(rules) > 0 {
		reasons = append(reasons, listedAs(rules, 3, say)+" matched")
	}
	if len(open) > 0 {
		reasons = append(reasons, listedAs(open, 3, say)+" cannot be decided")
	}
	if n := len(r.Reasons); n > 0 {
		first := say(strings.TrimSuffix(shown(r.Reasons[0], mostMessage), "."))
		if n > 1 {
			first += " (and " + plural(int64(n-1), "more reason") + " below)"
		}
		reasons = append(reasons, "it was found that: "+first)
	}
	return strings.Join(reasons, "; ")
}

// listed joins the first of some texts and counts the rest.
func listed(texts []string, most int) string { return listedAs(texts, most, prose) }

// listedAs is [listed] for a form of which say makes texts.
func listedAs(texts []string, most int, say func(string) string) string {
	var out []string
	for i, text := range texts {
		if i == most {
			return strings.Join(out, ", ") + " and " + Count(int64(len(texts)-most)) + " more"
		}
		out = append(out, say(shown(text, mostCell)))
	}
	return strings.Join(out, ", ")
}

func capital(s string) string {
	if s == "" {
		return "No verdict"
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// summary is the table of what is known. A subject of which nothing is known has no row.
func (p *page) summary(r *pipeline.Report) {
	p.line("| | |")
	p.line("|---|---|")
	for _, row := range []struct{ label, text string }{
		{"Weight", weighed(r)},
		{"Stored", stored(r)},
		{"Architecture", architecture(r.Facts.Architecture)},
		{"By layer", layers(r.Facts.Params.ByLayer)},
		{"Adapter", adapter(r.Facts)},
		{"Licence", licence(r.Facts)},
		{"Made from", madeFrom(r.Facts)},
		{"Data", data(r.Facts)},
		{"Contents", contents(r.Facts.Contents)},
		{"Signature", signature(r.Facts.Signature)},
		{"Training", trained(r.Facts)},
		{"Submission", submitted(r)},
		{"Rules", packs(r)},
		{"Case", caseLine(r.Case)},
	} {
		if row.text != "" {
			p.line("| %s | %s |", row.label, row.text)
		}
	}
}

// weighed is the weight, and what rules that go by it made of it.
func weighed(r *pipeline.Report) string {
	text := weight(r.Facts.Params)
	if r.Facts.Adapter != nil {
		text += " in these bytes"
	}
	var held []string
	for _, one := range byRule(r.Findings) {
		f := one.lead()
		if f.Rule == "" || f.Mode != pipeline.ModeEnforce || !slices.ContainsFunc(f.Evidence, func(e pipeline.FindingEvidence) bool { return strings.HasPrefix(e.Fact, "params.") }) {
			continue
		}
		held = append(held, prose(shown(f.Rule, mostCell))+" ("+prose(shown(f.Title, mostCell))+"): "+outcomeWords(f))
		if len(held) == mostLines {
			break
		}
	}
	if len(held) == 0 {
		return text
	}
	return text + "<br>" + strings.Join(held, "<br>")
}

// outcomeWords says what became of a rule.
func outcomeWords(f *pipeline.Finding) string {
	var words string
	switch f.Outcome {
	case pipeline.OutcomeMatched:
		words = "matched"
	case pipeline.OutcomeUndetermined:
		words = "cannot be decided"
	default:
		words = "not matched"
	}
	if f.Stale {
		words += ", stale"
	}
	if f.Unverified {
		words += ", source not verified"
	}
	return words
}

func stored(r *pipeline.Report) string {
	var files int64
	for _, o := range r.Artifact.Objects {
		if o.Role == pipeline.RoleWeights {
			files++
		}
	}
	text := fmt.Sprintf("%s in %s, %s with weights", Size(r.Artifact.Bytes), plural(int64(len(r.Artifact.Objects)), "file"), Count(files))
	if types := r.Facts.Params.ByDType; len(types) > 0 {
		text = listed(largestFirst(types), mostLines) + "; " + text
	}
	return text
}

func architecture(a pipeline.Architecture) string {
	if a.Family == nil {
		if a.Declared == nil {
			return "not identified"
		}
		return "not identified; the config declares " + code(shown(*a.Declared, mostCell))
	}
	text := prose(shown(*a.Family, mostCell))
	if a.Class != nil {
		text += " (" + prose(shown(*a.Class, mostCell)) + ")"
	}
	if a.Layers != nil && *a.Layers > 0 {
		text += ", " + plural(*a.Layers, "layer")
	}
	if told := confidence[deref(a.Confidence)]; told != "" {
		text += "; " + told
	}
	if n := len(a.Contradictions); n > 0 {
		text += "<br>" + plural(int64(n), "contradiction") + ": " + sentences(a.Contradictions)
	}
	return text
}

// sentences shows the first of some sentences.
func sentences(all []string) string {
	text := prose(shown(all[0], mostMessage))
	if len(all) > 1 {
		text += " (and " + Count(int64(len(all)-1)) + " more)"
	}
	return text
}

func adapter(f pipeline.Facts) string {
	if f.Adapter == nil {
		return ""
	}
	text := "of an unknown kind"
	if f.Adapter.Kind != nil {
		text = prose(shown(*f.Adapter.Kind, mostCell))
	}
	if f.Adapter.Base != nil {
		text += " for " + code(shown(*f.Adapter.Base, mostCell))
	}
	base := pipeline.Params{Lower: f.Params.EffectiveLower, Estimate: f.Params.EffectiveEstimate, Upper: f.Params.EffectiveUpper}
	return text + "; with its base: " + weight(base)
}

func licence(f pipeline.Facts) string {
	var parts []string
	if found := f.LicenseFound; found.Expression != nil {
		text := "stated nowhere in the artifact"
		if *found.Expression != "NOASSERTION" && *found.Expression != "" {
			text = prose(shown(*found.Expression, mostCell)) + ", found in " + plural(int64(len(found.Sources)), "place")
		} else if n := len(found.Sources); n > 0 {
			text = "not known, though " + plural(int64(n), "place") + " of the artifact speak of it"
		}
		parts = append(parts, text)
	}
	if f.License.Declared != nil {
		parts = append(parts, "declared as "+code(shown(*f.License.Declared, mostCell)))
	}
	for _, odd := range []struct {
		what string
		all  []string
	}{{"disagreement", f.LicenseFound.Disagreements}, {"problem", f.LicenseFound.Problems}, {"conflict", f.Licensing.Conflicts}} {
		if n := len(odd.all); n > 0 {
			parts = append(parts, plural(int64(n), odd.what)+": "+sentences(odd.all))
		}
	}
	return strings.Join(parts, "<br>")
}

func madeFrom(f pipeline.Facts) string {
	var parts, bases []string
	for _, b := range f.Bases {
		name := "a base without a name"
		if b.ID != nil {
			name = *b.ID
		}
		if b.Relation != nil {
			name += " (" + *b.Relation + ")"
		}
		bases = append(bases, name)
	}
	switch {
	case len(bases) > 0:
		parts = append(parts, listed(bases, mostLines))
	case f.Lineage.Undeclared != nil && *f.Lineage.Undeclared:
		parts = append(parts, "no base is named, and the structure equals that of a known model")
	case f.Bases != nil || f.Lineage.Bases != nil:
		parts = append(parts, "no base is named")
	}
	if n := len(f.Lineage.Problems); n > 0 {
		parts = append(parts, plural(int64(n), "problem")+": "+sentences(f.Lineage.Problems))
	}
	if n := len(f.Lineage.Obligations); n > 0 {
		parts = append(parts, "the licences of its bases ask for "+plural(int64(n), "thing"))
	}
	return strings.Join(parts, "<br>")
}

func data(f pipeline.Facts) string {
	var parts, names []string
	for _, d := range f.Datasets {
		names = append(names, cmp.Or(deref(d.ID), deref(d.Name), "a set without a name"))
	}
	switch {
	case len(names) > 0:
		parts = append(parts, plural(int64(len(names)), "set")+" of data: "+listed(names, mostLines))
	case f.DataRecords.Named != nil && !*f.DataRecords.Named:
		parts = append(parts, "nobody names a set of data, which says nothing of what the model was trained on")
	}
	if n := len(f.DataRecords.Problems); n > 0 {
		parts = append(parts, plural(int64(n), "problem")+": "+sentences(f.DataRecords.Problems))
	}
	return strings.Join(parts, "<br>")
}

func contents(c pipeline.Contents) string {
	var parts, sides []string
	for _, side := range []struct {
		name string
		has  *bool
	}{{"structure", c.Structure}, {"optimizer", c.Optimizer}, {"training process", c.TrainingProcess}, {"generated content", c.GeneratedContent}} {
		if side.has != nil && *side.has {
			sides = append(sides, side.name)
		}
	}
	if len(sides) > 0 {
		parts = append(parts, "discloses "+strings.Join(sides, ", "))
	} else if c.Structure != nil {
		parts = append(parts, "nothing beside weights that tells how the model works or was made")
	}
	for _, count := range []struct {
		n    *int64
		noun string
	}{{c.Pickles, "object that runs as a program when it is loaded"}, {c.Code, "object with code"}} {
		if count.n != nil && *count.n > 0 {
			parts = append(parts, several(*count.n, count.noun))
		}
	}
	if n := len(c.RemoteCode); n > 0 {
		parts = append(parts, "loaders would run "+listed(c.RemoteCode, mostLines))
	}
	return strings.Join(parts, "<br>")
}

// several counts objects that do something.
func several(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Count(n) + " " + strings.NewReplacer("object that runs", "objects that run", "a program when it is", "programs when they are", "object with", "objects with").Replace(noun)
}

func signature(s pipeline.Signature) string {
	if s.Present == nil {
		return ""
	}
	if !*s.Present {
		return "none"
	}
	text := "there is one"
	switch {
	case s.Verified == nil:
		text += ", not held against the bytes"
	case *s.Verified:
		text += " that fits the bytes"
	default:
		text += " that does not fit"
	}
	if s.Signer != nil {
		text += ", by " + code(shown(*s.Signer, mostCell))
		if s.Trusted != nil && *s.Trusted {
			text += ", whom the operator trusts"
		}
	}
	if s.Unlisted != nil && *s.Unlisted > 0 {
		text += "; it does not name " + plural(*s.Unlisted, "object")
	}
	if len(s.Problems) > 0 {
		text += "<br>" + plural(int64(len(s.Problems)), "problem") + ": " + sentences(s.Problems)
	}
	return text
}

func trained(f pipeline.Facts) string {
	told := operations(f.Training.Flops)
	if told == "" {
		return ""
	}
	return "compute of " + told + prose(established(deref(f.Compute.Method)))
}

func submitted(r *pipeline.Report) string {
	if !r.Submission.Present {
		return "none was given"
	}
	text := "given"
	if c := r.Facts.Submission.Contradictions; len(c) > 0 {
		text += "; " + plural(int64(len(c)), "contradiction") + ": " + sentences(c)
	}
	return text
}

func packs(r *pipeline.Report) string {
	var enforcing, reporting []string
	for _, p := range r.Packs {
		if p.Mode == pipeline.ModeEnforce {
			enforcing = append(enforcing, p.Name+" version "+p.Version)
		} else {
			reporting = append(reporting, p.Name)
		}
	}
	text := "no pack enforces"
	if len(enforcing) > 0 {
		text = listed(enforcing, 2*mostLines)
	}
	if len(reporting) > 0 {
		text += "; these only report and change no verdict: " + listed(reporting, 3*mostLines)
	}
	return text
}

func caseLine(c *pipeline.CaseRef) string {
	if c == nil {
		return "not queued: no database was named"
	}
	text := "`" + c.ID.String() + "`, " + prose(shown(words(c.State), mostCell))
	if held := bound(c); held != "" {
		text += "; " + prose(held)
	}
	if n := len(c.SameStructure); n > 0 {
		text += "; " + plural(int64(n), "other case") + " of the same structure or matrices"
	}
	return text
}

// bound says what an approval or a clearance holds for, "" where the case has neither.
func bound(c *pipeline.CaseRef) string {
	var text string
	switch c.Bound {
	case pipeline.BoundStore:
		text = "store-bound: it holds while nothing in this place changes, because the bytes were not hashed"
	case pipeline.BoundContent:
		text = "bound to the bytes"
	default:
		return ""
	}
	if c.Signed != nil && *c.Signed {
		return text + "; signed"
	}
	return text + "; not signed"
}

// enforced lists what enforced rules found, by effect.
func (p *page) enforced(r *pipeline.Report) {
	var all []*pipeline.Finding
	for i := range r.Findings {
		if r.Findings[i].Mode == pipeline.ModeEnforce {
			all = append(all, &r.Findings[i])
		}
	}
	if len(all) == 0 {
		if len(r.Packs) > 0 {
			p.line("")
			p.line("No enforced rule matched, and none was left undecided.")
		}
		return
	}
	slices.SortStableFunc(all, func(a, b *pipeline.Finding) int {
		return cmp.Or(cmp.Compare(groupOf(a), groupOf(b)), weightier(a, b))
	})
	last := -1
	p.fit(len(all), mostEnforced, "finding", func(i int) string {
		f := all[i]
		text := finding(f)
		if g := groupOf(f); g != last {
			last = g
			text = "\n### " + groups[g] + "\n\n" + text
		}
		return text
	})
}

// groups are the headings of findings, the weightiest first.
var groups = []string{"Blocks", "A person must decide", "Cannot be decided", "To know"}

func groupOf(f *pipeline.Finding) int {
	switch {
	case !stops(f):
		return 3
	case f.Outcome != pipeline.OutcomeMatched:
		return 2
	case f.Effect == pipeline.EffectBlock:
		return 0
	}
	return 1
}

// finding is one finding in full: message, what it rests on, where the rule comes from.
func finding(f *pipeline.Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "- **%s** (%s, %s): %s\n", prose(shown(cmp.Or(f.Rule, f.Pack), mostCell)), prose(shown(string(f.Effect), mostCell)),
		outcomeWords(f), prose(shown(f.Message, mostMessage)))
	if n := len(f.Evidence); n > 0 {
		var facts []string
		for i, e := range f.Evidence {
			if i == mostLines {
				facts = append(facts, Count(int64(n-i))+" more")
				break
			}
			facts = append(facts, code(shown(e.Fact, mostCell))+" is "+value(e.Value))
		}
		fmt.Fprintf(&b, "  - Evidence: %s\n", strings.Join(facts, "; "))
	}
	for _, list := range []struct {
		label string
		names []string
	}{{"Unknown", f.Missing}, {"Known on weaker grounds than the rule accepts", f.ReliedOn}} {
		if len(list.names) > 0 {
			fmt.Fprintf(&b, "  - %s: %s\n", list.label, listed(list.names, 2*mostLines))
		}
	}
	for i, c := range f.Cite {
		if i == mostLines {
			fmt.Fprintf(&b, "  - and %s\n", plural(int64(len(f.Cite)-i), "more source"))
			break
		}
		fmt.Fprintf(&b, "  - Source: %s%s\n", link(shown(c.Title, mostMessage), c.URL), mark(c.Mark))
	}
	return b.String()
}

// mark says how well a source is known, where that is less than read.
func mark(m pipeline.Mark) string {
	switch m {
	case pipeline.MarkMemory:
		return " (not verified: from memory)"
	case pipeline.MarkInference:
		return " (an inference)"
	case pipeline.MarkSecondary:
		return " (known from what others wrote)"
	}
	return ""
}

// value shows the value of a fact: a count with separators, anything else as code.
func value(v any) string {
	text, plain := valueText(v)
	if plain {
		return text
	}
	return code(shown(text, mostCell))
}

// valueText is the value of a fact as text. plain is true for counts and for yes and no,
// which nobody can have made up words in.
func valueText(v any) (text string, plain bool) {
	switch n := v.(type) {
	case int64:
		return Count(n), true
	case *int64:
		if n != nil {
			return Count(*n), true
		}
	case json.Number:
		if whole, err := n.Int64(); err == nil {
			return Count(whole), true
		}
	case string:
		return n, false
	case bool:
		return fmt.Sprint(n), true
	}
	encoded, err := json.Marshal(v)
	if err != nil { // a number that JSON has no form for
		encoded = fmt.Append(nil, v)
	}
	return string(encoded), false
}

// asked lists what a reviewer will ask for.
func (p *page) asked(r *pipeline.Report) {
	var enforced []Question
	var rest []string
	for _, q := range Questions(r) {
		if q.Enforced {
			enforced = append(enforced, q)
		} else {
			rest = append(rest, q.Fact)
		}
	}
	if len(enforced)+len(rest) == 0 {
		return
	}
	p.line("")
	p.line("### What a reviewer will ask")
	p.line("")
	if len(enforced) > 0 {
		p.line("Answers go into a file that `weighbridge submission init` makes and `--submission` takes.")
		p.line("")
	}
	p.fit(min(len(enforced), mostQuestions), mostAsked, "question", func(i int) string {
		q := enforced[i]
		text := "- " + code(shown(q.Fact, mostCell)) + ": " + prose(shown(q.Takes, mostMessage))
		if q.Why != "" {
			text += ". " + prose(shown(q.Why, mostMessage))
		}
		return text + " (" + listed(q.Rules, mostAsking) + ")\n"
	})
	if n := len(enforced) - mostQuestions; n > 0 {
		p.line("- and %s", plural(int64(n), "more question"))
	}
	if len(rest) > 0 {
		if len(enforced) > 0 {
			p.line("")
		}
		p.line("Packs that only report would ask for: %s.", listed(rest, mostQuestions))
	}
}

// unread lists what could not be read, and why the verdict is what it is beside the rules.
func (p *page) unread(r *pipeline.Report) {
	var failed []pipeline.Inspection
	for _, i := range r.Inspections {
		if i.Status != pipeline.InspectionOK {
			failed = append(failed, i)
		}
	}
	slices.SortStableFunc(failed, func(a, b pipeline.Inspection) int {
		return cmp.Compare(skippedLast(a), skippedLast(b))
	})
	if len(failed)+len(r.Reasons) == 0 {
		return
	}
	p.line("")
	p.line("### What could not be read")
	p.line("")
	p.fit(len(r.Reasons), mostUnread/2, "reason", func(i int) string {
		return "- " + prose(shown(r.Reasons[i], mostMessage)) + "\n"
	})
	p.fit(len(failed), mostUnread/2, "inspection", func(i int) string {
		f := failed[i]
		what := "the whole artifact"
		if f.Object != "" {
			what = code(shown(f.Object, 2*mostCell))
		}
		text := "- " + what + " (" + prose(shown(f.Inspector, mostCell)) + ", " + prose(shown(string(f.Status), mostCell)) + ")"
		if f.Reason != "" {
			text += ": " + prose(shown(f.Reason, mostMessage))
		}
		return text + "\n"
	})
}

func skippedLast(i pipeline.Inspection) int {
	if i.Status == pipeline.InspectionSkipped {
		return 1
	}
	return 0
}

// onlyTold lists what packs found that change no verdict, folded away.
func (p *page) onlyTold(r *pipeline.Report) {
	var matched []*pipeline.Finding
	open := map[string]int64{}
	undecided := false
	for i := range r.Findings {
		f := &r.Findings[i]
		switch {
		case f.Mode == pipeline.ModeEnforce:
		case f.Outcome == pipeline.OutcomeMatched:
			matched = append(matched, f)
		case f.Outcome == pipeline.OutcomeUndetermined:
			open[f.Pack]++
			undecided = true
		}
	}
	if len(matched) == 0 && !undecided {
		return
	}
	slices.SortStableFunc(matched, weightier)
	p.line("")
	what := "nothing matched"
	if len(matched) > 0 {
		what = plural(int64(len(matched)), "finding")
	}
	p.line("<details><summary>What packs that only report would have done: %s. It changes no verdict.</summary>", what)
	p.line("")
	p.fit(len(matched), mostOnlyTold, "finding", func(i int) string { return finding(matched[i]) })
	if undecided {
		var parts []string
		for _, pack := range largestFirst(open) {
			parts = append(parts, pack+" "+Count(open[pack]))
		}
		if len(matched) > 0 {
			p.line("")
		}
		p.line("Cannot be decided: %s.", listed(parts, 3*mostLines))
	}
	p.line("")
	p.line("</details>")
}

func (p *page) notes(notes []string) {
	if len(notes) == 0 {
		return
	}
	p.line("")
	p.fit(len(notes), mostNoteBytes, "note", func(i int) string {
		return "- Note: " + prose(shown(notes[i], mostMessage)) + "\n"
	})
}
