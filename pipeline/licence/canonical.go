package licence

import (
	"strings"

	"github.com/github/go-spdx/v2/spdxexp/spdxlicenses"
)

// Expression writes what a place states of a licence as an SPDX expression, with ids in
// canonical case. declared and name are as for [Lookup]. Unlike Lookup it takes every id
// of the SPDX licence list and every LicenseRef, whether or not the table has its terms.
//
// ok is false where no licence is named: free text, the word of a whole family, "other"
// without a name that is known, "unknown", "NONE", nothing.
func Expression(declared, name string) (expression string, ok bool) {
	t := shipped()
	if fold(declared) == other {
		declared = name
	}
	if len(declared) > maxDeclared {
		return "", false
	}
	if l, ok := t.byName[fold(declared)]; ok {
		if l.ID == noAssertion {
			return "", false
		}
		return l.ID, true
	}
	p := &parser{table: t, tokens: tokens(declared), listed: true}
	l, ok := p.either()
	if !ok || len(p.tokens) > 0 {
		return "", false
	}
	return l.ID, true
}

// listed returns an id of the SPDX licence list in canonical case, with a "+" where it
// has one, or a LicenseRef as it is written.
func listed(word string) (id string, ok bool) {
	const ref = "licenseref-"
	if len(word) > len(ref) && strings.EqualFold(word[:len(ref)], ref) && plain(word[len(ref):]) {
		return "LicenseRef-" + word[len(ref):], true
	}
	bare, later := strings.CutSuffix(word, "+")
	ok, id = spdxlicenses.IsActiveLicense(bare)
	if !ok {
		ok, id = spdxlicenses.IsDeprecatedLicense(bare)
	}
	if later {
		id += "+"
	}
	return id, ok
}

// plain tells whether a text is made of the characters that SPDX gives to an idstring.
func plain(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.'
	}) < 0
}

// families are the words of model hubs that stand for several licences, and what they
// leave open.
var families = map[string]string{
	"cc":       "which of the Creative Commons licences, and which version",
	"gpl":      "which version of the GNU GPL",
	"agpl":     "which version of the GNU AGPL",
	"lgpl":     "which version of the GNU LGPL",
	"bsd":      "how many clauses the BSD licence has",
	"gfdl":     "which version of the GNU FDL",
	"openrail": "which of the RAIL licences, and with which restrictions of use",
}

// Family tells what a word leaves open that names a whole family of licences and none of
// them; ok is false where it is no such word.
func Family(declared string) (open string, ok bool) {
	open, ok = families[fold(declared)]
	return open, ok
}

// ByURL finds the licence of the table whose text, or whose publisher, is at an address.
// The scheme, a final slash and what follows "#" or "?" make no difference. ok is false
// where several licences are there.
func ByURL(address string) (l Licence, ok bool) {
	if address = trimURL(address); address == "" {
		return Licence{}, false
	}
	for _, other := range shipped().all {
		if trimURL(other.URL) != address {
			continue
		}
		if ok {
			return Licence{}, false
		}
		l, ok = other, true
	}
	return l, ok
}

func trimURL(address string) string {
	if len(address) > maxDeclared {
		return ""
	}
	_, rest, found := strings.Cut(strings.TrimSpace(address), "://")
	if !found {
		return ""
	}
	rest, _, _ = strings.Cut(rest, "#")
	rest, _, _ = strings.Cut(rest, "?")
	return strings.ToLower(strings.TrimRight(strings.TrimPrefix(rest, "www."), "/"))
}
