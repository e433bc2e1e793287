package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"weighbridge/cmd/internal/app"
	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
	"weighbridge/pipeline/report"
)

// verificationSchema names the form of a verification.
const verificationSchema = "weighbridge.verification/1"

// verification says whether a source is what an approval is about.
type verification struct {
	Schema string `json:"schema"`
	Source string `json:"source"`
	// Verified is true where signatures, term, revocations and objects all hold, and
	// Reason says it in a sentence.
	Verified   bool   `json:"verified"`
	Reason     string `json:"reason"`
	ReasonCode string `json:"reason_code"`
	// Approval is nil where it could not be verified.
	Approval *verifiedApproval `json:"approval"`
	// Differences names the objects that are not as they were approved.
	Differences []attest.Difference `json:"differences"`
	// ContentBasis says how the digests became known, as in a report.
	ContentBasis string `json:"content_basis,omitempty"`
	// Gate is there for a gate only.
	Gate *gateResult `json:"gate,omitempty"`
}

// verifiedApproval is what a verified approval says of itself.
type verifiedApproval struct {
	ID         string                 `json:"id"`
	Outcome    attest.Outcome         `json:"outcome"`
	Bound      pipeline.ApprovalBound `json:"bound"`
	Case       string                 `json:"case"`
	Verdict    pipeline.Verdict       `json:"verdict"`
	Submission *pipeline.Digest       `json:"submission_digest"`
	Content    *pipeline.Digest       `json:"content_digest"`
	Keys       []string               `json:"keys"`
	SignedAt   time.Time              `json:"signed_at"`
	NotBefore  time.Time              `json:"not_before"`
	Expires    *time.Time             `json:"expires"`
	Objects    int                    `json:"objects"`
	Bytes      int64                  `json:"bytes"`
}

func verifiedOf(v *attest.Verified) *verifiedApproval {
	out := &verifiedApproval{ID: v.ID.String(), Outcome: v.Outcome, Bound: v.Binding, Case: v.Case.String(), Verdict: v.Verdict.Verdict,
		Submission: v.Submission, Content: v.Artifact.ContentDigest, SignedAt: v.SignedAt, NotBefore: v.Term.NotBefore, Expires: v.Term.Expires,
		Objects: len(v.Artifact.Objects), Bytes: v.Artifact.Bytes}
	for _, k := range v.Keys {
		out.Keys = append(out.Keys, k.Name)
	}
	return out
}

// compare holds a source against an approval without a database and without rules: every
// byte where the approval is bound to the bytes, else the pins and the headers. submission
// is the file with what is declared now; without asking for it, the submission is left
// alone. The envelope is that of the approval, and the error is nil where all holds, and one
// that [refusedAs] knows where something does not.
func (c *cli) compare(ctx context.Context, source, submission string, asked bool, a *approvalFlags) (verification, *attest.Envelope, error) {
	out := verification{Schema: verificationSchema, Source: source, Differences: []attest.Difference{}}
	bars := c.progress()
	defer bars.stop()
	settled, err := c.app(bars)
	if err != nil {
		return out, nil, err
	}
	a.fill(settled.Settings.Approvals)
	approval, envelope, err := a.verify(ctx, c.env.Now())
	if err != nil {
		return out, nil, err
	}
	out.Approval = verifiedOf(&approval)
	w, err := settled.Weigh(ctx, app.Run{Source: source, Submission: submission, AsOf: c.env.Now(), NoRules: true, NoSubmission: !asked,
		Hash: approval.Binding == pipeline.BoundContent})
	if err != nil {
		return out, nil, err
	}
	r := &w.Report
	out.Source, out.ContentBasis = r.Artifact.Source, r.Artifact.ContentBasis
	if out.Differences, err = differences(&approval.Approval, r); err != nil {
		return out, nil, err
	}
	if err := attest.Differs(out.Differences); err != nil {
		return out, nil, err
	}
	query := pipeline.QueryFor(r)
	// No rule was applied: what is compared is what was approved.
	query.Verdict = approval.Verdict.Verdict
	if !asked {
		query.SubmissionDigest = approval.Submission
	}
	if approval.Binding == pipeline.BoundStore {
		query.ContentDigest = nil
	}
	_, err = approval.Covers(query)
	return out, envelope, err
}

// differences names what differs. A name that was listed and not read, such as a link,
// counts as added: whoever publishes the source could take along what lies behind it.
func differences(a *attest.Approval, r *pipeline.Report) ([]attest.Difference, error) {
	var objects []attest.Object
	for _, o := range r.Artifact.Objects {
		objects = append(objects, attest.Object{Path: o.Path, Size: o.Size, SHA256: strings.TrimPrefix(string(o.SHA256), "sha256:"), ETag: o.ETag, VersionID: o.VersionID})
	}
	out, err := []attest.Difference{}, error(nil)
	var found []attest.Difference
	switch {
	case a.Binding == pipeline.BoundContent:
		found, err = attest.Compare(a, objects)
	case a.Artifact.Source == r.Artifact.Source:
		found, err = attest.ComparePins(a, objects)
	}
	if err != nil {
		return out, err
	}
	out = append(out, found...)
	for _, s := range r.Artifact.Skipped {
		if s.Unread {
			out = append(out, attest.Difference{Kind: attest.DifferenceAdded, Path: s.Path})
		}
	}
	return out, nil
}

// say fills in what a verification came to.
func (v *verification) say(err error) {
	if err != nil {
		v.Reason, v.ReasonCode = report.FailureOf(err).Message, string(pipeline.ErrorCode(err))
		return
	}
	v.Verified, v.ReasonCode = true, string(v.Approval.Outcome)
	if v.Approval.Bound == pipeline.BoundContent {
		v.Reason = fmt.Sprintf("every object is the one that was approved: %s objects, %s", report.Count(int64(v.Approval.Objects)), report.Size(v.Approval.Bytes))
		return
	}
	v.Reason = "the pins are those that were approved; " + storeBound
}

// storeBound says what a store-bound approval is worth.
const storeBound = "it holds while nothing in this place changes, because the bytes were not hashed"

// tell writes a verification below each other, the result last.
func (v *verification) tell(label, result string) string {
	var b strings.Builder
	row := func(label, format string, args ...any) {
		fmt.Fprintf(&b, "%-12s %s\n", label, report.Clean(fmt.Sprintf(format, args...)))
	}
	row("Source", "%s", v.Source)
	if a := v.Approval; a != nil {
		row("Approval", "%s: %s on the verdict %s", a.ID, a.Outcome, a.Verdict)
		if a.Bound == pipeline.BoundContent {
			row("Bound", "to the bytes: %s", *a.Content)
		} else {
			row("Bound", "to the pins of one store; %s", storeBound)
		}
		row("Signed", "by %s at %s", strings.Join(a.Keys, ", "), a.SignedAt.Format(time.RFC3339))
		until := "without an end"
		if a.Expires != nil {
			until = "until " + a.Expires.Format(time.RFC3339)
		}
		row("Holds", "from %s, %s", a.NotBefore.Format(time.RFC3339), until)
		if a.Submission != nil {
			row("Submission", "%s", *a.Submission)
		} else {
			row("Submission", "none")
		}
	}
	if strings.Contains(v.ContentBasis, "store") {
		row("Digests", "by the store's word, for objects of which it holds the SHA-256")
	}
	for i, d := range v.Differences {
		if i == mostDifferences {
			row("", "and %s more", report.Count(int64(len(v.Differences)-i)))
			break
		}
		row(first(i, "Differs"), "%s", d)
	}
	row(label, "%s: %s", result, v.Reason)
	return b.String()
}

// mostDifferences is how many differences a table names; JSON names all.
const mostDifferences = 100

func first(i int, label string) string {
	if i == 0 {
		return label
	}
	return ""
}
