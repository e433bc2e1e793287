package sqldbtest

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

// signed is an attestation of a settled case.
func (b *bundle) signed(c pipeline.Case, text string) pipeline.Attestation {
	b.Helper()
	h, err := b.book.History(b.Context(), c.ID)
	require.NoError(b, err)
	require.NotNil(b, h.Settled)
	until := b.now.Add(time.Hour)
	return pipeline.Attestation{Digest: pipeline.DigestBytes([]byte(text)), Case: c.ID, Approval: uuid.Must(uuid.NewV7()), Settled: *h.Settled,
		Bound: pipeline.BoundContent, KeyIDs: []string{"k1", "k2"}, SignedAt: b.now, ExpiresAt: &until, Envelope: []byte(text)}
}

// attest: what was signed is kept with its event, is never lost, and shows where it was
// changed.
func (s Suite) attest(t *testing.T) {
	b := s.setup(t)
	c := b.record(Weighing("s3://b/m/", "1", "1", pipeline.VerdictReview))
	none, err := b.book.AttestationsOf(t.Context(), c.ID)
	require.NoError(t, err)
	require.Empty(t, none)
	c = b.vote(c.ID, pipeline.DecisionApprove)

	first := b.signed(c, "one")
	after, err := b.desk.Attest(t.Context(), first, Person("ada"))
	require.NoError(t, err)
	require.Equal(t, pipeline.StateApproved, after.State)
	require.Equal(t, c.Version+1, after.Version)
	b.verify()

	// The same envelope again is refused, and leaves no event behind.
	head, err := b.book.AuditHead(t.Context())
	require.NoError(t, err)
	_, err = b.desk.Attest(t.Context(), first, Person("ada"))
	require.Error(t, err)
	wrong := b.signed(c, "two")
	wrong.Envelope = []byte("other")
	_, err = b.desk.Attest(t.Context(), wrong, Person("ada"))
	require.ErrorIs(t, err, pipeline.ErrInvalid)
	require.Equal(t, head, b.verify())

	second := b.signed(c, "two")
	second.ExpiresAt, second.Bound = nil, pipeline.BoundStore
	_, err = b.desk.Attest(t.Context(), second, Person("ada"))
	require.NoError(t, err)
	got, err := b.book.AttestationsOf(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, []pipeline.Attestation{second, first}, got)
	list, err := b.book.Attestations(t.Context(), 1)
	require.NoError(t, err)
	second.Envelope = nil
	require.Equal(t, []pipeline.Attestation{second}, list)
	h, err := b.book.History(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, first.Settled, *h.Settled, "a signature settles nothing")
	b.verify()

	_, err = b.book.AttestationsOf(t.Context(), uuid.Must(uuid.NewV7()))
	require.ErrorIs(t, err, pipeline.ErrNotFound)
}

// revoke: a case that was taken back is settled by that event.
func (s Suite) revoke(t *testing.T) {
	b := s.setup(t)
	c := b.record(Weighing("s3://b/m/", "1", "1", pipeline.VerdictReview))
	c = b.vote(c.ID, pipeline.DecisionApprove)
	_, err := b.desk.Revoke(t.Context(), Vote(c.ID, "ada", pipeline.DecisionRevoke))
	require.NoError(t, err)
	h, err := b.book.History(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, pipeline.StateRevoked, h.Case.State)
	last := h.Events[len(h.Events)-1]
	require.Equal(t, pipeline.EventRevoked, last.Kind)
	require.Equal(t, pipeline.AuditHead{Count: last.Seq, Hash: last.Hash}, *h.Settled)
	require.Len(t, h.Decisions, 2)
	b.verify()

	// An expired approval is revoked without becoming another case.
	c = b.record(Weighing("s3://b/m2/", "1", "1", pipeline.VerdictReview))
	ballot := Vote(c.ID, "ada", pipeline.DecisionApprove)
	until := b.now.Add(time.Hour)
	ballot.Until = &until
	c, err = b.desk.Decide(t.Context(), ballot)
	require.NoError(t, err)
	settled := b.signed(c, "three").Settled
	b.now = until
	_, err = b.desk.Expire(t.Context())
	require.NoError(t, err)
	c, err = b.desk.Revoke(t.Context(), Vote(c.ID, "ada", pipeline.DecisionRevoke))
	require.NoError(t, err)
	require.Equal(t, pipeline.StateExpired, c.State)
	require.Equal(t, settled, b.signed(c, "three").Settled)
	b.verify()
}

// sums: the digests of a run that hashed stay known when another run did not hash.
func (s Suite) sums(t *testing.T) {
	b := s.setup(t)
	plain := func() *pipeline.Weighing { return Weighing("s3://b/m/", "1", "1", pipeline.VerdictReview) }
	c := b.record(plain())
	sums, err := b.book.Sums(t.Context(), c.ID)
	require.NoError(t, err)
	require.Nil(t, sums)

	hashed := plain()
	content := pipeline.DigestBytes([]byte("content"))
	hashed.Report.Artifact.ContentDigest = &content
	hashed.Report.Artifact.Objects = []pipeline.ArtifactObject{{Object: pipeline.Object{Path: "a"}, SHA256: pipeline.DigestBytes(nil)},
		{Object: pipeline.Object{Path: pipeline.SubmissionName}}}
	b.record(hashed)
	b.now = b.now.Add(time.Minute)
	b.record(plain())
	want := map[string]string{"a": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}
	sums, err = b.book.Sums(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, want, sums)
	page, err := b.book.Cases(t.Context(), pipeline.CaseFilter{Content: content})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	_, err = b.book.Sums(t.Context(), uuid.Must(uuid.NewV7()))
	require.ErrorIs(t, err, pipeline.ErrNotFound)
}
