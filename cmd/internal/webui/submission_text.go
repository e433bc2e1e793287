package webui

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"weighbridge/pipeline"
	"weighbridge/pipeline/vocabulary"
)

// mostListElements bounds the elements of a list that a form asks for.
const mostListElements = 50

// submissionText writes a submission as YAML: what is stated, and behind it the facts that
// are asked for, without an answer: a comment in words, English where that is nil,
// says what it may be. Either may be empty. It states what the submission states and
// nothing else, as a key without a value states nothing.
func submissionText(words *Words, stated *pipeline.Submission, asked []string) string {
	w := &textWriter{words: words, lines: map[string]int{}, line: 1}
	for _, name := range asked {
		w.asked = append(w.asked, firstElement(name))
	}
	if stated == nil {
		stated = &pipeline.Submission{}
	}
	w.fields(vocabulary.Submission(), reflect.ValueOf(*stated), 0, "")
	return w.b.String()
}

// firstElement names a fact of the first element where a fact of every element is meant:
// datasets.license is datasets[0].license.
func firstElement(fact string) string {
	for _, list := range formLists() {
		if rest, ok := strings.CutPrefix(fact, list+"."); ok {
			return list + "[0]." + rest
		}
	}
	return fact
}

type textWriter struct {
	words *Words
	b     strings.Builder
	asked []string
	lines map[string]int
	line  int
}

func (w *textWriter) write(indent int, name, text string) {
	if name != "" {
		w.lines[name] = w.line
	}
	w.b.WriteString(strings.Repeat("  ", indent) + text + "\n")
	w.line++
}

// asks tells whether a fact, or one below it, is asked for.
func (w *textWriter) asks(name string) bool {
	return slices.ContainsFunc(w.asked, func(one string) bool {
		return one == name || strings.HasPrefix(one, name+".") || strings.HasPrefix(one, name+"[")
	})
}

// fields writes the keys of a group. v may be the zero value, where nothing is stated.
func (w *textWriter) fields(fields []vocabulary.Field, v reflect.Value, indent int, above string) {
	for _, f := range fields {
		name := f.Key
		if above != "" {
			name = above + "." + f.Key
		}
		var value reflect.Value
		if v.IsValid() {
			value = v.Field(f.Index)
		}
		has := value.IsValid() && states(value)
		if !has && !w.asks(name) {
			continue
		}
		w.field(f, value, has, indent, name)
	}
}

func (w *textWriter) field(f vocabulary.Field, v reflect.Value, has bool, indent int, name string) {
	switch f.Kind {
	case vocabulary.Group:
		w.write(indent, name, f.Key+":")
		w.fields(vocabulary.Fields(f.Element), v, indent+1, name)
	case vocabulary.Range:
		w.write(indent, name, f.Key+":"+w.comment(f, name, has))
		for _, end := range f.Ends() {
			var one reflect.Value
			if v.IsValid() {
				one = v.Field(end.Index)
			}
			w.write(indent+1, name+"."+end.Key, strings.TrimRight(end.Key+": "+plainYAML(end, one), " "))
		}
	case vocabulary.List:
		w.list(f, v, has, indent, name)
	case vocabulary.Texts:
		if !has {
			w.write(indent, name, f.Key+":"+w.comment(f, name, false))
			return
		}
		var all []string
		for i := range v.Len() {
			all = append(all, quoteYAML(f, v.Index(i).String()))
		}
		w.write(indent, name, f.Key+": ["+strings.Join(all, ", ")+"]")
	default:
		w.write(indent, name, f.Key+":"+spaced(plainYAML(f, v))+w.comment(f, name, has))
	}
}

func (w *textWriter) list(f vocabulary.Field, v reflect.Value, has bool, indent int, name string) {
	n := 0
	if has {
		n = v.Len()
		if n == 0 {
			w.write(indent, name, f.Key+": []")
			return
		}
	}
	for i := n; i < mostListElements; i++ {
		if w.asks(name + "[" + strconv.Itoa(i) + "]") {
			n = i + 1
		}
	}
	if n == 0 {
		w.write(indent, name, f.Key+":"+w.comment(f, name, false))
		return
	}
	w.write(indent, name, f.Key+":")
	for i := range n {
		element := name + "[" + strconv.Itoa(i) + "]"
		var one reflect.Value
		if has && i < v.Len() {
			one = v.Index(i)
		}
		w.write(indent+1, element, "-")
		w.fields(vocabulary.Fields(f.Element), one, indent+2, element)
	}
}

// comment says what an answer may be, where there is none.
func (w *textWriter) comment(f vocabulary.Field, name string, has bool) string {
	switch {
	case has:
		return ""
	case w.words != nil && w.words.otherwise != nil:
		return "  # " + w.words.takes(name)
	}
	return "  # " + f.Takes()
}

func spaced(text string) string {
	if text == "" {
		return ""
	}
	return " " + text
}

// states tells whether a value is stated.
func states(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if states(v.Field(i)) {
				return true
			}
		}
		return false
	case reflect.Pointer, reflect.Slice:
		return !v.IsNil()
	}
	return false
}

// plainYAML writes one value, "" where none is stated.
func plainYAML(f vocabulary.Field, v reflect.Value) string {
	if !v.IsValid() || v.Kind() != reflect.Pointer || v.IsNil() {
		return ""
	}
	switch v = v.Elem(); v.Kind() {
	case reflect.String:
		return quoteYAML(f, v.String())
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.Int64:
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	}
	return ""
}

// quoteYAML writes a text so that YAML reads it as it is: in double quotes, as JSON does,
// which YAML holds. A text that is not valid UTF-8 cannot be one of a submission.
func quoteYAML(f vocabulary.Field, text string) string {
	if slices.Contains(f.Words, text) {
		return text
	}
	return plainJSON(text)
}

// formText makes YAML of what was filled into a form: values by the name of their fact,
// as they were typed. It says on which line each stands. Names that are no facts are left
// out.
func formText(typed map[string][]string) (text string, lines map[string]int) {
	w := &textWriter{lines: map[string]int{}, line: 1}
	w.formFields(vocabulary.Submission(), typed, 0, "")
	return w.b.String(), w.lines
}

// has tells whether anything was typed for a fact or below it.
func has(typed map[string][]string, name string) bool {
	for key, values := range typed {
		if (key == name || strings.HasPrefix(key, name+".") || strings.HasPrefix(key, name+"[")) && slices.ContainsFunc(values, func(s string) bool { return strings.TrimSpace(s) != "" }) {
			return true
		}
	}
	return false
}

func (w *textWriter) formFields(fields []vocabulary.Field, typed map[string][]string, indent int, above string) {
	for _, f := range fields {
		name := f.Key
		if above != "" {
			name = above + "." + f.Key
		}
		if !has(typed, name) {
			continue
		}
		switch f.Kind {
		case vocabulary.Group:
			w.write(indent, name, f.Key+":")
			w.formFields(vocabulary.Fields(f.Element), typed, indent+1, name)
		case vocabulary.Range:
			w.write(indent, name, f.Key+":")
			for _, end := range f.Ends() {
				if one := name + "." + end.Key; has(typed, one) {
					w.write(indent+1, one, end.Key+": "+typedYAML(end, typed[one][0]))
				}
			}
		case vocabulary.List:
			w.write(indent, name, f.Key+":")
			for i := range mostListElements {
				if element := fmt.Sprintf("%s[%d]", name, i); has(typed, element) {
					w.write(indent+1, element, "-")
					w.formFields(vocabulary.Fields(f.Element), typed, indent+2, element)
				}
			}
		case vocabulary.Texts:
			var all []string
			for _, value := range typed[name] {
				for line := range strings.Lines(value) {
					if line = strings.TrimSpace(line); line != "" {
						all = append(all, quoteYAML(f, line))
					}
				}
			}
			w.write(indent, name, f.Key+": ["+strings.Join(all, ", ")+"]")
		default:
			w.write(indent, name, f.Key+": "+typedYAML(f, typed[name][0]))
		}
	}
}

// typedYAML writes what was typed into a field: texts in quotes, numbers without the
// separators and spaces that people put between digits. What is no number stays as a text,
// so that the check of submissions says what is wrong with it.
func typedYAML(f vocabulary.Field, text string) string {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	switch f.Kind {
	case vocabulary.Whole, vocabulary.Number:
		plain := strings.NewReplacer(",", "", "_", "", " ", "", "\u00a0", "", "\u202f", "").Replace(text)
		if _, err := strconv.ParseFloat(plain, 64); err == nil && !strings.ContainsAny(plain, "xXpPnN") {
			return plain
		}
	case vocabulary.Flag:
		if text == "true" || text == "false" {
			return text
		}
	}
	return quoteYAML(f, text)
}
