package sqldbtest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

// Published is a weighing of a model that is published under an id, "" for none, with a
// licence and bases.
func Published(source, pins, id, license string, bases []pipeline.Base) *pipeline.Weighing {
	w := Built(source, pins, "f "+id, "m "+id, 1<<40)
	f := &w.Report.Facts
	f.Model.ID, f.License.Declared, f.Bases = known(id), known(license), bases
	return w
}

// BaseOf is a base of a model.
func BaseOf(id, relation string) pipeline.Base {
	return pipeline.Base{ID: known(id), Relation: known(relation)}
}

// onRecord is what the book should say of the model of a case.
func onRecord(c pipeline.Case, id string, stated bool, license string, bases ...pipeline.KnownBase) pipeline.KnownModel {
	return pipeline.KnownModel{ID: id, Stated: stated, Source: c.Source, Case: c.ID, State: c.State, License: license, Bases: bases}
}

func (b *bundle) named(apart string, ids ...string) map[string]pipeline.KnownModel {
	b.Helper()
	found, err := b.book.ModelsNamed(b.Context(), ids, apart)
	require.NoError(b, err)
	require.NotNil(b, found)
	return found
}

// modelsNamed: a model is found by its id in any spelling, with what was said of it last.
func (s Suite) modelsNamed(t *testing.T) {
	b := s.setup(t)
	first := b.record(Published("s3://b/x/", "1", "Acme/First", "mit", nil))
	second := b.record(Published("s3://b/y/", "1", "acme/second", "", []pipeline.Base{BaseOf("https://huggingface.co/Acme/First", "finetune"), BaseOf("/data/x", "merge")}))
	none := b.record(Published("s3://b/z/", "1", "acme/none", "other", []pipeline.Base{}))
	path := b.record(Published("s3://b/Some/Path/", "1", "", "", nil))
	unnamed := b.record(Published("s3://b/", "1", "", "", nil))

	require.Equal(t, map[string]pipeline.KnownModel{
		"acme/first":  onRecord(first, "Acme/First", true, "mit"),
		"acme/second": onRecord(second, "acme/second", true, "", pipeline.KnownBase{ID: "Acme/First", Relation: "finetune"}, pipeline.KnownBase{Relation: "merge"}),
		"acme/none": func() pipeline.KnownModel {
			m := onRecord(none, "acme/none", true, "other")
			m.Bases = []pipeline.KnownBase{}
			return m
		}(),
		"some/path": onRecord(path, "Some/Path", false, ""),
	}, b.named("", "ACME/first", "acme/First/", "acme/second", "acme/none", "some/path", "acme/third", "", "/data/x"))
	require.Empty(t, b.named(first.Source, "acme/first"), "the cases of a source are left out")
	require.Empty(t, b.named(unnamed.Source))

	// Another name and licence take the place of the first ones, whether the source was
	// looked at again or the case was judged again.
	again := Published("s3://b/x/", "1", "acme/renamed", "apache-2.0", nil)
	require.Equal(t, first.ID, b.record(again).ID)
	require.Empty(t, b.named("", "acme/first"))
	require.Equal(t, "apache-2.0", b.named("", "acme/renamed")["acme/renamed"].License)
	again.Report.AsOf, again.Report.Facts.License.Declared = "2026-12-02", known("gemma")
	_, err := b.desk.Rejudge(t.Context(), first.ID, again, Person("ops"))
	require.NoError(t, err)
	require.Equal(t, "gemma", b.named("", "acme/renamed")["acme/renamed"].License)

	// What an inventory filled in is no statement.
	filled := Published("s3://b/q/", "1", "acme/filled", "", []pipeline.Base{BaseOf("acme/first", "merge")})
	filled.Report.Facts.Bases[0].License = known("mit")
	filled.Report.FactsIndex = append(filled.Report.FactsIndex, pipeline.FactEntry{Name: "bases[0].license", Basis: pipeline.BasisDeclared,
		Evidence: []pipeline.Evidence{{Object: pipeline.EvidenceInventory, Where: "case"}}})
	b.record(filled)
	require.Empty(t, b.named("", "acme/filled")["acme/filled"].Bases[0].License)

	_, err = b.book.ModelsNamed(t.Context(), make([]string, pipeline.MostModelsAsked+1), "")
	require.ErrorIs(t, err, pipeline.ErrOverLimit)
	b.verify()
}

// modelsNamedOrder: of several cases under one id the one counts that was decided on.
func (s Suite) modelsNamedOrder(t *testing.T) {
	b := s.setup(t)
	which := func(apart string) string { return b.named(apart, "acme/m")["acme/m"].Source }
	record := func(source, pins, id string) pipeline.Case {
		b.now = b.now.Add(time.Minute)
		return b.record(Published(source, pins, id, "", nil))
	}
	record("s3://b/old/", "1", "acme/m")
	require.Equal(t, "s3://b/old/", which(""))
	record("s3://b/acme/m/", "1", "")
	require.Equal(t, "s3://b/old/", which(""), "a stated name before one from a path")
	newer := record("s3://b/newer/", "1", "acme/m")
	require.Equal(t, newer.Source, which(""), "the newest of equals")
	require.Equal(t, "s3://b/old/", which(newer.Source))
	record("s3://b/newer/", "2", "acme/other")
	require.Equal(t, "s3://b/old/", which(""), "what newer pins have superseded comes last")
	rejected := record("s3://b/rejected/", "1", "acme/m")
	b.vote(rejected.ID, pipeline.DecisionReject)
	record("s3://b/undecided/", "1", "acme/m")
	require.Equal(t, rejected.Source, which(""), "what was decided before what was not")
	approved := record("s3://b/approved/", "1", "acme/m")
	b.vote(approved.ID, pipeline.DecisionApprove)
	for i := range 30 {
		record(fmt.Sprintf("s3://b/flood-%d/", i), "1", "acme/m")
	}
	require.Equal(t, approved.Source, which(""), "an approval is not hidden by many others")
	require.Equal(t, pipeline.StateApproved, b.named("", "acme/m")["acme/m"].State)
}

// modelsBuilt: models of the same structure are found by fingerprints alone, in the order
// of the finder of cases.
func (s Suite) modelsBuilt(t *testing.T) {
	b := s.setup(t)
	built := func(f, m, apart string) []pipeline.KnownModel {
		found, err := b.book.ModelsBuilt(t.Context(), pipeline.Structure{Fingerprint: known(f), MatrixFingerprint: known(m)}, apart)
		require.NoError(t, err)
		require.NotNil(t, found)
		return found
	}
	same := func(c pipeline.Case, id string, like pipeline.Likeness) pipeline.KnownModel {
		m := onRecord(c, id, false, "")
		m.Same = like
		return m
	}
	first := b.record(Built("s3://b/a/first/", "1", "f1", "m1", 1<<40))
	packed := b.record(Built("s3://b/a/packed/", "1", "f2", "m1", 1<<40))
	b.record(Built("s3://b/a/small/", "1", "f1", "m1", pipeline.LeastStructure-1))
	b.record(Built("s3://b/a/unknown/", "1", "", "", 1<<40))
	require.Equal(t, []pipeline.KnownModel{same(packed, "a/packed", pipeline.LikeMatrices), same(first, "a/first", pipeline.LikeStructure)}, built("f1", "m1", ""))
	require.Equal(t, []pipeline.KnownModel{same(first, "a/first", pipeline.LikeStructure)}, built("f1", "m1", packed.Source))
	require.Empty(t, built("f1", "m1", first.Source), "what came later is not where it came from")
	require.Len(t, built("f1", "m1", "s3://b/new/"), 2)
	require.Equal(t, []pipeline.KnownModel{same(first, "a/first", pipeline.LikeStructure)}, built("f1", "", ""))
	require.Empty(t, built("", "", ""))
	require.Empty(t, built("f3", "m3", ""))

	stale := b.record(Built("s3://b/a/stale/", "1", "f1", "m1", 1<<40))
	b.record(Built("s3://b/a/stale/", "2", "f9", "m9", 1<<40))
	found := built("f1", "m1", "")
	require.Len(t, found, 3)
	require.Equal(t, stale.ID, found[2].Case)
	for i := range pipeline.MostSameStructure {
		b.record(Built(fmt.Sprintf("s3://b/a/more-%d/", i), "1", "f1", "m1", 1<<40))
	}
	require.Len(t, built("f1", "m1", ""), pipeline.MostSameStructure)
}
