package webui

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v4"
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/bidi"

	"weighbridge/pipeline/report"
)

//go:embed messages
var messageFiles embed.FS

// firstLanguage is the one that every message exists in, and that is shown where none of
// a reader's languages is there.
const firstLanguage = "en"

// languageNames are the languages with what they call themselves, in the order of the
// menu. A folder of messages belongs to each.
var languageNames = [...][2]string{{firstLanguage, "English"}, {"zh-Hans", "简体中文"}}

// message is a text with placeholders: {0} is the first argument. Where it has forms, the
// first argument is a whole number that chooses one.
type message struct{ one, other string }

// UnmarshalYAML reads a text, or a mapping with the keys one and other: the categories of
// CLDR that the languages here have.
func (m *message) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		m.other = node.Value
		return nil
	}
	var forms struct {
		One   string `yaml:"one"`
		Other string `yaml:"other"`
	}
	if err := node.Decode(&forms); err != nil {
		return err
	}
	m.one, m.other = forms.One, forms.Other
	return nil
}

// Words are the messages of one language, and how it writes numbers, times and ages. It
// does not change after loading.
type Words struct {
	// Tag is the BCP 47 tag, for the attribute lang; Name is what the language calls itself.
	Tag, Name string

	tag      language.Tag
	messages map[string]message
	domain   domainTexts
	// otherwise are the words of the first language, nil for itself.
	otherwise *Words
}

// loadLanguages reads every file of messages. A key that is there twice is an error.
func loadLanguages() ([]*Words, error) {
	var out []*Words
	for _, one := range languageNames {
		w := &Words{Tag: one[0], Name: one[1], messages: map[string]message{}}
		var err error
		if w.tag, err = language.Parse(w.Tag); err != nil {
			return nil, fmt.Errorf("the language %s: %w", w.Tag, err)
		}
		files, err := fs.Glob(messageFiles, path.Join("messages", w.Tag, "*.yaml"))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if err := w.load(file); err != nil {
				return nil, err
			}
		}
		if len(files) == 0 {
			continue
		}
		if err := w.loadDomain(); err != nil {
			return nil, err
		}
		if len(out) > 0 {
			w.otherwise = out[0]
		}
		out = append(out, w)
	}
	return out, nil
}

func (w *Words) load(file string) error {
	text, err := messageFiles.ReadFile(file)
	if err != nil {
		return err
	}
	var said map[string]message
	if err := yaml.Unmarshal(text, &said); err != nil {
		return fmt.Errorf("the messages in %s: %w", file, err)
	}
	for key, m := range said {
		if _, twice := w.messages[key]; twice || m.other == "" {
			return fmt.Errorf("the messages in %s: the key %s is there twice, or has no text", file, key)
		}
		w.messages[key] = m
	}
	return nil
}

// Has reports whether there is a message.
func (w *Words) Has(key string) bool {
	_, ok := w.messages[key]
	return ok
}

// T returns the message under a key with its arguments put in. Whole numbers get
// separators. Texts pass through [report.Clean], and are isolated where they hold letters
// that are written from right to left.
func (w *Words) T(key string, args ...any) string {
	m, ok := w.messages[key]
	if !ok {
		if w.otherwise != nil {
			return w.otherwise.T(key, args...)
		}
		return "[" + key + "]"
	}
	text := m.other
	if m.one != "" && len(args) > 0 {
		if n, whole := integer(args[0]); whole && w.form(n) == plural.One {
			text = m.one
		}
	}
	if len(args) == 0 {
		return text
	}
	pairs := make([]string, 0, 2*len(args))
	for i, arg := range args {
		pairs = append(pairs, "{"+strconv.Itoa(i)+"}", w.write(arg))
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// placeholder is where an argument stands in a message.
var placeholder = regexp.MustCompile(`\{[0-9]\}`)

// pieces parts the message under a key at its arguments, which every language has in the
// same order.
func (w *Words) pieces(key string) []string { return placeholder.Split(w.T(key), -1) }

// Word returns the message of one word of a family, such as a state: the key is the
// family, a point and the word.
func (w *Words) Word(family string, word any) string { return w.T(family + "." + fmt.Sprint(word)) }

func (w *Words) form(n int64) plural.Form {
	if n < 0 {
		n = -n
	}
	return plural.Cardinal.MatchPlural(w.tag, int(min(n, 1_000_000)), 0, 0, 0, 0)
}

func (w *Words) write(arg any) string {
	if n, whole := integer(arg); whole {
		return report.Count(n)
	}
	return isolated(report.Clean(fmt.Sprint(arg)))
}

func integer(arg any) (int64, bool) {
	switch n := arg.(type) {
	case int:
		return int64(n), true
	case int64:
		return n, true
	case *int64:
		if n != nil {
			return *n, true
		}
	}
	return 0, false
}

// isolated puts a text that holds letters from right to left between marks that keep it
// from reordering what stands around it (Unicode Standard Annex 9, section 2.7).
func isolated(s string) string {
	for _, r := range s {
		if p, _ := bidi.LookupRune(r); p.Class() == bidi.R || p.Class() == bidi.AL {
			return "\u2068" + s + "\u2069"
		}
	}
	return s
}

// Date writes a day, Minute a time to the minute.
func (w *Words) Date(t time.Time) string { return t.Format(w.T("time.date")) }

// Minute writes a time to the minute.
func (w *Words) Minute(t time.Time) string { return t.Format(w.T("time.minute")) }

// Span writes how long something takes or took, in its largest unit.
func (w *Words) Span(d time.Duration) string {
	if d < 0 {
		d = -d
	}
	switch {
	case d < time.Minute:
		return w.T("time.moment")
	case d < time.Hour:
		return w.T("time.minutes", int64(d/time.Minute))
	case d < 48*time.Hour:
		return w.T("time.hours", int64(d/time.Hour))
	case d < 60*24*time.Hour:
		return w.T("time.days", int64(d/(24*time.Hour)))
	case d < 730*24*time.Hour:
		return w.T("time.months", int64(d/(30*24*time.Hour)))
	}
	return w.T("time.years", int64(d/(365*24*time.Hour)))
}
