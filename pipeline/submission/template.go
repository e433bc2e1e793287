package submission

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"weighbridge/pipeline"
	"weighbridge/pipeline/vocabulary"
)

// askedFirst lists the facts that a first submission is most likely to be asked for, in
// the order in which a form would ask. Their groups come first, and they in them.
var askedFirst = []string{
	"destination.country", "recipient.name", "recipient.country", "weights.access",
	"end_use.text", "end_use.commercial", "end_use.military",
	"training.tokens", "training.flops",
	"datasets.id", "datasets.license", "datasets.origin_country", "datasets.personal",
	"license.declared", "model.id", "model.parameters",
}

// Template is what a file for a submitter to fill in is made from.
type Template struct {
	// Schema is the path of the JSON Schema, as editors are to find it from the file.
	Schema string
	// About says in sentences what was found in the artifact. It may be empty.
	About []string
	// Known holds values to propose.
	Known []Known
}

// Known is a value that the artifact itself shows.
type Known struct {
	// Fact is its name, such as "model.parameters" or "bases[0].id".
	Fact string
	// Value is a string, int64, float64, bool or []string.
	Value any
	From  From
}

// How is a way in which a value is known.
type How string

// The ways in which values are known.
const (
	// FromFact is a fact of the artifact, with its basis.
	FromFact How = "fact"
	// FromWeight is an exact count of the parameters, FromEstimate the most likely one.
	FromWeight   How = "weight"
	FromEstimate How = "estimate"
	// FromConfig is a key of a configuration file.
	FromConfig How = "config"
	// FromGGUF is the name that a GGUF file gives, FromFiles a base that files name,
	// FromAdapter what follows from files that hold an adapter.
	FromGGUF    How = "gguf"
	FromFiles   How = "files"
	FromAdapter How = "adapter"
)

// From says how a value is known.
type From struct {
	How
	// Basis is that of a fact, Count that of the parameters, Key that of a configuration
	// file. Object is where a fact or key stands, "" where that is not told.
	Basis       pipeline.Basis
	Count       int64
	Key, Object string
}

// String writes it for a comment. Names are an artifact's, so they are quoted.
func (f From) String() string {
	text := map[How]string{FromFact: string(f.Basis), FromWeight: "measured: exactly " + amount(float64(f.Count)), FromEstimate: "measured: the most likely count, " + amount(float64(f.Count)), FromConfig: f.Key,
		FromGGUF: "as the GGUF file says", FromFiles: "as the files say", FromAdapter: "the files hold an adapter"}[f.How]
	if f.Object != "" {
		text += fmt.Sprintf(" in %+q", f.Object)
	}
	return text
}

// longestProposed is the length of the longest text that is proposed, in characters.
const longestProposed = 500

// Write writes a file in which every key of a submission stands as a comment, with one
// line on what it is, its unit and the words that it may be. Keys are behind "# " and
// explanations behind "## ", so that a file without its first line from which one # is
// taken everywhere is a submission. As written it states nothing, and [Load] says so.
// Values that Load would refuse are not proposed.
func (t Template) Write(w io.Writer) error {
	p := &page{known: map[string]string{}}
	for _, k := range t.Known {
		if text, ok := k.line(); ok {
			p.known[k.Fact] = text
		}
	}
	fmt.Fprintf(&p.out, "# yaml-language-server: $schema=%s\n", t.Schema)
	p.say(0, "What the submitter declares about a transfer, for Weighbridge.")
	p.say(0, "")
	p.say(0, "As it stands, this file states nothing: every key is a comment. Take the first \"# \" away")
	p.say(0, "before each line that you can answer and before the lines that it lies below, write the")
	p.say(0, "answer behind the colon, and leave the rest as it is. \"weighbridge submission check FILE\"")
	p.say(0, "tells whether it reads well. What is declared here never overrides what was measured.")
	p.say(0, "Keep this file out of the model's folder, where it would be published.")
	if len(t.About) > 0 {
		p.say(0, "")
		for _, line := range t.About {
			p.say(0, "%s", line)
		}
		p.say(0, "What was found is filled in below, each with where it comes from. Check it before you state it.")
	}
	groups := inOrder(vocabulary.Submission(), "")
	first := slices.IndexFunc(groups, func(f vocabulary.Field) bool { return !asked(f.Key + ".") })
	for i, f := range groups {
		switch i {
		case 0:
			p.heading("Asked most often")
		case first:
			p.heading("Everything else")
		default:
			p.out.WriteByte('\n')
		}
		p.field(f, 0, f.Key, f.Key, "")
	}
	_, err := io.WriteString(w, p.out.String())
	return err
}

// inOrder puts the fields that are asked first in front. group is "" for groups.
func inOrder(fields []vocabulary.Field, group string) []vocabulary.Field {
	rank := func(f vocabulary.Field) int {
		prefix := f.Key + "."
		if group != "" {
			prefix = group + "." + f.Key
		}
		i := slices.IndexFunc(askedFirst, func(name string) bool { return strings.HasPrefix(name+".", prefix) && (group == "" || name == prefix) })
		if i < 0 {
			return len(askedFirst)
		}
		return i
	}
	out := slices.Clone(fields)
	slices.SortStableFunc(out, func(a, b vocabulary.Field) int { return rank(a) - rank(b) })
	return out
}

func asked(prefix string) bool {
	return slices.ContainsFunc(askedFirst, func(name string) bool { return strings.HasPrefix(name, prefix) })
}

// page is a template while it is written.
type page struct {
	out strings.Builder
	// known holds what stands behind the colon of a key, by the name of the fact.
	known map[string]string
}

func (p *page) heading(text string) {
	p.out.WriteByte('\n')
	p.say(0, "---- %s ----", text)
	p.out.WriteByte('\n')
}

// say writes an explanation, indent levels deep.
func (p *page) say(indent int, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	p.out.WriteString(strings.TrimRight("## "+strings.Repeat("  ", indent)+text, " ") + "\n")
}

// write writes a line of YAML as a comment.
func (p *page) write(indent int, text string) {
	p.out.WriteString("# " + strings.Repeat("  ", indent) + text + "\n")
}

// field writes one key and what lies below it. name is the fact, group the name of the
// same without the indices of lists, above the explanation that stands just before.
func (p *page) field(f vocabulary.Field, indent int, name, group, above string) {
	p.say(indent, "%s", explanation(f, above))
	switch f.Kind {
	case vocabulary.Group:
		p.write(indent, f.Key+":")
		p.fields(f.Element, indent+1, name, group)
	case vocabulary.Range:
		p.write(indent, f.Key+":")
		for _, end := range f.Ends() {
			p.write(indent+1, end.Key+":"+p.known[name+"."+end.Key])
		}
	case vocabulary.List:
		p.write(indent, f.Key+":")
		for i := 0; i == 0 || p.knows(element(name, i)); i++ {
			p.write(indent+1, "-")
			if i == 0 {
				p.fields(f.Element, indent+2, element(name, i), group)
				continue
			}
			for _, below := range vocabulary.Fields(f.Element) {
				if value := p.known[element(name, i)+"."+below.Key]; value != "" {
					p.write(indent+2, below.Key+":"+value)
				}
			}
		}
	default:
		p.write(indent, f.Key+":"+p.known[name])
	}
}

func (p *page) fields(t reflect.Type, indent int, name, group string) {
	above := ""
	for _, f := range inOrder(vocabulary.Fields(t), group) {
		p.field(f, indent, name+"."+f.Key, group+"."+f.Key, above)
		above = f.Doc
	}
}

// knows tells whether anything below a name is known.
func (p *page) knows(name string) bool {
	for fact := range p.known {
		if strings.HasPrefix(fact, name+".") {
			return true
		}
	}
	return false
}

func element(name string, i int) string { return name + "[" + strconv.Itoa(i) + "]" }

// explanation is one line on a key: what it is, and what it may be. What it is is left
// out where it stands just above already.
func explanation(f vocabulary.Field, above string) string {
	takes := f.Takes()
	switch f.Kind {
	case vocabulary.Group:
		return vocabulary.FirstSentence(f.Doc)
	case vocabulary.List:
		takes = "a list: the lines from the dash on, once for each"
	}
	if f.Doc == above {
		return "The same. (" + takes + ")"
	}
	return vocabulary.FirstSentence(f.Doc) + " (" + takes + ")"
}

// line is what stands behind the colon; ok is false where Load would refuse it, or
// where it is too long to be of use.
func (k Known) line() (text string, ok bool) {
	f, group, found := vocabulary.Find(k.Fact)
	if !found {
		return "", false
	}
	switch v := k.Value.(type) {
	case string:
		text, ok = proposed(f, v, group)
		ok = ok && f.Kind == vocabulary.Text
	case []string:
		ok = f.Kind == vocabulary.Texts && len(v) > 0
		var all []string
		for _, one := range v {
			quoted, good := proposed(f, one, group)
			ok = ok && good
			all = append(all, quoted)
		}
		text = "[" + strings.Join(all, ", ") + "]"
		ok = ok && len(text) <= longestProposed
	case int64:
		text, ok = strconv.FormatInt(v, 10), f.Kind == vocabulary.Whole && wholeOf(f, v) == ""
	case float64:
		text, ok = strconv.FormatFloat(v, 'g', -1, 64), f.Kind == vocabulary.Number && numberOf(f, v) == ""
	case bool:
		text, ok = strconv.FormatBool(v), f.Kind == vocabulary.Flag
	}
	return " " + text + "  # " + k.From.String(), ok
}

// proposed writes a text so that YAML reads it as it is, on one line.
func proposed(f vocabulary.Field, text, group string) (string, bool) {
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > longestProposed || textFault(text) != "" || textOf(f, text, group) != "" {
		return "", false
	}
	return strconv.QuoteToASCII(text), true
}
