package app

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy"
)

// Previewed is what other modes of packs would come to.
type Previewed struct {
	// Changed are the cases whose verdict or findings would change, the newest first.
	Changed []Rejudged
	// Judged counts the cases that were judged, Whole is true where those are all.
	Judged int
	Whole  bool
	// Since is when the oldest case was queued that was judged, zero where none was.
	Since time.Time
}

// Verdicts counts the cases whose verdict would change.
func (p Previewed) Verdicts() int {
	n := 0
	for _, r := range p.Changed {
		if r.Before != r.After {
			n++
		}
	}
	return n
}

// Preview judges the newest cases again with other modes of the configured packs, and
// changes nothing. At most so many cases are judged, and for at most so long; what is left
// out is told by [Previewed.Whole]. An error matches [pipeline.ErrUsage] for a pack or a
// mode that does not exist.
func (s *Service) Preview(ctx context.Context, modes map[string]pipeline.Mode, most int, within time.Duration) (Previewed, error) {
	selected, err := s.withModes(modes)
	if err != nil {
		return Previewed{}, err
	}
	e, err := s.App.engineWith(selected)
	if err != nil {
		return Previewed{}, err
	}
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var out Previewed
	cursor := ""
	for {
		page, err := s.Queue.DB.Cases(ctx, pipeline.CaseFilter{Cursor: cursor, Limit: min(most-out.Judged, 50)})
		if err != nil {
			return out, err
		}
		results := make([]*Rejudged, len(page.Items))
		group, gctx := errgroup.WithContext(limited)
		group.SetLimit(runtime.GOMAXPROCS(0))
		for i, c := range page.Items {
			group.Go(func() error {
				r, err := s.App.rejudgeOne(gctx, s.Queue, e, Rejudging{AsOf: s.Now()}, c.ID)
				results[i] = &r
				return err
			})
		}
		err = group.Wait()
		switch {
		case err != nil && limited.Err() != nil && ctx.Err() == nil:
			return out, nil // the time is over, and this page is left out as a whole
		case err != nil && errors.Is(err, ctx.Err()):
			return out, ctx.Err()
		case err != nil:
			return out, err
		}
		for i, r := range results {
			out.Judged++
			out.Since = page.Items[i].CreatedAt
			if !r.Same() {
				out.Changed = append(out.Changed, *r)
			}
		}
		cursor = page.Next
		if cursor == "" {
			out.Whole = true
			return out, nil
		}
		if out.Judged >= most {
			return out, nil
		}
	}
}

// withModes returns the configured packs with other modes.
func (s *Service) withModes(modes map[string]pipeline.Mode) ([]policy.Selected, error) {
	selected, err := s.PacksNamed(nil)
	if err != nil {
		return nil, err
	}
	selected = slices.Clone(selected)
	for name, mode := range modes {
		i := slices.IndexFunc(selected, func(p policy.Selected) bool { return p.Pack.Name == name })
		if i < 0 {
			return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("there is no pack %q", name), Hint: "The packs are: " + strings.Join(packNames(selected), ", ") + "."}
		}
		selected[i].Mode = mode
	}
	return selected, nil
}
