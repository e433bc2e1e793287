package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"weighbridge/pipeline"
	"weighbridge/pipeline/jobs"
	"weighbridge/pipeline/notice"
	"weighbridge/pipeline/policy"
)

const (
	// lapsingWithin is how long before its end an exception is told of.
	lapsingWithin = 14 * 24 * time.Hour
	// replyKept is how long the answer to an idempotency key is kept.
	replyKept = 48 * time.Hour
)

// Tasks is the work that comes round. teller and checkpoint may be nil.
func (s *Service) Tasks(teller *notice.Teller, checkpoint func(context.Context) error) []jobs.Task {
	tasks := []jobs.Task{
		{Name: "expire approvals", Every: time.Minute, Run: func(ctx context.Context) error { return dropCount(s.Queue.Expire(ctx)) }},
		{Name: "overdue cases", Every: time.Minute, Run: func(ctx context.Context) error { return dropCount(s.Queue.Overdue(ctx)) }},
		{Name: "lapsing exceptions", Every: time.Hour, Run: func(ctx context.Context) error { return dropCount(s.Queue.Lapsing(ctx, lapsingWithin)) }},
		{Name: "prune sessions", Every: time.Hour, Run: func(ctx context.Context) error { return s.Queue.DB.PruneSessions(ctx, s.Now()) }},
		{Name: "prune replies", Every: time.Hour, Run: func(ctx context.Context) error { return s.Queue.DB.PruneReplies(ctx, s.Now().Add(-replyKept)) }},
	}
	if teller != nil {
		tasks = append(tasks, jobs.Task{Name: "notices", Every: 10 * time.Second, Run: func(ctx context.Context) error {
			if _, err := teller.Collect(ctx); err != nil {
				return err
			}
			return dropCount(teller.Deliver(ctx))
		}})
	}
	if checkpoint != nil {
		tasks = append(tasks, jobs.Task{Name: "checkpoints", Every: time.Minute, Run: checkpoint})
	}
	return tasks
}

func dropCount(_ int, err error) error { return err }

// StaleChecks returns the checks that nobody works on.
func (s *Service) StaleChecks(ctx context.Context, limit int) ([]uuid.UUID, error) {
	return s.Queue.DB.StaleChecks(ctx, s.Now(), limit)
}

// rememberedRules is where it is remembered by which rules the queue was judged last.
const rememberedRules = "rules"

// RulesChanged says in which packs the configured rules differ from those that the queue
// was judged by last, "" where in none. A desk that judged by none yet has not changed.
func (s *Service) RulesChanged(ctx context.Context) (string, error) {
	was, err := s.Queue.DB.Remembered(ctx, rememberedRules)
	if err != nil {
		return "", err
	}
	is, err := s.rules()
	if err != nil {
		return "", err
	}
	if was == "" {
		return "", s.Queue.DB.Remember(ctx, rememberedRules, is)
	}
	return rulesDiffer(was, is), nil
}

// rules names the configured packs, their modes and digests, one on a line.
func (s *Service) rules() (string, error) {
	selected, err := Packs(s.App.Settings.Rules, nil)
	if err != nil {
		return "", err
	}
	slices.SortFunc(selected, func(a, b policy.Selected) int { return strings.Compare(a.Pack.Name, b.Pack.Name) })
	var lines []string
	for _, p := range selected {
		lines = append(lines, fmt.Sprintf("%s %s %s %s", p.Pack.Name, p.Pack.Version, p.Mode, p.Pack.Digest))
	}
	return strings.Join(lines, "\n"), nil
}

// rulesDiffer says in words how one list of packs differs from another.
func rulesDiffer(was, is string) string {
	before, after := packLines(was), packLines(is)
	var said []string
	for _, name := range sortedNames(before, after) {
		b, a := before[name], after[name]
		switch {
		case b == a:
		case b == packLine{}:
			said = append(said, name+" is new")
		case a == packLine{}:
			said = append(said, name+" is gone")
		case b.mode != a.mode:
			said = append(said, fmt.Sprintf("%s was %s and is %s", name, b.mode, a.mode))
		case b.version != a.version:
			said = append(said, fmt.Sprintf("%s version %s became %s", name, b.version, a.version))
		default:
			said = append(said, name+" has other rules or lists")
		}
	}
	if len(said) == 0 {
		return ""
	}
	return "rules changed: " + strings.Join(said, ", ")
}

type packLine struct{ version, mode, digest string }

func packLines(text string) map[string]packLine {
	out := map[string]packLine{}
	for line := range strings.SplitSeq(text, "\n") {
		if f := strings.Fields(line); len(f) == 4 {
			out[f[0]] = packLine{f[1], f[2], f[3]}
		}
	}
	return out
}

func sortedNames(maps ...map[string]packLine) []string {
	var out []string
	for _, m := range maps {
		for name := range m {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// RejudgeAll judges every stored case again by the configured rules, and notes that it
// did. Cases that it opens again are told the cause.
func (s *Service) RejudgeAll(ctx context.Context, cause string) error {
	is, err := s.rules()
	if err != nil {
		return err
	}
	s.App.Logger.Info("judging the queue again", "cause", cause)
	judged, changed := 0, 0
	system := pipeline.SystemActor()
	err = s.App.Rejudge(ctx, s.Queue, Rejudging{AsOf: s.Now(), Apply: true, By: &system, Cause: cause, Each: func(r Rejudged) error {
		judged++
		if r.Before != r.After {
			changed++
		}
		return nil
	}})
	s.App.Logger.Info("judged again", "cases", judged, "other verdicts", changed, "whole", err == nil)
	if err != nil {
		return err
	}
	return s.Queue.DB.Remember(ctx, rememberedRules, is)
}
