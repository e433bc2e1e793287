package app_test

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/app"
	"weighbridge/cmd/internal/config"
	"weighbridge/fixtures"
	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
)

// enqueued collects what a service wants run.
type enqueued struct {
	mu  sync.Mutex
	ids []uuid.UUID
}

func (e *enqueued) Enqueue(_ context.Context, id uuid.UUID) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ids = append(e.ids, id)
	return nil
}

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// newService returns a service over a new database, with a model of 70 billion
// parameters in a folder.
func newService(t *testing.T) (s *app.Service, model string, now *time.Time) {
	t.Helper()
	at := noon
	now = &at
	a := &app.App{Logger: hclog.NewNullLogger(), Now: func() time.Time { return *now },
		Settings: config.Settings{DB: filepath.Join(t.TempDir(), "q.db"), Actor: "operator"}}
	queue, err := a.OpenQueue(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, queue.DB.Close()) })
	m, err := fixtures.Load("llama-3-70b")
	require.NoError(t, err)
	model = filepath.Join(t.TempDir(), m.Name)
	require.NoError(t, m.Write(model))
	return &app.Service{App: a, Queue: queue, Jobs: &enqueued{}, Folders: true}, model, now
}

func signedIn(name string, roles ...pipeline.ActorRole) pipeline.Actor {
	return pipeline.Actor{Name: name, Known: pipeline.KnownSignedIn, Roles: roles}
}

var (
	sam  = signedIn("sam", pipeline.RoleSubmitter)
	rita = signedIn("rita", pipeline.RoleReviewer)
)

func TestService_Ask(t *testing.T) {
	t.Parallel()
	s, model, _ := newService(t)
	declared, err := app.ParseSubmission("destination: {country: worldwide}\n")
	require.NoError(t, err)
	check, err := s.Ask(t.Context(), app.Asked{Source: model, Submission: declared, Packs: []string{"seed-article"}}, sam)
	require.NoError(t, err)
	require.Equal(t, []uuid.UUID{check.ID}, s.Jobs.(*enqueued).ids)
	kept, err := s.Queue.DB.CheckByID(t.Context(), check.ID)
	require.NoError(t, err)
	require.Equal(t, check, kept)

	for name, test := range map[string]struct {
		asked app.Asked
		want  error
	}{
		"NoSource":    {app.Asked{}, pipeline.ErrUsage},
		"NoSuchPack":  {app.Asked{Source: model, Packs: []string{"none"}}, pipeline.ErrUsage},
		"PackOfAFile": {app.Asked{Source: model, Packs: []string{"/etc/passwd.yaml"}}, pipeline.ErrUsage},
		"NoSuchCase":  {app.Asked{Source: model, Replaces: &uuid.UUID{1}}, pipeline.ErrNotFound},
	} {
		_, err := s.Ask(t.Context(), test.asked, sam)
		require.ErrorIs(t, err, test.want, name)
	}
	s.Folders, s.Sources = false, []string{"s3://staging/"}
	_, err = s.Ask(t.Context(), app.Asked{Source: model}, sam)
	require.ErrorIs(t, err, pipeline.ErrUsage)
	_, err = s.Ask(t.Context(), app.Asked{Source: "s3://staging-2/m/"}, sam)
	require.ErrorIs(t, err, pipeline.ErrForbidden)
	_, err = s.Ask(t.Context(), app.Asked{Source: "s3://staging/m/"}, sam)
	require.NoError(t, err)
}

func TestService_RunCheck(t *testing.T) {
	t.Parallel()
	s, model, _ := newService(t)
	check, err := s.Ask(t.Context(), app.Asked{Source: model}, sam)
	require.NoError(t, err)
	run := func(id uuid.UUID) {
		again, err := s.RunCheck(t.Context(), id, "w"+uuid.NewString())
		require.NoError(t, err)
		require.Zero(t, again)
	}
	run(check.ID)
	done, err := s.Queue.DB.CheckByID(t.Context(), check.ID)
	require.NoError(t, err)
	require.Equal(t, pipeline.CheckDone, done.State)
	require.Equal(t, pipeline.VerdictReview, done.Verdict)
	require.Equal(t, done.Objects, done.Inspected)
	require.Positive(t, done.Objects)
	c, err := s.Queue.DB.Case(t.Context(), *done.Case)
	require.NoError(t, err)
	require.Equal(t, "sam", c.Submitter.Name)
	require.Equal(t, pipeline.KnownSignedIn, c.Submitter.Known)

	// Once more changes nothing, and a check of the same bytes is of the same case.
	head, err := s.Queue.DB.AuditHead(t.Context())
	require.NoError(t, err)
	run(check.ID)
	after, err := s.Queue.DB.AuditHead(t.Context())
	require.NoError(t, err)
	require.Equal(t, head, after)
	second, err := s.Ask(t.Context(), app.Asked{Source: model}, sam)
	require.NoError(t, err)
	run(second.ID)
	again, err := s.Queue.DB.CheckByID(t.Context(), second.ID)
	require.NoError(t, err)
	require.Equal(t, done.Case, again.Case)

	// What cannot be read ends as failed, in words and without a case.
	gone, err := s.Ask(t.Context(), app.Asked{Source: filepath.Join(t.TempDir(), "none")}, sam)
	require.NoError(t, err)
	run(gone.ID)
	failed, err := s.Queue.DB.CheckByID(t.Context(), gone.ID)
	require.NoError(t, err)
	require.Equal(t, pipeline.CheckFailed, failed.State)
	require.Equal(t, pipeline.CodeNotFound, failed.Failure.Code)
	require.NotEmpty(t, failed.Failure.Hint)
	require.Nil(t, failed.Case)
}

// Whoever asks chooses more rules, and never fewer: else a submitter would clear the own
// model by rules that say nothing of it.
func TestService_RunCheck_KeepsTheDesksRules(t *testing.T) {
	t.Parallel()
	s, model, _ := newService(t)
	key, err := attest.GenerateKey(attest.Ed25519)
	require.NoError(t, err)
	s.Signer = key
	for _, packs := range [][]string{nil, {"integrity"}, {"us-data", "integrity"}} {
		check, err := s.Ask(t.Context(), app.Asked{Source: model, Packs: packs}, sam)
		require.NoError(t, err)
		_, err = s.RunCheck(t.Context(), check.ID, "w")
		require.NoError(t, err)
		check, err = s.Queue.DB.CheckByID(t.Context(), check.ID)
		require.NoError(t, err)
		require.Equal(t, pipeline.VerdictReview, check.Verdict, packs)
		c, err := s.Queue.DB.Case(t.Context(), *check.Case)
		require.NoError(t, err)
		require.Equal(t, pipeline.StateOpen, c.State, packs)
		r, err := s.Queue.DB.Report(t.Context(), c.ID)
		require.NoError(t, err)
		enforced := map[string]bool{}
		for _, p := range r.Packs {
			enforced[p.Name] = p.Mode == pipeline.ModeEnforce
		}
		for _, name := range append([]string{"integrity", "seed-article"}, packs...) {
			require.True(t, enforced[name], name)
		}
	}
}

// A worker that was given up for dead records nothing when it comes back.
func TestService_RunCheck_LostLease(t *testing.T) {
	t.Parallel()
	s, model, now := newService(t)
	check, err := s.Ask(t.Context(), app.Asked{Source: model}, sam)
	require.NoError(t, err)
	_, ok, err := s.Queue.DB.StartCheck(t.Context(), check.ID, "dead", *now, now.Add(time.Minute))
	require.NoError(t, err)
	require.True(t, ok)
	again, err := s.RunCheck(t.Context(), check.ID, "eager")
	require.NoError(t, err)
	require.Zero(t, again)
	is, err := s.Queue.DB.CheckByID(t.Context(), check.ID)
	require.NoError(t, err)
	require.Equal(t, pipeline.CheckRunning, is.State, "it belongs to another, whose lease holds")

	*now = now.Add(2 * time.Minute)
	stale, err := s.StaleChecks(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, []uuid.UUID{check.ID}, stale)
	_, err = s.RunCheck(t.Context(), check.ID, "heir")
	require.NoError(t, err)
	ok, err = s.Queue.DB.MoveCheck(t.Context(), check.ID, "dead", pipeline.CheckProgress{}, now.Add(time.Minute))
	require.NoError(t, err)
	require.False(t, ok)
	page, err := s.Queue.DB.Cases(t.Context(), pipeline.CaseFilter{})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
}

// A check that takes the whole process down each time is given up in the end.
func TestService_RunCheck_NeverEnds(t *testing.T) {
	t.Parallel()
	s, model, now := newService(t)
	check, err := s.Ask(t.Context(), app.Asked{Source: model}, sam)
	require.NoError(t, err)
	for i := range 10 {
		_, ok, err := s.Queue.DB.StartCheck(t.Context(), check.ID, fmt.Sprint("killed-", i), *now, now.Add(time.Minute))
		require.NoError(t, err)
		require.True(t, ok)
		*now = now.Add(2 * time.Minute)
	}
	_, err = s.RunCheck(t.Context(), check.ID, "last")
	require.NoError(t, err)
	check, err = s.Queue.DB.CheckByID(t.Context(), check.ID)
	require.NoError(t, err)
	require.Equal(t, pipeline.CheckFailed, check.State)
	require.Nil(t, check.Case)
	require.Contains(t, check.Failure.Message, "10 times")
}

// A check that is cut off by a stop is handed back at once.
func TestService_RunCheck_Stopped(t *testing.T) {
	t.Parallel()
	s, model, now := newService(t)
	check, err := s.Ask(t.Context(), app.Asked{Source: model}, sam)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	s.App.Now = func() time.Time { // the third time it is asked, the process stops
		if calls++; calls == 3 {
			cancel()
		}
		return *now
	}
	_, err = s.RunCheck(ctx, check.ID, "stopped")
	require.NoError(t, err)
	s.App.Now = func() time.Time { return *now }
	stale, err := s.StaleChecks(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, []uuid.UUID{check.ID}, stale)
}

// An answer with another submission takes the place of the case that it answers.
func TestService_Answered(t *testing.T) {
	t.Parallel()
	s, model, _ := newService(t)
	first, err := s.Ask(t.Context(), app.Asked{Source: model}, sam)
	require.NoError(t, err)
	_, err = s.RunCheck(t.Context(), first.ID, "w")
	require.NoError(t, err)
	first, err = s.Queue.DB.CheckByID(t.Context(), first.ID)
	require.NoError(t, err)
	_, _, err = s.Decide(t.Context(), pipeline.Ballot{Case: *first.Case, Actor: rita, Kind: pipeline.DecisionChanges, Reason: pipeline.ReasonEvidenceMissing, Comment: "where to?"})
	require.NoError(t, err)

	declared, err := app.ParseSubmission("destination: {country: worldwide}\n")
	require.NoError(t, err)
	_, err = s.Ask(t.Context(), app.Asked{Source: model, Submission: declared, Replaces: first.Case}, signedIn("mallory", pipeline.RoleSubmitter))
	require.ErrorIs(t, err, pipeline.ErrNotFound, "another submitter's case is none to answer")
	second, err := s.Ask(t.Context(), app.Asked{Source: model, Submission: declared, Replaces: first.Case}, sam)
	require.NoError(t, err)
	_, err = s.RunCheck(t.Context(), second.ID, "w")
	require.NoError(t, err)
	second, err = s.Queue.DB.CheckByID(t.Context(), second.ID)
	require.NoError(t, err)
	old, err := s.Queue.DB.Case(t.Context(), *first.Case)
	require.NoError(t, err)
	require.Equal(t, pipeline.StateSuperseded, old.State)
	require.Equal(t, second.Case, old.SupersededBy)
	view, err := s.View(t.Context(), *second.Case)
	require.NoError(t, err)
	require.Equal(t, "rita", view.Case.Claimant.Name)
	require.NotEmpty(t, view.Questions)
	require.Len(t, view.Relatives, 1)
	_, err = s.Queue.DB.VerifyAudit(t.Context(), nil)
	require.NoError(t, err)
}

func TestService_Visible(t *testing.T) {
	t.Parallel()
	s, model, _ := newService(t)
	w, err := s.App.Weigh(t.Context(), app.Run{Source: model, AsOf: noon, Keep: true})
	require.NoError(t, err)
	c, err := s.Queue.Record(t.Context(), w, sam)
	require.NoError(t, err)
	for _, test := range []struct {
		who pipeline.Actor
		may bool
	}{
		{sam, true}, {rita, true}, {signedIn("SAM", pipeline.RoleSubmitter), true}, {signedIn("x", pipeline.RoleAuditor), true},
		{signedIn("mallory", pipeline.RoleSubmitter), false}, {signedIn("nobody"), false},
	} {
		_, err := s.Visible(t.Context(), c.ID, test.who)
		if test.may {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, pipeline.ErrNotFound)
		}
	}
}

// Evidence of every kind is read as it was kept, so that what stands on it can be signed.
func TestService_Signs(t *testing.T) {
	t.Parallel()
	s, model, _ := newService(t)
	key, err := attest.GenerateKey(attest.Ed25519)
	require.NoError(t, err)
	s.Signer = key
	declared, err := app.ParseSubmission("destination: {country: worldwide}\nrecipient: {name: public}\n")
	require.NoError(t, err)
	w, err := s.App.Weigh(t.Context(), app.Run{Source: model, AsOf: noon, Keep: true, Declared: declared})
	require.NoError(t, err)
	structs := false
	for _, f := range w.Report.Findings {
		for _, e := range f.Evidence {
			structs = structs || fmt.Sprintf("%T", e.Value)[0] == '['
		}
	}
	require.True(t, structs, "there is evidence that is more than a number")
	c, err := s.Queue.Record(t.Context(), w, sam)
	require.NoError(t, err)
	var signed *pipeline.Attestation
	for _, who := range []pipeline.Actor{rita, signedIn("ravi", pipeline.RoleReviewer)} {
		require.Nil(t, signed)
		c, signed, err = s.Decide(t.Context(), pipeline.Ballot{Case: c.ID, Actor: who, Kind: pipeline.DecisionApprove, Reason: pipeline.ReasonEvidenceSufficient, Comment: "so"})
		require.NoError(t, err)
	}
	require.Equal(t, pipeline.StateApproved, c.State)
	require.NotNil(t, signed)
}

// One vote on many cases is one reason for the same findings.
func TestService_DecideAll(t *testing.T) {
	t.Parallel()
	s, _, _ := newService(t)
	vote := pipeline.Ballot{Actor: rita, Kind: pipeline.DecisionReject, Reason: pipeline.ReasonRuleApplies, Comment: "not now"}
	record := func(packs ...string) pipeline.Case {
		folder := filepath.Join(t.TempDir(), "copy")
		m, err := fixtures.Load("llama-3-70b")
		require.NoError(t, err)
		require.NoError(t, m.Write(folder))
		w, err := s.App.Weigh(t.Context(), app.Run{Source: folder, AsOf: noon, Keep: true, Packs: packs})
		require.NoError(t, err)
		c, err := s.Queue.Record(t.Context(), w, sam)
		require.NoError(t, err)
		return c
	}
	one, two, other := record("seed-article"), record("seed-article"), record("seed-article", "us-ear")
	ballots := func(cases ...pipeline.Case) (out []pipeline.Ballot) {
		for _, c := range cases {
			v := vote
			v.Case, v.Version = c.ID, c.Version
			out = append(out, v)
		}
		return out
	}
	_, err := s.DecideAll(t.Context(), app.Bulk{Ballots: ballots(one, other)})
	require.ErrorIs(t, err, pipeline.ErrUsage)
	stale := ballots(one, two)
	stale[1].Version++
	votes, err := s.DecideAll(t.Context(), app.Bulk{Ballots: stale})
	require.NoError(t, err)
	require.NoError(t, votes[0].Err)
	require.Equal(t, pipeline.StateRejected, votes[0].Case.State)
	require.ErrorIs(t, votes[1].Err, pipeline.ErrConflict)
	_, err = s.DecideAll(t.Context(), app.Bulk{})
	require.ErrorIs(t, err, pipeline.ErrUsage)
}

// One case whose report was edited keeps no other from being judged by the rules of now.
func TestService_RejudgeAll_PastABrokenCase(t *testing.T) {
	t.Parallel()
	s, model, _ := newService(t)
	s.App.Settings.Rules.Modes = map[string]pipeline.Mode{"seed-article": pipeline.ModeReport}
	var ids []uuid.UUID
	for _, declared := range []string{"", "destination: {country: worldwide}\n"} {
		sub, err := app.ParseSubmission(declared)
		require.NoError(t, err)
		w, err := s.App.Weigh(t.Context(), app.Run{Source: model, AsOf: noon, Keep: true, Declared: sub})
		require.NoError(t, err)
		c, err := s.Queue.Record(t.Context(), w, sam)
		require.NoError(t, err)
		require.Equal(t, pipeline.StateCleared, c.State)
		ids = append(ids, c.ID)
	}
	db, err := sql.Open("sqlite", s.App.Settings.DB)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "UPDATE reports SET body = x'00' WHERE case_id = ?", ids[0].String())
	require.NoError(t, err)
	require.NoError(t, db.Close())
	s.App.Settings.Rules.Modes = nil
	err = s.RejudgeAll(t.Context(), "rules changed")
	require.ErrorIs(t, err, pipeline.ErrTampered)
	require.ErrorContains(t, err, ids[0].String())
	c, err := s.Queue.DB.Case(t.Context(), ids[1])
	require.NoError(t, err)
	require.Equal(t, pipeline.StateOpen, c.State)
}

// Rules that changed open cases again, all for the same cause.
func TestService_RejudgeAll(t *testing.T) {
	t.Parallel()
	s, model, _ := newService(t)
	all := map[string]pipeline.Mode{}
	selected, err := s.PacksNamed(nil)
	require.NoError(t, err)
	for _, p := range selected {
		all[p.Pack.Name] = pipeline.ModeReport
	}
	s.App.Settings.Rules.Modes = all
	changed := func() string {
		why, err := s.RulesChanged(t.Context())
		require.NoError(t, err)
		return why
	}
	require.Empty(t, changed())
	require.Empty(t, changed())
	w, err := s.App.Weigh(t.Context(), app.Run{Source: model, AsOf: noon, Keep: true})
	require.NoError(t, err)
	c, err := s.Queue.Record(t.Context(), w, sam)
	require.NoError(t, err)
	require.Equal(t, pipeline.StateCleared, c.State)
	s.App.Settings.Rules.Modes = maps.Clone(all)
	s.App.Settings.Rules.Modes["seed-article"], s.App.Settings.Rules.Modes["kr"] = pipeline.ModeEnforce, pipeline.ModeOff
	why := changed()
	require.Equal(t, "rules changed: kr was report and is off, seed-article was report and is enforce", why)
	require.NoError(t, s.RejudgeAll(t.Context(), why))
	require.Empty(t, changed())
	after, err := s.Queue.DB.Case(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, pipeline.VerdictReview, after.Verdict)
	require.Equal(t, pipeline.StateOpen, after.State)
	require.Equal(t, why, after.Cause)
	causes, err := s.Queue.DB.Causes(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, []pipeline.CauseCount{{Cause: why, Count: 1}}, causes)
}
