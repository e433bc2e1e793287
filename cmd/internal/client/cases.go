package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"weighbridge/pipeline"
)

// Asked is a check that is asked for.
type Asked struct {
	Source string `json:"source"`
	// Submission is the text of a submission in YAML, "" where nothing is declared.
	Submission string `json:"submission,omitempty"`
	// Packs are names of packs that the desk knows.
	Packs []string `json:"packs,omitempty"`
	Hash  bool     `json:"hash,omitempty"`
}

// Ask has the desk check a source in the background. It returns the check as it was
// taken up.
func (c *Client) Ask(ctx context.Context, asked Asked) (pipeline.Check, error) {
	var out pipeline.Check
	err := c.do(ctx, call{method: http.MethodPost, path: "/checks", body: asked}, &out)
	if err == nil && out.ID == uuid.Nil {
		err = c.odd("no id for the check", nil)
	}
	return out, err
}

// Check returns a check as it is now.
func (c *Client) Check(ctx context.Context, id uuid.UUID) (pipeline.Check, error) {
	var out pipeline.Check
	err := c.do(ctx, call{method: http.MethodGet, path: "/checks/" + id.String()}, &out)
	return out, err
}

// patience is how long a desk may not answer while a check of it is followed: it may be
// started again, and goes on with the check then.
const patience = time.Minute

// Follow waits until a check has ended and tells how far it is, whenever it looks. A check
// that failed is an error with the code, message and hint that the desk gives. A desk that
// has answered before is waited for, up to a minute.
func (c *Client) Follow(ctx context.Context, id uuid.UUID, tell func(pipeline.Check)) (pipeline.Check, error) {
	var heard time.Time
	// A check that takes no time is not waited for long.
	for wait := c.poll / 16; ; wait = min(2*wait, c.poll) {
		now, err := c.Check(ctx, id)
		if errors.Is(err, pipeline.ErrUnavailable) && time.Since(heard) < patience && ctx.Err() == nil {
			if err := sleep(ctx, c.poll); err != nil {
				return now, err
			}
			continue
		}
		if err != nil {
			return now, err
		}
		heard = time.Now()
		tell(now)
		switch {
		case now.State == pipeline.CheckFailed && now.Failure != nil:
			return now, &pipeline.Error{Code: now.Failure.Code, Message: cut(now.Failure.Message), Hint: cut(now.Failure.Hint)}
		case now.State == pipeline.CheckDone && now.Case != nil:
			return now, nil
		case now.Ended():
			return now, c.odd("a check that ended without a case", nil)
		}
		if err := sleep(ctx, wait); err != nil {
			return now, err
		}
	}
}

// Cases returns a page of the cases that the caller may see.
func (c *Client) Cases(ctx context.Context, filter pipeline.CaseFilter) (pipeline.CasePage, error) {
	var out pipeline.CasePage
	err := c.do(ctx, call{method: http.MethodGet, path: "/cases", query: queryOf(filter)}, &out)
	return out, err
}

// pageMost is the largest page that a desk gives.
const pageMost = 200

// queryOf writes a filter as the desk reads it.
func queryOf(f pipeline.CaseFilter) url.Values {
	q := url.Values{}
	for _, s := range f.States {
		q.Add("state", string(s))
	}
	for _, v := range f.Verdicts {
		q.Add("verdict", string(v))
	}
	for name, at := range map[string]time.Time{"created_from": f.CreatedFrom, "created_before": f.CreatedBefore, "due_before": f.OverdueAt} {
		if !at.IsZero() {
			q.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	for name, n := range map[string]*int64{"min_params": f.MinParams, "max_params": f.MaxParams} {
		if n != nil {
			q.Set(name, strconv.FormatInt(*n, 10))
		}
	}
	for name, value := range map[string]string{"source": f.Source, "source_prefix": f.SourcePrefix, "family": f.Family, "fingerprint": f.Fingerprint,
		"submitter": f.Submitter, "assignee": f.Assignee, "claimant": f.Claimant, "text": f.Text, "content": string(f.Content), "pins": string(f.Pins),
		"cause": f.Cause, "pack": f.Pack, "rule": f.Rule, "needs_reviewer": f.NeedsReviewer, "order": string(f.Order), "cursor": f.Cursor} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(min(f.Limit, pageMost)))
	}
	return q
}

// casePath is the path of a case, or of what is below it.
func casePath(id uuid.UUID, below string) string { return "/cases/" + id.String() + below }

// Case is a case with what a desk tells of it.
type Case struct {
	pipeline.CaseHistory
	// Attestation is that of the present settlement, nil where there is none.
	Attestation *pipeline.Attestation `json:"attestation"`
	// SameStructure are the cases of the same structure that the caller may see.
	SameStructure []pipeline.StructureMatch `json:"same_structure"`
}

// Case returns a case. An error matches [pipeline.ErrNotFound] also where the caller may
// not see it.
func (c *Client) Case(ctx context.Context, id uuid.UUID) (Case, error) {
	var out Case
	err := c.do(ctx, call{method: http.MethodGet, path: casePath(id, "")}, &out)
	return out, err
}

// Report returns the report that a case stands on.
func (c *Client) Report(ctx context.Context, id uuid.UUID) (pipeline.Report, error) {
	var out pipeline.Report
	err := c.do(ctx, call{method: http.MethodGet, path: casePath(id, "/report"), query: url.Values{"format": {"json"}}}, &out)
	return out, err
}

// ruled is the answer to a question for a ruling.
type ruled struct {
	Ruling   pipeline.RulingKind `json:"ruling"`
	Case     *pipeline.Case      `json:"case"`
	Approval *pipeline.Approval  `json:"approval"`
	// Envelope is the signed approval, absent where there is none.
	Envelope []byte `json:"envelope"`
}

// Ruling is what was decided at the desk.
type Ruling struct {
	pipeline.Ruling
	// Envelope is the signed approval of the case as it is settled now, nil where the
	// desk keeps none.
	Envelope []byte
}

// asked is a question for a ruling.
type asked struct {
	Source           string           `json:"source"`
	PinDigest        pipeline.Digest  `json:"pin_digest"`
	HeaderDigest     pipeline.Digest  `json:"header_digest"`
	ContentDigest    *pipeline.Digest `json:"content_digest,omitempty"`
	Unpinned         bool             `json:"unpinned,omitempty"`
	SubmissionDigest *pipeline.Digest `json:"submission_digest,omitempty"`
	Verdict          pipeline.Verdict `json:"verdict"`
}

// Ruling returns what was decided on bytes and a submission. An answer that says more than
// it shows is an error: it opens nothing.
func (c *Client) Ruling(ctx context.Context, q pipeline.ApprovalQuery) (Ruling, error) {
	var out ruled
	err := c.do(ctx, call{method: http.MethodPost, path: "/rulings", body: asked(q), read: true}, &out)
	if err != nil {
		return Ruling{}, err
	}
	known := []pipeline.RulingKind{pipeline.RulingApproved, pipeline.RulingCleared, pipeline.RulingRejected, pipeline.RulingRevoked, pipeline.RulingWaiting, pipeline.RulingNone}
	switch {
	case !slices.Contains(known, out.Ruling),
		out.Ruling == pipeline.RulingApproved && out.Approval == nil,
		out.Ruling != pipeline.RulingNone && out.Case == nil:
		return Ruling{}, c.odd("a ruling that is not understood", nil)
	}
	return Ruling{pipeline.Ruling{Kind: out.Ruling, Case: out.Case, Approval: out.Approval}, out.Envelope}, nil
}

// claiming is the body of a claim or a release.
type claiming struct {
	Version  int64 `json:"version"`
	TakeOver bool  `json:"take_over,omitempty"`
}

// Claim marks a case as the caller's to work on. Errors of this and of the methods below
// are those of [pipeline.CaseDecider].
func (c *Client) Claim(ctx context.Context, claim pipeline.Claim) (pipeline.Case, error) {
	return c.change(ctx, claim.Case, "/claim", claiming{claim.Version, claim.TakeOver})
}

// Release lets a case go.
func (c *Client) Release(ctx context.Context, claim pipeline.Claim) (pipeline.Case, error) {
	return c.change(ctx, claim.Case, "/release", claiming{Version: claim.Version})
}

// Assign asks somebody to work on a case, or sets when it is due.
func (c *Client) Assign(ctx context.Context, req pipeline.Assignment) (pipeline.Case, error) {
	return c.change(ctx, req.Case, "/assign", struct {
		Version  int64      `json:"version"`
		Assignee *string    `json:"assignee,omitempty"`
		DueAt    *time.Time `json:"due_at,omitempty"`
	}{req.Version, req.Assignee, req.DueAt})
}

// Me returns the name under which the caller acts.
func (c *Client) Me(ctx context.Context) (string, error) {
	var out struct {
		Name string `json:"name"`
	}
	err := c.do(ctx, call{method: http.MethodGet, path: "/me"}, &out)
	return out.Name, err
}

// Comment adds a text to a case.
func (c *Client) Comment(ctx context.Context, remark pipeline.Remark) (pipeline.Case, error) {
	return c.change(ctx, remark.Case, "/comments", struct {
		Version int64  `json:"version"`
		Text    string `json:"text"`
	}{remark.Version, remark.Text})
}

func (c *Client) change(ctx context.Context, id uuid.UUID, below string, body any) (pipeline.Case, error) {
	var out pipeline.Case
	err := c.do(ctx, call{method: http.MethodPost, path: casePath(id, below), body: body}, &out)
	return out, err
}

// Decided is a case after a vote, with the signature that the vote led to.
type Decided struct {
	Case        pipeline.Case         `json:"case"`
	Attestation *pipeline.Attestation `json:"attestation"`
	// Warning says why the approval that stands could not be signed, nil where nothing is
	// wrong.
	Warning *pipeline.CheckFailure `json:"warning"`
}

// Decide records a decision of the caller.
func (c *Client) Decide(ctx context.Context, b pipeline.Ballot) (Decided, error) {
	var out Decided
	err := c.do(ctx, call{method: http.MethodPost, path: casePath(b.Case, "/decisions"), body: struct {
		Version   int64                 `json:"version"`
		Kind      pipeline.DecisionKind `json:"kind"`
		Reason    pipeline.ReasonCode   `json:"reason"`
		Comment   string                `json:"comment"`
		Until     *time.Time            `json:"until,omitempty"`
		Exception *uuid.UUID            `json:"exception,omitempty"`
	}{b.Version, b.Kind, b.Reason, b.Comment, b.Until, b.Exception}}, &out)
	return out, err
}
