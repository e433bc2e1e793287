package screening_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/screening"
)

var (
	day  = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	noon = func() time.Time { return day.Add(12 * time.Hour) }
)

func named(name string) pipeline.Party { return pipeline.Party{Name: &name} }

func factsOf(sub *pipeline.Submission) *pipeline.FactSet {
	var s pipeline.FactSet
	s.Declare(sub, "sub.yaml")
	return &s
}

// assess runs the assessor twice, the second time on what a stored case holds.
func assess(t *testing.T, a *screening.Assessor, s *pipeline.FactSet) {
	t.Helper()
	require.NoError(t, a.Assess(s, day))
	text, err := json.Marshal(s.Facts)
	require.NoError(t, err)
	var facts pipeline.Facts
	require.NoError(t, json.Unmarshal(text, &facts))
	again, err := pipeline.FactSetFrom(facts, s.Index())
	require.NoError(t, err)
	require.NoError(t, a.Assess(again, day))
	require.Equal(t, s.Facts.Screening, again.Facts.Screening)
	require.Equal(t, s.Index(), again.Index())
}

// basis returns what hits rest on, "" where they are unknown.
func basis(s *pipeline.FactSet) pipeline.Basis {
	entry, known := s.Entry("screening.hits")
	if !known {
		return ""
	}
	return entry.Basis
}

func TestAssessor_NothingGiven(t *testing.T) {
	t.Parallel()
	s := factsOf(&pipeline.Submission{Recipient: named("Fiction Importers")})
	before := s.Index()
	assess(t, &screening.Assessor{}, s)
	require.Equal(t, before, s.Index())
	require.Equal(t, pipeline.Screening{}, s.Facts.Screening)
	require.Equal(t, "screening", (&screening.Assessor{}).Name())
}

func TestAssessor_List(t *testing.T) {
	t.Parallel()
	l := load(t, "2026-11-23", listed("e-1", "Entity List (EL)", "Fiction Importers Co., Ltd.", "Fimporters"),
		listed("u-1", "Unverified List (UVL)", "Friction Importers"), listed("m-1", "Military End User (MEU) List", "Chimera Holding"),
		listed("x-1", "Entity List (EL)", "Publik Office"), listed("x-2", "Entity List (EL)", "Public"))
	s := factsOf(&pipeline.Submission{
		Recipient:      pipeline.Party{Name: ptr("fiction importers"), Aliases: []string{"Fimporters"}, Parent: ptr("CHIMERA Holding AG")},
		EndUser:        named("Public"),
		Intermediaries: []pipeline.Party{named("Honest Gardens"), named("Fiction Importers")},
		Developer:      named("Invented Models"),
		Exporter:       pipeline.Party{Name: ptr("Invented Models"), Parent: ptr("Invented Models")},
	})
	a := &screening.Assessor{List: l}
	assess(t, a, s)
	got := s.Facts.Screening
	require.Equal(t, "list", *got.Source)
	require.Equal(t, string(l.Digest), *got.ListDigest)
	require.Equal(t, "2026-11-23", *got.ListUpdated)
	require.Equal(t, int64(24), *got.AgeHours)
	require.Equal(t, []string{"fiction importers", "Fimporters", "CHIMERA Holding AG", "Honest Gardens", "Fiction Importers", "Invented Models"}, got.Parties)
	require.Equal(t, pipeline.BasisMeasured, basis(s))
	var hits []string
	for _, h := range got.Hits {
		hits = append(hits, fmt.Sprintf("%s %s %s %s %q %v", h.Party, h.Role, h.List, h.ID, h.Alias, h.Exact))
	}
	require.Equal(t, []string{
		`Fiction Importers intermediary EL e-1 "Fiction Importers Co., Ltd." true`,
		`Fimporters recipient EL e-1 "Fimporters" true`,
		`fiction importers recipient EL e-1 "Fiction Importers Co., Ltd." true`,
		`CHIMERA Holding AG parent MEU m-1 "Chimera Holding" true`,
		`Fiction Importers intermediary UVL u-1 "Friction Importers" false`,
		`fiction importers recipient UVL u-1 "Friction Importers" false`,
	}, hits)
	entry, _ := s.Entry("screening.hits")
	require.Contains(t, entry.Evidence, pipeline.Evidence{Object: "list.json"})
	require.Contains(t, entry.Evidence, pipeline.Evidence{Object: "sub.yaml", Where: "$.recipient.parent"})

	// Nothing personal of the entries is in the facts.
	text, err := json.Marshal(s.Facts)
	require.NoError(t, err)
	for _, secret := range []string{"Secret Street", "P-0815", "1950"} {
		require.NotContains(t, string(text), secret)
	}
}

func TestAssessor_RolesOfParents(t *testing.T) {
	t.Parallel()
	l := load(t, "2026-11-23", listed("e-1", "Entity List (EL)", "Chimera Holding"))
	owned := pipeline.Party{Name: ptr("Honest Gardens"), Parent: ptr("Chimera Holding")}
	for name, tc := range map[string]struct {
		sub  *pipeline.Submission
		role string
	}{
		"recipient":    {&pipeline.Submission{Recipient: owned}, "parent"},
		"end user":     {&pipeline.Submission{EndUser: owned}, "parent"},
		"intermediary": {&pipeline.Submission{Intermediaries: []pipeline.Party{owned}}, "parent"},
		"developer":    {&pipeline.Submission{Developer: owned}, "developer"},
		"exporter":     {&pipeline.Submission{Exporter: owned}, "exporter"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := factsOf(tc.sub)
			assess(t, &screening.Assessor{List: l}, s)
			require.Len(t, s.Facts.Screening.Hits, 1)
			require.Equal(t, "Chimera Holding", s.Facts.Screening.Hits[0].Party)
			require.Equal(t, tc.role, s.Facts.Screening.Hits[0].Role)
		})
	}
}

func TestAssessor_WhoIsKnown(t *testing.T) {
	t.Parallel()
	l := load(t, "2026-11-23", listed("e-1", "EL", "Fiction Importers"))
	count := func(n int64) pipeline.Transfer { return pipeline.Transfer{IntermediaryCount: &n} }
	tests := map[string]struct {
		sub   *pipeline.Submission
		basis pipeline.Basis
		hits  int
	}{
		"no submission":              {nil, "", 0},
		"nobody":                     {&pipeline.Submission{}, "", 0},
		"public":                     {&pipeline.Submission{Recipient: named("public")}, pipeline.BasisMeasured, 0},
		"honest":                     {&pipeline.Submission{Recipient: named("Honest Gardens")}, pipeline.BasisMeasured, 0},
		"invisible":                  {&pipeline.Submission{Recipient: named("\u200b")}, "", 0},
		"public and an honest user":  {&pipeline.Submission{Recipient: named("public"), Developer: named("Honest Gardens")}, pipeline.BasisMeasured, 0},
		"public and a listed one":    {&pipeline.Submission{Recipient: named("public"), Developer: named("Fiction Importers")}, pipeline.BasisMeasured, 1},
		"only an honest developer":   {&pipeline.Submission{Developer: named("Honest Gardens")}, "", 0},
		"only a listed developer":    {&pipeline.Submission{Developer: named("Fiction Importers")}, pipeline.BasisEstimated, 1},
		"an intermediary nameless":   {&pipeline.Submission{Recipient: named("public"), Intermediaries: []pipeline.Party{{}}}, "", 0},
		"an intermediary not listed": {&pipeline.Submission{Recipient: named("public"), Transfer: count(1)}, "", 0},
		"all intermediaries": {&pipeline.Submission{Recipient: named("public"), Transfer: count(1),
			Intermediaries: []pipeline.Party{named("Honest Gardens")}}, pipeline.BasisMeasured, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := factsOf(tt.sub)
			assess(t, &screening.Assessor{List: l}, s)
			require.Equal(t, tt.basis, basis(s))
			require.Len(t, s.Facts.Screening.Hits, tt.hits)
			require.Equal(t, tt.basis == "", s.Facts.Screening.Hits == nil, "a list without hits is known")
			require.NotNil(t, s.Facts.Screening.Parties)
			require.NotNil(t, s.Facts.Screening.ListDigest)
		})
	}
}

func TestAssessor_Age(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		made  string
		now   func() time.Time
		hours int64
		basis pipeline.Basis
	}{
		"of the day":                        {"2026-11-23", nil, 24, pipeline.BasisMeasured},
		"of the day before":                 {"2026-11-22", nil, 48, pipeline.BasisEstimated},
		"of the day before, at noon":        {"2026-11-22", noon, 36, pipeline.BasisEstimated},
		"23 hours":                          {"2026-11-22T13:00:00Z", noon, 23, pipeline.BasisMeasured},
		"24 hours":                          {"2026-11-22T12:00:00Z", noon, 24, pipeline.BasisMeasured},
		"a second more":                     {"2026-11-22T11:59:59Z", noon, 25, pipeline.BasisEstimated},
		"in another zone":                   {"2026-11-22T08:00:00-05:00", noon, 23, pipeline.BasisMeasured},
		"the clock of another day":          {"2026-11-22T13:00:00Z", func() time.Time { return day.AddDate(0, 1, 0) }, 35, pipeline.BasisEstimated},
		"made later than the day":           {"2026-12-01", nil, 0, pipeline.BasisMeasured},
		"an hour before the end of the day": {"2026-11-23T23:00:00Z", nil, 1, pipeline.BasisMeasured},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := factsOf(&pipeline.Submission{Recipient: named("Honest Gardens")})
			assess(t, &screening.Assessor{List: load(t, tt.made, listed("e-1", "EL", "Fiction Importers")), Now: tt.now}, s)
			require.Equal(t, tt.hours, *s.Facts.Screening.AgeHours)
			require.Equal(t, tt.basis, basis(s))
			require.Empty(t, s.Facts.Screening.Hits)
		})
	}
	s := factsOf(&pipeline.Submission{Recipient: named("Fiction Importers")})
	assess(t, &screening.Assessor{List: load(t, "2020-01-01", listed("e-1", "EL", "Fiction Importers"))}, s)
	require.Equal(t, pipeline.BasisEstimated, basis(s))
	require.Len(t, s.Facts.Screening.Hits, 1, "an old list still finds")

	future := &screening.Assessor{List: load(t, "2099-01-01", listed("e-1", "EL", "Fiction Importers")), Now: noon}
	require.ErrorIs(t, future.Assess(s, day), pipeline.ErrInvalid)
	require.Equal(t, pipeline.Screening{}, s.Facts.Screening)
}

func TestAssessor_Result(t *testing.T) {
	t.Parallel()
	r, err := screening.LoadResult(strings.NewReader(result), "result.json")
	require.NoError(t, err)
	fresh := load(t, "2026-11-23", listed("e-9", "EL", "Fiction Importers"), listed("e1", "EL", "Fiction Importers"))
	stale := load(t, "2026-11-01", listed("e-9", "EL", "Fiction Importers"))
	both := &pipeline.Submission{Recipient: named("FICTION IMPORTERS"), Developer: named("Honest Gardens")}
	tests := map[string]struct {
		a       *screening.Assessor
		sub     *pipeline.Submission
		source  string
		parties int
		basis   pipeline.Basis
		ids     []string
	}{
		"all screened":    {&screening.Assessor{Result: r}, both, "Invented Screening", 2, pipeline.BasisMeasured, []string{"e1", "u1"}},
		"none found":      {&screening.Assessor{Result: r}, &pipeline.Submission{Recipient: named("Honest Gardens")}, "Invented Screening", 1, pipeline.BasisMeasured, nil},
		"one not asked":   {&screening.Assessor{Result: r}, &pipeline.Submission{Recipient: named("Honest Gardens"), Developer: named("Nimbus")}, "Invented Screening", 1, "", nil},
		"found, one not":  {&screening.Assessor{Result: r}, &pipeline.Submission{Recipient: named("Fiction Importers"), Developer: named("Nimbus")}, "Invented Screening", 1, pipeline.BasisEstimated, []string{"e1", "u1"}},
		"with a list":     {&screening.Assessor{Result: r, List: fresh}, both, "list and Invented Screening", 2, pipeline.BasisMeasured, []string{"e-9", "e1", "u1"}},
		"with an old one": {&screening.Assessor{Result: r, List: stale}, both, "list and Invented Screening", 2, pipeline.BasisMeasured, []string{"e-9", "e1", "u1"}},
		"old, one not asked": {&screening.Assessor{Result: r, List: stale}, &pipeline.Submission{Recipient: named("Nimbus")}, "list and Invented Screening", 1,
			pipeline.BasisEstimated, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := factsOf(tt.sub)
			assess(t, tt.a, s)
			got := s.Facts.Screening
			require.Equal(t, tt.source, *got.Source)
			require.Len(t, got.Parties, tt.parties)
			require.Equal(t, tt.basis, basis(s))
			var ids []string
			for _, h := range got.Hits {
				ids = append(ids, h.ID)
				require.Equal(t, "recipient", h.Role)
				require.Equal(t, *tt.sub.Recipient.Name, h.Party)
			}
			require.Equal(t, tt.ids, ids)
		})
	}
}

func TestAssessor_Bounds(t *testing.T) {
	t.Parallel()
	var entries []map[string]any
	for i := range 300 {
		entries = append(entries, listed(fmt.Sprintf("%03d", i), "EL", "Fiction Importers"+strings.Repeat(" x", i%2)))
	}
	l := load(t, "2026-11-23", entries...)
	s := factsOf(&pipeline.Submission{Recipient: named("Fiction Importers")})
	assess(t, &screening.Assessor{List: l}, s)
	require.Len(t, s.Facts.Screening.Hits, 100)
	for _, h := range s.Facts.Screening.Hits {
		require.True(t, h.Exact, "the best are kept")
	}

	many := &pipeline.Submission{Recipient: pipeline.Party{Name: ptr("a"), Aliases: make([]string, 1001)}}
	for i := range many.Recipient.Aliases {
		many.Recipient.Aliases[i] = fmt.Sprintf("party %d", i)
	}
	require.ErrorIs(t, (&screening.Assessor{List: l}).Assess(factsOf(many), day), pipeline.ErrOverLimit)
	for _, threshold := range []float64{-1, 1.01} {
		require.ErrorIs(t, (&screening.Assessor{List: l, Threshold: threshold}).Assess(s, day), pipeline.ErrInvalid)
	}
	require.Nil(t, s.Facts.Screening.Hits)
}

// BenchmarkAssess holds ten parties against a hundred thousand names.
func BenchmarkAssess(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		letters := make([]byte, 3+r.IntN(9))
		for i := range letters {
			letters[i] = "etaoinshrdlucmfwypvbgkjqxz"[min(r.IntN(26), r.IntN(26))]
		}
		return string(letters)
	}
	name := func() string {
		words := []string{word(), word()}
		for range r.IntN(3) {
			words = append(words, word())
		}
		return strings.Join(words, " ")
	}
	var entries []map[string]any
	for i := range 100_000 {
		entries = append(entries, map[string]any{"id": fmt.Sprint(i), "source": "EL", "name": name()})
	}
	text := file(b, nil, entries...)
	l, err := screening.Load(strings.NewReader(string(text)), "list.json", day)
	require.NoError(b, err)
	sub := &pipeline.Submission{Recipient: named(name())}
	for range 9 {
		sub.Intermediaries = append(sub.Intermediaries, named(name()))
	}
	b.Run("load", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			_, err := screening.Load(strings.NewReader(string(text)), "list.json", day)
			require.NoError(b, err)
		}
	})
	b.Run("screen", func(b *testing.B) {
		for b.Loop() {
			require.NoError(b, (&screening.Assessor{List: l}).Assess(factsOf(sub), day))
		}
	})
}
