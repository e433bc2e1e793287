package licence

import (
	"bytes"
	_ "embed" // the table is part of the binary
	"fmt"
	"path"
	"sync"
	"time"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy/document"
)

//go:embed base_licences.yaml
var basesSource []byte

// BaseLicence is the licence that a well-known model is published under.
type BaseLicence struct {
	// Pattern is the entry of the table that fits, License what a card would declare.
	Pattern string
	License string
	// URL is where its publisher says so, Mark how well that is known, AsOf the day of the
	// entry as YYYY-MM-DD.
	URL  string
	Mark pipeline.Mark
	AsOf string
}

// basesFile is the format of the table.
type basesFile struct {
	Bases []struct {
		Models  []string `yaml:"models"`
		License string   `yaml:"license"`
		URL     string   `yaml:"url"`
		Mark    string   `yaml:"mark"`
		AsOf    string   `yaml:"as_of"`
	} `yaml:"bases"`
}

// shippedBases reads the embedded table once. A table that does not load is a fault of the
// program.
var shippedBases = sync.OnceValue(func() []BaseLicence {
	all, err := loadBases(basesSource)
	if err != nil {
		panic(err)
	}
	return all
})

// loadBases reads a table, one entry a pattern. An error matches [pipeline.ErrInvalid].
func loadBases(text []byte) ([]BaseLicence, error) {
	const name, hint = pipeline.EvidenceBaseLicences, "Correct the table of the licences of bases."
	doc, err := document.Read(bytes.NewReader(text), name, hint)
	if err != nil {
		return nil, fmt.Errorf("read the licences of bases: %w", err)
	}
	problems := &document.Problems{Name: name, Hint: hint}
	var f basesFile
	document.Decode(doc.Root, &f, problems)
	var all []BaseLicence
	seen := map[string]bool{}
	for _, e := range f.Bases {
		at := document.Child(doc.Root, "bases")
		if _, err := time.Parse(time.DateOnly, e.AsOf); err != nil || e.License == "" || e.URL == "" {
			problems.Add(at, "an entry needs a licence, an address and a day (%v)", e.Models)
		}
		for _, pattern := range e.Models {
			if _, err := path.Match(pattern, ""); err != nil || seen[pattern] {
				problems.Add(at, "the pattern %q is none, or is there twice", pattern)
			}
			seen[pattern] = true
			all = append(all, BaseLicence{Pattern: pattern, License: e.License, URL: e.URL, Mark: pipeline.Mark(e.Mark), AsOf: e.AsOf})
		}
	}
	if err := problems.Err(); err != nil {
		return nil, fmt.Errorf("read the licences of bases: %w", err)
	}
	return all, nil
}

// OfBase returns the licence that a well-known model is published under, by its id in any
// spelling that [pipeline.ModelID] reads. ok is false where the table does not have it.
func OfBase(id string) (BaseLicence, bool) {
	key := pipeline.ModelKey(id)
	if key == "" {
		return BaseLicence{}, false
	}
	for _, b := range shippedBases() {
		if fits, _ := path.Match(b.Pattern, key); fits {
			return b, true
		}
	}
	return BaseLicence{}, false
}

// Bases returns the whole table, in its order.
func Bases() []BaseLicence { return append([]BaseLicence{}, shippedBases()...) }
