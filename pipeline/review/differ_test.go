package review_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/review"
)

func object(path string, size int64, etag, sum string) pipeline.ArtifactObject {
	o := pipeline.ArtifactObject{Object: pipeline.Object{Path: path, Size: size, ETag: etag}}
	if sum != "" {
		o.SHA256 = pipeline.DigestBytes([]byte(sum))
	}
	return o
}

func TestDiffer(t *testing.T) {
	t.Parallel()
	stop := pipeline.Finding{Pack: "p", Rule: "R-1", Mode: pipeline.ModeEnforce, Outcome: pipeline.OutcomeMatched, Effect: pipeline.EffectReview}
	more, less, family := int64(9), int64(8), "llama"
	was := pipeline.Report{Verdict: pipeline.VerdictClear}
	was.Artifact.Objects = []pipeline.ArtifactObject{object("a", 1, "1", "a"), object("b", 1, "1", ""), object("c", 1, "1", "c"),
		object("d", 1, "", ""), object("e", 5, "5", "e"), object("gone", 1, "1", "")}
	was.Facts.Params.Estimate, was.Facts.Architecture.Family = &less, &family
	require.True(t, review.Differ(&pipeline.Report{}, &pipeline.Report{}).Nothing())

	is := pipeline.Report{Verdict: pipeline.VerdictReview, Findings: []pipeline.Finding{stop}}
	is.Artifact.Objects = []pipeline.ArtifactObject{object("a", 1, "2", "a"), object("b", 1, "2", ""), object("c", 1, "1", "other"),
		object("d", 1, "", ""), object("f", 5, "5", "e"), object("new", 1, "1", "")}
	is.Facts.Params.Estimate = &more
	d := review.Differ(&was, &is)
	require.False(t, d.Nothing())
	require.Equal(t, []string{"new"}, d.Added)
	require.Equal(t, []string{"gone"}, d.Removed)
	require.Equal(t, []string{"b", "c", "d"}, d.Changed, "another pin, other bytes, and what has neither pin nor digest")
	require.Equal(t, []review.Rename{{From: "e", To: "f"}}, d.Renamed)
	require.Equal(t, 1, d.Same)
	require.Equal(t, []pipeline.Finding{stop}, d.NewFindings)
	require.Empty(t, d.GoneFindings)
	require.Equal(t, "llama", d.FamilyBefore)
	require.Empty(t, d.FamilyAfter)
	require.Equal(t, []pipeline.Finding{stop}, review.Differ(&is, &was).GoneFindings)
}
