package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
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
With --out the signed approval that opens the gate is written to a new file, and the gate stays
closed where none is kept.

With --approval no database is needed and no rule is applied: the bytes (or, of a store-bound
approval, the pins), the submission, the term, the keys and the list of revocations are
compared. A verdict that newer rules would reach shows only without --approval.

EXIT STATUS
  0   open: clear, or a valid approval covers these bytes and this submission
  10  closed: a person must decide, or the approval is for other bytes, for another
      submission, or not for now
  20  closed: blocked, rejected, revoked, or not signed by a key that counts
  30  closed: something could not be read or weighed
  1   no report could be made
  2   wrong usage`,
		Example: `  weighbridge gate s3://staging/llama-3-70b/ --db queue.db
  weighbridge gate s3://staging/llama-3-70b/ --server https://desk.example.org --wait 30m --out approval.json
  weighbridge gate ./llama-3-70b --approval approval.json --key release.pem.pub`,
		Args: exactly("SOURCE"),
	}
	j.addFlags(cmd, &c.settings)
	a.add(cmd)
	sign.addPassphrase(cmd)
	c.addServerFlags(cmd.Flags())
	cmd.Flags().StringVar(&out, "out", "", "write the signed approval that opens the gate to this new file")
	cmd.Flags().DurationVar(&wait, "wait", 0, "wait this long for a decision, such as 30m")
	// SARIF and JUnit tell what rules found, which no approval changes: they are for check.
	f := formatFlag(cmd, "table", "json", "markdown")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case wait < 0:
			return usage("--wait takes a duration of zero or more")
		case a.approval != "" && (out != "" || c.settings.Server != "" || c.settings.TokenFile != ""):
			return usage("with --approval nobody is asked, and the approval is in hand: leave --server, --token-file and --out out")
		case a.approval != "" && (wait > 0 || len(j.packs) > 0):
			return usage("with --approval nothing is judged and nothing is waited for: leave --pack and --wait out")
		case a.approval == "" && a.key != "":
			return usage("--key is the public key that --approval is verified with; name both, or a trust file with --trust")
		case a.approval != "":
			return c.gateByApproval(cmd.Context(), args[0], j.submission, &a, f)
		}
		if out != "" {
			if _, err := os.Lstat(out); err == nil {
				return exists(out)
			}
		}
		g := gating{approvalFlags: &a, wait: wait, out: out, format: f}
		remote, err := c.remote(cmd, deskGate)
		if err != nil {
			return err
		}
		run, err := j.run(args[0], c.env.Now())
		if err != nil {
			return err
		}
		if err := c.loadTrust(cmd.Context(), &g); err != nil {
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
	revocations *attest.Revocations
	wait        time.Duration
	// out is the file to write the signed approval to, "" for none.
	out    string
	format *format
}

// loadTrust reads the trust file that flags or settings name, if any.
func (c *cli) loadTrust(ctx context.Context, g *gating) error {
	named, err := c.resolve()
	if err != nil {
		return err
	}
	g.fill(named.Approvals)
	if g.trust != "" {
		g.revocations, err = g.load(ctx, c.env.Now())
		return err
	}
	if g.approvalFlags.revocations != "" {
		return usage("--revocations is verified with the keys of a trust file: name it with --trust")
	}
	return nil
}

// gateByApproval is the gate that needs no database.
func (c *cli) gateByApproval(ctx context.Context, source, submission string, a *approvalFlags, f *format) error {
	result, err := c.compare(ctx, source, submission, true, a)
	code := refusedAs(err)
	if err != nil && code == exitClear {
		return err
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
	case f.json():
		err = report.JSON(c.env.Stdout, result)
	case f.value == "markdown":
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

// gate asks the queue, nil for none, whether the artifact of a report may pass.
func (c *cli) gate(ctx context.Context, r *pipeline.Report, at desk, g *gating) error {
	ruling := pipeline.Ruling{Kind: pipeline.RulingNone}
	until := time.Now().Add(g.wait)
	if at != nil {
		var err error
		if ruling, err = await(ctx, at, r, g.wait); err != nil {
			return err
		}
		if ruling.Case != nil {
			if r.Case, err = at.refer(ctx, *ruling.Case); err != nil {
				return err
			}
		}
	}
	result, exit := decideGate(r.Verdict, ruling, at != nil)
	var envelope []byte
	switch {
	case result.Open && (at != nil && g.trusted != nil || g.out != ""):
		var err error
		envelope, err = g.signedFor(ctx, at, r, ruling, c.env.Now())
		// It is signed a moment after the vote that a waiting gate waited for.
		for at != nil && errors.Is(err, &pipeline.Error{Code: gateNotSigned}) && time.Now().Before(until) && ctx.Err() == nil {
			time.Sleep(min(pollEvery, time.Until(until)))
			if ruling, err = at.ruling(ctx, pipeline.QueryFor(r)); err != nil {
				return err
			}
			envelope, err = g.signedFor(ctx, at, r, ruling, c.env.Now())
		}
		if err != nil {
			code := refusedAs(err)
			if code == exitClear {
				return err
			}
			result.Open, result.Reason, result.ReasonCode = false, report.FailureOf(err).Message, string(pipeline.ErrorCode(err))
			exit = status(code)
		}
	case at != nil && (ruling.Kind == pipeline.RulingWaiting || ruling.Kind == pipeline.RulingNone):
		if err := explain(ctx, at, r, ruling, &result); err != nil {
			return err
		}
	}
	if result.Open && g.out != "" {
		if err := writeNew(g.out, envelope); err != nil {
			return err
		}
	}
	if err := c.writeGate(r, result, g.format); err != nil {
		return err
	}
	return exit
}

// signedFor holds the kept signatures of the case that opens the gate against the trusted
// keys. One that verifies and is about these bytes is enough, and is returned; else the
// newest says why. Where no keys are named, the first one is taken as it is kept.
func (g *gating) signedFor(ctx context.Context, at desk, r *pipeline.Report, ruling pipeline.Ruling, now time.Time) ([]byte, error) {
	unsigned := &pipeline.Error{Code: gateNotSigned, Message: "the case is settled, and no signed approval of it is kept", Hint: "weighbridge approval show CASE --key FILE signs it"}
	if at == nil || ruling.Case == nil || ruling.Kind != pipeline.RulingApproved && ruling.Kind != pipeline.RulingCleared {
		return nil, unsigned
	}
	kept, err := at.envelopes(ctx, ruling)
	if err != nil {
		return nil, err
	}
	why := error(unsigned)
	for _, text := range kept {
		e, err := attest.ParseEnvelope(text)
		if err != nil {
			return nil, err
		}
		if g.trusted == nil {
			return text, nil
		}
		approval, err := g.trusted.VerifyApproval(ctx, e, now, g.revocations)
		if err == nil {
			_, err = approval.Covers(pipeline.QueryFor(r))
		}
		if err == nil {
			return text, nil
		}
		why = err
	}
	return nil, why
}

// mostNear is how many cases are looked at to say why no approval covers the bytes.
const mostNear = 200

// explain says more closely why no approval covers the bytes: the term has ended, or what
// was approved is another submission or other bytes. The exit status stays that of the
// verdict.
// A case that the caller may not see explains nothing.
func explain(ctx context.Context, at desk, r *pipeline.Report, ruling pipeline.Ruling, result *gateResult) error {
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
