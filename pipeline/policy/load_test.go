package policy_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy"
)

// sound is a pack that loads; tests change one line of it.
const sound = `pack: sound
version: "1"
title: A pack that loads
applies: submission.present
rules:
  - id: S-01
    title: First
    jurisdiction: scenario
    status: organisation
    effective: {from: 2025-04-01, to: 2026-12-31}
    when: params.lower > 10
    effect: review
    quorum: one
    accept: measured
    message: "{{params.lower}} parameters"
    ask: [weights.access, training.flops]
    cite: [{title: Policy, url: "https://example.org/policy", accessed: 2026-11-23}]
    review_by: 2027-06-01
    examples:
      match:    [{params: {lower: 11}}]
      no_match: [{params: {lower: 10}}]
  - id: S-02
    title: Second
    status: organisation
    for: datasets
    when: it.license == "x"
    effect: block
    message: "{{it.id}}"
    cite: [{title: Policy, url: "https://example.org/policy"}]
    examples:
      match:    [{datasets: [{license: x}]}]
      no_match: [{datasets: [{license: y}]}]
`

func TestLoadReadsThePack(t *testing.T) {
	t.Parallel()
	pack := loadText(t, sound)
	require.Equal(t, "sound", pack.Name)
	require.Equal(t, "1", pack.Version)
	require.Equal(t, "submission.present", pack.Applies)
	require.Equal(t, pipeline.DigestBytes([]byte(sound)), pack.Digest)
	require.Len(t, pack.Rules, 2)

	first := pack.Rules[0]
	require.Equal(t, policy.StatusOrganisation, first.Status)
	require.Equal(t, "2025-04-01", first.From)
	require.Equal(t, "2026-12-31", first.To)
	require.Equal(t, "2027-06-01", first.ReviewBy)
	require.Equal(t, pipeline.QuorumOne, first.Quorum)
	require.Equal(t, []string{"params.lower"}, first.Reads())
	require.Equal(t, 6, first.Line)
	require.Equal(t, []pipeline.Citation{{Title: "Policy", URL: "https://example.org/policy", Accessed: "2026-11-23"}}, first.Cite)

	second := pack.Rules[1]
	require.Equal(t, pipeline.QuorumTwo, second.Quorum, "block defaults to two")
	require.Equal(t, pipeline.BasisMeasured, second.Accept, "the strictest is the default")
	require.Equal(t, []string{"datasets[].license"}, second.Reads())
	require.Empty(t, second.From)
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ old, new, want string }{
		"unknown key":         {"title: A pack", "titel: A pack", `test.yaml:3:1: unknown key "titel"`},
		"unknown rule key":    {"    quorum: one", "    quorm: one", `test.yaml:13:5: unknown key "quorm"`},
		"unknown cite key":    {"{title: Policy, url", "{titel: Policy, url", `test.yaml:17:13: unknown key "titel"`},
		"unknown example key": {"      match:    [{params", "      matches:  [{params", `test.yaml:20:7: unknown key "matches"`},
		"key twice":           {"    quorum: one\n", "    quorum: one\n    quorum: two\n", `test.yaml:14:5: the key "quorum" is given twice; the first is on line 13`},

		"no pack name":    {"pack: sound\n", "", `test.yaml:1:1: the pack has no "pack"`},
		"no version":      {"version: \"1\"\n", "", `test.yaml:1:1: the pack has no "version"`},
		"empty version":   {"version: \"1\"\n", "version: \"\"\n", `test.yaml:2:10: the pack has no "version"`},
		"bad pack name":   {"pack: sound", "pack: So Und", "test.yaml:1:7: the name of a pack is"},
		"no id":           {"id: S-02\n    title", "title", `test.yaml:22:5: the rule has no "id"`},
		"bad id":          {"id: S-02", "id: S 02", "test.yaml:22:9: the id of a rule is"},
		"id twice":        {"id: S-02", "id: S-01", `test.yaml:22:9: the rule id "S-01" is given twice; the first is on line 6`},
		"no title":        {"    title: First\n", "", `test.yaml:6:5: rule S-01 has no "title"`},
		"no status":       {"    status: organisation\n    effective", "    effective", `test.yaml:6:5: rule S-01 has no "status"`},
		"no effect":       {"    effect: review\n", "", `test.yaml:6:5: rule S-01 has no "effect"`},
		"no message":      {"    message: \"{{params.lower}} parameters\"\n", "", `test.yaml:6:5: rule S-01 has no "message"`},
		"no citation":     {"    cite: [{title: Policy, url: \"https://example.org/policy\", accessed: 2026-11-23}]\n", "", `test.yaml:6:5: rule S-01 has no "cite"`},
		"empty citation":  {"cite: [{title: Policy, url: \"https://example.org/policy\", accessed: 2026-11-23}]", "cite: []", `test.yaml:17:11: rule S-01 has no "cite"`},
		"cite no url":     {", url: \"https://example.org/policy\", accessed", ", accessed", `test.yaml:17:12: the citation has no "url"`},
		"cite bad url":    {"url: \"https://example.org/policy\", accessed", "url: \"ftp://x\", accessed", `test.yaml:17:33: "ftp://x" is no web address`},
		"cite script":     {"url: \"https://example.org/policy\", accessed", "url: \"javascript:alert(1)\", accessed", "test.yaml:17:33: "},
		"no when":         {"    when: params.lower > 10\n", "", `test.yaml:6:5: rule S-01 has no "when"`},
		"blank when":      {"when: params.lower > 10", "when: \"  \"", "test.yaml:11:11: the expression is empty"},
		"no rules":        {sound[strings.Index(sound, "rules:"):], "rules: []\n", "test.yaml:1:1: the pack has no rules"},
		"rules as text":   {sound[strings.Index(sound, "rules:"):], "rules: none\n", "test.yaml:5:8: a list is needed here, not text (none)"},
		"rule as text":    {sound[strings.Index(sound, "  - id: S-02"):], "  - S-02\n", "test.yaml:22:5: keys with values are needed here, not text (S-02)"},
		"no examples":     {"    examples:\n      match:    [{params: {lower: 11}}]\n      no_match: [{params: {lower: 10}}]\n", "", `test.yaml:6:5: rule S-01 has no "examples"`},
		"no match":        {"      match:    [{params: {lower: 11}}]\n", "", `test.yaml:20:7: rule S-01 has no example under "match"`},
		"no no_match":     {"no_match: [{params: {lower: 10}}]", "no_match: []", `test.yaml:20:7: rule S-01 has no example under "no_match"`},
		"unknown status":  {"status: organisation\n    effective", "status: law\n    effective", `test.yaml:9:13: "law" is no status: it is one of in_force, on_books_not_enforced`},
		"unknown effect":  {"effect: review", "effect: stop", `test.yaml:12:13: "stop" is no effect: it is one of block, review, warn, info`},
		"unknown quorum":  {"quorum: one", "quorum: three", `test.yaml:13:13: "three" is no quorum`},
		"unknown accept":  {"accept: measured", "accept: parsed", `test.yaml:14:13: "parsed" is no accept: it is one of measured, attested, declared`},
		"empty accept":    {"accept: measured", "accept: \"\"", `test.yaml:14:13: "" is no accept`},
		"proposed review": {"status: organisation\n    effective", "status: proposed\n    effective", "test.yaml:12:13: a rule that is proposed is at most warn"},
		"rescinded block": {"status: organisation\n    for", "status: rescinded\n    for", "test.yaml:27:13: a rule that is rescinded is at most warn"},
		"suspended":       {"status: organisation\n    effective", "status: suspended\n    effective", "test.yaml:12:13: a rule that is suspended is at most warn"},
		"voluntary":       {"status: organisation\n    effective", "status: voluntary\n    effective", "test.yaml:12:13: a rule that is voluntary is at most warn"},

		"impossible date":    {"from: 2025-04-01", "from: 2025-02-30", `test.yaml:10:23: "2025-02-30" is no date: write it as 2026-01-31`},
		"date as text":       {"from: 2025-04-01", "from: soon", `test.yaml:10:23: "soon" is no date`},
		"date with time":     {"from: 2025-04-01", "from: 2025-04-01T00:00:00Z", "test.yaml:10:23: "},
		"ends before start":  {"to: 2026-12-31", "to: 2025-03-31", "test.yaml:10:39: the rule ends on 2025-03-31, before it starts on 2025-04-01"},
		"bad review_by":      {"review_by: 2027-06-01", "review_by: 2027-13-01", `test.yaml:18:16: "2027-13-01" is no date`},
		"bad accessed":       {"accessed: 2026-11-23", "accessed: yesterday", `test.yaml:17:73: "yesterday" is no date`},
		"unknown date key":   {"to: 2026-12-31", "until: 2026-12-31", `test.yaml:10:35: unknown key "until"`},
		"misspelt fact":      {"when: params.lower > 10", "when: params.lowr > 10", `test.yaml:11:17: there is no fact "lowr" in this group`},
		"misspelt group":     {"when: params.lower > 10", "when: 1 > 2 || parms.lower > 10", `test.yaml:11:20: there is no fact or function "parms" (did you mean 'params'?)`},
		"misspelt applies":   {"applies: submission.present", "applies: submission.presnt", `test.yaml:4:20: there is no fact "presnt" in this group`},
		"type error":         {"when: params.lower > 10", `when: params.lower > "10"`, "test.yaml:11:24: type error: > cannot take (int, string)"},
		"not a boolean":      {"when: params.lower > 10", "when: params.lower", "test.yaml:11:11: the expression gives int; it must give true or false"},
		"syntax":             {"when: params.lower > 10", "when: params.lower >", "test.yaml:11:25: Syntax error"},
		"no clock":           {"when: params.lower > 10", "when: now() > 10", `test.yaml:11:14: there is no fact or function "now"`},
		"whole group":        {"when: params.lower > 10", "when: params == params", "test.yaml:11:11: this is a whole group of facts"},
		"group in list":      {"when: params.lower > 10", "when: params in [params]", "test.yaml:11:11: this is a whole group of facts"},
		"list of groups":     {"when: params.lower > 10", "when: datasets == datasets", "test.yaml:11:11: this is a whole group of facts"},
		"dyn":                {"when: params.lower > 10", "when: dyn(params.lower) == 1", "test.yaml:11:14: dyn() is not used in rules"},
		"type()":             {"when: params.lower > 10", "when: type(params.lower) == int", "test.yaml:11:15: type() is not used in rules"},
		"has()":              {"when: params.lower > 10", "when: has(params.lower)", "test.yaml:11:14: has() is not for facts"},
		"made-up facts":      {"when: params.lower > 10", "when: \"pipeline.Params{lower: 1}.lower > 10\"", "a rule reads facts and cannot make up its own"},
		"shadowed group":     {"when: params.lower > 10", "when: \"[1, 2].exists(params, params > 1)\"", `"params" names facts: give the loop another variable`},
		"it without for":     {"when: params.lower > 10", "when: it.license == \"x\"", `test.yaml:11:11: there is no fact or function "it"`},
		"bad regexp":         {"when: params.lower > 10", `when: weights.access.matches("(")`, "test.yaml:11:34: invalid matches argument"},
		"loops in loops":     {"when: params.lower > 10", `when: "datasets.exists(a, datasets.exists(b, datasets.exists(c, a.id == b.id && b.id == c.id)))"`, "test.yaml:11:11: the expression may cost"},
		"long expression":    {"when: params.lower > 10", "when: params.lower > 10" + strings.Repeat(" || params.lower > 10", 300), "test.yaml:11:11: expression code point size exceeds limit"},
		"deep expression":    {"when: params.lower > 10", "when: " + strings.Repeat("(", 300) + "true" + strings.Repeat(")", 300), "test.yaml:11:"},
		"for nothing":        {"for: datasets", "for: data_sets", `test.yaml:25:10: there is no fact "data_sets"`},
		"for no list":        {"for: datasets", "for: params.lower", `test.yaml:25:10: "params.lower" is not a list`},
		"for a group":        {"for: datasets", "for: params", `test.yaml:25:10: "params" is not a list`},
		"for an element":     {"for: datasets", "for: it.license", `test.yaml:25:10: "it" is the element of a list`},
		"for without it":     {"when: it.license == \"x\"", "when: params.lower > 1", `test.yaml:26:11: rule S-02 is evaluated for every element of datasets and never looks at "it"`},
		"element's fact":     {"when: it.license == \"x\"", "when: it.licence == \"x\"", `test.yaml:26:13: there is no fact "licence" in this group`},
		"message fact":       {"{{params.lower}} parameters", "{{params.lowr}} parameters", `test.yaml:15:17: there is no fact "params.lowr": "lowr" is none of lower, estimate`},
		"message group":      {"{{params.lower}} parameters", "{{params}} parameters", `test.yaml:15:17: "params" is a group of facts`},
		"message below":      {"{{params.lower}} parameters", "{{params.lower.x}} parameters", `test.yaml:15:17: there is no fact "params.lower.x": params.lower is a single value`},
		"message open":       {"{{params.lower}} parameters", "{{params.lower", `test.yaml:15:17: a "{{" has no "}}"`},
		"message it":         {"{{params.lower}} parameters", "{{it.id}} parameters", `test.yaml:15:17: "it" is the element of a list`},
		"message too long":   {"{{params.lower}} parameters", strings.Repeat("a", 2001), "test.yaml:15:14: a message has at most 2000 characters"},
		"ask fact":           {"training.flops]", "training.flop]", `test.yaml:16:27: there is no fact "training.flop": "flop" is none of flops, tokens`},
		"ask group":          {"training.flops]", "destination]", `test.yaml:16:27: "destination" is a group of facts: name one of country`},
		"ask of a list":      {"training.flops]", "datasets.license]", `test.yaml:16:27: there is no fact "datasets.license"`},
		"example group":      {"match:    [{params: {lower: 11}}]", "match:    [{parms: {lower: 11}}]", `test.yaml:20:19: there is no group of facts "parms"`},
		"example fact":       {"match:    [{params: {lower: 11}}]", "match:    [{params: {lowr: 11}}]", `test.yaml:20:28: params has no fact "lowr": it is one of lower, estimate`},
		"example type":       {"match:    [{params: {lower: 11}}]", "match:    [{params: {lower: many}}]", "test.yaml:20:35: a whole number is needed here, not text (many)"},
		"example decimal":    {"match:    [{params: {lower: 11}}]", "match:    [{params: {lower: 1.5}}]", "test.yaml:20:35: a whole number is needed here, not a number (1.5)"},
		"example element":    {"match:    [{datasets: [{license: x}]}]", "match:    [{datasets: [{licence: x}]}]", `test.yaml:31:31: datasets[0] has no fact "licence"`},
		"example no list":    {"match:    [{datasets: [{license: x}]}]", "match:    [{datasets: {license: x}}]", "test.yaml:31:29: a list is needed here"},
		"example text":       {"match:    [{params: {lower: 11}}]", "match:    [lower]", "test.yaml:20:18: keys with values are needed here"},
		"example twice":      {"match:    [{params: {lower: 11}}]", "match:    [{params: {lower: 11, lower: 12}}]", `test.yaml:20:39: the key "lower" is given twice`},
		"example declared":   {"match:    [{params: {lower: 11}}]", "match:    [{declared: {parms: {lower: 11}}}]", `test.yaml:20:30: there is no group of facts "parms"`},
		"misplaced expect":   {"match:    [{params: {lower: 11}}]", "match:    [{expect_missing: [params.lower]}]", `test.yaml:20:19: "expect_missing" says what an undetermined rule lacks`},
		"alias":              {"when: params.lower > 10", "when: *x", "test.yaml:11:11: "},
		"several documents":  {"pack: sound\n", "pack: sound\n---\n", "more than one document"},
		"empty":              {sound, "", "test.yaml:1:1: the file is empty"},
		"a list":             {sound, "- a\n", "test.yaml:1:1: the file must hold keys"},
		"number of rules":    {"  - id: S-02", strings.Repeat("  - {}\n", 500) + "  - id: S-02", "test.yaml:521:5: a pack holds at most 500 rules"},
		"number of examples": {"match:    [{params: {lower: 11}}]", "match:    [" + strings.Repeat("{},", 201) + "]", `a rule has at most 200 examples under "match"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, sound, tc.old)
			_, err := policy.Load(strings.NewReader(strings.Replace(sound, tc.old, tc.new, 1)), "test.yaml")
			require.ErrorIs(t, err, pipeline.ErrInvalid)
			require.ErrorContains(t, err, tc.want)
			var e *pipeline.Error
			require.ErrorAs(t, err, &e)
			require.NotEmpty(t, e.Hint)
		})
	}
}

func TestLoadReportsAllFaultsInOrder(t *testing.T) {
	t.Parallel()
	text := strings.Replace(sound, "effect: review", "effect: stop", 1)
	text = strings.Replace(text, "title: A pack", "titel: A pack", 1)
	_, err := policy.Load(strings.NewReader(text), "test.yaml")
	require.ErrorContains(t, err, "test.yaml:1:1: the pack has no \"title\"\ntest.yaml:3:1: unknown key \"titel\"\ntest.yaml:12:13: \"stop\" is no effect")
}

// The place of a fault within an expression, however the expression is written.
func TestExpressionsAreLocated(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ when, want string }{
		"plain":            {"params.lower > 1 || params.lowr > 1", "test.yaml:11:37: "},
		"plain, two lines": {"params.lower > 1 ||\n      params.lowr > 1", "test.yaml:12:13: "},
		"single quotes":    {"'weights.access == ''x'' || params.lowr > 1'", "test.yaml:11:45: "},
		"double quotes":    {`"weights.access == \"x\" || params.lowr > 1"`, "test.yaml:11:45: "},
		"literal":          {"|\n      params.lower > 1 ||\n        params.lowr > 1", "test.yaml:13:15: "},
		"folded":           {">-\n      params.lower > 1 ||\n      params.lowr > 1", "test.yaml:13:13: "},
		"accents":          {"weights.access == 'é' || params.lowr > 1", "test.yaml:11:42: "},
		"escape by number": {`"weights.access == '\x41' || params.lowr > 1"`, "test.yaml:11:11: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(sound, "params.lower > 10", tc.when, 1)
			_, err := policy.Load(strings.NewReader(text), "test.yaml")
			require.ErrorContains(t, err, tc.want+`there is no fact "lowr"`)
		})
	}
}

// repeated reads as a text over and over, so that a test needs no 50 MB.
type repeated struct {
	text string
	left int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := 0
	for n+len(r.text) <= len(p) && r.left > 0 {
		n += copy(p[n:], r.text)
		r.left -= len(r.text)
	}
	if n == 0 {
		n = copy(p, r.text)
		r.left = 0
	}
	return n, nil
}

func TestLoadRefusesALargePack(t *testing.T) {
	t.Parallel()
	const line = "# fifteen bytes\n"
	_, err := policy.Load(&repeated{text: line, left: 50 << 20}, "huge.yaml")
	require.ErrorIs(t, err, pipeline.ErrOverLimit)
	require.ErrorContains(t, err, "huge.yaml:65537:1: the file is larger than 1 MiB")
}

func TestLoadRefusesAnAliasBomb(t *testing.T) {
	t.Parallel()
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
	_, err := policy.Load(strings.NewReader(bomb), "bomb.yaml")
	require.ErrorIs(t, err, pipeline.ErrInvalid)
	require.ErrorContains(t, err, "bomb.yaml:2:8: aliases are not used here")
}

func TestLoadFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "mine.yaml")
	require.NoError(t, os.WriteFile(file, []byte(sound), 0o600))
	pack, err := policy.LoadFile(file)
	require.NoError(t, err)
	require.Equal(t, "sound", pack.Name)

	_, err = policy.LoadFile(file + ".absent")
	require.ErrorIs(t, err, pipeline.ErrNotFound)

	require.NoError(t, os.WriteFile(file, []byte("pack: x\n"), 0o600))
	_, err = policy.LoadFile(file)
	require.ErrorContains(t, err, `mine.yaml:1:1: the pack has no "version"`)
}
