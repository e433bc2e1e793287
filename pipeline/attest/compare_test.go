package attest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
)

func TestCompare(t *testing.T) {
	t.Parallel()
	with := func(change func(o []attest.Object) []attest.Object) []attest.Object { return change(objects()) }
	for name, tc := range map[string]struct {
		found []attest.Object
		want  []attest.Difference
		text  string
	}{
		"same": {found: objects()},
		"any_order": {found: with(func(o []attest.Object) []attest.Object {
			slices.Reverse(o)
			return o
		})},
		"byte_changed": {found: with(func(o []attest.Object) []attest.Object { o[2].SHA256 = sum("twx"); return o }),
			want: []attest.Difference{{Kind: attest.DifferenceChanged, Path: "model-00002-of-00002.safetensors"}},
			text: `"model-00002-of-00002.safetensors" was changed`},
		"size_changed": {found: with(func(o []attest.Object) []attest.Object { o[0].Size++; return o }),
			want: []attest.Difference{{Kind: attest.DifferenceChanged, Path: "config.json"}}},
		"added": {found: with(func(o []attest.Object) []attest.Object {
			return append(o, attest.Object{Path: "pickle.bin", Size: 3, SHA256: sum("pickle")})
		}), want: []attest.Difference{{Kind: attest.DifferenceAdded, Path: "pickle.bin"}}, text: `"pickle.bin" was added`},
		"removed": {found: with(func(o []attest.Object) []attest.Object { return o[1:] }),
			want: []attest.Difference{{Kind: attest.DifferenceRemoved, Path: "config.json"}}, text: `"config.json" is missing`},
		"renamed": {found: with(func(o []attest.Object) []attest.Object { o[0].Path = "Config.json"; return o }),
			want: []attest.Difference{{Kind: attest.DifferenceRenamed, Path: "config.json", Found: "Config.json"}}, text: `"config.json" is now "Config.json"`},
		"copied": {found: with(func(o []attest.Object) []attest.Object {
			return append(o, attest.Object{Path: "copy.json", Size: o[0].Size, SHA256: o[0].SHA256})
		}), want: []attest.Difference{{Kind: attest.DifferenceAdded, Path: "copy.json"}}},
		"swapped": {found: with(func(o []attest.Object) []attest.Object { o[0].Path, o[1].Path = o[1].Path, o[0].Path; return o }),
			want: []attest.Difference{{Kind: attest.DifferenceChanged, Path: "config.json"}, {Kind: attest.DifferenceChanged, Path: "model-00001-of-00002.safetensors"}}},
		"all_gone": {found: nil, want: []attest.Difference{{Kind: attest.DifferenceRemoved, Path: "config.json"},
			{Kind: attest.DifferenceRemoved, Path: "model-00001-of-00002.safetensors"}, {Kind: attest.DifferenceRemoved, Path: "model-00002-of-00002.safetensors"},
			{Kind: attest.DifferenceRemoved, Path: "sub/empty"}, {Kind: attest.DifferenceRemoved, Path: "tokenizer.json"}}},
		"approval_beside": {found: with(func(o []attest.Object) []attest.Object {
			return append(o, attest.Object{Path: pipeline.ApprovalName, Size: 9000}, attest.Object{Path: pipeline.SubmissionName, Size: 900})
		})},
		"approval_in_a_folder": {found: with(func(o []attest.Object) []attest.Object {
			return append(o, attest.Object{Path: "sub/" + pipeline.ApprovalName, Size: 9000, SHA256: sum("approval")})
		}), want: []attest.Difference{{Kind: attest.DifferenceAdded, Path: "sub/" + pipeline.ApprovalName}}},
		"weights_named_as_an_approval": {found: with(func(o []attest.Object) []attest.Object {
			return append(o, attest.Object{Path: pipeline.ApprovalName, Size: 70 << 30, SHA256: sum("weights")})
		}), want: []attest.Difference{{Kind: attest.DifferenceAdded, Path: pipeline.ApprovalName}}},
		"weights_named_as_a_submission": {found: with(func(o []attest.Object) []attest.Object {
			return append(o, attest.Object{Path: pipeline.SubmissionName, Size: 2 << 20, SHA256: sum("weights")})
		}), want: []attest.Difference{{Kind: attest.DifferenceAdded, Path: pipeline.SubmissionName}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := attest.Compare(ptr(sample()), tc.found)
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
			if err := attest.Differs(got); tc.want == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, attest.ErrOtherBytes)
				require.ErrorContains(t, err, tc.text)
			}
		})
	}
}

func TestCompare_Refuses(t *testing.T) {
	t.Parallel()
	_, err := attest.Compare(ptr(storeBound()), objects())
	require.ErrorIs(t, err, attest.ErrStoreBound)
	_, err = attest.Compare(ptr(sample()), append(objects(), objects()[0]))
	require.ErrorIs(t, err, pipeline.ErrUsage)
	bare := objects()
	bare[1].SHA256 = ""
	_, err = attest.Compare(ptr(sample()), bare)
	require.ErrorIs(t, err, pipeline.ErrUsage)
}

// What lies beside an artifact is no part of it, so that no approval can list it.
func TestApproval_RefusesAnApprovalAsObject(t *testing.T) {
	t.Parallel()
	a := sample()
	a.Artifact.Objects = append(a.Artifact.Objects, attest.Object{Path: pipeline.ApprovalName, Size: 10, SHA256: sum("old")})
	slices.SortFunc(a.Artifact.Objects, func(a, b attest.Object) int { return strings.Compare(a.Path, b.Path) })
	bind(&a)
	_, err := a.Sign(t.Context(), fixed(t))
	require.ErrorIs(t, err, pipeline.ErrInvalid)
	require.ErrorContains(t, err, "lies beside the artifact")
}

// Whatever differs is named, once, and nothing that does not.
func TestCompare_NamesEveryDifference(t *testing.T) {
	t.Parallel()
	tree := rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f/g"}), rapid.SampledFrom([]string{"x", "y", "z"}), 0, 6)
	listed := func(files map[string]string) []attest.Object {
		out := []attest.Object{}
		for path, content := range files {
			out = append(out, attest.Object{Path: path, Size: int64(len(content)), SHA256: sum(content)})
		}
		slices.SortFunc(out, func(a, b attest.Object) int {
			if a.Path < b.Path {
				return -1
			}
			return 1
		})
		return out
	}
	rapid.Check(t, func(r *rapid.T) {
		was, is := tree.Draw(r, "approved"), tree.Draw(r, "found")
		a := sample()
		a.Artifact.Objects = listed(was)
		bind(&a)
		got, err := attest.Compare(&a, listed(is))
		require.NoError(r, err)
		// Undoing every difference leads back to what was approved.
		for _, d := range got {
			switch d.Kind {
			case attest.DifferenceAdded:
				require.NotContains(r, was, d.Path)
				delete(is, d.Path)
			case attest.DifferenceRenamed:
				require.Equal(r, was[d.Path], is[d.Found])
				delete(is, d.Found)
				is[d.Path] = was[d.Path]
			case attest.DifferenceChanged:
				require.Contains(r, is, d.Path)
				is[d.Path] = was[d.Path]
			case attest.DifferenceRemoved:
				require.NotContains(r, is, d.Path)
				is[d.Path] = was[d.Path]
			}
		}
		require.Equal(r, was, is)
	})
}

func TestCovers(t *testing.T) {
	t.Parallel()
	content, store, clear := sample(), storeBound(), cleared()
	asked := func(a attest.Approval, change func(*pipeline.ApprovalQuery)) pipeline.ApprovalQuery {
		q := pipeline.ApprovalQuery{Source: a.Artifact.Source, PinDigest: a.Artifact.PinDigest, HeaderDigest: a.Artifact.HeaderDigest,
			ContentDigest: a.Artifact.ContentDigest, SubmissionDigest: a.Submission, Verdict: a.Verdict.Verdict}
		change(&q)
		return q
	}
	same := func(*pipeline.ApprovalQuery) {}
	for name, tc := range map[string]struct {
		approval attest.Approval
		query    pipeline.ApprovalQuery
		bound    pipeline.ApprovalBound
		want     error
	}{
		"content":           {content, asked(content, same), pipeline.BoundContent, nil},
		"content_elsewhere": {content, asked(content, func(q *pipeline.ApprovalQuery) { q.Source, q.PinDigest = "s3://mirror/", digest("x") }), pipeline.BoundContent, nil},
		"content_by_pins":   {content, asked(content, func(q *pipeline.ApprovalQuery) { q.ContentDigest = nil }), pipeline.BoundStore, nil},
		"unpinned":          {content, asked(content, func(q *pipeline.ApprovalQuery) { q.Unpinned = true }), pipeline.BoundContent, nil},
		"unpinned_by_pins":  {content, asked(content, func(q *pipeline.ApprovalQuery) { q.ContentDigest, q.Unpinned = nil, true }), "", attest.ErrOtherBytes},
		"store_unpinned":    {store, asked(store, func(q *pipeline.ApprovalQuery) { q.Unpinned = true }), "", attest.ErrOtherBytes},
		"other_content":     {content, asked(content, func(q *pipeline.ApprovalQuery) { q.ContentDigest = ptr(digest("x")) }), "", attest.ErrOtherBytes},
		"other_pins":        {content, asked(content, func(q *pipeline.ApprovalQuery) { q.ContentDigest, q.PinDigest = nil, digest("x") }), "", attest.ErrOtherBytes},
		"other_headers":     {content, asked(content, func(q *pipeline.ApprovalQuery) { q.ContentDigest, q.HeaderDigest = nil, digest("x") }), "", attest.ErrOtherBytes},
		"other_submission":  {content, asked(content, func(q *pipeline.ApprovalQuery) { q.SubmissionDigest = ptr(digest("x")) }), "", attest.ErrOtherSubmission},
		"no_submission":     {content, asked(content, func(q *pipeline.ApprovalQuery) { q.SubmissionDigest = nil }), "", attest.ErrOtherSubmission},
		"weaker_verdict":    {content, asked(content, func(q *pipeline.ApprovalQuery) { q.Verdict = pipeline.VerdictClear }), pipeline.BoundContent, nil},
		"stronger_verdict":  {content, asked(content, func(q *pipeline.ApprovalQuery) { q.Verdict = pipeline.VerdictBlock }), "", attest.ErrStrongerVerdict},
		"no_verdict":        {content, asked(content, func(q *pipeline.ApprovalQuery) { q.Verdict = "" }), "", attest.ErrStrongerVerdict},
		"store":             {store, asked(store, same), pipeline.BoundStore, nil},
		"store_hashed_now":  {store, asked(store, func(q *pipeline.ApprovalQuery) { q.ContentDigest = ptr(digest("x")) }), pipeline.BoundStore, nil},
		"store_elsewhere":   {store, asked(store, func(q *pipeline.ApprovalQuery) { q.Source = "s3://mirror/" }), "", attest.ErrOtherBytes},
		"store_other_pins":  {store, asked(store, func(q *pipeline.ApprovalQuery) { q.PinDigest = digest("x") }), "", attest.ErrOtherBytes},
		"cleared":           {clear, asked(clear, same), pipeline.BoundContent, nil},
		"cleared_now_not":   {clear, asked(clear, func(q *pipeline.ApprovalQuery) { q.Verdict = pipeline.VerdictReview }), "", attest.ErrStrongerVerdict},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := tc.approval.Covers(tc.query)
			require.Equal(t, tc.bound, got)
			require.ErrorIs(t, err, tc.want)
		})
	}
}

func TestSigningRoot(t *testing.T) {
	t.Parallel()
	// printf hello | sha256sum, and so on; both sums in binary, one after the other, through sha256sum.
	root, ok := attest.SigningRoot([]attest.Object{{Path: "a", SHA256: sum("hello")}, {Path: "b", SHA256: sum("world")}})
	require.True(t, ok)
	require.Equal(t, pipeline.Digest("sha256:7305db9b2abccd706c256db3d97e5ff48d677cfe4d3a5904afb7da0e3950e1e2"), root)
	_, ok = attest.SigningRoot([]attest.Object{{Path: "a"}})
	require.False(t, ok)
}

// A store-bound approval names what was written again, by pins.
func TestComparePins(t *testing.T) {
	t.Parallel()
	a := storeBound()
	is := func(change func([]attest.Object) []attest.Object) []attest.Object {
		return change(slices.Clone(a.Artifact.Objects))
	}
	first := a.Artifact.Objects[0].Path
	tests := map[string]struct {
		objects []attest.Object
		want    []attest.Difference
	}{
		"Same": {is(func(o []attest.Object) []attest.Object {
			return append(o, attest.Object{Path: pipeline.ApprovalName, Size: 9000, ETag: "x"}, attest.Object{Path: pipeline.SubmissionName, Size: 1})
		}), nil},
		"ETag":    {is(func(o []attest.Object) []attest.Object { o[0].ETag = "new"; return o }), []attest.Difference{{Kind: attest.DifferenceChanged, Path: first}}},
		"Version": {is(func(o []attest.Object) []attest.Object { o[0].VersionID = "v"; return o }), []attest.Difference{{Kind: attest.DifferenceChanged, Path: first}}},
		"Size":    {is(func(o []attest.Object) []attest.Object { o[0].Size++; return o }), []attest.Difference{{Kind: attest.DifferenceChanged, Path: first}}},
		"Removed": {is(func(o []attest.Object) []attest.Object { return o[1:] }), []attest.Difference{{Kind: attest.DifferenceRemoved, Path: first}}},
		"Added": {is(func(o []attest.Object) []attest.Object { return append(o, attest.Object{Path: "zz"}) }),
			[]attest.Difference{{Kind: attest.DifferenceAdded, Path: "zz"}}},
	}
	for name, test := range tests {
		got, err := attest.ComparePins(&a, test.objects)
		require.NoError(t, err, name)
		require.Equal(t, test.want, got, name)
	}
	_, err := attest.ComparePins(&a, append(slices.Clone(a.Artifact.Objects), a.Artifact.Objects[0]))
	require.ErrorIs(t, err, pipeline.ErrUsage)
	_, err = attest.ComparePins(ptr(sample()), nil)
	require.ErrorIs(t, err, pipeline.ErrUsage)
}
