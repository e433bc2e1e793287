package pipeline

import (
	_ "embed" // the table is part of the binary
	"slices"
	"strings"
	"sync"
)

// countryTable holds a line for each of the 249 codes of ISO 3166-1: alpha-2, alpha-3, and
// the names that stand for it and for nothing else, parted by "|": the English short name
// as the Unicode CLDR has it, and others in use. A name that could be another place is left
// out, such as Georgia, Korea and Congo.
//
//go:embed countries.txt
var countryTable string

// unions lists the names of unions of states, and their members: those of the European
// Union since 2020-02-01, and the three more of the European Economic Area.
var unions = []struct {
	names   []string
	members string
}{
	{[]string{"european union", "eu"}, europeanUnion},
	{[]string{"european economic area", "eea"}, europeanUnion + " IS LI NO"},
}

const europeanUnion = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"

// states lists what the post in the United States calls its states, as far as that is a
// country's code too.
const states = "AL AR AZ CA CO DE GA ID IL IN KY LA MA MD ME MN MO MS MT NC NE PA SC SD TN VA"

type countryNames struct {
	byName map[string]string
	codes  map[string]bool
}

var countries = sync.OnceValue(func() countryNames {
	all := countryNames{map[string]string{}, map[string]bool{}}
	for line := range strings.Lines(countryTable) {
		code, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		alpha3, names, _ := strings.Cut(rest, " ")
		all.codes[code] = true
		all.byName[foldPlace(alpha3)] = code
		for name := range strings.SplitSeq(names, "|") {
			if name != "" {
				all.byName[foldPlace(name)] = code
			}
		}
	}
	return all
})

// foldPlace writes a name in small letters, without points, with "and" for "&".
func foldPlace(name string) string {
	name = strings.NewReplacer("&", " and ", ".", "", "’", "'").Replace(name)
	return strings.ToLower(strings.Join(strings.Fields(name), " "))
}

// CountryCode returns the alpha-2 code of ISO 3166-1 of the country that words name, from a
// field that holds nothing but countries: a code of two or three letters in any case, or an
// English name. ok is false where the words are no country, or could be several.
func CountryCode(words string) (code string, ok bool) {
	folded := foldPlace(words)
	if upper := strings.ToUpper(folded); countries().codes[upper] {
		return upper, true
	}
	code, ok = countries().byName[folded]
	return code, ok
}

// CountryOfPlace returns the code of the country of a place as people write it, such as
// "Iowa, USA": a name of a country, or one behind the last comma. A code of two letters
// counts where it stands alone in capitals and no state of the United States is written so.
// ok is false where the country cannot be told surely.
func CountryOfPlace(place string) (code string, ok bool) {
	place = strings.TrimSpace(place)
	if code, ok := countries().byName[foldPlace(place)]; ok {
		return code, true
	}
	if countries().codes[place] && !slices.Contains(strings.Fields(states), place) {
		return place, true
	}
	if i := strings.LastIndexByte(place, ','); i >= 0 {
		code, ok = countries().byName[foldPlace(place[i+1:])]
		return code, ok
	}
	return "", false
}

// PlaceCodes returns the places that words name, from a field that holds nothing but places:
// a country's code, those of the members of a union of states, or "worldwide". ok is false
// where the words are none of these.
func PlaceCodes(words string) (codes []string, ok bool) {
	folded := foldPlace(words)
	switch folded {
	case "worldwide", "global", "globally", "world", "any", "anywhere":
		return []string{"worldwide"}, true
	}
	for _, u := range unions {
		if slices.Contains(u.names, folded) {
			return strings.Fields(u.members), true
		}
	}
	if code, ok := CountryCode(words); ok {
		return []string{code}, true
	}
	return nil, false
}
