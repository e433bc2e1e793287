package report_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
)

// twins are matches of other cases, the first of them with an odd source.
func twins(n int) []pipeline.StructureMatch {
	var out []pipeline.StructureMatch
	for i := range n {
		out = append(out, pipeline.StructureMatch{ID: uuid.UUID{15: byte(i)}, Source: fmt.Sprintf("s3://b/%d/", i),
			State: pipeline.StateChangesRequested, Verdict: pipeline.VerdictReview, Same: pipeline.LikeStructure})
	}
	if n > 0 {
		out[0].Source, out[0].State, out[0].Same = "s3://b/\x1b[2J\u202e/", pipeline.StateApproved, pipeline.LikeMatrices
	}
	return out
}

func TestTable_SameStructure(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		found, shown int
		rest         string // "" where all are shown
	}{
		"NotAsked": {0, 0, ""},
		"One":      {1, 1, ""},
		"Six":      {6, 6, ""},
		"Seven":    {7, 5, "and 2 more cases of the same structure or matrices"},
		"Most":     {pipeline.MostSameStructure, 5, "and at least 15 more cases of the same structure or matrices"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &pipeline.Report{Case: &pipeline.CaseRef{State: pipeline.StateOpen, SameStructure: twins(test.found)}}
			var b bytes.Buffer
			require.NoError(t, report.Table(&b, r))
			table := b.String()
			require.Equal(t, test.shown, strings.Count(table, "s3://b/"))
			require.Equal(t, test.rest != "", strings.Contains(table, " more case"))
			require.Contains(t, table, test.rest)
			require.Equal(t, report.Clean(strings.ReplaceAll(table, "\n", "")), strings.ReplaceAll(table, "\n", ""))
			if test.found > 0 {
				require.Contains(t, table, `
             Same matrices, packed otherwise, as case 00000000-0000-0000-0000-000000000000,
             approved, s3://b/\x1b[2J\u202e/
`)
			}
			if test.found > 1 {
				require.Contains(t, table, `
             Same structure as case 00000000-0000-0000-0000-000000000001, changes requested,
             s3://b/1/
`)
			}
		})
	}
}

func TestSchema_HoldsForSameStructure(t *testing.T) {
	t.Parallel()
	schema := compiled(t)
	r := weigh(t, "empty")
	for _, n := range []int{0, 1, pipeline.MostSameStructure} {
		r.Case = &pipeline.CaseRef{ID: uuid.UUID{1}, State: pipeline.StateOpen, SameStructure: twins(n)}
		require.NoError(t, schema.Validate(document(t, r)))
	}
	r.Case.SameStructure[0].Same = "family"
	require.Error(t, schema.Validate(document(t, r)))
}
