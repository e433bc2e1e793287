package webui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
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
	About   []string
	Known   []submission.Known
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
}

type listCount struct {
	Key string
	N   int
}

// submissionFault is one thing that is wrong with a submission.
type submissionFault struct {
	Line, Column int
	// Fact is the field that it stands in, "" where the form has none.
	Fact, Text string
}

// formGroup is the fields of one subject.
type formGroup struct {
	Key, Title, Doc string
	Fields          []formField
	// List is true where there can be several.
	List bool
	// Filled is true where something of it is filled in, or wrong.
	Filled bool
}

// formField asks for one fact.
type formField struct {
	// Fact is its name, such as datasets[0].license; ID an id for the page.
	Fact, ID, Label string
	Why             string
	// Takes is true where the field says what it may be.
	Takes bool
	// Kind is text, area, flag, words, many, number, date or range.
	Kind   string
	Words  []string
	Value  string
	Values []string
	Fault  string
	Rules  string
	Ends   []formField
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
		p.Yaml = submissionText(declared, nil)
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
	step := r.PostFormValue("step")
	if step == "ask" {
		return s.ask(w, r, p, typed)
	}
	drafted, status, err := s.draft(r.Context(), p)
	if err != nil {
		return err
	}
	if step == "yaml" {
		p.Yaml, _ = formText(typed)
		p.AsYaml = true
	}
	list, _ := strings.CutPrefix(step, "more:")
	p.fields(drafted.Questions, typed, countsOf(r, list), nil)
	return s.render(w, r, status, "submit", p)
}

// draft looks at the source. Where that is refused, or takes too long, the page says so
// and the form stands without what it would have shown.
func (s *Site) draft(ctx context.Context, p *submitPage) (app.Drafted, int, error) {
	defer s.drafts.Add(-1)
	if s.drafts.Add(1) > mostDrafts {
		p.Problem = &Problem{Message: "other sources are being looked at just now", Hint: "try again in a moment, or ask for the check right away"}
		return app.Drafted{}, http.StatusServiceUnavailable, nil
	}
	limited, cancel := context.WithTimeout(ctx, draftTime)
	defer cancel()
	d, err := s.service.Draft(limited, p.Source)
	switch {
	case err == nil:
		p.Drafted, p.Source, p.About, p.Known = true, d.Source, d.About, d.Known
		return d, http.StatusOK, nil
	case ctx.Err() == nil && errors.Is(limited.Err(), context.DeadlineExceeded):
		p.Drafted, p.Slow = true, true
		return d, http.StatusOK, nil
	}
	problem, status, ok := problemOf(err)
	if !ok {
		failure := report.FailureOf(err)
		if failure.Code == pipeline.CodeInternal {
			return d, 0, err
		}
		// A bucket that does not exist or does not answer is for the submitter to mend.
		problem, status = &Problem{Message: failure.Message, Hint: failure.Hint}, http.StatusUnprocessableEntity
	}
	p.Problem = problem
	return d, status, nil
}

// ask asks for the check, or shows what is wrong.
func (s *Site) ask(w http.ResponseWriter, r *http.Request, p *submitPage, typed map[string][]string) error {
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
	if p.Faults = faultsOf(problem.Message, lines); len(p.Faults) > 0 {
		problem.Message = s.words(r).T("submit.faults", len(p.Faults))
	}
	p.Drafted = r.PostFormValue("drafted") != ""
	if p.Drafted {
		p.fields(questionsShown(r), typed, countsOf(r, ""), p.Faults)
	}
	return s.render(w, r, status, "submit", p)
}

// questionsShown rebuilds the questions that the form was shown with, from the facts that it
// names as asked: the source is not looked at again for a slip of the pen.
func questionsShown(r *http.Request) []report.Question {
	var out []report.Question
	for _, name := range r.PostForm["asked"] {
		if f, _, ok := vocabulary.Find(name); ok && len(out) < 500 {
			out = append(out, report.Question{Fact: name, Why: vocabulary.FirstSentence(f.Doc), Takes: f.Takes(), Enforced: true})
		}
	}
	return out
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

// countsOf returns how many elements of each list the form has; one more of the named one.
func countsOf(r *http.Request, more string) map[string]int {
	out := map[string]int{}
	for _, f := range vocabulary.Submission() {
		if f.Kind != vocabulary.List {
			continue
		}
		n := max(1, atoi(r.PostFormValue("n."+f.Key)))
		if f.Key == more {
			n++
		}
		out[f.Key] = min(n, mostListElements)
	}
	return out
}

// faultPattern finds line and column in the message of a submission that is wrong.
var faultPattern = regexp.MustCompile(`(?m)^submission:(\d+):(\d+): (.+)$`)

// faultsOf reads what is wrong with a submission from its error. lines are where facts
// stand, nil where people wrote it themselves.
func faultsOf(message string, lines map[string]int) []submissionFault {
	var out []submissionFault
	for _, m := range faultPattern.FindAllStringSubmatch(message, -1) {
		one := submissionFault{Line: atoi(m[1]), Column: atoi(m[2]), Text: m[3]}
		for fact, line := range lines {
			if line == one.Line && len(fact) > len(one.Fact) {
				one.Fact = fact
			}
		}
		out = append(out, one)
	}
	return out
}

// fields lays the form out: what rules that stop a case ask, what others ask, and all the
// rest by subject.
func (p *submitPage) fields(questions []report.Question, typed map[string][]string, counts map[string]int, faults []submissionFault) {
	b := &formBuilder{typed: typed, counts: counts, faults: map[string]string{}, done: map[string]bool{}}
	for _, f := range faults {
		b.faults[f.Fact] = f.Text
	}
	p.Asked = b.asked(questions, true)
	p.Reports = b.asked(questions, false)
	for _, g := range vocabulary.Submission() {
		one := formGroup{Key: g.Key, Title: inWords(g.Key), Doc: vocabulary.FirstSentence(g.Doc), List: g.Kind == vocabulary.List}
		if one.List {
			n := counts[g.Key]
			for fact := range typed {
				if rest, ok := strings.CutPrefix(fact, g.Key+"["); ok {
					i, _, _ := strings.Cut(rest, "]")
					n = max(n, atoi(i)+1)
				}
			}
			n = min(max(n, 1), mostListElements)
			p.Elements = append(p.Elements, listCount{g.Key, n})
			for i := range n {
				b.group(&one, vocabulary.Fields(g.Element), g.Key+"["+strconv.Itoa(i)+"]")
			}
		} else {
			b.group(&one, vocabulary.Fields(g.Element), g.Key)
		}
		if len(one.Fields) > 0 || one.List {
			one.Filled = slices.ContainsFunc(one.Fields, func(f formField) bool { return f.Value != "" || len(f.Values) > 0 || f.Fault != "" })
			p.Rest = append(p.Rest, one)
		}
	}
}

type formBuilder struct {
	typed  map[string][]string
	counts map[string]int
	faults map[string]string
	// done are the facts that the form has already.
	done map[string]bool
}

// asked lays out the questions of rules by subject.
func (b *formBuilder) asked(questions []report.Question, enforced bool) []formGroup {
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
			out = append(out, formGroup{Key: key, Title: inWords(key)})
		}
		switch f.Kind {
		case vocabulary.Group:
			b.group(&out[i], vocabulary.Fields(f.Element), fact)
			continue
		case vocabulary.List:
			b.group(&out[i], vocabulary.Fields(f.Element), fact+"[0]")
			continue
		}
		field := b.field(f, fact)
		field.Rules = strings.Join(q.Rules[:min(len(q.Rules), 4)], ", ")
		out[i].Fields = append(out[i].Fields, field)
	}
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
			b.group(g, vocabulary.Fields(f.Element), fact+"[0]")
		case f.Kind != vocabulary.Counts && !b.done[fact]:
			g.Fields = append(g.Fields, b.field(f, fact))
		}
	}
}

func (b *formBuilder) field(f vocabulary.Field, fact string) formField {
	b.done[fact] = true
	_, label, _ := strings.Cut(fact, ".")
	one := formField{Fact: fact, ID: "f-" + anchorOf(fact), Label: inWords(label), Why: vocabulary.FirstSentence(f.Doc), Words: f.Words, Fault: b.faults[fact], Kind: "text"}
	if i := strings.IndexByte(fact, '['); i >= 0 {
		if n := atoi(strings.TrimSuffix(fact[i+1:strings.IndexByte(fact, ']')], "]")); n > 0 {
			one.Label += " (" + strconv.Itoa(n+1) + ")"
		}
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
			part := b.field(end, fact+"."+end.Key)
			part.Label = inWords(end.Key)
			one.Ends = append(one.Ends, part)
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
	text := strings.NewReplacer("_", " ", "[0]", "", ".", ": ").Replace(key)
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
