package directives_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"weighbridge/pipeline"
	"weighbridge/pipeline/directives"
)

var day = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

func ptr[T any](v T) *T { return &v }

var digest = "sha256:" + strings.Repeat("ab", 32)

func load(t testing.TB, text string) *directives.List {
	t.Helper()
	l, err := directives.Load(strings.NewReader(text), "directives.yaml")
	require.NoError(t, err)
	return l
}

func TestLoad(t *testing.T) {
	t.Parallel()
	l := load(t, `directives:
  - {id: one, model: "invented-labs/frontier-*", expires: 2027-06-30, note: safe 3}
  - id: two
    digest: `+digest+`
    developer: " Invented Labs* "
    recipient: "*"
`)
	require.Equal(t, &directives.List{Name: "directives.yaml", Directives: []directives.Directive{
		{ID: "one", Model: "invented-labs/frontier-*", Expires: "2027-06-30", Note: "safe 3"},
		{ID: "two", Digest: digest, Developer: "Invented Labs*", Recipient: "*"},
	}}, l)
	require.Empty(t, load(t, "directives: []").Directives)
}

func TestLoad_SaysWhereTheFaultIs(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ text, want string }{
		"empty":         {"", "directives.yaml:1:1: "},
		"no list":       {"directives: 5", "directives.yaml:1:13: "},
		"nothing":       {"directives:", "directives.yaml:1:"},
		"another key":   {"directives: []\nletters: []", "directives.yaml:2:1: unknown key"},
		"missing":       {"{}", "directives.yaml:1:1: the file has no"},
		"no id":         {"directives:\n  - {model: a}", "directives.yaml:2:5: the directive has no \"id\""},
		"no pattern":    {"directives:\n  - {id: a, note: b}", "directives.yaml:2:5: the directive names no"},
		"empty pattern": {"directives:\n  - {id: a, model: \" \"}", "directives.yaml:2:20: model is empty"},
		"twice":         {"directives:\n  - {id: a, model: b}\n  - {id: a, model: c}", "directives.yaml:3:10: there is another"},
		"misspelt":      {"directives:\n  - {id: a, mdel: b}", "directives.yaml:2:13: unknown key"},
		"digest":        {"directives:\n  - {id: a, digest: sha256:AB}", "directives.yaml:2:21: a digest is"},
		"day":           {"directives:\n  - {id: a, model: b, expires: soon}", "directives.yaml:2:32: a day is needed"},
		"no mapping":    {"directives: [a]", "directives.yaml:1:14: "},
		"long":          {"directives:\n  - {id: a, model: " + strings.Repeat("a", 201) + "}", "directives.yaml:2:20: model is longer"},
		"many":          {"directives: [" + strings.Repeat("{},", 10_001) + "]", "directives.yaml:1:13: a file holds at most"},
		"aliases":       {"directives:\n  - &a {id: a, model: b}\n  - *a", "directives.yaml:3:"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := directives.Load(strings.NewReader(tt.text), "directives.yaml")
			require.ErrorIs(t, err, pipeline.ErrInvalid)
			require.ErrorContains(t, err, tt.want)
		})
	}
	_, err := directives.Load(strings.NewReader("# "+strings.Repeat("a", 1<<20)), "directives.yaml")
	require.ErrorIs(t, err, pipeline.ErrOverLimit)
}

// assess runs the assessor twice, the second time on what a stored case holds.
func assess(t *testing.T, l *directives.List, s *pipeline.FactSet, asOf time.Time) {
	t.Helper()
	a := &directives.Assessor{List: l}
	require.Equal(t, "directives", a.Name())
	require.NoError(t, a.Assess(s, asOf))
	text, err := json.Marshal(s.Facts)
	require.NoError(t, err)
	var facts pipeline.Facts
	require.NoError(t, json.Unmarshal(text, &facts))
	again, err := pipeline.FactSetFrom(facts, s.Index())
	require.NoError(t, err)
	require.NoError(t, a.Assess(again, asOf))
	require.Equal(t, s.Facts.Directives, again.Facts.Directives)
	require.Equal(t, s.Index(), again.Index())
}

func facts(sub *pipeline.Submission) *pipeline.FactSet {
	var s pipeline.FactSet
	s.Set("architecture.fingerprint", digest, pipeline.BasisMeasured, pipeline.Evidence{Object: "model.safetensors"})
	s.Declare(sub, "sub.yaml")
	return &s
}

func TestAssessor(t *testing.T) {
	t.Parallel()
	full := &pipeline.Submission{
		Model:     pipeline.Model{ID: ptr("Invented-Labs/Frontier-9"), Name: ptr("Frontier Nine")},
		Developer: pipeline.Party{Name: ptr("Invented Labs Inc")}, Recipient: pipeline.Party{Name: ptr("University of Atlantis")}, EndUser: pipeline.Party{Name: ptr("Nimbus")},
		Bases: []pipeline.Base{{ID: ptr("fictional/base-1"), Digest: ptr("sha256:" + strings.Repeat("cd", 32))}, {}},
	}
	tests := map[string]struct {
		directive string
		sub       *pipeline.Submission
		field     string // "" for no match
		basis     pipeline.Basis
	}{
		"model id":                  {`model: "invented-labs/*"`, full, "model", pipeline.BasisMeasured},
		"model id, other case":      {`model: "INVENTED-LABS/FRONTIER-?"`, full, "model", pipeline.BasisMeasured},
		"model name":                {`model: "frontier nine"`, full, "model", pipeline.BasisMeasured},
		"a part of a name":          {`model: "frontier"`, full, "", pipeline.BasisMeasured},
		"base":                      {`model: "fictional/*"`, full, "model", pipeline.BasisMeasured},
		"wide letters":              {`model: "ＦＩＣＴＩＯＮＡＬ/base-1"`, full, "model", pipeline.BasisMeasured},
		"fingerprint":               {`digest: ` + digest, full, "digest", pipeline.BasisMeasured},
		"fingerprint alone":         {`digest: ` + digest, nil, "digest", pipeline.BasisMeasured},
		"digest of a base":          {`digest: sha256:` + strings.Repeat("cd", 32), full, "digest", pipeline.BasisMeasured},
		"another digest":            {`digest: sha256:` + strings.Repeat("00", 32), nil, "", pipeline.BasisMeasured},
		"developer":                 {`developer: "invented labs*"`, full, "developer", pipeline.BasisMeasured},
		"recipient":                 {`recipient: "* of atlantis"`, full, "recipient", pipeline.BasisMeasured},
		"end user":                  {`recipient: nimbus`, full, "recipient", pipeline.BasisMeasured},
		"recipient is no model":     {`model: nimbus`, full, "", pipeline.BasisMeasured},
		"unknown model":             {`model: "*"`, nil, "", pipeline.BasisEstimated},
		"unknown recipient":         {`recipient: nimbus`, &pipeline.Submission{Model: full.Model}, "", pipeline.BasisEstimated},
		"expired":                   {`{model: "*", expires: 2026-11-22}`, full, "", pipeline.BasisMeasured},
		"on its last day":           {`{model: "*", expires: 2026-11-23}`, full, "model", pipeline.BasisMeasured},
		"expired, of unknown model": {`{model: "*", expires: 2026-11-22}`, nil, "", pipeline.BasisMeasured},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := strings.Trim(tt.directive, "{}")
			l := load(t, "directives: [{id: letter, note: kept, "+body+"}]")
			s := facts(tt.sub)
			assess(t, l, s, day.Add(15*time.Hour))
			entry, known := s.Entry("directives.matches")
			require.True(t, known)
			require.Equal(t, tt.basis, entry.Basis)
			got := s.Facts.Directives.Matches
			require.NotNil(t, got)
			if tt.field == "" {
				require.Empty(t, got)
				return
			}
			require.Len(t, got, 1)
			d := l.Directives[0]
			require.Equal(t, pipeline.Directive{ID: "letter", Field: tt.field, Pattern: d.Model + d.Digest + d.Developer + d.Recipient, Expires: d.Expires, Note: "kept"}, got[0])
			require.Len(t, entry.Evidence, 2)
			require.Equal(t, "directives.yaml", entry.Evidence[0].Object)
		})
	}

	s := facts(full)
	assess(t, nil, s, day)
	_, known := s.Entry("directives.matches")
	require.False(t, known, "without a file nothing is known")

	s = facts(full)
	assess(t, load(t, `directives: [{id: a, model: "*frontier*", recipient: "*atlantis", developer: other}, {id: b, model: "*"}]`), s, day)
	var matched []string
	for _, m := range s.Facts.Directives.Matches {
		matched = append(matched, m.ID+" "+m.Field)
	}
	require.Equal(t, []string{"a model", "a recipient", "b model"}, matched)

	s = facts(nil)
	s.Set("adapter.base", "fictional/base-1", pipeline.BasisDeclared)
	assess(t, load(t, `directives: [{id: a, model: "fictional/*"}]`), s, day)
	require.Len(t, s.Facts.Directives.Matches, 1)
}

func TestFits(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 10_000)
	for _, tt := range []struct {
		pattern, name string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"?", "", false}, {"a*b", "ab", true}, {"a*b", "axxb", true}, {"a*b", "axxbc", false},
		{"**a?", "xxab", true}, {"[a]", "a", false}, {"[a]", "[a]", true}, {"a.c", "abc", false}, {"?", "ß", false}, {"ss", "ß", true}, {"?", "虚", true},
		{strings.Repeat("a*", 100) + "b", long, false}, {strings.Repeat("*a", 100), long, true},
	} {
		require.Equal(t, tt.want, directives.Fits(tt.pattern, tt.name), "%q %.20q", tt.pattern, tt.name)
	}
}

// The standard library's patterns agree where they mean the same.
func TestFits_AsTheStandardLibrary(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab*?]{0,12}`).Draw(t, "pattern")
		name := rapid.StringMatching(`[abc]{0,12}`).Draw(t, "name")
		want, err := path.Match(pattern, name)
		require.NoError(t, err)
		require.Equal(t, want, directives.Fits(pattern, name))
	})
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte("directives:\n  - {id: one, model: \"a*\", expires: 2027-06-30, note: b}\n"), "abc")
	f.Add([]byte(fmt.Sprintf("directives: [{id: a, digest: %s, developer: \"?\", recipient: é}]", digest)), "É")
	f.Add([]byte("directives: [a"), "")
	f.Fuzz(func(t *testing.T, text []byte, name string) {
		l, err := directives.Load(bytes.NewReader(text), "directives.yaml")
		if err != nil {
			var own *pipeline.Error
			require.ErrorAs(t, err, &own)
			return
		}
		s := facts(&pipeline.Submission{Model: pipeline.Model{ID: &name}})
		require.NoError(t, (&directives.Assessor{List: l}).Assess(s, day))
		require.NotNil(t, s.Facts.Directives.Matches)
	})
}
