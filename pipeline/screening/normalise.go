package screening

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// legalForms lists words for the legal form of a company, as they are after case, accents
// and punctuation are gone. They are taken from the end of a name.
var legalForms = set(
	"ltd", "limited", "llc", "llp", "lp", "plc", "inc", "incorporated", "corp", "corporation", "co", "company", "cos",
	"gmbh", "mbh", "ggmbh", "ag", "kg", "kgaa", "ohg", "gbr", "ug", "ev", "eg", "aktiengesellschaft",
	"sa", "sas", "sasu", "sarl", "srl", "spa", "snc", "sca", "sprl", "bvba", "bv", "nv", "vof", "cv",
	"oy", "oyj", "ab", "as", "asa", "aps", "oü", "ou", "uab", "sia", "sro", "zrt", "kft", "nyrt", "doo", "dd", "ad", "eood", "ood",
	"ooo", "oao", "zao", "pao", "ao", "jsc", "pjsc", "ojsc", "cjsc", "ооо", "оао", "зао", "пао", "ао",
	"pte", "pvt", "pty", "sdn", "bhd", "tbk", "pt", "fze", "fzc", "fzco", "fzllc", "wll", "saoc", "saog",
	"kk", "yk", "gk", "ltda", "eireli", "sl", "slu", "sau", "sab", "sociedade", "limitada",
	"株", "有", "주", "유",
)

// leadingForms are those that also stand before the name.
var leadingForms = set("ooo", "oao", "zao", "pao", "ao", "jsc", "pjsc", "ojsc", "cjsc", "ооо", "оао", "зао", "пао", "ао", "pt", "cv", "株", "有", "주", "유")

// legalPhrases are legal forms of several words, the longest first.
var legalPhrases = [][]string{
	{"gesellschaft", "mit", "beschrankter", "haftung"},
	{"limited", "liability", "company"}, {"public", "limited", "company"}, {"open", "joint", "stock", "company"},
	{"public", "joint", "stock", "company"}, {"closed", "joint", "stock", "company"}, {"joint", "stock", "company"},
	{"sociedad", "anonima"}, {"societe", "anonyme"}, {"societa", "per", "azioni"}, {"private", "limited"}, {"free", "zone", "company"},
}

// attached are legal forms that are written onto the name, the longest first.
var attached = []string{
	"股份有限公司", "有限责任公司", "有限責任公司", "有限公司", "株式会社", "株式會社", "有限会社", "合同会社", "合名会社", "合資会社", "주식회사", "유한회사", "公司",
}

// stroked are letters whose stroke or ligature is no accent to Unicode.
var stroked = strings.NewReplacer("ø", "o", "ł", "l", "đ", "d", "ħ", "h", "ı", "i", "æ", "ae", "œ", "oe", "þ", "th", "ð", "d", "ŧ", "t")

func set(words ...string) map[string]bool {
	m := make(map[string]bool, len(words))
	for _, w := range words {
		m[w] = true
	}
	return m
}

// Normalise returns a name without what writers vary: its words parted by single spaces,
// in Unicode's form NFKC and case-folded, without accents, punctuation and the words for a
// legal form. It is "" only for a name without any visible character.
func Normalise(name string) string {
	text := fold(name)
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' })
	words = joined(words)
	if stripped := withoutForms(words); len(stripped) > 0 {
		words = stripped
	}
	if len(words) == 0 {
		// A name of punctuation only is compared as it is.
		return strings.Join(strings.Fields(plain(name)), " ")
	}
	return strings.Join(words, " ")
}

// plain is a name in form NFKC, case-folded, without invisible characters.
func plain(name string) string {
	if ascii(name) {
		return strings.ToLower(name)
	}
	// Folding can undo the form, so that it is made again.
	text := norm.NFKC.String(cases.Fold().String(norm.NFKC.String(name)))
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, text)
}

// fold is a plain name with spaces for punctuation and without accents.
func fold(name string) string {
	text := plain(name)
	if !ascii(text) {
		text = norm.NFC.String(strings.Map(func(r rune) rune {
			if accent(r) {
				return -1
			}
			return r
		}, norm.NFD.String(text)))
		text = stroked.Replace(text)
	}
	if strings.ContainsRune(text, '&') {
		text = strings.ReplaceAll(text, "&", " and ")
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\'' || r == '’' || r == '‘' || r == '`' || r == 'ʼ':
			return -1
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || unicode.IsNumber(r):
			return r
		}
		return ' '
	}, text)
}

// accent tells the marks that writers leave out: those of Latin, Greek and Cyrillic, and
// the vowel points of Hebrew and Arabic. The marks of other scripts are letters.
func accent(r rune) bool {
	return (r >= 0x0300 && r <= 0x036f) || (r >= 0x0591 && r <= 0x05bd) || (r >= 0x064b && r <= 0x065f) || r == 0x0670
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// joined writes initials together: "s a" and "sa" are the same.
func joined(words []string) []string {
	var out []string
	run := ""
	flush := func() {
		if run != "" {
			out = append(out, run)
			run = ""
		}
	}
	for _, w := range words {
		if utf8.RuneCountInString(w) == 1 {
			run += w
			continue
		}
		flush()
		out = append(out, w)
	}
	flush()
	return out
}

// withoutForms takes the legal forms from both ends, as often as there are some. "and" goes
// with the form behind it, as in "and co".
func withoutForms(words []string) []string {
	words = slices.Clone(words)
	for took := false; len(words) > 0; took = true {
		last := len(words) - 1
		switch {
		case phrase(words) > 0:
			words = words[:len(words)-phrase(words)]
		case legalForms[words[last]], took && words[last] == "and":
			words = words[:last]
		case leadingForms[words[0]]:
			words = words[1:]
		case detach(&words[last], strings.CutSuffix), detach(&words[0], strings.CutPrefix):
			words = slices.DeleteFunc(words, func(w string) bool { return w == "" })
		default:
			return words
		}
	}
	return words
}

// phrase returns how many words at the end are a legal form of several words.
func phrase(words []string) int {
	for _, p := range legalPhrases {
		if len(words) >= len(p) && slices.Equal(words[len(words)-len(p):], p) {
			return len(p)
		}
	}
	return 0
}

// detach takes a form that is written onto a word from it, where there is one.
func detach(word *string, cut func(s, part string) (string, bool)) bool {
	for _, form := range attached {
		if rest, found := cut(*word, form); found {
			*word = rest
			return true
		}
	}
	return false
}

// sortedWords returns a normalised name with its words in order of their bytes.
func sortedWords(name string) string {
	if !strings.Contains(name, " ") {
		return name
	}
	words := strings.Split(name, " ")
	slices.Sort(words)
	return strings.Join(words, " ")
}
