package sqldbtest

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

// paged reads a list to its end, page by page of at most so many items, 0 for the default.
// Cursors that no page gave are refused.
func paged[T any](t *testing.T, limit int, read func(cursor string) (pipeline.PageOf[T], error)) []T {
	t.Helper()
	for _, wrong := range []string{"1", "no-cursor", "~", "' OR 1=1 --", uuid.NewString() + "x", ",", "2026-01-01T00:00:00Z,"} {
		_, err := read(wrong)
		require.ErrorIs(t, err, pipeline.ErrUsage, wrong)
	}
	out := []T{}
	for cursor := ""; ; {
		page, err := read(cursor)
		require.NoError(t, err)
		require.NotNil(t, page.Items)
		if limit > 0 {
			require.LessOrEqual(t, len(page.Items), limit)
		}
		if page.Next != "" {
			require.NotEmpty(t, page.Items)
			require.NotEqual(t, cursor, page.Next)
		}
		out = append(out, page.Items...)
		if cursor = page.Next; cursor == "" {
			return out
		}
	}
}

// checkPages: a list does not lose or repeat what was there when its first page was read,
// whatever is added or ends while somebody goes on.
func (s Suite) checkPages(t *testing.T) {
	b := s.setup(t)
	const before = 205
	var want []uuid.UUID
	for range before {
		want = append([]uuid.UUID{b.ask("s3://b/m/", "sam").ID}, want...)
	}
	first, err := b.book.Checks(t.Context(), pipeline.CheckFilter{Limit: 1000})
	require.NoError(t, err)
	require.Len(t, first.Items, 200, "a page is bounded")
	failure := &pipeline.CheckFailure{Code: pipeline.CodeDenied, Message: "the bucket refused"}
	var seen []uuid.UUID
	for _, c := range paged(t, 60, func(cursor string) (pipeline.PageOf[pipeline.Check], error) {
		b.ask("s3://b/later/", "sam")
		if cursor != "" {
			id, err := uuid.Parse(cursor)
			if err == nil { // the item that the cursor stands on ends
				require.NoError(t, b.book.EndCheck(t.Context(), id, pipeline.CheckOutcome{Failure: failure, At: b.now}))
			}
		}
		return b.book.Checks(t.Context(), pipeline.CheckFilter{By: "SAM", Cursor: cursor, Limit: 60})
	}) {
		if c.Source == "s3://b/m/" {
			seen = append(seen, c.ID)
		}
	}
	require.Equal(t, want, seen)
}
