// Package modelcard reads the READMEs of a source: the front matter and the prose in which
// a model's publisher says what the model is, under which licence it is given out, from
// which models it was made and on which data it was trained.
//
// The front matter is that of the model and data set cards of Hugging Face (modelcard.md and
// datasetcard.md of huggingface/hub-docs, read on 2026-11-25). Cards are written by people,
// so lists may be single values and the reverse; nothing in a card is an error. What was odd
// is told in the fact card.problems.
//
// The README at the root of the source is the model's card, and the facts of the group card
// come from it alone. READMEs in folders add records: those whose front matter is that of a
// data set, or that lie in a folder for data, describe a set of data; the others state
// licences, bases and data as the model's card does.
//
// The prose is read for numbers of parameters, tokens and days only, and only where a
// sentence can hardly mean another model. Links are not followed and no markup is run.
package modelcard

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"weighbridge/pipeline"
)

// Name is the inspector's name, and Format its word for what it reads.
const (
	Name   = "modelcard"
	Format = "card"
)

// MaxCard is how much of a README is read, in bytes.
const MaxCard = 256 << 10

// Reader reads READMEs by their name.
type Reader struct{}

// Name returns "modelcard".
func (Reader) Name() string { return Name }

// Open begins a run.
func (Reader) Open([]pipeline.Object) pipeline.ReaderRun { return &run{} }

type run struct {
	mu    sync.Mutex
	cards []pipeline.Card
}

func isCard(o pipeline.Object) bool { return strings.EqualFold(path.Base(o.Path), "README.md") }

// First asks for [MaxCard] bytes of a README.
func (*run) First(o pipeline.Object, stage pipeline.Stage) (int64, bool) {
	return min(o.Size, MaxCard), isCard(o) && stage == pipeline.StageBodies
}

// Sniff goes by the name, as model hubs do.
func (*run) Sniff(o pipeline.Object, _ []byte) bool { return isCard(o) }

// Read parses one README. It returns an error only where what was read cannot be kept.
func (r *run) Read(_ context.Context, f pipeline.File) (pipeline.ReadResult, error) {
	o := f.Object()
	result := pipeline.ReadResult{Format: Format, Role: pipeline.RoleCard, Beside: true}
	head := f.Head()
	head = head[:min(len(head), MaxCard)]
	cut := int64(len(head)) < o.Size
	if cut {
		head = whole(head)
	}
	if bytes.IndexByte(head, 0) >= 0 {
		result.Note = "the README is no text"
		r.add(pipeline.Card{Object: o.Path, Problems: []string{result.Note}})
		return result, nil
	}
	if cut {
		// The engine keeps what it read whole; of a longer README the reader keeps its part.
		if err := keep(f, head); err != nil {
			return result, err
		}
	}
	d := Parse(head)
	if cut {
		d.problem("the README has %s bytes; the first %s were read", pipeline.Separated(o.Size), pipeline.Separated(int64(len(head))))
	}
	result.Note = strings.Join(d.Problems, "; ")
	r.add(pipeline.Card{Object: o.Path, Values: d.Values, Body: d.Body, Problems: d.Problems})
	return result, nil
}

func keep(f pipeline.File, head []byte) error {
	k := f.Keep()
	if _, err := k.Write(head); err != nil {
		return fmt.Errorf("keep the start of the README: %w", err)
	}
	if err := k.Close(); err != nil {
		return fmt.Errorf("keep the start of the README: %w", err)
	}
	return nil
}

// whole cuts a rune off that the end of the read has parted.
func whole(b []byte) []byte {
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		if utf8.RuneStart(b[len(b)-i]) {
			if !utf8.FullRune(b[len(b)-i:]) {
				return b[:len(b)-i]
			}
			break
		}
	}
	return b
}

func (r *run) add(c pipeline.Card) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cards = append(r.cards, c)
}

// Finish hands over the cards with the records they hold, and states the facts of the
// model's card.
func (r *run) Finish(readings *pipeline.Readings, facts *pipeline.FactSet) {
	slices.SortFunc(r.cards, func(a, b pipeline.Card) int { return cmp.Compare(a.Object, b.Object) })
	for i := range r.cards {
		c := &r.cards[i]
		c.Dataset = strings.Contains(c.Object, "/") && describesData(c)
	}
	w := writer{readings: readings, facts: facts}
	for i := range r.cards {
		if c := &r.cards[i]; !c.Dataset {
			w.modelRecords(c)
		}
	}
	for i := range r.cards {
		if c := &r.cards[i]; c.Dataset {
			w.datasetRecord(c)
		}
	}
	if i := rootOf(r.cards); i >= 0 {
		w.rootFacts(&r.cards[i])
	} else {
		w.noCard()
	}
	readings.Cards = append(readings.Cards, r.cards...)
}

// rootOf returns the position of the model's card, or -1: README.md at the root of the
// source, or the first that is written otherwise.
func rootOf(cards []pipeline.Card) int {
	found := -1
	for i, c := range cards {
		switch {
		case strings.Contains(c.Object, "/"):
		case c.Object == "README.md":
			return i
		case found < 0:
			found = i
		}
	}
	return found
}

// Keys of a front matter that only the card of a data set has, and those that only the card
// of a model has.
var (
	dataKeys = []string{"task_categories", "task_ids", "size_categories", "dataset_info", "annotations_creators",
		"language_creators", "source_datasets", "configs", "pretty_name"}
	modelKeys   = []string{"base_model", "pipeline_tag", "library_name", "model-index"}
	dataFolders = []string{"data", "datasets", "dataset"}
)

// describesData tells whether a README in a folder is the card of a data set.
func describesData(c *pipeline.Card) bool {
	has := func(key string) bool { return c.Values[key] != nil }
	if slices.ContainsFunc(modelKeys, has) {
		return false
	}
	if slices.ContainsFunc(dataKeys, has) {
		return true
	}
	first, _, _ := strings.Cut(c.Object, "/")
	return slices.Contains(dataFolders, strings.ToLower(first))
}
