package webui

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"weighbridge/pipeline/report"
	"weighbridge/pipeline/submission"
	"weighbridge/pipeline/vocabulary"
)

// The domain describes its facts in English, in the comments of its fields. A language
// other than the first has a folder of its own for what they are called there: domain.

// factText is what a fact is called in a language, what it is, and what its words mean.
// Facts are those below it.
type factText struct {
	Label string              `yaml:"label"`
	Doc   string              `yaml:"doc"`
	Words map[string]string   `yaml:"words"`
	Facts map[string]factText `yaml:"facts"`
}

// domainTexts are the texts of the domain in a language; the first has none.
type domainTexts struct {
	facts map[string]factText
	// units are by the unit of [vocabulary.Field], faults by [submission.Fault] or, where a
	// fact contradicts another, by the fact.
	units, faults map[string]string
}

func (w *Words) loadDomain() error {
	d := &w.domain
	for name, into := range map[string]any{"facts": &d.facts, "units": &d.units, "faults": &d.faults} {
		file := path.Join("messages", w.Tag, "domain", name+".yaml")
		text, err := messageFiles.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = yaml.Load(text, into, yaml.WithKnownFields())
		}
		if err != nil {
			return fmt.Errorf("the texts in %s: %w", file, err)
		}
	}
	return nil
}

// told is a text with the language that it is in, "" for that of the page.
type told struct{ Text, Lang string }

// inEnglish is an English text on a page of any language.
func (w *Words) inEnglish(text string) told {
	if w.otherwise == nil || text == "" {
		return told{Text: text}
	}
	return told{text, firstLanguage}
}

// fact finds the texts of a fact, such as "datasets[0].license".
func (w *Words) fact(name string) (t factText, ok bool) {
	below := w.domain.facts
	for part := range strings.SplitSeq(name, ".") {
		key, _, _ := strings.Cut(part, "[")
		if t, ok = below[key]; !ok {
			return factText{}, false
		}
		below = t.Facts
	}
	return t, true
}

// endOf parts the name of an end of a range: "training.flops.upper".
func endOf(fact string) (whole, end string, ok bool) {
	i := strings.LastIndexByte(fact, '.')
	if i < 0 {
		return fact, "", false
	}
	if f, found := vocabulary.FindFact(fact[:i]); !found || f.Kind != vocabulary.Range {
		return fact, "", false
	}
	return fact[:i], fact[i+1:], true
}

// label is what a field or a list of the form is called; an element of a list has its
// number behind it.
func (w *Words) label(fact string) told {
	if _, end, ok := endOf(fact); ok {
		return told{Text: w.Word("range", end)}
	}
	number := ""
	if list, i, rest, ok := elementOf(fact); ok && rest == "" {
		fact, number = list, fmt.Sprintf(" %d", i+1)
	}
	if t, ok := w.fact(fact); ok {
		return told{Text: t.Label + number}
	}
	key := fact
	if _, _, path, within := elementOf(fact); within {
		key = strings.TrimPrefix(path, ".")
	} else if _, below, ok := strings.Cut(fact, "."); ok {
		key = below
	}
	return w.inEnglish(inWords(key) + number)
}

// called is what a fact is called where its name stands already, "" where the language has
// no other name for it.
func (w *Words) called(fact string) string {
	whole, end, ok := endOf(fact)
	t, known := w.fact(whole)
	switch {
	case !known:
		return ""
	case ok:
		return t.Label + w.T("text.brackets", w.Word("range", end))
	}
	return t.Label
}

// described says in a sentence what a fact is.
func (w *Words) described(fact string) told {
	whole, _, _ := endOf(fact)
	if t, ok := w.fact(whole); ok {
		return told{Text: t.Doc}
	}
	if f, ok := vocabulary.FindFact(whole); ok {
		return w.inEnglish(vocabulary.FirstSentence(f.Doc))
	}
	return told{}
}

// choice is a word that a fact may be, with what it means before it where the language has
// that.
func (w *Words) choice(fact, word string) string {
	if t, ok := w.fact(fact); ok && t.Words[word] != "" {
		return t.Words[word] + w.T("text.brackets", word)
	}
	return report.Clean(word)
}

// choices lists the words that a fact may be.
func (w *Words) choices(fact string, words []string) string {
	var out []string
	for _, one := range words {
		out = append(out, w.choice(fact, one))
	}
	if w.domain.facts == nil {
		return strings.Join(out, ", ")
	}
	return strings.Join(out, w.T("text.comma"))
}

// unit is the unit of a number.
func (w *Words) unit(unit string) string {
	if text := w.domain.units[unit]; text != "" {
		return text
	}
	return unit
}

// fault says what is wrong with a field of the form; typed is what was filled in, and text
// what the check of submissions says.
func (w *Words) fault(fact string, typed map[string][]string, text string) told {
	f, ok := vocabulary.FindFact(fact)
	if !ok {
		return w.inEnglish(text)
	}
	code, value := "", ""
	for _, one := range typed[fact] {
		for line := range strings.Lines(one) {
			if kind := submission.FaultOf(f, strings.TrimSpace(line)); kind != "" && code == "" {
				code, value = string(kind), strings.TrimSpace(line)
			}
		}
	}
	if code == "" {
		whole, _, end := endOf(fact)
		switch {
		case end && !has(typed, whole+".upper"):
			code = string(submission.FaultUpper)
		case end:
			code = string(submission.FaultOrder)
		default:
			code = fact
		}
	}
	said, ok := w.domain.faults[code]
	if !ok {
		return w.inEnglish(text)
	}
	return told{Text: strings.NewReplacer("{0}", w.write(report.Shown(value, 100)), "{1}", w.takes(fact)).Replace(said)}
}
