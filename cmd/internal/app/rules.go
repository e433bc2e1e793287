package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"weighbridge/cmd/internal/config"
	"weighbridge/pipeline"
	"weighbridge/pipeline/engine"
	"weighbridge/pipeline/policy"
)

// Packs loads the named packs, all enforcing, or where none is named those that ship and
// those of the configuration, in their modes. A name with a slash or an ending is a file.
func Packs(rules config.Rules, names []string) ([]policy.Selected, error) {
	lib, err := library(rules)
	if err != nil {
		return nil, err
	}
	var selected []policy.Selected
	for _, name := range names {
		pack, err := loadPack(lib, name)
		if err != nil {
			return nil, err
		}
		selected = append(selected, policy.Selected{Pack: pack, Mode: pipeline.ModeEnforce})
	}
	if len(names) > 0 {
		return selected, nil
	}
	if selected, err = lib.Defaults(); err != nil {
		return nil, err
	}
	for _, file := range rules.Files {
		pack, err := loadPack(lib, file)
		if err != nil {
			return nil, err
		}
		same := func(s policy.Selected) bool { return s.Pack.Name == pack.Name }
		selected = append(slices.DeleteFunc(selected, same), policy.Selected{Pack: pack, Mode: pipeline.ModeEnforce})
	}
	for _, name := range slices.Sorted(maps.Keys(rules.Modes)) {
		i := slices.IndexFunc(selected, func(s policy.Selected) bool { return s.Pack.Name == name })
		if i < 0 {
			return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("a mode is given for the pack %q, and there is no such pack", name),
				Hint: "The packs are: " + strings.Join(packNames(selected), ", ") + "."}
		}
		selected[i].Mode = rules.Modes[name]
	}
	return selected, nil
}

func packNames(selected []policy.Selected) []string {
	var out []string
	for _, s := range selected {
		out = append(out, s.Pack.Name)
	}
	return out
}

// library returns the lists that ship, with those of the configuration in their place.
func library(rules config.Rules) (*policy.Library, error) {
	var lists []*policy.List
	for _, file := range rules.Lists {
		list, err := policy.LoadListFile(file)
		if err != nil {
			return nil, asUsage(err)
		}
		lists = append(lists, list)
	}
	return policy.NewLibrary(lists...)
}

func loadPack(lib *policy.Library, name string) (*policy.Pack, error) {
	if slices.Contains(policy.EmbeddedNames(), name) {
		return lib.Embedded(name)
	}
	if !strings.ContainsRune(name, '/') && filepath.Ext(name) == "" {
		_, err := lib.Embedded(name)
		return nil, asUsage(err)
	}
	pack, err := lib.LoadFile(name)
	if errors.Is(err, pipeline.ErrNotFound) {
		return nil, asUsage(err)
	}
	return pack, err
}

// asUsage makes an error the caller's: what was named does not exist.
func asUsage(err error) error {
	var e *pipeline.Error
	if errors.Is(err, pipeline.ErrNotFound) && errors.As(err, &e) {
		return &pipeline.Error{Code: pipeline.CodeUsage, Message: e.Message, Hint: e.Hint, Err: e.Err}
	}
	return err
}

// Rejudged is what judging a stored case again came to.
type Rejudged struct {
	Case    pipeline.Case    `json:"case"`
	Before  pipeline.Verdict `json:"before"`
	After   pipeline.Verdict `json:"after"`
	State   pipeline.State   `json:"state"`
	Changes []policy.Change  `json:"changes"`
}

// Same reports whether verdict and findings are as they were.
func (r Rejudged) Same() bool { return r.Before == r.After && len(r.Changes) == 0 }

// Rejudging is how stored cases are judged again.
type Rejudging struct {
	// Packs and AsOf are as in [Run].
	Packs []string
	AsOf  time.Time
	// Apply writes what came out; else nothing is changed.
	Apply bool
	// By is who has the rules applied, the settings' actor where it is nil.
	By *pipeline.Actor
	// Cause is what cases are told that it opens again; "" says what changed about each.
	Cause string
	// Each is called for every case that was judged, in order of age, by one goroutine
	// at a time.
	Each func(Rejudged) error
}

// walkPage is how many cases are looked up at a time.
const walkPage = 500

// Rejudge judges every case of the queue again, from its stored facts. Cases are judged
// side by side. A case whose findings and verdict stay as they were is left alone. One that
// is not as it was stored keeps no other from being judged: the error then names the first
// and matches [pipeline.ErrTampered].
func (a *App) Rejudge(ctx context.Context, queue *Queue, how Rejudging) error {
	e, err := a.engine(how.Packs)
	if err != nil {
		return err
	}
	var after uuid.UUID
	var broken error
	for {
		ids, err := queue.DB.CaseIDs(ctx, after, walkPage)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			return broken
		}
		after = ids[len(ids)-1]
		found, err := a.rejudgePage(ctx, queue, e, how, ids)
		if err != nil {
			return err
		}
		if broken == nil {
			broken = found
		}
	}
}

// rejudgePage judges some cases again. broken is the first that is not as it was stored.
func (a *App) rejudgePage(ctx context.Context, queue *Queue, e *engine.Engine, how Rejudging, ids []uuid.UUID) (broken, err error) {
	results := make([]Rejudged, len(ids))
	faults := make([]error, len(ids))
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, id := range ids {
		group.Go(func() (err error) {
			results[i], err = a.rejudgeOne(gctx, queue, e, how, id)
			if errors.Is(err, pipeline.ErrTampered) {
				a.Logger.Error("a case could not be judged again", "case", id, "error", err)
				faults[i], err = fmt.Errorf("judge case %s again: %w", id, err), nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i, r := range results {
		if faults[i] != nil {
			broken = cmp.Or(broken, faults[i])
			continue
		}
		if err := how.Each(r); err != nil {
			return nil, err
		}
	}
	return broken, nil
}

func (a *App) rejudgeOne(ctx context.Context, queue *Queue, e *engine.Engine, how Rejudging, id uuid.UUID) (Rejudged, error) {
	stored, err := queue.DB.Report(ctx, id)
	if err != nil {
		return Rejudged{}, err
	}
	submitted, err := queue.DB.Submission(ctx, id)
	if err != nil {
		return Rejudged{}, err
	}
	w, err := e.Rejudge(ctx, &stored, submitted, how.AsOf)
	if err != nil {
		return Rejudged{}, fmt.Errorf("judge case %s again: %w", id, err)
	}
	out := Rejudged{Before: stored.Verdict, After: w.Report.Verdict, Changes: policy.DiffFindings(stored.Findings, w.Report.Findings)}
	alike, err := sameFindings(stored.Findings, w.Report.Findings)
	if err != nil {
		return out, err
	}
	if how.Apply && (!out.Same() || !alike) {
		w.Cause = how.Cause
		by := a.Settings.Who()
		if how.By != nil {
			by = *how.By
		}
		out.Case, err = queue.Rejudge(ctx, id, w, by)
	} else {
		out.Case, err = queue.DB.Case(ctx, id)
	}
	out.State = out.Case.State
	return out, err
}

// sameFindings tells whether two lists of findings say the same. Stored numbers have
// another type than computed ones, and the same text.
func sameFindings(a, b []pipeline.Finding) (bool, error) {
	x, err := json.Marshal(a)
	if err != nil {
		return false, err
	}
	y, err := json.Marshal(b)
	return string(x) == string(y), err
}

// Explain says how a rule comes out on the stored facts of a case, as on a day.
func (a *App) Explain(ctx context.Context, queue *Queue, id uuid.UUID, rule string, packs []string, asOf time.Time) (*policy.Explanation, error) {
	selected, err := Packs(a.Settings.Rules, packs)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(selected, func(s policy.Selected) bool {
		return slices.ContainsFunc(s.Pack.Rules, func(r policy.Rule) bool { return r.ID == rule })
	})
	if i < 0 {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("no pack has a rule %q", rule), Hint: "see: weighbridge rules list"}
	}
	e, err := a.engine(packs)
	if err != nil {
		return nil, err
	}
	stored, err := queue.DB.Report(ctx, id)
	if err != nil {
		return nil, err
	}
	w, err := e.Rejudge(ctx, &stored, nil, asOf)
	if err != nil {
		return nil, err
	}
	facts, err := pipeline.FactSetFrom(w.Report.Facts, w.Report.FactsIndex)
	if err != nil {
		return nil, err
	}
	return selected[i].Pack.Explain(ctx, rule, facts, asOf)
}
