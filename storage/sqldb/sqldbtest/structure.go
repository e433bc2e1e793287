package sqldbtest

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

// Built is a weighing of a model with the given fingerprints, "" for unknown.
func Built(source, pins, digest, matrices string, parameters int64) *pipeline.Weighing {
	w := Weighing(source, pins, source+pins, pipeline.VerdictReview)
	f := &w.Report.Facts
	f.Params.Estimate = &parameters
	f.Architecture.Fingerprint, f.Architecture.MatrixFingerprint = known(digest), known(matrices)
	return w
}

func known(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// match is what the book should say of a case.
func match(c pipeline.Case, same pipeline.Likeness) pipeline.StructureMatch {
	return pipeline.StructureMatch{ID: c.ID, Source: c.Source, State: c.State, Verdict: c.Verdict, Same: same}
}

func (b *bundle) same(id uuid.UUID) []pipeline.StructureMatch {
	b.Helper()
	found, err := b.book.SameStructure(b.Context(), id)
	require.NoError(b, err)
	require.NotNil(b, found)
	return found
}

func (s Suite) sameStructure(t *testing.T) {
	b := s.setup(t)
	const enough, little = pipeline.LeastStructure, pipeline.LeastStructure - 1
	first := b.record(Built("first", "1", "f1", "m1", enough))
	require.Empty(t, b.same(first.ID))

	copied := b.record(Built("copied", "1", "f1", "m1", enough))
	packed := b.record(Built("packed", "1", "f2", "m1", enough))
	plain := b.record(Built("plain", "1", "f1", "", enough))
	other := b.record(Built("other", "1", "f3", "m3", enough))
	swapped := b.record(Built("swapped", "1", "m1", "f1", enough))
	small := b.record(Built("small", "1", "f1", "m1", little))
	unknown := b.record(Built("unknown", "1", "", "", enough))
	alike := b.record(Built("unknown too", "1", "", "", enough))
	weightless := Built("weightless", "1", "f1", "m1", enough)
	weightless.Report.Facts.Params.Estimate = nil
	unweighed := b.record(weightless)
	copied = b.vote(copied.ID, pipeline.DecisionReject)

	tests := map[string]struct {
		of   pipeline.Case
		want []pipeline.StructureMatch
	}{
		"First":  {first, []pipeline.StructureMatch{match(plain, pipeline.LikeStructure), match(packed, pipeline.LikeMatrices), match(copied, pipeline.LikeStructure)}},
		"Packed": {packed, []pipeline.StructureMatch{match(copied, pipeline.LikeMatrices), match(first, pipeline.LikeMatrices)}},
		"Plain":  {plain, []pipeline.StructureMatch{match(copied, pipeline.LikeStructure), match(first, pipeline.LikeStructure)}},
		"Other":  {other, nil}, "Swapped": {swapped, nil}, "Small": {small, nil}, "Unknown": {unknown, nil}, "Alike": {alike, nil}, "Unweighed": {unweighed, nil},
	}
	for name, test := range tests {
		require.Equal(t, append([]pipeline.StructureMatch{}, test.want...), b.same(test.of.ID), name)
	}
	b.verify()
}

// What newer pins of the same source have superseded comes last, and so is the first to
// be left out where there are too many.
func (s Suite) sameStructureOrder(t *testing.T) {
	b := s.setup(t)
	stale := b.record(Built("other", "1", "f1", "m1", 1<<40))
	b.record(Built("other", "2", "f2", "m2", 1<<40))
	earlier := b.record(Built("mine", "1", "f1", "m1", 1<<40))
	oldest := b.record(Built("oldest", "1", "f1", "m1", 1<<40))
	superseded := b.record(Built("mine", "2", "f1", "m1", 1<<40))
	mine := b.record(Built("mine", "3", "f1", "m1", 1<<40))
	for _, c := range []*pipeline.Case{&stale, &earlier, &superseded} {
		var err error
		*c, err = b.book.Case(t.Context(), c.ID)
		require.NoError(t, err)
		require.Equal(t, pipeline.StateSuperseded, c.State)
	}
	want := []pipeline.StructureMatch{match(oldest, pipeline.LikeStructure), match(stale, pipeline.LikeStructure),
		match(superseded, pipeline.LikeStructure), match(earlier, pipeline.LikeStructure)}
	require.Equal(t, want, b.same(mine.ID))

	for i := range pipeline.MostSameStructure - 3 {
		c := b.record(Built(fmt.Sprint("more ", i), "1", "f1", "m1", 1<<40))
		want = append([]pipeline.StructureMatch{match(c, pipeline.LikeStructure)}, want...)
	}
	require.Equal(t, want[:pipeline.MostSameStructure], b.same(mine.ID))
	require.Equal(t, superseded.ID, want[pipeline.MostSameStructure-1].ID)
}

// The structure is the one of the last report, be it new or one that was filed before.
func (s Suite) sameStructureReplaced(t *testing.T) {
	b := s.setup(t)
	mine := b.record(Built("mine", "1", "f1", "m1", 1<<40))
	one := b.record(Built("one", "1", "f1", "m1", 1<<40))
	two := b.record(Built("two", "1", "f2", "m2", 1<<40))
	for _, step := range []struct {
		weighing *pipeline.Weighing
		want     []pipeline.StructureMatch
	}{
		{Built("mine", "1", "f2", "m2", 1<<40), []pipeline.StructureMatch{match(two, pipeline.LikeStructure)}},
		{Built("mine", "1", "", "m1", 1<<40), []pipeline.StructureMatch{match(one, pipeline.LikeMatrices)}},
		{Built("mine", "1", "f1", "m1", 1), []pipeline.StructureMatch{}},
		{Built("mine", "1", "f1", "m1", 1<<40), []pipeline.StructureMatch{match(one, pipeline.LikeStructure)}},
	} {
		require.Equal(t, mine.ID, b.record(step.weighing).ID)
		require.Equal(t, step.want, b.same(mine.ID))
	}

	// A weighing that cannot be written leaves the structure as it was.
	broken := Built("mine", "1", "f2", "m2", 1<<40)
	broken.Report.AsOf = "2026-12-01"
	broken.Kept = append(broken.Kept, broken.Kept[0])
	_, err := b.desk.Record(t.Context(), broken, Person("sub"))
	require.Error(t, err)
	require.Equal(t, []pipeline.StructureMatch{match(one, pipeline.LikeStructure)}, b.same(mine.ID))
	require.Empty(t, b.same(two.ID))
	b.verify()
}
