package submission_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/language"

	"weighbridge/pipeline"
	"weighbridge/pipeline/submission"
)

func load(t *testing.T, text string) (*pipeline.Submission, error) {
	t.Helper()
	return submission.Load(strings.NewReader(text), "weighbridge.yaml")
}

const full = `destination: {country: worldwide}
recipient: {name: public, country: NO}
weights: {access: published}
end_use:
  text: Research on translation.
  commercial: false
  military: no
training:
  flops: {lower: 1e23, estimate: 2e23, upper: 3.5e23}
  tokens: 15600000000000
datasets:
  - {id: corpus, license: CC-BY-4.0, origin_country: DE, personal: false}
  - id: web
`

// digits are those of a digest.
const digits = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestLoadReadsEveryKey(t *testing.T) {
	t.Parallel()
	sub, err := load(t, full)
	require.NoError(t, err)
	require.Equal(t, "worldwide", *sub.Destination.Country)
	require.Equal(t, "public", *sub.Recipient.Name)
	require.Equal(t, "NO", *sub.Recipient.Country)
	require.Equal(t, "published", *sub.Weights.Access)
	require.False(t, *sub.EndUse.Commercial)
	require.False(t, *sub.EndUse.Military)
	require.InDelta(t, 3.5e23, *sub.Training.Flops.Upper, 0)
	require.Equal(t, int64(15_600_000_000_000), *sub.Training.Tokens)
	require.Len(t, sub.Datasets, 2)
	require.Equal(t, "DE", *sub.Datasets[0].OriginCountry)
	require.Nil(t, sub.Datasets[1].License)
}

func TestLoadLeavesOutWhatIsNull(t *testing.T) {
	t.Parallel()
	sub, err := load(t, "weights: {access: ~}\ntraining:\ndestination: {country: FR}\n")
	require.NoError(t, err)
	require.Nil(t, sub.Weights.Access)
	require.Nil(t, sub.Datasets)

	sub, err = load(t, "datasets: []\n")
	require.NoError(t, err, "no data sets is an answer")
	require.NotNil(t, sub.Datasets)
}

// Every loaded submission goes into the facts without a fault of the program.
func TestLoadedSubmissionBecomesFacts(t *testing.T) {
	t.Parallel()
	sub, err := load(t, full)
	require.NoError(t, err)
	var facts pipeline.FactSet
	facts.Declare(sub, "submission")
	value, known := facts.Value("datasets[0].license")
	require.True(t, known)
	require.Equal(t, "CC-BY-4.0", value)
	_, known = facts.Value("datasets[1].license")
	require.False(t, known)
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, want string }{
		"empty":              {"", "weighbridge.yaml:1:1: the file is empty"},
		"spaces":             {" \n\n", "weighbridge.yaml:1:1: the file is empty"},
		"comment only":       {"# nothing\n", "weighbridge.yaml:1:1: the file is empty"},
		"nothing stated":     {"destination: {country: null}\n", "weighbridge.yaml:1:1: the submission states nothing"},
		"empty mapping":      {"{}\n", "weighbridge.yaml:1:1: the submission states nothing"},
		"a list":             {"- a\n", "weighbridge.yaml:1:1: the file must hold keys"},
		"a word":             {"hello\n", "weighbridge.yaml:1:1: the file must hold keys"},
		"unknown group":      {"weights: {access: gated}\ndestnation: {country: DE}\n", `weighbridge.yaml:2:1: unknown key "destnation"`},
		"unknown key":        {"destination:\n  land: DE\n", `weighbridge.yaml:2:3: unknown key "land"`},
		"measured fact":      {"params: {lower: 5}\n", `weighbridge.yaml:1:1: unknown key "params"`},
		"twice":              {"weights: {access: gated}\nweights: {access: closed}\n", `weighbridge.yaml:2:1: the key "weights" is given twice; the first is on line 1`},
		"country":            {"destination:\n  country: XX\n", `weighbridge.yaml:2:12: "XX" is no country code: use the two letters of ISO 3166-1, as in DE, or "worldwide"`},
		"country in small":   {"destination:\n  country: de\n", `weighbridge.yaml:2:12: "de" is no country code: write DE`},
		"UK":                 {"recipient: {country: UK}\n", `weighbridge.yaml:1:22: "UK" is no country code`},
		"recipient world":    {"recipient: {country: worldwide}\n", `weighbridge.yaml:1:22: "worldwide" is no country code`},
		"origin":             {"datasets:\n  - id: a\n  - origin_country: Germany\n", `weighbridge.yaml:3:21: "Germany" is no country code`},
		"access":             {"weights: {access: open}\n", `weighbridge.yaml:1:19: "open" is no kind of access: it is one of published, gated, partner, closed`},
		"negative tokens":    {"training:\n  tokens: -1\n", "weighbridge.yaml:2:11: a number of tokens is not negative"},
		"negative flops":     {"training:\n  flops:\n    upper: -1e3\n", "weighbridge.yaml:3:12: a number of operations is not negative"},
		"not a number":       {"training: {flops: {upper: .nan}}\n", "weighbridge.yaml:1:27: upper is no number"},
		"infinite":           {"training: {flops: {lower: .inf}}\n", "weighbridge.yaml:1:27: lower is no number"},
		"order":              {"training:\n  flops: {lower: 3, upper: 2}\n", "weighbridge.yaml:2:28: upper is below lower"},
		"order of estimate":  {"training:\n  flops: {lower: 3, estimate: 2}\n", "weighbridge.yaml:2:31: estimate is below lower"},
		"tokens too large":   {"training: {tokens: 99999999999999999999}\n", "weighbridge.yaml:1:20: a whole number is needed here"},
		"tokens as text":     {"training: {tokens: many}\n", "weighbridge.yaml:1:20: a whole number is needed here, not text (many)"},
		"text for a boolean": {"end_use:\n  military: perhaps\n", "weighbridge.yaml:2:13: true or false is needed here, not text (perhaps)"},
		"group as text":      {"destination: DE\n", "weighbridge.yaml:1:14: keys with values are needed here, not text (DE)"},
		"empty text":         {"recipient:\n  name: \"  \"\n", "weighbridge.yaml:2:9: this text is empty"},
		"control character":  {"recipient:\n  name: \"a\\e[2Jb\"\n", "weighbridge.yaml:2:9: this text holds a control character"},
		"long text":          {"end_use:\n  text: " + strings.Repeat("a", 10_001) + "\n", "weighbridge.yaml:2:9: this text is longer"},
		"element null":       {"datasets:\n  - ~\n", "weighbridge.yaml:2:5: this element of a list is empty"},
		"text null":          {"recipient:\n  aliases: [a, null]\n", "weighbridge.yaml:2:16: this element of a list is empty"},
		"word of a list":     {"model:\n  modality_in: [text, smell]\n", `weighbridge.yaml:2:23: "smell" is no kind of modality_in: it is one of text, image, audio, video, code, other`},
		"word in capitals":   {"weights: {access: Published}\n", `weighbridge.yaml:1:19: "Published" is no kind of access: write published`},
		"word with a space":  {"transfer: {kind: hosted API}\n", `weighbridge.yaml:1:18: "hosted API" is no kind of transfer: write hosted_api`},
		"kind in a list":     {"documents:\n  - kind: letter\n", `weighbridge.yaml:2:11: "letter" is no kind of document: it is one of licence, compute_statement`},
		"country in a list":  {"transfer:\n  handled_in: [DE, EU]\n", `weighbridge.yaml:2:20: "EU" is no country code: use the two letters of ISO 3166-1, as in DE`},
		"place in a list":    {"destination: {onward: [Worldwide]}\n", `weighbridge.yaml:1:24: "Worldwide" is no country code: write worldwide`},
		"country of a party": {"intermediaries:\n  - name: a\n    hq_country: usa\n", `weighbridge.yaml:3:17: "usa" is no country code`},
		"no such day":        {"publication: {date: 2026-02-30}\n", `weighbridge.yaml:1:21: "2026-02-30" is no day of the calendar: write year, month and day as in 2026-01-31`},
		"no leap day":        {"training: {end: 2025-02-29}\n", `weighbridge.yaml:1:17: "2025-02-29" is no day`},
		"day and hour":       {"training: {start: 2026-01-01T00:00:00Z}\n", "is no day of the calendar"},
		"year zero":          {"training: {start: '0000-01-01'}\n", "is no day of the calendar"},
		"address":            {"publication: {url: example.org/x}\n", `weighbridge.yaml:1:20: "example.org/x" is no web address: write it as in https://example.org/page`},
		"other scheme":       {"license: {link: 'file:///etc/passwd'}\n", "is no web address"},
		"script":             {"license: {link: 'javascript:alert(1)'}\n", "is no web address"},
		"no host":            {"license: {link: 'https:///x'}\n", "is no web address"},
		"space in address":   {"license: {link: 'https://example.org/a b'}\n", "is no web address"},
		"user in address":    {"license: {link: 'https://me:pass@example.org/'}\n", "a web address names no user and no password"},
		"digest":             {"bases:\n  - digest: md5:00\n", `weighbridge.yaml:2:13: "md5:00" is no digest: it is sha256: and 64 digits`},
		"digest in capitals": {"bases: [{digest: 'sha256:" + strings.ToUpper(digits) + "'}]\n", "is no digest"},
		"negative percent":   {"ownership: {listed_percent: -1}\n", "weighbridge.yaml:1:29: this number is not negative (percent)"},
		"percent":            {"ownership: {listed_percent: 101}\n", "weighbridge.yaml:1:29: this number is too large to be true: it is at most 100 (percent)"},
		"share":              {"training: {hardware: [{model: a}, {utilisation: 40}]}\n", "weighbridge.yaml:1:49: this number is too large to be true: it is at most 1 (share from 0 to 1)"},
		"tokens":             {"training: {tokens: 1000000000000000001}\n", "weighbridge.yaml:1:20: this number is too large to be true: it is at most 1,000,000,000,000,000,000 (tokens)"},
		"epochs":             {"training: {epochs: 2e18}\n", "it is at most 1,000,000,000,000,000,000 (passes)"},
		"operations":         {"training: {flops: {upper: 1e41}}\n", "weighbridge.yaml:1:27: this number is too large to be true: it is at most 1e+40 (operations)"},
		"no number":          {"training: {energy_kwh: .nan}\n", "weighbridge.yaml:1:24: energy_kwh is no number that can be compared"},
		"range in a list":    {"bases:\n  - flops: {estimate: 5, upper: 4}\n", "weighbridge.yaml:2:33: upper is below estimate"},
		"bulk":               {"data: {us_bulk: {health: -5}}\n", "weighbridge.yaml:1:26: a number of persons is not negative"},
		"alias":              {"destination: &a {country: DE}\nrecipient: *a\n", "weighbridge.yaml:2:12: aliases are not used here"},
		"merge key":          {"destination:\n  <<: {country: DE}\n", "weighbridge.yaml:2:3: merge keys are not used here"},
		"two documents":      {"weights: {access: gated}\n---\nweights: {access: gated}\n", "the file holds more than one document"},
		"broken":             {"weights: [gated\n", "weighbridge.yaml:2:1: "},
		"binary":             {"weights: \x00\n", "weighbridge.yaml:1:1: control characters are not allowed"},
		"deep":               {strings.Repeat("[", 1000), "weighbridge.yaml:1:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, tc.text)
			require.ErrorIs(t, err, pipeline.ErrInvalid)
			require.ErrorContains(t, err, tc.want)
			var e *pipeline.Error
			require.ErrorAs(t, err, &e)
			require.NotEmpty(t, e.Hint)
		})
	}
}

// An address that is refused may hold a password or a signature.
func TestLoadShowsNoSecretsOfAddresses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"s3://me:hidden@bucket/x", "https://me:hidden@example.org/", "ftp://example.org/?X-Amz-Signature=hidden", "https://me:hidden@exa mple.org/"} {
		_, err := load(t, "publication: {url: '"+address+"'}\n")
		require.ErrorIs(t, err, pipeline.ErrInvalid)
		require.NotContains(t, err.Error(), "hidden")
	}
}

func TestAnswers_AreCounted(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"destination: {country: DE}\n":                        1,
		"destination: {country: DE, onward: [FR, IT]}\n":      2,
		"datasets: []\n":                                      1,
		"datasets: [{id: a, license: MIT}, {id: b}]\n":        3,
		"training: {flops: {upper: 1e25}, tokens: 1}\n":       2,
		"model: {id: ~, name: a}\nweights: {access: gated}\n": 2,
	} {
		sub, err := load(t, text)
		require.NoError(t, err)
		require.Equal(t, want, submission.Answers(sub), text)
	}
	require.Zero(t, submission.Answers(nil))
}

func TestLoadReportsAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := load(t, "destination: {country: XX}\nweights: {access: open}\n")
	require.ErrorContains(t, err, "weighbridge.yaml:1:24: ")
	require.ErrorContains(t, err, "weighbridge.yaml:2:19: ")
}

// Nine levels of nine aliases each would expand to hundreds of millions of values.
func TestLoadRefusesAnAliasBomb(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 10; i++ {
		prev := "*a" + string(rune('0'+i-1))
		b.WriteString("a" + string(rune('0'+i)) + ": &a" + string(rune('0'+i)) + " [" + strings.TrimSuffix(strings.Repeat(prev+", ", 9), ", ") + "]\n")
	}
	_, err := load(t, b.String())
	require.ErrorIs(t, err, pipeline.ErrInvalid)
	require.ErrorContains(t, err, "weighbridge.yaml:2:10: aliases are not used here")
}

func TestLoadRefusesALargeFile(t *testing.T) {
	t.Parallel()
	line := "# " + strings.Repeat("x", 61) + "\n" // 64 bytes
	_, err := load(t, "weights: {access: gated}\n"+strings.Repeat(line, 1<<14))
	require.ErrorIs(t, err, pipeline.ErrOverLimit)
	require.ErrorContains(t, err, "weighbridge.yaml:16385:1: the file is larger than 1 MiB")

	within := "weights: {access: gated}\n"
	within += "#" + strings.Repeat("x", 1<<20-len(within)-1)
	_, err = load(t, within)
	require.NoError(t, err)
}

type brokenReader struct{ err error }

func (r brokenReader) Read([]byte) (int, error) { return 0, r.err }

func TestLoadPassesOnReadErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk is gone")
	_, err := submission.Load(brokenReader{broken}, "weighbridge.yaml")
	require.ErrorIs(t, err, broken)
}

func TestCountriesAreThoseOfTheStandard(t *testing.T) {
	t.Parallel()
	codes := submission.Countries()
	require.Len(t, codes, 249)
	require.True(t, slices.IsSorted(codes))
	for _, code := range codes {
		require.True(t, submission.IsCountry(code), code)
		region, err := language.ParseRegion(code)
		require.NoError(t, err, code)
		require.True(t, region.IsCountry(), code)
		require.Equal(t, code, region.Canonicalize().String())
	}
	for _, code := range []string{"", "D", "DEU", "XX", "EU", "UK", "XK", "ZZ", "AA", "A ", " A", "de", "D E"} {
		require.False(t, submission.IsCountry(code), code)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(full))
	seeds, err := filepath.Glob("testdata/*.yaml")
	require.NoError(f, err)
	for _, seed := range seeds {
		b, err := os.ReadFile(seed)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Add([]byte("datasets: [{}, ~, {id: a}]\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		sub, err := submission.Load(strings.NewReader(string(b)), "f.yaml")
		if err != nil {
			require.Nil(t, sub)
			require.NotEqual(t, pipeline.CodeInternal, pipeline.ErrorCode(err))
			return
		}
		var facts pipeline.FactSet
		facts.Declare(sub, "submission")
		require.NotEmpty(t, pipeline.SubmissionDigest(sub))
	})
}
