package license

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"weighbridge/pipeline"
	"weighbridge/pipeline/licence"
)

const (
	// mostSources bounds the places that are kept, mostSentences the sentences of one kind.
	mostSources   = 1000
	mostSentences = 50
	// longestQuoted bounds what is quoted of a statement, in characters, and
	// longestDeclared what is kept of one, in bytes.
	longestQuoted   = 100
	longestDeclared = 2000
	// noAssertion is SPDX's word where nothing says which licence it is.
	noAssertion = "NOASSERTION"
)

// Deriver gathers what all places say of the licence. The zero value is ready to use.
type Deriver struct{}

// New returns the deriver. It runs after every reader, and before what looks at the
// licences of bases.
func New() Deriver { return Deriver{} }

var _ pipeline.Deriver = Deriver{}

// Name returns "license".
func (Deriver) Name() string { return Name }

// Derive sets license_found, and from it license.declared, name and link where the
// artifact states a licence, model.notice_file, and model.attributions where it has a
// card. What the artifact states takes the place of what the submission declares, unless
// both mean the same: then the submission's words stay, now as parsed.
func (Deriver) Derive(_ context.Context, readings *pipeline.Readings, facts *pipeline.FactSet) error {
	g := gather(readings)
	g.setFound(facts)
	g.declare(facts)
	g.notices(facts)
	attributions(readings, facts)
	return nil
}

// source is one place, with what it means.
type source struct {
	pipeline.LicenseRecord
	// expression is the SPDX expression that it means, "" where it names no licence.
	expression string
}

// statementGroup is the same statement in several places, such as the headers of shards.
type statementGroup struct {
	source
	places []pipeline.Evidence
}

// found is all that the places say.
type found struct {
	sources []source
	groups  []statementGroup
	texts   map[string]source // licences by path
	left    int               // how many places were not kept
}

// gather takes the records of all readers, and the metadata of headers, the strongest
// kinds of places first.
func gather(readings *pipeline.Readings) *found {
	records := append(slices.Clone(readings.Licenses), headers(readings.Tables)...)
	slices.SortStableFunc(records, func(a, b pipeline.LicenseRecord) int {
		if ka, kb := strength(a.Kind), strength(b.Kind); ka != kb {
			return ka - kb
		}
		return strings.Compare(a.At.Object, b.At.Object)
	})
	g := &found{texts: map[string]source{}}
	if len(records) > mostSources {
		g.left = len(records) - mostSources
		records = records[:mostSources]
	}
	for _, r := range records {
		if r.Kind == pipeline.RecordText && r.Covers != coversUse && r.Covers != coversNotice {
			g.texts[r.At.Object] = source{r, r.Expression}
		}
	}
	for _, r := range records {
		if r.Covers == "" {
			r.Covers = coversModel
		}
		r.Declared, r.Name, r.Link = bounded(r.Declared), bounded(r.Name), bounded(r.Link)
		s := source{r, g.meaning(r)}
		g.sources = append(g.sources, s)
		g.group(s)
	}
	return g
}

// strength orders kinds of places: the card is what people read, a header goes where the
// weights go, and a text may lie beside weights that it does not cover.
func strength(k pipeline.RecordKind) int {
	order := []pipeline.RecordKind{pipeline.RecordCard, pipeline.RecordHeader, pipeline.RecordConfig, pipeline.RecordBOM, pipeline.RecordRecipe,
		pipeline.RecordManifest, pipeline.RecordProvenance, pipeline.RecordCroissant, pipeline.RecordText}
	if i := slices.Index(order, k); i >= 0 {
		return i
	}
	return len(order)
}

func bounded(text string) string {
	text = strings.TrimSpace(text)
	return strings.ToValidUTF8(text[:min(len(text), longestDeclared)], "")
}

// headerKeys are the keys under which headers state a licence, its name and its link:
// those of GGUF (general.license, ggml's specification), of the ModelSpec for safetensors
// (modelspec.license, 1.0.1), and the plain words.
var headerKeys = [][3]string{
	{"general.license", "general.license.name", "general.license.link"},
	{"modelspec.license", "", ""},
	{"license", "license_name", "license_link"},
	{"licence", "licence_name", "licence_link"},
}

// headers returns what the headers of weights state.
func headers(tables []*pipeline.Table) []pipeline.LicenseRecord {
	var out []pipeline.LicenseRecord
	for _, t := range tables {
		for _, keys := range headerKeys {
			r := pipeline.LicenseRecord{At: pipeline.Evidence{Object: t.Object, Where: keys[0]}, Kind: pipeline.RecordHeader,
				Declared: t.Metadata[keys[0]], Name: t.Metadata[keys[1]], Link: t.Metadata[keys[2]]}
			if r.Declared != "" || r.Name != "" || r.Link != "" {
				out = append(out, r)
			}
		}
	}
	return out
}

// group puts a statement to those that say the same of the same.
func (g *found) group(s source) {
	for i := range g.groups {
		o := &g.groups[i]
		if s.Kind != pipeline.RecordText && o.Kind == s.Kind && o.Declared == s.Declared && o.Name == s.Name && o.Link == s.Link && o.subject() == s.subject() {
			o.places = append(o.places, s.At)
			return
		}
	}
	g.groups = append(g.groups, statementGroup{s, []pipeline.Evidence{s.At}})
}

// subject is what a place covers: two places of one subject must mean the same.
func (s source) subject() string {
	if s.Covers == coversPart {
		return coversPart + " " + path.Dir(s.At.Object)
	}
	return s.Covers
}

const other = "other"

// meaning returns the SPDX expression that a place means, "" where it names none.
func (g *found) meaning(r pipeline.LicenseRecord) string {
	if r.Kind == pipeline.RecordText {
		return r.Expression
	}
	named := strings.EqualFold(r.Declared, other) || r.Declared == ""
	for _, words := range []struct{ declared, name string }{{r.Declared, r.Name}, {r.Name, ""}} {
		if words.declared == "" || words.declared == r.Name && !named {
			continue
		}
		if expression, ok := licence.Expression(words.declared, words.name); ok {
			return expression
		}
	}
	if !named {
		return prose(r.Declared)
	}
	if text, ok := g.linked(r); ok {
		return text.expression
	}
	return addressed(r.Link)
}

// prose reads what is neither an id nor a word of a model hub: an address, or the text of
// a licence itself.
func prose(declared string) string {
	if strings.Contains(declared, "://") && !strings.ContainsAny(declared, " \t\n") {
		return addressed(declared)
	}
	return Identify([]byte(declared)).Expression
}

// addressed returns the licence whose text is known to be at an address.
func addressed(link string) string {
	if l, ok := licence.ByURL(link); ok {
		return l.ID
	}
	if !strings.Contains(link, "://") {
		return ""
	}
	id, _ := address([]byte(link), split([]byte(link)))
	return id
}

// linked returns the text of the artifact that a link names by its path.
func (g *found) linked(r pipeline.LicenseRecord) (source, bool) {
	link, _, _ := strings.Cut(r.Link, "#")
	if link == "" || strings.Contains(link, ":") {
		return source{}, false
	}
	for _, base := range []string{path.Dir(r.At.Object), "."} {
		if text, ok := g.texts[strings.TrimPrefix(path.Join(base, link), "/")]; ok {
			return text, true
		}
	}
	return source{}, false
}

// setFound writes the group of facts.
func (g *found) setFound(facts *pipeline.FactSet) {
	sources := make([]pipeline.LicenseSource, len(g.sources))
	evidence := make([]pipeline.Evidence, len(g.sources))
	counts := map[string]int64{}
	for i, s := range g.sources {
		sources[i] = pipeline.LicenseSource{Object: s.At.Object, Where: s.At.Where, Kind: string(s.Kind), Declared: stated(s.LicenseRecord),
			Expression: s.expression, Covers: s.Covers, Share: s.Share}
		evidence[i] = s.At
		if s.Kind == pipeline.RecordText {
			counts[s.Covers]++
		}
	}
	basis := pipeline.BasisMeasured // that nothing is there was seen
	if len(sources) > 0 {
		basis = pipeline.BasisParsed
	}
	facts.Set("license_found.sources", sources, basis, evidence...)
	expression, from := g.overall()
	facts.Set("license_found.expression", expression, basis, from...)
	texts := counts[coversModel] + counts[coversPart] + counts[coversCode] + counts[coversData]
	facts.Set("license_found.texts", texts, pipeline.BasisMeasured)
	facts.Set("license_found.use_policies", counts[coversUse], pipeline.BasisMeasured)
	facts.Set("license_found.notices", counts[coversNotice], pipeline.BasisMeasured)
	sentences, places := g.disagreements()
	facts.Set("license_found.disagreements", sentences, basis, places...)
	sentences, places = g.problems()
	facts.Set("license_found.problems", sentences, basis, places...)
}

// stated is what is written at a place, the name behind "other".
func stated(r pipeline.LicenseRecord) string {
	switch {
	case r.Name == "" || strings.EqualFold(r.Name, r.Declared):
		return r.Declared
	case r.Declared == "":
		return r.Name
	}
	return r.Declared + " (" + r.Name + ")"
}

// overall joins what the places of the model itself mean. Where they differ all hold,
// until a person has said which.
func (g *found) overall() (string, []pipeline.Evidence) {
	var kept []statementGroup
	var from []pipeline.Evidence
	for _, s := range g.groups {
		if s.Covers != coversModel || s.expression == "" {
			continue
		}
		from = append(from, s.places...)
		if !slices.ContainsFunc(kept, func(k statementGroup) bool { return agree(k.source, s.source) }) {
			kept = append(kept, s)
		}
	}
	if len(kept) == 0 {
		return noAssertion, nil
	}
	expressions := make([]string, len(kept))
	for i, k := range kept {
		expressions[i] = k.expression
	}
	return conjunction(expressions), from
}

// conjunction joins expressions with AND.
func conjunction(expressions []string) string {
	if len(expressions) == 1 {
		return expressions[0]
	}
	out := slices.Clone(expressions)
	for i, e := range out {
		if strings.Contains(e, " OR ") {
			out[i] = "(" + e + ")"
		}
	}
	return strings.Join(out, " AND ")
}

// agree tells whether two places mean the same licence. A text says neither "only" nor
// "or later"; of licences to choose from, or that hold together, one text may lie there.
func agree(a, b source) bool {
	if a.expression == b.expression {
		return true
	}
	if a.Kind != pipeline.RecordText && b.Kind != pipeline.RecordText {
		return false
	}
	x, y := ids(a.expression), ids(b.expression)
	return within(x, y) || within(y, x)
}

func within(a, b []string) bool {
	return !slices.ContainsFunc(a, func(id string) bool { return !slices.Contains(b, id) })
}

// ids lists the licences of an expression, whatever versions they leave open.
func ids(expression string) []string {
	var out []string
	words := strings.FieldsFunc(expression, func(r rune) bool { return r == ' ' || r == '(' || r == ')' })
	for i, w := range words {
		if w == "AND" || w == "OR" || w == "WITH" || i > 0 && words[i-1] == "WITH" {
			continue
		}
		w = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(w, "-or-later"), "-only"), "+")
		out = append(out, w)
	}
	return out
}

// disagreements says which places of one subject mean different licences. It never
// returns nil.
func (g *found) disagreements() ([]string, []pipeline.Evidence) {
	sentences, places := []string{}, []pipeline.Evidence{}
	for i, a := range g.groups {
		for _, b := range g.groups[i+1:] {
			if a.expression == "" || b.expression == "" || a.subject() != b.subject() || a.Covers == coversUse || a.Covers == coversNotice || agree(a.source, b.source) || g.joined(a, b) {
				continue
			}
			if len(sentences) == mostSentences {
				return append(sentences, "More places differ."), places
			}
			sentences = append(sentences, fmt.Sprintf("%s, and %s: these are different licences of the same %s.", a.says(), b.says(), a.thing()))
			places = append(places, a.places[0], b.places[0])
		}
	}
	return sentences, places
}

// joined tells whether a third place says that the licences of two texts are given together,
// to choose from or to keep both.
func (g *found) joined(a, b statementGroup) bool {
	both := append(ids(a.expression), ids(b.expression)...)
	return a.Kind == pipeline.RecordText && b.Kind == pipeline.RecordText && slices.ContainsFunc(g.groups, func(s statementGroup) bool {
		return s.Kind != pipeline.RecordText && s.subject() == a.subject() && within(both, ids(s.expression))
	})
}

// thing names what a group covers.
func (s source) thing() string {
	if s.Covers == coversPart {
		return "folder"
	}
	return s.Covers
}

// says begins a sentence with what a group of places says.
func (s statementGroup) says() string {
	if s.Kind == pipeline.RecordText {
		return fmt.Sprintf("%s is the text of %s", s.where(), s.expression)
	}
	words := quoted(stated(s.LicenseRecord))
	if words == quoted(s.expression) {
		return fmt.Sprintf("%s says %s", s.where(), words)
	}
	return fmt.Sprintf("%s says %s, which is %s", s.where(), words, s.expression)
}

// where names the places of a group.
func (s statementGroup) where() string {
	if n := len(s.places) - 1; n > 0 {
		return fmt.Sprintf("%s (and %s more)", shown(s.At.Object), pipeline.Separated(int64(n)))
	}
	return shown(s.At.Object)
}

// shown writes a path for a sentence: marks that are not seen, or turn the line around,
// as escapes.
func shown(object string) string {
	q := strconv.QuoteToGraphic(object)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

// quoted writes what somebody wrote for a sentence.
func quoted(text string) string {
	if runes := []rune(text); len(runes) > longestQuoted {
		text = string(runes[:longestQuoted]) + "…"
	}
	return strconv.QuoteToGraphic(text)
}

// problems says what is missing, or names no licence. It never returns nil.
func (g *found) problems() ([]string, []pipeline.Evidence) {
	sentences, places := []string{}, []pipeline.Evidence{}
	if g.left > 0 {
		sentences = append(sentences, fmt.Sprintf("%s more places that speak of a licence were not looked at.", pipeline.Separated(int64(g.left))))
	}
	for _, s := range g.groups {
		sentence := s.Problem
		if sentence == "" && s.Kind != pipeline.RecordText && s.Covers == coversModel {
			sentence = g.problem(s)
		}
		if sentence == "" {
			continue
		}
		if len(sentences) == mostSentences {
			return append(sentences, "More places have something odd about them."), places
		}
		sentences = append(sentences, sentence)
		places = append(places, s.At)
	}
	return sentences, places
}

// problem says what is odd about one statement of the model's licence, "" for nothing.
func (g *found) problem(s statementGroup) string {
	if open, ok := licence.Family(s.Declared); ok {
		return fmt.Sprintf("%s says %s, which names a family of licences and leaves open %s.", s.where(), quoted(s.Declared), open)
	}
	switch strings.ToLower(s.Declared) {
	case "bsl-1.0":
		return fmt.Sprintf("%s says %s, which is the Boost Software License; the Business Source License, often meant by these letters, is BUSL-1.1.", s.where(), quoted(s.Declared))
	case "bsl", "bsl-1.1", "bsl1.1":
		return fmt.Sprintf("%s says %s, which is no licence: BSL-1.0 is the Boost Software License, BUSL-1.1 the Business Source License.", s.where(), quoted(s.Declared))
	}
	if s.expression != "" {
		return ""
	}
	text, hasText := g.linked(s.LicenseRecord)
	if !hasText {
		for _, t := range g.texts {
			hasText = hasText || t.Covers == coversModel
		}
	}
	switch {
	case strings.EqualFold(s.Declared, other) && s.Name == "" && s.Link == "" && !hasText:
		return fmt.Sprintf("%s says %s, and neither a name, a link nor a text says which licence that is.", s.where(), quoted(s.Declared))
	case hasText && (strings.EqualFold(s.Declared, other) || s.Declared == ""):
		return "" // of the text is said what is to be said
	case text.expression != "":
		return ""
	case s.Name != "":
		return fmt.Sprintf("%s calls the licence %s, which is not known here, and its text does not lie with the model.", s.where(), quoted(s.Name))
	case s.Link != "":
		return fmt.Sprintf("%s only links to the licence, at %s; no link is followed, and no text lies with the model.", s.where(), quoted(s.Link))
	}
	return fmt.Sprintf("%s says %s, which names no licence that is known.", s.where(), quoted(s.Declared))
}

// declare states the model's own licence from the strongest place that says one.
func (g *found) declare(facts *pipeline.FactSet) {
	var texts []string
	var textPlaces []pipeline.Evidence
	var strongest *statementGroup
	for i, s := range g.groups {
		switch {
		case s.Covers != coversModel:
		case s.Kind == pipeline.RecordText:
			if s.expression == "" {
				continue
			}
			textPlaces = append(textPlaces, s.places...)
			if !slices.Contains(texts, s.expression) {
				texts = append(texts, s.expression)
			}
		case strongest == nil || strongest.expression == "" && s.expression != "":
			strongest = &g.groups[i]
		}
	}
	switch {
	case strongest != nil && (strongest.expression != "" || len(texts) == 0):
		g.set(facts, *strongest, strongest.places)
	case len(texts) > 0:
		places := textPlaces
		if strongest != nil {
			// It says "other", or the like: the text says which.
			places = append(slices.Clone(strongest.places), textPlaces...)
		}
		expression := conjunction(texts)
		g.set(facts, statementGroup{source: source{pipeline.LicenseRecord{Declared: expression}, expression}}, places)
	}
}

// set writes license.declared, name and link.
func (g *found) set(facts *pipeline.FactSet, s statementGroup, places []pipeline.Evidence) {
	if before, known := facts.Entry("license.declared"); known && s.expression != "" {
		stated, name := facts.Facts.License.Declared, facts.Facts.License.Name
		completed := ""
		if name != nil {
			completed = *name
		}
		if same, ok := licence.Expression(*stated, completed); ok && same == s.expression {
			facts.Set("license.declared", *stated, pipeline.BasisParsed, append(slices.Clone(places), before.Evidence...)...)
			return
		}
	}
	for _, name := range []string{"license.declared", "license.name", "license.link"} {
		facts.Forget(name)
	}
	declared := s.Declared
	if declared == "" {
		declared = other
	}
	if s.expression != "" {
		if l, ok := licence.Lookup(declared, s.Name); !ok || l.ID != s.expression {
			// The words alone do not say it: a link, or the text that it leads to, does.
			declared = s.expression
		}
	}
	facts.Set("license.declared", declared, pipeline.BasisParsed, places...)
	if s.Name != "" {
		facts.Set("license.name", s.Name, pipeline.BasisParsed, places...)
	}
	if s.Link != "" {
		facts.Set("license.link", s.Link, pipeline.BasisParsed, places...)
	}
}

// notices states whether a notice that says something lies with the model.
func (g *found) notices(facts *pipeline.FactSet) {
	there := false
	var places []pipeline.Evidence
	for _, s := range g.sources {
		if s.Kind == pipeline.RecordText && s.Covers == coversNotice && s.Problem == "" {
			there = true
			places = append(places, s.At)
		}
	}
	facts.Set("model.notice_file", there, pipeline.BasisMeasured, places...)
}

// attributions states which of the statements that licences ask for the cards show.
func attributions(readings *pipeline.Readings, facts *pipeline.FactSet) {
	shown, places, cards := []string{}, []pipeline.Evidence{}, 0
	for _, card := range readings.Cards {
		if card.Dataset {
			continue
		}
		cards++
		for _, statement := range attributionsIn(card.Body) {
			if !slices.Contains(shown, statement) {
				shown = append(shown, statement)
				places = append(places, pipeline.Evidence{Object: card.Object})
			}
		}
	}
	if cards > 0 {
		facts.Set("model.attributions", shown, pipeline.BasisParsed, places...)
	}
}

// attributionsIn finds the statements in the prose of a card, whatever the case and the
// markup. Where the prose is the text of a licence, which quotes what it asks for, nothing
// is shown by it.
func attributionsIn(body string) []string {
	words := split([]byte(body))
	quoted := make([]bool, len(words))
	for _, m := range shipped().matches(words) {
		mark(quoted, m.covered)
	}
	var out []string
	for _, statement := range statements() {
		asked := split([]byte(statement))
		for i := 0; i+len(asked) <= len(words); i++ {
			if !quoted[i] && slices.EqualFunc(asked, words[i:i+len(asked)], func(a, b word) bool { return a.text == b.text }) {
				out = append(out, statement)
				break
			}
		}
	}
	return out
}

// statements lists what licences of the table ask to be shown, and what the Qwen licence
// takes as well.
func statements() []string {
	var out []string
	for _, l := range licence.Table() {
		if a := l.Terms.Attribution; a != nil && *a != "" && !slices.Contains(out, *a) {
			out = append(out, *a)
		}
	}
	return append(out, "Improved using Qwen")
}
