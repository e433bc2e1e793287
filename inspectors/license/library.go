package license

import (
	"bytes"
	"slices"
	"strings"
	"sync"

	"github.com/google/licensecheck"
)

// group is a set of licences that the library looks for together. To make ready for all
// that it knows takes a second or more; those that models carry are made ready group by
// group, when a text has a word that each licence of the group has.
type group struct {
	word string
	ids  []string
	scan func() *licensecheck.Scanner
}

// newGroups lists the licences that are looked for. Those of model hubs that have a text
// of their own and are not here have a fingerprint.
func newGroups() []group {
	groups := []group{
		{word: "permission", ids: []string{"MIT", "MIT-0", "ISC", "0BSD", "PostgreSQL", "NCSA", "Zlib", "BSL-1.0", "AFL-3.0"}},
		{word: "apache", ids: []string{"Apache-1.1", "Apache-2.0", "ECL-2.0"}},
		{word: "redistribution", ids: []string{"BSD-1-Clause", "BSD-2-Clause", "BSD-2-Clause-Patent", "BSD-3-Clause", "BSD-3-Clause-Clear", "BSD-4-Clause", "NCSA", "Apache-1.1"}},
		{word: "creative commons", ids: []string{"CC0-1.0", "CC-BY-2.0", "CC-BY-2.5", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0", "CC-BY-ND-4.0",
			"CC-BY-NC-2.0", "CC-BY-NC-3.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-2.0", "CC-BY-NC-SA-3.0", "CC-BY-NC-SA-4.0", "CC-BY-NC-ND-3.0", "CC-BY-NC-ND-4.0"}},
		{word: "gnu", ids: []string{"GPL-2.0", "GPL-3.0", "LGPL-2.1", "LGPL-3.0", "AGPL-3.0", "GFDL-1.3", "GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later",
			"LGPL-2.1-only", "LGPL-2.1-or-later", "LGPL-3.0-only", "LGPL-3.0-or-later", "AGPL-3.0-only", "AGPL-3.0-or-later"}},
		{word: "mozilla", ids: []string{"MPL-2.0"}},
		{word: "eclipse", ids: []string{"EPL-1.0", "EPL-2.0"}},
		{word: "database", ids: []string{"ODbL-1.0", "ODC-By-1.0", "PDDL-1.0"}},
		{word: "agreement", ids: []string{"CDLA-Permissive-1.0", "CDLA-Sharing-1.0"}},
		{word: "sil open font", ids: []string{"OFL-1.1"}},
		{word: "mulan", ids: []string{"MulanPSL-2.0"}},
		{word: "unencumbered", ids: []string{"Unlicense"}},
		{word: "want to public license", ids: []string{"WTFPL"}},
		{word: "commons clause", ids: []string{"CommonsClause"}},
	}
	for i := range groups {
		ids := groups[i].ids
		groups[i].scan = sync.OnceValue(func() *licensecheck.Scanner { return scannerOf(ids) })
	}
	return groups
}

var groups = sync.OnceValue(newGroups)

// scannerOf makes ready for some licences. Their patterns are the library's own, so that
// one which does not parse is a fault of the program.
func scannerOf(ids []string) *licensecheck.Scanner {
	var list []licensecheck.License
	for _, l := range licensecheck.BuiltinLicenses() {
		if slices.Contains(ids, l.ID) {
			list = append(list, l)
		}
	}
	s, err := licensecheck.NewScanner(list)
	if err != nil {
		panic(err)
	}
	return s
}

// renamed lists ids of the library that the SPDX list does not have, or no longer.
var renamed = map[string]string{
	"CommonsClause": "LicenseRef-Commons-Clause",
	"GPL-2.0":       "GPL-2.0-only", "GPL-3.0": "GPL-3.0-only",
	"LGPL-2.1": "LGPL-2.1-only", "LGPL-3.0": "LGPL-3.0-only",
	"AGPL-3.0": "AGPL-3.0-only", "GFDL-1.3": "GFDL-1.3-only",
}

// library returns the licences that the library finds in a text. It matches whole
// licences only.
func library(text []byte, words []word) []Match {
	var out []Match
	scan(text, func(m licensecheck.Match) {
		if !m.IsURL {
			out = append(out, spanned(m, words))
		}
	})
	return out
}

// address returns the one licence to whose address a text refers, and the words of it.
func address(text []byte, words []word) (id string, covered []bool) {
	different := false
	scan(text, func(m licensecheck.Match) {
		if !m.IsURL {
			return
		}
		s := spanned(m, words)
		different = different || id != "" && id != s.ID
		id, covered = s.ID, s.covered
	})
	if different {
		return "", nil
	}
	return id, covered
}

func scan(text []byte, found func(licensecheck.Match)) {
	lower := bytes.ToLower(text)
	for _, g := range groups() {
		if !mentions(lower, g.word) {
			continue
		}
		for _, m := range g.scan().Scan(text).Match {
			found(m)
		}
	}
}

// mentions tells whether a text has a word or several, whatever space is between them. An
// address has them without.
func mentions(lower []byte, phrase string) bool {
	parts := strings.Fields(phrase)
	for _, part := range parts {
		if !bytes.Contains(lower, []byte(part)) {
			return false
		}
	}
	return true
}

func spanned(m licensecheck.Match, words []word) Match {
	out := Match{ID: m.ID, Present: 1, whole: true, covered: make([]bool, len(words))}
	if id, ok := renamed[m.ID]; ok {
		out.ID = id
	}
	for i, w := range words {
		out.covered[i] = w.start < m.End && w.end > m.Start
	}
	out.Words = count(out.covered)
	return out
}
