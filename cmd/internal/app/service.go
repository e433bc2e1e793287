package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
	"weighbridge/pipeline/policy"
	"weighbridge/pipeline/submission"
)

// Enqueuer has a check run soon. What it loses is found again by its state.
type Enqueuer interface {
	Enqueue(ctx context.Context, check uuid.UUID) error
}

// Service is what people do at the desk, by page or by program: both call it, so that
// neither can do what the other cannot.
type Service struct {
	App   *App
	Queue *Queue
	// Signer signs what is settled, nil where no key is named.
	Signer attest.Signer
	Jobs   Enqueuer
	// Folders may be checked, not only buckets. The program reads them with its own
	// rights, so this is for the one person of --dev.
	Folders bool
	// Links lets reviewers make links through which a submitter answers without an
	// account. LinkTerm is how long one counts.
	Links    bool
	LinkTerm time.Duration
	// Lease is how long a check belongs to a worker that says nothing, [DefaultLease] where
	// it is 0. A worker that died is taken over after that time.
	Lease time.Duration
	// Sources are prefixes that a check must have one of; none means any bucket.
	Sources []string
}

// Now is the service's clock.
func (s *Service) Now() time.Time {
	if s.App.Now != nil {
		return s.App.Now()
	}
	return time.Now()
}

// Asked is a check that somebody asks for.
type Asked struct {
	Source string
	// Submission is nil where nothing is declared.
	Submission *pipeline.Submission
	// Packs are names of packs that ship or are configured, to enforce beside those that the
	// desk enforces; files are not taken.
	Packs []string
	Hash  bool
	// Replaces is the undecided case that this one answers.
	Replaces *uuid.UUID
	// Link is the link through which it is asked for.
	Link *uuid.UUID
}

// submissionMax bounds a submission that comes with a request, in bytes of YAML or JSON.
const submissionMax = 1 << 20

// ParseSubmission reads a submission in YAML or JSON. Errors name line and column.
func ParseSubmission(text string) (*pipeline.Submission, error) {
	if len(text) > submissionMax {
		return nil, &pipeline.Error{Code: pipeline.CodeOverLimit, Message: fmt.Sprintf("the submission is longer than %d bytes", submissionMax)}
	}
	if strings.TrimSpace(text) == "" {
		return nil, nil //nolint:nilnil // nothing is declared
	}
	return submission.Load(strings.NewReader(text), "submission")
}

// Ask keeps a check and has it run in the background. An error matches
// [pipeline.ErrUsage] where the source, or a pack, is none that is taken, and
// [pipeline.ErrForbidden] where a source is not among those that the operator named.
func (s *Service) Ask(ctx context.Context, asked Asked, by pipeline.Actor) (pipeline.Check, error) {
	src, err := pipeline.ParseSource(asked.Source)
	if err != nil {
		return pipeline.Check{}, err
	}
	if err := s.takes(src); err != nil {
		return pipeline.Check{}, err
	}
	if _, err := s.PacksNamed(asked.Packs); err != nil {
		return pipeline.Check{}, err
	}
	if err := s.replaces(ctx, asked, src, by); err != nil {
		return pipeline.Check{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return pipeline.Check{}, fmt.Errorf("make an id: %w", err)
	}
	c := pipeline.Check{ID: id, Source: src.String(), Packs: asked.Packs, Hash: asked.Hash, Replaces: asked.Replaces, Link: asked.Link, By: by,
		State: pipeline.CheckQueued, CreatedAt: s.Now().UTC().Truncate(time.Microsecond)}
	if d := pipeline.SubmissionDigest(asked.Submission); d != "" {
		c.SubmissionDigest = &d
	}
	if err := s.Queue.DB.AddCheck(ctx, c, asked.Submission); err != nil {
		return pipeline.Check{}, err
	}
	if err := s.Jobs.Enqueue(ctx, id); err != nil {
		// It is kept, and will be found as one that nobody works on.
		s.App.Logger.Warn("a check was kept and not enqueued", "check", id, "error", err)
	}
	return c, nil
}

func (s *Service) takes(src pipeline.Source) error {
	if src.Scheme == pipeline.SchemeDir && !s.Folders {
		return &pipeline.Error{Code: pipeline.CodeUsage, Message: "the source is a folder, and this desk checks buckets only", Hint: "name it as s3://bucket/prefix/, or check the folder with: weighbridge check FOLDER"}
	}
	if len(s.Sources) == 0 || src.Scheme == pipeline.SchemeDir {
		return nil
	}
	if slices.ContainsFunc(s.Sources, func(prefix string) bool { return strings.HasPrefix(src.String(), prefix) }) {
		return nil
	}
	return &pipeline.Error{Code: pipeline.CodeForbidden, Message: "the source is not among those that this desk checks", Hint: "they begin with: " + strings.Join(s.Sources, ", ")}
}

// replaces checks that the case to be replaced is there, undecided, of this source, and
// this person's.
func (s *Service) replaces(ctx context.Context, asked Asked, src pipeline.Source, by pipeline.Actor) error {
	if asked.Replaces == nil {
		return nil
	}
	old, err := s.Queue.DB.Case(ctx, *asked.Replaces)
	switch {
	case errors.Is(err, pipeline.ErrNotFound):
		return noCase(*asked.Replaces)
	case err != nil:
		return err
	case !by.Same(old.Submitter) && !by.HasAny(pipeline.RoleReviewer, pipeline.RoleLegal):
		return noCase(old.ID)
	case old.Source != src.String():
		return &pipeline.Error{Code: pipeline.CodeUsage, Message: "the case that is answered is of another source", Hint: "its source is " + old.Source}
	case !old.State.Undecided():
		return &pipeline.Error{Code: pipeline.CodeTransition, Message: "the case that is answered is " + strings.ReplaceAll(string(old.State), "_", " ") + ", and waits for no answer"}
	}
	return nil
}

// PacksNamed returns packs by name, all enforcing, and those that the configuration
// enforces: whoever asks for a check may add rules, and not choose the rules by which their
// own model is cleared. With no name it returns those of the configuration in their modes.
// Files are refused.
func (s *Service) PacksNamed(names []string) ([]policy.Selected, error) {
	configured, err := Packs(s.App.Settings.Rules, nil)
	if err != nil || len(names) == 0 {
		return configured, err
	}
	var out []policy.Selected
	for _, name := range names {
		i := slices.IndexFunc(configured, func(p policy.Selected) bool { return p.Pack.Name == name })
		if i < 0 {
			return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("there is no pack %q", name), Hint: "The packs are: " + strings.Join(packNames(configured), ", ") + "."}
		}
		out = append(out, policy.Selected{Pack: configured[i].Pack, Mode: pipeline.ModeEnforce})
	}
	for _, p := range configured {
		if p.Mode == pipeline.ModeEnforce && !slices.Contains(names, p.Pack.Name) {
			out = append(out, p)
		}
	}
	return out, nil
}

// Decide records a vote, and signs the approval where the vote settled the case and a key
// is named. signed is nil where nothing was signed. Where the vote stands and signing
// failed, the case comes back with the error.
func (s *Service) Decide(ctx context.Context, b pipeline.Ballot) (c pipeline.Case, signed *pipeline.Attestation, err error) {
	if c, err = s.Queue.Desk.Decide(ctx, b); err != nil {
		return pipeline.Case{}, nil, err
	}
	signed, err = s.Queue.SignWhereDue(ctx, c, s.Signer, b.Actor, s.Now())
	if err == nil && signed != nil {
		c, err = s.Queue.DB.Case(ctx, c.ID)
	}
	return c, signed, err
}

// Bulk is one vote for many cases.
type Bulk struct {
	// Ballots differ in case and version only.
	Ballots []pipeline.Ballot
}

// Voted is what one vote of many came to.
type Voted struct {
	Case pipeline.Case
	Err  error
}

// DecideAll records one vote on many cases, each by itself: what is refused for one is
// recorded for the others. All cases must have the same enforced findings, so that one
// reason is a reason for each; otherwise nothing is recorded and the error matches
// [pipeline.ErrUsage].
func (s *Service) DecideAll(ctx context.Context, bulk Bulk) ([]Voted, error) {
	const most = 200
	if len(bulk.Ballots) == 0 || len(bulk.Ballots) > most {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("choose between 1 and %d cases", most)}
	}
	first := ""
	for i, b := range bulk.Ballots {
		r, err := s.Queue.DB.Report(ctx, b.Case)
		if err != nil {
			return nil, err
		}
		if same := stops(&r); i == 0 {
			first = same
		} else if same != first {
			return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: "the chosen cases have different findings, and one reason cannot be theirs all",
				Hint: "choose cases that the same rules stopped"}
		}
	}
	out := make([]Voted, len(bulk.Ballots))
	for i, b := range bulk.Ballots {
		out[i].Case, _, out[i].Err = s.Decide(ctx, b)
		if errors.Is(out[i].Err, context.Canceled) {
			return out[:i+1], out[i].Err
		}
	}
	return out, nil
}

// stops names the rules that bear on the verdict, and how.
func stops(r *pipeline.Report) string {
	said := []string{string(r.Verdict)}
	for _, f := range r.Findings {
		if f.Mode == pipeline.ModeEnforce && (f.Effect == pipeline.EffectBlock || f.Effect == pipeline.EffectReview) && f.Outcome != pipeline.OutcomeNotMatched {
			said = append(said, f.Pack+"/"+f.Rule+"="+string(f.Outcome))
		}
	}
	slices.Sort(said[1:])
	return strings.Join(slices.Compact(said), " ")
}
