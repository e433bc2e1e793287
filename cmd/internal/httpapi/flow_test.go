package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
)

// The whole road of one model, by programs only.
func TestFlow(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := d.checked("sam", object{"source": d.model, "packs": []string{"seed-article"}, "hash": false})
	require.Equal(t, pipeline.VerdictReview, c.Verdict)

	page := must[pipeline.CasePage](d.get("rita", "/cases?needs_me=true&order=urgent"), http.StatusOK)
	require.Equal(t, []pipeline.Case{c}, page.Items)
	require.Empty(t, page.Next)
	c = must[pipeline.Case](d.post("rita", casePath(c, "/claim"), object{"version": c.Version}), http.StatusOK)
	require.Equal(t, pipeline.StateClaimed, c.State)
	c = must[pipeline.Case](d.post("rita", casePath(c, "/comments"), object{"version": c.Version, "text": "where does it go?"}), http.StatusOK)
	type decided struct {
		Case        pipeline.Case
		Attestation *pipeline.Attestation
		Warning     *struct{ Message string }
	}
	asked := must[decided](d.post("rita", casePath(c, "/decisions"), object{"version": c.Version, "kind": "changes", "reason": "evidence_missing", "comment": "name the destination"}), http.StatusOK)
	require.Equal(t, pipeline.StateChangesRequested, asked.Case.State)

	// The submitter says where it goes: another submission is another case.
	second := d.checked("sam", object{"source": d.model, "packs": []string{"seed-article"}, "replaces": c.ID, "submission": object{"destination": object{"country": "DE"}}})
	require.NotEqual(t, c.ID, second.ID)
	view := must[pipeline.CaseHistory](d.get("sam", casePath(second, "")), http.StatusOK)
	require.Equal(t, second.ID, view.Case.ID)
	old := must[pipeline.CaseHistory](d.get("sam", casePath(c, "")), http.StatusOK)
	require.Equal(t, pipeline.StateSuperseded, old.Case.State)

	// A gate asks before and after.
	ask := object{"source": second.Source, "pin_digest": second.PinDigest, "header_digest": second.HeaderDigest, "submission_digest": second.SubmissionDigest, "verdict": second.Verdict}
	type ruled struct {
		Ruling   pipeline.RulingKind
		Case     *pipeline.Case
		Approval *pipeline.Approval
		Envelope []byte
	}
	before := must[ruled](d.post("ci", "/rulings", ask), http.StatusOK)
	require.Equal(t, pipeline.RulingWaiting, before.Ruling)
	require.Nil(t, before.Envelope)
	vote := object{"kind": "approve", "reason": "evidence_sufficient", "comment": "card and licence seen"}
	done := must[decided](d.post("ravi", casePath(second, "/decisions"), vote), http.StatusOK)
	if done.Case.State == pipeline.StateClaimed { // whoever of the two the quorum still lacks
		done = must[decided](d.post("rita", casePath(second, "/decisions"), vote), http.StatusOK)
	}
	require.Equal(t, pipeline.StateApproved, done.Case.State)
	require.NotNil(t, done.Attestation)
	require.Nil(t, done.Warning)
	after := must[ruled](d.post("ci", "/rulings", ask), http.StatusOK)
	require.Equal(t, pipeline.RulingApproved, after.Ruling)
	require.Equal(t, pipeline.BoundStore, after.Approval.Bound)
	_, err := attest.ParseEnvelope(after.Envelope)
	require.NoError(t, err)
	kept := d.get("sam", casePath(second, "/approval"))
	require.Equal(t, http.StatusOK, kept.Status)
	require.Equal(t, after.Envelope, kept.Body, "byte for byte")
	require.Equal(t, pipeline.DigestBytes(kept.Body), done.Attestation.Digest)

	// The auditor sees it all, and the approval is taken back.
	head := must[pipeline.AuditHead](d.get("audrey", "/audit/head"), http.StatusOK)
	events := must[struct {
		Items []pipeline.AuditEvent
		Next  string
	}](d.get("audrey", "/audit?limit=200"), http.StatusOK)
	require.Empty(t, events.Next)
	at := pipeline.AuditGenesis()
	for _, e := range events.Items {
		at, err = at.Check(e)
		require.NoError(t, err)
	}
	require.Equal(t, head, at)
	c = must[pipeline.Case](d.post("sam", casePath(second, "/revoke"), object{"reason": "other", "comment": "the card is wrong"}), http.StatusOK)
	require.Equal(t, pipeline.StateRevoked, c.State)
	require.Equal(t, pipeline.RulingRevoked, must[ruled](d.post("ci", "/rulings", ask), http.StatusOK).Ruling)
	d.verified()
}
