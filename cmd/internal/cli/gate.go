package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"weighbridge/cmd/internal/app"
	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
	"weighbridge/pipeline/report"
)

// pollEvery is how often a waiting gate looks for a decision.
const pollEvery = 2 * time.Second

// gated is a report with what the gate made of it.
type gated struct {
	*pipeline.Report
	Gate gateResult `json:"gate"`
}

type gateResult struct {
	Open   bool                `json:"open"`
	Ruling pipeline.RulingKind `json:"ruling"`
	Reason string              `json:"reason"`
	// ReasonCode is the reason for programs; no code is ever renamed.
	ReasonCode string `json:"reason_code"`
}

// The codes of a gate's reasons that are not those of package attest.
const (
	gateClear     = "clear"
	gateApproved  = "approved"
	gateRejected  = "rejected"
	gateNotSigned = "not_signed"
)

func (c *cli) gateCommand() *cobra.Command {
	var j judged
	var a approvalFlags
	var sign signing
	var wait time.Duration
	var out string
	cmd := &cobra.Command{
		Use:   "gate SOURCE",
		Short: "Let a model through only when it is clear, or approved for these bytes and this submission",
		Long: `Gate checks SOURCE as check does and then asks the queue whether a valid approval covers
these bytes and this submission: by the content digest with --hash, else by source and pins.
Without a queue only a clear verdict opens it. Where a trust file is named, the approval must
also be signed by one of its keys; the gate signs nothing that it did not settle itself.

` + serverHelpGate + `
With --approval no database is needed and no rule is applied: the bytes (or, of a store-bound
approval, the pins), the submission, the term, the keys and the list of revocations are
compared. A verdict that newer rules would reach shows only without --approval.

With --approval-out an open gate writes the signed approval that opened it to a new file: the
one of --approval, or the one that the queue or the desk keeps. Where nothing is signed there
is no file; name a trust file, and the gate of a case that nobody signed stays closed.

EXIT STATUS
  0   open: clear, or a valid approval covers these bytes and this submission
  10  closed: a person must decide, or the approval is for other bytes, for another
      submission, or not for now
  20  closed: blocked, rejected, revoked, or not signed by a key that counts
  30  closed: something could not be read or weighed
  1   no report could be made
  2   wrong usage`,
		Example: `  weighbridge gate s3://staging/llama-3-70b/ --db queue.db
  weighbridge gate s3://staging/llama-3-70b/ --server https://desk.example.org --wait 30m --trust trust.yaml --approval-out approval.json
  weighbridge gate ./llama-3-70b --approval approval.json --key release.pem.pub`,
		Args: exactly("SOURCE"),
	}
	j.addFlags(cmd, &c.settings)
	a.add(cmd)
	sign.addPassphrase(cmd)
	c.addServerFlags(cmd.Flags())
	cmd.Flags().DurationVar(&wait, "wait", 0, "wait this long for a decision, such as 30m")
	cmd.Flags().StringVar(&out, "approval-out", "", "write the signed approval that opened the gate to this new file")
	// SARIF and JUnit tell what rules found, which no approval changes: they are for check.
	f := formatFlag(cmd, "table", "json", "markdown")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case wait < 0:
			return usage("--wait takes a duration of zero or more")
		case a.approval != "" && (c.settings.Server != "" || c.settings.TokenFile != ""):
			return usage("with --approval nobody is asked: leave --server and --token-file out")
		case a.approval != "" && (wait > 0 || len(j.packs) > 0):
			return usage("with --approval nothing is judged and nothing is waited for: leave --pack and --wait out")
		case a.approval == "" && a.key != "":
			return usage("--key is the public key that --approval is verified with; name both, or a trust file with --trust")
		}
		if out != "" {
			if err := isNew(out); err != nil {
				return err
			}
		}
		g := gating{approvalFlags: &a, wait: wait, out: out, format: f}
		if a.approval != "" {
			return c.gateByApproval(cmd.Context(), args[0], j.submission, &g)
		}
		remote, err := c.remote(cmd, deskGate)
		if err != nil {
			return err
		}
		run, err := j.run(args[0], c.env.Now())
		if err != nil {
			return err
		}
		if err := c.loadTrust(cmd.Context(), &a); err != nil {
			return err
		}
		if remote != nil {
			return c.gateByServer(cmd.Context(), run, remote, &g)
		}
		return c.gateByQueue(cmd.Context(), run, &sign, &g)
	}
	return cmd
}

// gating is how a gate was asked.
type gating struct {
	*approvalFlags
	wait time.Duration
	// out is the file to write the signed approval to, "" for none.
	out    string
	format *format
}

// handOut writes the signed approval that opened the gate, nil for none, to where it is
// asked for.
func (g *gating) handOut(signed []byte) error {
	if g.out == "" || signed == nil {
		return nil
	}
	return writeNew(g.out, signed)
}

// loadTrust reads the trust file that flags or settings name, if any.
func (c *cli) loadTrust(ctx context.Context, a *approvalFlags) error {
	named, err := c.resolve()
	if err != nil {
		return err
	}
	a.fill(named.Approvals)
	if a.trust != "" {
		return a.load(ctx, c.env.Now())
	}
	if a.revocations != "" {
		return usage("--revocations is verified with the keys of a trust file: name it with --trust")
	}
	return nil
}

// gateByApproval is the gate that needs no database.
func (c *cli) gateByApproval(ctx context.Context, source, submission string, g *gating) error {
	result, envelope, err := c.compare(ctx, source, submission, true, g.approvalFlags)
	code := refusedAs(err)
	if err != nil && code == exitClear {
		return err
	}
	if err == nil {
		if err := g.handOut(envelope.JSON()); err != nil {
			return err
		}
	}
	result.say(err)
	result.Gate = &gateResult{Open: result.Verified, Ruling: pipeline.RulingNone, Reason: result.Reason, ReasonCode: result.ReasonCode}
	switch {
	case result.Verified && result.Approval.Outcome == attest.OutcomeCleared:
		result.Gate.Ruling = pipeline.RulingCleared
	case result.Verified:
		result.Gate.Ruling = pipeline.RulingApproved
	case errors.Is(err, attest.ErrRevoked):
		result.Gate.Ruling = pipeline.RulingRevoked
	}
	switch {
	case g.format.json():
		err = report.JSON(c.env.Stdout, result)
	case g.format.value == "markdown":
		_, err = io.WriteString(c.env.Stdout, "**Gate "+gateWord(*result.Gate)+"**: "+report.Clean(result.Reason)+".\n")
	default:
		_, err = io.WriteString(c.env.Stdout, result.tell("Gate", gateWord(*result.Gate)))
	}
	if err == nil && code != exitClear {
		return status(code)
	}
	return err
}

// gateByQueue is the gate that asks the database, where one is named.
func (c *cli) gateByQueue(ctx context.Context, run app.Run, sign *signing, g *gating) error {
	w, queue, err := c.weigh(ctx, run, sign)
	if err != nil {
		return err
	}
	if queue == nil {
		return c.gate(ctx, &w.Report, nil, g)
	}
	defer func() { _ = queue.DB.Close() }()
	return c.gate(ctx, &w.Report, &ownQueue{cli: c, queue: queue, sign: sign}, g)
}

// signedWithin is how long a waiting gate that only hands out the signed approval looks for
// it: the desk or the queue may not sign at all.
const signedWithin = 10 * time.Second

// gate asks the queue, nil for none, whether the artifact of a report may pass.
func (c *cli) gate(ctx context.Context, r *pipeline.Report, at desk, g *gating) error {
	ruling := pipeline.Ruling{Kind: pipeline.RulingNone}
	until := time.Now().Add(g.wait)
	if at != nil {
		var err error
		if ruling, err = await(ctx, at, r, g.wait); err != nil {
			return err
		}
	}
	if soon := time.Now().Add(signedWithin); g.trusted == nil && soon.Before(until) {
		until = soon
	}
	result, exit := decideGate(r.Verdict, ruling, at != nil)
	var kept keptApproval
	var refused error
	for at != nil && result.Open && (g.trusted != nil || g.out != "") {
		kept, refused = g.signedFor(ctx, at, r, ruling, c.env.Now())
		// It is signed a moment after the vote that a waiting gate waited for.
		if !errors.Is(refused, errUnsigned) || !time.Now().Before(until) || ctx.Err() != nil {
			break
		}
		time.Sleep(min(pollEvery, time.Until(until)))
		var err error
		if ruling, err = at.ruling(ctx, pipeline.QueryFor(r)); err != nil {
			return err
		}
		refused = nil
		result, exit = decideGate(r.Verdict, ruling, true)
	}
	if at != nil && ruling.Case != nil {
		var err error
		if r.Case, err = at.refer(ctx, *ruling.Case); err != nil {
			return err
		}
	}
	switch {
	case errors.Is(refused, errUnsigned) && g.trusted == nil:
		// It is open all the same, and there is nothing to hand out.
	case refused != nil:
		code := refusedAs(refused)
		if code == exitClear {
			return refused
		}
		result.Open, result.Reason, result.ReasonCode = false, report.FailureOf(refused).Message, string(pipeline.ErrorCode(refused))
		exit = status(code)
	case at != nil && (ruling.Kind == pipeline.RulingWaiting || ruling.Kind == pipeline.RulingNone):
		if err := explain(ctx, at, r, ruling, &result); err != nil {
			return err
		}
	}
	if result.Open {
		if err := g.handOut(kept.envelope); err != nil {
			return err
		}
	}
	if err := c.writeGate(r, result, g.format); err != nil {
		return err
	}
	return exit
}

// keptApproval is a signed approval that a queue or a desk keeps. It is verified where
// trusted keys are named; else it is taken as it is kept, and Verified is empty.
type keptApproval struct {
	attest.Verified
	envelope []byte
}

// errUnsigned is matched by the error of a settled case of which no signed approval is kept.
var errUnsigned = &pipeline.Error{Code: gateNotSigned, Message: "the case is settled, and no signed approval of it is kept", Hint: "weighbridge approval show CASE --key FILE signs it"}

// signedFor returns the signed approval of the case that opens the gate: see
// [approvalFlags.kept].
func (a *approvalFlags) signedFor(ctx context.Context, at gatekeeper, r *pipeline.Report, ruling pipeline.Ruling, now time.Time) (keptApproval, error) {
	if ruling.Case == nil {
		return keptApproval{}, errUnsigned
	}
	return a.kept(ctx, at, *ruling.Case, now, func(v *attest.Verified) error {
		_, err := v.Covers(pipeline.QueryFor(r))
		return err
	})
}

// kept holds the signed approvals that are kept of a case, as it is settled now, against the
// trusted keys. The first that verifies and fits counts. Where none does, the first says
// why, and the error matches errUnsigned where there is none at all.
func (a *approvalFlags) kept(ctx context.Context, at gatekeeper, of pipeline.Case, now time.Time, fits func(*attest.Verified) error) (keptApproval, error) {
	envelopes, err := at.envelopes(ctx, of)
	if err != nil {
		return keptApproval{}, err
	}
	var why error = errUnsigned
	for i, envelope := range envelopes {
		e, err := attest.ParseEnvelope(envelope)
		if err != nil {
			return keptApproval{}, err
		}
		if a.trusted == nil {
			return keptApproval{envelope: envelope}, nil
		}
		verified, err := a.trusted.VerifyApproval(ctx, e, now, a.revoked)
		if err == nil {
			err = fits(&verified)
		}
		if err == nil {
			return keptApproval{verified, envelope}, nil
		}
		if i == 0 {
			why = err
		}
	}
	return keptApproval{}, why
}

// mostNear is how many cases are looked at to say why no approval covers the bytes.
const mostNear = 200

// explain says more closely why no approval covers the bytes: the term has ended, or what
// was approved is another submission or other bytes. The exit status stays that of the
// verdict.
// A case that the caller may not see explains nothing.
func explain(ctx context.Context, at desk, r *pipeline.Report, ruling pipeline.Ruling, result *gateResult) error {
	if ruling.Case != nil && ruling.Case.State == pipeline.StateApproved && r.Artifact.Unpinned() && r.Artifact.ContentDigest == nil {
		result.Reason = "the store gives these objects neither an ETag nor a version id: only bytes that were hashed can be approved, so check and gate them with --hash"
		result.ReasonCode = string(attest.CodeOtherBytes)
		return nil
	}
	if ruling.Case != nil {
		h, err := at.History(ctx, ruling.Case.ID)
		if err != nil && !errors.Is(err, pipeline.ErrNotFound) {
			return err
		}
		if end, ended := termEnded(h); ended {
			result.Reason = "the approval ended at " + end.Format(time.RFC3339) + ", and nobody has approved again"
			result.ReasonCode = string(attest.CodeExpired)
			return nil
		}
	}
	near, err := at.Cases(ctx, pipeline.CaseFilter{Source: r.Artifact.Source, Limit: mostNear})
	if err != nil {
		return err
	}
	if d := r.Artifact.ContentDigest; d != nil {
		same, err := at.Cases(ctx, pipeline.CaseFilter{Content: *d, Limit: mostNear})
		if err != nil {
			return err
		}
		near.Items = append(near.Items, same.Items...)
	}
	of := pipeline.CaseKey{Source: r.Artifact.Source, PinDigest: r.Artifact.PinDigest}
	if r.Submission.Digest != nil {
		of.SubmissionDigest = *r.Submission.Digest
	}
	other := false
	for _, one := range near.Items {
		if one.State != pipeline.StateApproved {
			continue
		}
		key := one.Key()
		sameBytes := key.PinDigest == of.PinDigest && key.Source == of.Source || one.ContentDigest != nil && r.Artifact.ContentDigest != nil && *one.ContentDigest == *r.Artifact.ContentDigest
		switch {
		case sameBytes && key.SubmissionDigest != of.SubmissionDigest:
			result.Reason = "these bytes were approved for another submission; another destination, recipient or use is another case"
			result.ReasonCode = string(attest.CodeOtherSubmission)
			return nil
		case !sameBytes && key.SubmissionDigest == of.SubmissionDigest:
			other = true
		}
	}
	if other {
		result.Reason = "other bytes were approved at this place, and what lies there now was not"
		result.ReasonCode = string(attest.CodeOtherBytes)
	}
	return nil
}

// termEnded tells whether what the case was approved for last ended by its term.
func termEnded(h pipeline.CaseHistory) (at time.Time, ended bool) {
	for _, e := range h.Events {
		switch e.Kind {
		case pipeline.EventExpired:
			at, ended = e.Time, true
		case pipeline.EventApproved, pipeline.EventCleared, pipeline.EventRejected, pipeline.EventRevoked, pipeline.EventChangesRequested:
			ended = false
		}
	}
	return at, ended
}

func gateWord(result gateResult) string {
	if result.Open {
		return "OPEN"
	}
	return "CLOSED"
}

// writeGate writes a report with what the gate made of it: as a key in JSON, below the
// report elsewhere.
func (c *cli) writeGate(r *pipeline.Report, result gateResult, f *format) error {
	if f.json() {
		return report.JSON(c.env.Stdout, gated{r, result})
	}
	if err := c.writeReport(r, f); err != nil {
		return err
	}
	word := gateWord(result)
	if _, err := io.WriteString(c.env.Stdout, "\n"); err != nil {
		return err
	}
	if f.value == "table" {
		return report.Row(c.env.Stdout, "Gate", word+": "+result.Reason)
	}
	_, err := io.WriteString(c.env.Stdout, "**Gate "+word+"**: "+result.Reason+".\n")
	return err
}

// await asks for the ruling, again and again while a person has to decide and the
// time lasts. A desk that does not answer for a while, after it once did, is waited for too.
func await(ctx context.Context, at gatekeeper, r *pipeline.Report, wait time.Duration) (pipeline.Ruling, error) {
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	ruling, err := at.ruling(ctx, pipeline.QueryFor(r))
	if err != nil || wait == 0 {
		return ruling, err
	}
	for err == nil && ruling.Kind == pipeline.RulingWaiting || errors.Is(err, pipeline.ErrUnavailable) {
		select {
		case <-ctx.Done():
			return ruling, fmt.Errorf("the wait was stopped: %w", context.Cause(ctx))
		case <-deadline.C:
			return at.ruling(ctx, pipeline.QueryFor(r))
		case <-time.After(pollEvery):
		}
		ruling, err = at.ruling(ctx, pipeline.QueryFor(r))
	}
	return ruling, err
}

// decideGate turns verdict and ruling into the gate's answer. Where there is a queue, a
// clear verdict opens the gate only where the case is cleared too: one that a person
// rejected, or asked changes of, waits for a person even when it has become clear.
func decideGate(v pipeline.Verdict, ruling pipeline.Ruling, queued bool) (gateResult, error) {
	result := gateResult{Ruling: ruling.Kind}
	switch {
	case ruling.Kind == pipeline.RulingRevoked:
		result.Reason, result.ReasonCode = "the approval of these bytes was revoked", string(attest.CodeRevoked)
		return result, status(exitBlock)
	case ruling.Kind == pipeline.RulingRejected:
		result.Reason, result.ReasonCode = "a reviewer rejected these bytes", gateRejected
		return result, status(exitBlock)
	case ruling.Kind == pipeline.RulingApproved:
		result.Open = true
		result.Reason, result.ReasonCode = "an approval covers these bytes and this submission", gateApproved
		if ruling.Approval.Bound == pipeline.BoundStore {
			result.Reason += "; " + storeBound
		}
		return result, nil
	case v == pipeline.VerdictClear && (!queued || ruling.Kind == pipeline.RulingCleared):
		result.Open = true
		result.Reason, result.ReasonCode = "the verdict is clear", gateClear
		return result, nil
	case v == pipeline.VerdictClear && ruling.Kind == pipeline.RulingNone:
		result.Reason = "the verdict is clear, but no case of these bytes is at the desk: what lies at the source may have changed while it was checked"
		result.ReasonCode = string(attest.CodeNotApproved)
		return result, status(exitReview)
	case v == pipeline.VerdictClear:
		result.Reason = "the verdict is clear, but a person rejected these bytes, asked for changes or revoked an approval, and has not decided again"
		result.ReasonCode = string(attest.CodeNotApproved)
		return result, status(exitReview)
	}
	result.ReasonCode = string(attest.CodeNotApproved)
	result.Reason = map[pipeline.Verdict]string{
		pipeline.VerdictReview:       "a person must decide, and no valid approval covers these bytes and this submission",
		pipeline.VerdictBlock:        "an enforced rule blocks this, and no valid approval covers these bytes and this submission",
		pipeline.VerdictInconclusive: "something could not be read or weighed, and no valid approval covers these bytes and this submission",
	}[v]
	return result, exitFor(v)
}
