package webui

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"weighbridge/cmd/internal/access"
	"weighbridge/cmd/internal/app"
	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
	"weighbridge/pipeline/submission"
	"weighbridge/pipeline/vocabulary"
)

// submitRoutes are those of asking for a check.
func (s *Site) submitRoutes() []route {
	return []route{{"GET /submit", s.showSubmit}, {"POST /submit", s.takeSubmit}}
}

const (
	// draftTime bounds looking at a source while somebody waits for the page.
	draftTime = 45 * time.Second
	// mostDrafts is how many sources are looked at side by side while people wait.
	mostDrafts = 4
	// mostYAMLFile bounds a submission that is sent as a file, in bytes.
	mostYAMLFile = 1 << 20
)

// submitPage is the form of a check.
type submitPage struct {
	Source string
	Hash   bool
	// Drafted is true once the source was looked at.
	Drafted bool
	shownDraft
	Asked   []formGroup
	Reports []formGroup
	Rest    []formGroup
	// Yaml takes the place of the form where AsYaml is true.
	Yaml    string
	AsYaml  bool
	Problem *Problem
	// Faults lists what is wrong with the submission, each with line and column.
	Faults []submissionFault
	// Slow is true where the source was not looked at because it took too long.
	Slow bool
	// Folders is true where folders may be checked too, Sources what sources begin with.
	Folders bool
	Sources []string
	// Elements are how many elements of each list the form has.
	Elements []listCount
	// ReportsOpen is true where something stands in Reports.
	ReportsOpen bool
	// Shown is what the source showed, for the form to send back: it is not looked at
	// again for a slip of the pen or one more element.
	Shown string
}

// shownDraft is what looking at a source showed.
type shownDraft struct {
	About     []string
	Known     []shownKnown
	Questions []shownQuestion
}

// shownKnown is a fact that needs no answer.
type shownKnown struct{ Fact, Value, From string }

// shownQuestion is a fact that rules ask for.
type shownQuestion struct {
	Fact     string
	Rules    []string
	Enforced bool
}

type listCount struct {
	Key string
	N   int
}

// submissionFault is one thing that is wrong with a submission.
type submissionFault struct {
	Line, Column int
	// Fact is the field that it stands in, "" where the form has none.
	Fact string
	Text told
}

// formGroup is the fields of one subject, and its lists.
type formGroup struct {
	Key    string
	Fields []formField
	Lists  []*formList
	// Filled is true where something of it is filled in, wrong or new.
	Filled bool
}

// formField asks for one fact.
type formField struct {
	// Fact is its name, such as datasets[0].license; ID an id for the page.
	Fact, ID string
	// Takes is true where the field says what it may be.
	Takes bool
	// Kind is text, area, flag, words, many, number, date or range.
	Kind   string
	Words  []string
	Value  string
	Values []string
	Fault  told
	Rules  string
	Ends   []formField
	// Focus is true for the first field of an element that was added.
	Focus bool
}

// Has reports whether a word is chosen.
func (f formField) Has(word string) bool { return slices.Contains(f.Values, word) }

func (s *Site) showSubmit(w http.ResponseWriter, r *http.Request) error {
	p := s.newSubmitPage()
	p.Source = strings.TrimSpace(r.URL.Query().Get("source"))
	if err := s.submitAgain(r, p); err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "submit", p)
}

func (s *Site) newSubmitPage() *submitPage {
	return &submitPage{Folders: s.service.Folders, Sources: s.service.Sources}
}

// submitAgain fills the form with an earlier check or case.
func (s *Site) submitAgain(r *http.Request, p *submitPage) error {
	q, who, db := r.URL.Query(), access.Of(r.Context()), s.service.Queue.DB
	var declared *pipeline.Submission
	if id, err := uuid.Parse(q.Get("from")); err == nil {
		c, err := db.CheckByID(r.Context(), id)
		if err != nil {
			return err
		}
		if !who.Sees() && !who.Actor.Same(c.By) {
			return noCheck()
		}
		if declared, err = db.CheckSubmission(r.Context(), id); err != nil {
			return err
		}
		p.Source, p.Hash = c.Source, c.Hash
	}
	if id, err := uuid.Parse(q.Get("case")); err == nil {
		c, err := s.service.Visible(r.Context(), id, who.Actor)
		if err != nil {
			return err
		}
		if declared, err = db.Submission(r.Context(), id); err != nil {
			return err
		}
		p.Source, p.Hash = c.Source, c.ContentDigest != nil
	}
	if declared != nil {
		p.Yaml = submissionText(nil, declared, nil)
		p.AsYaml = true
	}
	return nil
}

// takeSubmit looks at a source, shows the form again, or asks for the check.
func (s *Site) takeSubmit(w http.ResponseWriter, r *http.Request) error {
	yaml, err := sentYAML(r)
	if err != nil {
		return err
	}
	p := s.newSubmitPage()
	p.Source, p.Hash, p.Yaml = strings.TrimSpace(r.PostFormValue("source")), r.PostFormValue("hash") != "", yaml
	p.AsYaml = yaml != "" && r.PostFormValue("as") == "yaml"
	typed := typedOf(r)
	counts := elements(typed, func(list string) int { return atoi(r.PostFormValue("n." + list)) })
	p.Drafted, p.shownDraft = r.PostFormValue("drafted") != "", draftShown(r.PostFormValue("shown"))
	step := r.PostFormValue("step")
	if step == "ask" {
		return s.ask(w, r, p, typed, counts)
	}
	if left, focus, ok := grow(step, typed, counts); ok && p.Drafted {
		p.fields(left, counts, nil, focus)
		return s.render(w, r, http.StatusOK, "submit", p)
	}
	status, err := s.draft(r.Context(), s.words(r), p)
	if err != nil {
		return err
	}
	if step == "yaml" {
		p.Yaml, _ = formText(typed)
		p.AsYaml = true
	}
	p.fields(typed, counts, nil, "")
	return s.render(w, r, status, "submit", p)
}

// draft looks at the source. Where that is refused, or takes too long, the page says so,
// and the form stands without what it would have shown, or with what it showed before.
func (s *Site) draft(ctx context.Context, words *Words, p *submitPage) (int, error) {
	defer s.drafts.Add(-1)
	if s.drafts.Add(1) > mostDrafts {
		p.Problem = &Problem{Message: words.T("submit.busy"), Hint: words.T("submit.busy.hint"), Own: true}
		return http.StatusServiceUnavailable, nil
	}
	limited, cancel := context.WithTimeout(ctx, draftTime)
	defer cancel()
	d, err := s.service.Draft(limited, p.Source)
	switch {
	case err == nil:
		p.Drafted, p.Source, p.shownDraft = true, d.Source, words.shownOf(d)
		return http.StatusOK, nil
	case ctx.Err() == nil && errors.Is(limited.Err(), context.DeadlineExceeded):
		p.Drafted, p.Slow = true, true
		return http.StatusOK, nil
	}
	problem, status, ok := problemOf(err)
	if !ok {
		failure := report.FailureOf(err)
		if failure.Code == pipeline.CodeInternal {
			return 0, err
		}
		// A bucket that does not exist or does not answer is for the submitter to mend.
		problem, status = &Problem{Message: failure.Message, Hint: failure.Hint}, http.StatusUnprocessableEntity
	}
	p.Problem = problem
	return status, nil
}

// ask asks for the check, or shows what is wrong.
func (s *Site) ask(w http.ResponseWriter, r *http.Request, p *submitPage, typed map[string][]string, counts map[string]int) error {
	text, lines := p.Yaml, map[string]int(nil)
	if !p.AsYaml {
		text, lines = formText(typed)
	}
	declared, err := app.ParseSubmission(text)
	var check pipeline.Check
	if err == nil {
		check, err = s.service.Ask(r.Context(), app.Asked{Source: p.Source, Submission: declared, Hash: p.Hash}, access.Of(r.Context()).Actor)
	}
	if err == nil {
		return s.done(w, r, "/checks/"+check.ID.String(), "")
	}
	problem, status, ok := problemOf(err)
	if !ok {
		return err
	}
	p.Problem = problem
	words := s.words(r)
	if p.Faults = words.faultsOf(problem.Message, lines, typed); len(p.Faults) > 0 {
		p.Problem = &Problem{Message: words.T("submit.faults", len(p.Faults)), Hint: words.T("submit.faults.hint"), Own: true}
	}
	if p.Drafted {
		p.fields(typed, counts, p.Faults, "")
	}
	return s.render(w, r, status, "submit", p)
}

// What a form may send back of what the source showed.
const (
	mostShown      = 96 << 10
	mostShownParts = 300
)

// shownOf is what a form shows of a source that was looked at.
func (w *Words) shownOf(d app.Drafted) (out shownDraft) {
	out.About = w.about(&d.Report)
	for _, k := range d.Known {
		out.Known = append(out.Known, shownKnown{k.Fact, report.Value(k.Value), w.from(k.From)})
	}
	for _, q := range d.Questions {
		out.Questions = append(out.Questions, shownQuestion{q.Fact, q.Rules[:min(len(q.Rules), 4)], q.Enforced})
	}
	out.bound()
	return out
}

// about says in sentences what was found in a source.
func (w *Words) about(r *pipeline.Report) []string {
	lines := []string{w.T("submit.about.pinned", r.Artifact.PinDigest)}
	p := r.Facts.Params
	switch {
	case p.Estimate == nil || p.Lower == nil || *p.Estimate == 0:
		lines = append(lines, w.T("submit.about.none"))
	case p.Upper != nil && *p.Lower == *p.Upper:
		lines = append(lines, w.T("submit.about.exact", *p.Estimate))
	case p.Upper != nil:
		lines = append(lines, w.T("submit.about.range", *p.Lower, *p.Upper))
	default:
		lines = append(lines, w.T("submit.about.atleast", *p.Lower))
	}
	if family, class := textOf(r.Facts.Architecture.Family), textOf(r.Facts.Architecture.Class); class != "" && family != "" {
		lines = append(lines, w.T("submit.about.class", family, class))
	} else if family != "" {
		lines = append(lines, w.T("submit.about.family", family))
	}
	if len(r.Reasons) > 0 {
		lines = append(lines, w.T("submit.about.unread"))
	}
	return lines
}

// from says how a value is known.
func (w *Words) from(f submission.From) string {
	text := ""
	switch f.How {
	case submission.FromFact:
		text = w.Word("case.basis", f.Basis)
	case submission.FromConfig:
		text = report.Shown(f.Key, 100)
	default:
		text = w.Word("submit.from", f.How)
	}
	if f.Object != "" {
		text = w.T("submit.from.in", text, report.Shown(f.Object, 200))
	}
	return text
}

// draftShown reads what a form sends back. It comes from the browser and goes nowhere else:
// what is none of it is left out.
func draftShown(text string) (out shownDraft) {
	if len(text) > mostShown || json.Unmarshal([]byte(text), &out) != nil {
		return shownDraft{}
	}
	out.bound()
	return out
}

func (d *shownDraft) bound() {
	d.About = d.About[:min(len(d.About), mostShownParts)]
	d.Known = d.Known[:min(len(d.Known), mostShownParts)]
	d.Questions = d.Questions[:min(len(d.Questions), mostShownParts)]
}

// text writes it for a form to send back, without the known facts where it is too long.
func (d shownDraft) text() string {
	b, err := json.Marshal(d)
	if err == nil && len(b) > mostShown {
		b, err = json.Marshal(shownDraft{Questions: d.Questions})
	}
	if err != nil { // texts always encode
		panic(err)
	}
	return string(b)
}

// sentYAML returns the submission that was pasted or sent as a file.
func sentYAML(r *http.Request) (string, error) {
	if err := r.ParseMultipartForm(mostFormMemory); err != nil && !errors.Is(err, http.ErrNotMultipart) { //nolint:gosec // the route bounds the body
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return "", &pipeline.Error{Code: pipeline.CodeOverLimit, Message: "what was sent is too large", Hint: "a submission may have 1 MB"}
		}
		return "", &pipeline.Error{Code: pipeline.CodeUsage, Message: "the form could not be read", Err: err, Hint: "send it again"}
	}
	if r.MultipartForm != nil {
		for _, h := range r.MultipartForm.File["file"] {
			if h.Size == 0 {
				continue
			}
			f, err := h.Open()
			if err != nil {
				return "", fmt.Errorf("open the submission that was sent: %w", err)
			}
			defer func() { _ = f.Close() }()
			text, err := io.ReadAll(io.LimitReader(f, mostYAMLFile+1))
			if err != nil {
				return "", fmt.Errorf("read the submission that was sent: %w", err)
			}
			r.PostForm.Set("as", "yaml")
			return string(text), nil
		}
	}
	return strings.ReplaceAll(r.PostFormValue("submission"), "\r\n", "\n"), nil
}

// factPrefix begins the names of the fields that hold facts.
const factPrefix = "f."

// typedOf returns what was typed, by fact.
func typedOf(r *http.Request) map[string][]string {
	out := map[string][]string{}
	for key, values := range r.PostForm {
		if fact, ok := strings.CutPrefix(key, factPrefix); ok {
			if _, _, known := vocabulary.Find(fact); known && len(fact) < 200 {
				out[fact] = values
			}
		}
	}
	return out
}

// faultPattern finds line and column in the message of a submission that is wrong.
var faultPattern = regexp.MustCompile(`(?m)^submission:(\d+):(\d+): (.+)$`)

// faultsOf reads what is wrong with a submission from its error. lines are where facts
// stand and typed what was filled in there, nil where people wrote it themselves.
func (w *Words) faultsOf(message string, lines map[string]int, typed map[string][]string) []submissionFault {
	var out []submissionFault
	for _, m := range faultPattern.FindAllStringSubmatch(message, -1) {
		one := submissionFault{Line: atoi(m[1]), Column: atoi(m[2]), Text: w.inEnglish(m[3])}
		for fact, line := range lines {
			if line == one.Line && len(fact) > len(one.Fact) {
				one.Fact = fact
			}
		}
		if one.Fact != "" {
			one.Text = w.fault(one.Fact, typed, m[3])
		}
		out = append(out, one)
	}
	return out
}

// fields lays the form out: what rules that stop a case ask, what others ask, and all the
// rest by subject. focus names the element that was added, or the list of one that was
// taken away.
func (p *submitPage) fields(typed map[string][]string, counts map[string]int, faults []submissionFault, focus string) {
	b := &formBuilder{typed: typed, counts: counts, faults: map[string]told{}, done: map[string]bool{}, placed: map[string]bool{}, focus: focus}
	for _, f := range faults {
		b.faults[f.Fact] = f.Text
	}
	p.Shown = p.shownDraft.text()
	p.Asked = b.asked(p.Questions, true)
	p.Reports = b.asked(p.Questions, false)
	for _, g := range vocabulary.Submission() {
		one := formGroup{Key: g.Key}
		if g.Kind == vocabulary.List {
			b.listed(&one, g.Key, "", g, "")
		} else {
			b.group(&one, vocabulary.Fields(g.Element), g.Key)
		}
		if len(one.Fields) > 0 || len(one.Lists) > 0 {
			p.Rest = append(p.Rest, one)
		}
	}
	for _, groups := range [][]formGroup{p.Asked, p.Reports, p.Rest} {
		for i := range groups {
			groups[i].Filled = groups[i].filled(focus)
		}
	}
	p.ReportsOpen = slices.ContainsFunc(p.Reports, func(g formGroup) bool { return g.Filled })
	for _, list := range formLists() {
		p.Elements = append(p.Elements, listCount{list, counts[list]})
	}
}

// filled tells whether something of a group is filled in or wrong, or has the focus.
func (g *formGroup) filled(focus string) bool {
	fields := g.Fields
	for _, l := range g.Lists {
		if list, _, _ := strings.Cut(focus, "["); list == l.Fact {
			return true
		}
		for _, e := range l.Elements {
			fields = slices.Concat(fields, e.Fields)
		}
	}
	return slices.ContainsFunc(fields, func(f formField) bool {
		return len(f.Values) > 0 && slices.ContainsFunc(f.Values, func(v string) bool { return v != "" }) || f.Fault.Text != "" ||
			slices.ContainsFunc(f.Ends, func(end formField) bool { return end.Value != "" || end.Fault.Text != "" })
	})
}

type formBuilder struct {
	typed  map[string][]string
	counts map[string]int
	faults map[string]told
	// done are the facts that the form has already.
	done map[string]bool
	// placed are the lists that it has.
	placed map[string]bool
	// focus names what has the focus, see submitPage.fields.
	focus string
}

// asked lays out the questions of rules by subject.
func (b *formBuilder) asked(questions []shownQuestion, enforced bool) []formGroup {
	var out []formGroup
	for _, q := range questions {
		fact := firstElement(q.Fact)
		f, _, ok := vocabulary.Find(fact)
		if !ok || q.Enforced != enforced || b.done[fact] || f.Kind == vocabulary.Counts {
			continue
		}
		key, _, _ := strings.Cut(strings.ReplaceAll(fact, "[", "."), ".")
		i := slices.IndexFunc(out, func(g formGroup) bool { return g.Key == key })
		if i < 0 {
			i = len(out)
			out = append(out, formGroup{Key: key})
		}
		rules := strings.Join(q.Rules[:min(len(q.Rules), 4)], ", ")
		list, _, path, within := elementOf(fact)
		switch {
		case f.Kind == vocabulary.Group && !within:
			b.group(&out[i], vocabulary.Fields(f.Element), fact)
		case f.Kind == vocabulary.List && !within:
			b.listed(&out[i], fact, "", f, "")
			for _, l := range out[i].Lists {
				if l.Fact == fact {
					l.Rules = rules
				}
			}
		case within:
			b.listed(&out[i], list, strings.TrimPrefix(path, "."), f, rules)
		default:
			field := b.field(f, fact)
			field.Rules = rules
			out[i].Fields = append(out[i].Fields, field)
		}
	}
	out = slices.DeleteFunc(out, func(g formGroup) bool { return len(g.Fields) == 0 && len(g.Lists) == 0 })
	return out
}

// group adds the fields of a group that the form does not have yet.
func (b *formBuilder) group(g *formGroup, fields []vocabulary.Field, above string) {
	for _, f := range fields {
		fact := above + "." + f.Key
		switch {
		case f.Kind == vocabulary.Group:
			b.group(g, vocabulary.Fields(f.Element), fact)
		case f.Kind == vocabulary.List:
			b.listed(g, fact, "", f, "")
		case f.Kind != vocabulary.Counts && !b.done[fact]:
			g.Fields = append(g.Fields, b.field(f, fact))
		}
	}
}

func (b *formBuilder) field(f vocabulary.Field, fact string) formField {
	b.done[fact] = true
	_, _, _, within := elementOf(fact)
	one := formField{Fact: fact, ID: "f-" + anchorOf(fact), Words: f.Words, Fault: b.faults[fact], Kind: "text"}
	if within && strings.HasPrefix(fact, b.focus+".") && f.Kind != vocabulary.Range && (f.Kind != vocabulary.Texts || f.Words == nil) {
		one.Focus, b.focus = true, ""
	}
	// What a choice shows, and that a text is a text, need not be said.
	one.Takes = f.Kind != vocabulary.Flag && f.Words == nil && (f.Kind != vocabulary.Text || f.Is != "")
	one.Values = b.typed[fact]
	if len(one.Values) > 0 {
		one.Value = one.Values[0]
	}
	switch f.Kind {
	case vocabulary.Flag:
		one.Kind = "flag"
	case vocabulary.Whole, vocabulary.Number:
		one.Kind = "number"
	case vocabulary.Texts:
		one.Kind = "area"
		if f.Words != nil {
			one.Kind = "many"
		}
		if one.Kind == "area" {
			one.Value = strings.Join(one.Values, "\n")
		}
	case vocabulary.Range:
		one.Kind = "range"
		for _, end := range f.Ends() {
			one.Ends = append(one.Ends, b.field(end, fact+"."+end.Key))
		}
	case vocabulary.Text:
		switch {
		case f.Words != nil:
			one.Kind = "words"
		case f.Is == vocabulary.FormDate:
			one.Kind = "date"
		}
	}
	return one
}

// inWords writes the key of a fact as words.
func inWords(key string) string {
	text := strings.NewReplacer("_", " ", ".", ": ").Replace(key)
	return upper(text)
}

// upper begins a text with a capital.
func upper(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	if size == 0 {
		return text
	}
	return string(unicode.ToUpper(first)) + text[size:]
}
