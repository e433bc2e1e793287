package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weighbridge/cmd/internal/app"
	"weighbridge/cmd/internal/config"
	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
	"weighbridge/pipeline/release"
	"weighbridge/pipeline/report"
)

// released is what a release did, for programs.
type released struct {
	Schema   string `json:"schema"`
	Source   string `json:"source"`
	Place    string `json:"place"`
	Tag      string `json:"tag,omitempty"`
	Approval string `json:"approval"`
	// Submission is what the approval was given for, nil where nothing was declared.
	Submission *pipeline.Digest `json:"submission_digest"`
	release.Result
}

const releaseSchema = "weighbridge.release/1"

func (c *cli) releaseCommand() *cobra.Command {
	var a approvalFlags
	var j judged
	var from, tag string
	var replaces bool
	cmd := &cobra.Command{
		Use:   "release SOURCE [PLACE]",
		Short: "Copy exactly the approved bytes to the place they are published from",
		Long: `Release copies the objects that an approval names from SOURCE to PLACE, each a bucket
(s3://bucket/prefix/) or a folder. The approval must be bound to the bytes. Within one store
the objects are copied by the store itself, pinned to the approved version; else they are
read and written. Every object is hashed where it lies then, and the approval is written
beside them last, as weighbridge.approval.json: a place without it holds nothing that was
released. What was begun and not finished goes on when the command is run again.

The signed approval is the file of --approval, or the one that the queue keeps: of --case, or
else of these bytes and this submission, which are looked up as gate does it, by source and
pins, and by the content digest with --hash. Its signature is verified in any case. With
--approval or --case no rule is applied; a --submission is then held against the approval.

The place has settings and credentials of its own, in the variables that other S3 tools read
with ` + config.ReleasePrefix + ` before them, such as WEIGHBRIDGE_RELEASE_AWS_ACCESS_KEY_ID, or under
"release" in the configuration file, which takes the name of a profile and no keys.

With --tag nothing is copied: the approved objects of the bucket get a tag, for bucket
policies that let only tagged objects be read.

EXIT STATUS
  0   released, now or before
  10  not released: the approval does not cover these bytes, or holds no longer or not yet
  20  not released: rejected, revoked, or nobody trusted signed it; or blocked, and nobody
      approved it
  30  not released: something could not be read or weighed, and nobody approved it
  1   the release could not be finished; nothing counts as released
  2   wrong usage`,
		Example: `  weighbridge release s3://staging/llama-3-70b/ s3://public/llama-3-70b/ --approval approval.json --trust trust.yaml
  weighbridge release s3://staging/llama-3-70b/ s3://public/llama-3-70b/ --db queue.db --trust trust.yaml
  weighbridge release s3://staging/llama-3-70b/ --tag weighbridge=approved --db queue.db --case CASE --trust trust.yaml`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0 || len(args) > 2:
				return usage("release takes SOURCE and PLACE, or SOURCE with --tag")
			case tag == "" && len(args) == 1:
				return usage("release takes SOURCE and PLACE; to tag objects where they lie give --tag KEY=VALUE")
			case tag != "" && len(args) == 2:
				return usage("--tag marks objects where they lie, so that it takes no PLACE")
			case tag != "" && replaces:
				return usage("--tag replaces nothing")
			}
			return nil
		},
	}
	j.addFlags(cmd, &c.settings)
	a.add(cmd)
	cmd.Flags().StringVar(&from, "case", "", "case of the queue whose signed approval counts, in place of --approval")
	cmd.Flags().StringVar(&tag, "tag", "", "set this tag, KEY=VALUE, on the approved objects in place of copying them")
	cmd.Flags().BoolVar(&replaces, "replace", false, "take away what was released to the place before, and what else lies there")
	f := formatFlag(cmd, "table", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		key, value, err := tagOf(tag)
		if err != nil {
			return err
		}
		if err := approvalNamed(cmd, &a, from); err != nil {
			return err
		}
		verified, envelope, err := c.releasable(cmd.Context(), args[0], from, &j, &a)
		if err != nil {
			return c.refuse(err, f)
		}
		said := released{Schema: releaseSchema, Source: args[0], Approval: verified.ID.String(), Submission: verified.Submission, Tag: tag}
		bars := c.progress()
		defer bars.stop()
		settled, err := c.app(bars)
		if err != nil {
			return err
		}
		objects, err := approvedObjects(&verified.Approval)
		if err != nil {
			return c.refuse(err, f)
		}
		run := app.Release{Source: args[0], Objects: objects, Approval: envelope, Replace: replaces,
			Same: func(marker []byte) bool {
				return a.sameBytes(cmd.Context(), c.env.Now(), *verified.Artifact.ContentDigest, marker)
			}}
		if tag != "" {
			said.Result, err = settled.Tag(cmd.Context(), run, key, value)
		} else {
			said.Place = args[1]
			run.Place = args[1]
			said.Result, err = settled.Release(cmd.Context(), run)
		}
		if err != nil {
			return c.refuse(err, f)
		}
		if f.json() {
			return report.JSON(c.env.Stdout, said)
		}
		return c.tellRelease(said, len(objects))
	}
	return cmd
}

// approvalNamed refuses flags that the way in which the approval is named leaves no use for.
func approvalNamed(cmd *cobra.Command, a *approvalFlags, from string) error {
	if a.approval != "" && from != "" {
		return usage("--approval and --case each name the approval: give one of them")
	}
	if a.approval == "" && from == "" {
		return nil
	}
	for _, name := range []string{"pack", "hash", "screening-list", "screening-date", "screening-result", "directives", "signer"} {
		if cmd.Flags().Changed(name) {
			return usage("with --approval or --case nothing is looked up and nothing is judged: leave --" + name + " out")
		}
	}
	return nil
}

// releasable returns the approval that a release goes by, verified, and its envelope as it
// is written beside what is released. An error is one that [refusedAs] knows where an
// approval is missing or does not count.
func (c *cli) releasable(ctx context.Context, source, from string, j *judged, a *approvalFlags) (attest.Verified, []byte, error) {
	none := func(err error) (attest.Verified, []byte, error) { return attest.Verified{}, nil, err }
	bars := c.progress()
	defer bars.stop()
	settled, err := c.app(bars)
	if err != nil {
		return none(err)
	}
	a.fill(settled.Settings.Approvals)
	if a.approval == "" && from == "" && settled.Settings.DB == "" {
		return none(usage("name the signed approval with --approval FILE, or with --db the queue that keeps it"))
	}
	declared := func(*attest.Verified) error { return nil }
	if j.submission != "" && (a.approval != "" || from != "") {
		sub, err := app.LoadSubmission(j.submission)
		if err != nil {
			return none(err)
		}
		digest := pipeline.SubmissionDigest(sub)
		declared = func(v *attest.Verified) error { return v.GivenFor(&digest) }
	}
	if a.approval != "" {
		verified, envelope, err := a.verify(ctx, c.env.Now())
		if err == nil {
			err = declared(&verified)
		}
		if err != nil {
			return none(err)
		}
		return verified, envelope.JSON(), nil
	}
	if err := a.load(ctx, c.env.Now()); err != nil {
		return none(err)
	}
	queue, err := settled.ExistingQueue(ctx)
	if err != nil {
		return none(err)
	}
	defer func() { _ = queue.DB.Close() }()
	if _, err := queue.Expire(ctx); err != nil {
		return none(err)
	}
	at := &ownQueue{cli: c, app: settled, queue: queue}
	var found keptApproval
	if from != "" {
		found, err = c.approvalOfCase(ctx, at, from, a, declared)
	} else {
		found, err = c.approvalOfBytes(ctx, settled, at, source, j, a)
	}
	return found.Verified, found.envelope, err
}

// approvalOfCase returns the signed approval of a case.
func (c *cli) approvalOfCase(ctx context.Context, at desk, name string, a *approvalFlags, declared func(*attest.Verified) error) (keptApproval, error) {
	id, err := find(ctx, at, name)
	if err != nil {
		return keptApproval{}, err
	}
	h, err := at.History(ctx, id)
	if err != nil {
		return keptApproval{}, err
	}
	refuse := func(code pipeline.Code, reason string) (keptApproval, error) {
		return keptApproval{}, &pipeline.Error{Code: code, Message: "case " + id.String() + ": " + reason, Hint: "only a case that is approved or cleared is released"}
	}
	switch h.Case.State {
	case pipeline.StateApproved, pipeline.StateCleared:
		return a.kept(ctx, at, h.Case, c.env.Now(), declared)
	case pipeline.StateRevoked:
		return refuse(attest.CodeRevoked, "the approval was revoked")
	case pipeline.StateRejected:
		return refuse(gateRejected, "a reviewer rejected it")
	}
	if end, ended := termEnded(h); ended {
		return refuse(attest.CodeExpired, "the approval ended at "+end.Format(time.RFC3339)+", and nobody has approved again")
	}
	return refuse(attest.CodeNotApproved, "it is "+words(string(h.Case.State)))
}

// approvalOfBytes returns the signed approval that the queue keeps for what lies under a
// source and for the submission. The source is judged as a gate judges it, so that a verdict
// that has become stronger than the approved one is not released; no case is written.
func (c *cli) approvalOfBytes(ctx context.Context, settled *app.App, at desk, source string, j *judged, a *approvalFlags) (keptApproval, error) {
	run, err := j.run(source, c.env.Now())
	if err != nil {
		return keptApproval{}, err
	}
	w, err := settled.Weigh(ctx, run)
	if err != nil {
		return keptApproval{}, err
	}
	ruling, err := at.ruling(ctx, pipeline.QueryFor(&w.Report))
	if err != nil {
		return keptApproval{}, err
	}
	result, exit := decideGate(w.Report.Verdict, ruling, true)
	if result.Open {
		return a.signedFor(ctx, at, &w.Report, ruling, c.env.Now())
	}
	switch ruling.Kind {
	case pipeline.RulingNone, pipeline.RulingWaiting:
		result.Reason = "no approval of these bytes and this submission is in the queue"
		if err := explain(ctx, at, &w.Report, ruling, &result); err != nil {
			return keptApproval{}, err
		}
		if of := ruling.Case; of != nil && of.State == pipeline.StateApproved && of.Verdict.Stronger(w.Report.Verdict) != of.Verdict {
			result.ReasonCode = string(attest.CodeStrongerVerdict)
			result.Reason = fmt.Sprintf("the verdict is now %s, and the approval was given on %s", w.Report.Verdict, of.Verdict)
		}
	}
	return keptApproval{}, &refusal{exit: exit, err: &pipeline.Error{Code: pipeline.Code(result.ReasonCode), Message: result.Reason,
		Hint: "have the source checked with --hash and decided; its approval is signed where a signing key is named"}}
}

// refusal is an error with an exit status that its code alone does not tell: that of the
// verdict.
type refusal struct {
	err  error
	exit error
}

// Error returns the text of the error.
func (r *refusal) Error() string { return r.err.Error() }

// Unwrap returns the error.
func (r *refusal) Unwrap() error { return r.err }

// approvedObjects returns what an approval names. An error matches
// [attest.ErrStoreBound] where it is bound to a store and so names no bytes.
func approvedObjects(a *attest.Approval) ([]release.Object, error) {
	if a.Binding != pipeline.BoundContent {
		return nil, &pipeline.Error{Code: attest.CodeStoreBound, Message: "the approval is bound to one place and names no bytes",
			Hint: "check the source with --hash, so that the bytes themselves are approved"}
	}
	out := make([]release.Object, 0, len(a.Artifact.Objects))
	for _, o := range a.Artifact.Objects {
		out = append(out, release.Object{Path: o.Path, Size: o.Size, SHA256: pipeline.Digest("sha256:" + o.SHA256)})
	}
	return out, nil
}

// sameBytes tells whether the approval that lies at a place is valid and names the same
// objects.
func (a *approvalFlags) sameBytes(ctx context.Context, now time.Time, digest pipeline.Digest, marker []byte) bool {
	e, err := attest.ParseEnvelope(marker)
	if err != nil {
		return false
	}
	there, err := a.trusted.VerifyApproval(ctx, e, now, nil)
	return err == nil && there.Binding == pipeline.BoundContent && *there.Artifact.ContentDigest == digest
}

func tagOf(text string) (key, value string, err error) {
	if text == "" {
		return "", "", nil
	}
	key, value, found := strings.Cut(text, "=")
	if !found || key == "" || value == "" {
		return "", "", usage("--tag takes KEY=VALUE")
	}
	return key, value, nil
}

func (c *cli) tellRelease(r released, objects int) error {
	what := fmt.Sprintf("%s objects, %s bytes", report.Count(int64(objects)), report.Count(r.Bytes))
	var text string
	switch {
	case r.Tag != "":
		text = fmt.Sprintf("Tagged as %s: %s in %s\n", report.Clean(r.Tag), what, report.Clean(r.Source))
	case r.Already:
		text = fmt.Sprintf("Released before, and verified again: %s in %s\n", what, report.Clean(r.Place))
	default:
		text = fmt.Sprintf("Released: %s to %s\n  copied by the store: %s, sent: %s, there already: %s\n", what, report.Clean(r.Place),
			report.Count(int64(r.Copied)), report.Count(int64(r.Sent)), report.Count(int64(r.Kept)))
	}
	_, err := fmt.Fprint(c.env.Stdout, text)
	return err
}
