package attest_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
)

var update = flag.Bool("update", false, "write golden files again")

// golden holds got against a file under testdata, or writes it with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o600))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run the test with -update to write it")
	require.Equal(t, string(want), string(got), "run the test with -update where this is wanted")
}

// passphrase opens the private keys under testdata. They are for tests only.
const passphrase = "correct horse battery"

func stored(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return b
}

// fixed returns the Ed25519 key under testdata, whose signatures are always the same.
func fixed(t *testing.T) *attest.PrivateKey {
	t.Helper()
	k, err := opening()
	require.NoError(t, err)
	return k
}

// opening opens the fixed key once: that is made to take time.
var opening = sync.OnceValues(func() (*attest.PrivateKey, error) {
	text, err := os.ReadFile(filepath.Join("testdata", "openssl-ed25519-scrypt.pem"))
	if err != nil {
		return nil, err
	}
	return attest.ParsePrivateKey(text, []byte(passphrase))
})

func fresh(t *testing.T, a attest.Algorithm) *attest.PrivateKey {
	t.Helper()
	k, err := attest.GenerateKey(a)
	require.NoError(t, err)
	return k
}

func trusting(t *testing.T, keys ...attest.TrustedKey) *attest.Trust {
	t.Helper()
	trust, err := attest.TrustKeys(keys...)
	require.NoError(t, err)
	return trust
}

func named(name string, k *attest.PrivateKey) attest.TrustedKey {
	return attest.TrustedKey{Name: name, Key: k.Public()}
}

var (
	settled = time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)
	signed  = time.Date(2026, 11, 23, 10, 0, 0, 250_000_000, time.UTC)
	later   = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
)

func digest(text string) pipeline.Digest { return pipeline.DigestBytes([]byte(text)) }

func sum(text string) string { return strings.TrimPrefix(string(digest(text)), "sha256:") }

func ptr[T any](v T) *T { return &v }

// objects are those of the samples. Two have the same bytes.
func objects() []attest.Object {
	return []attest.Object{
		{Path: "config.json", Size: 651, SHA256: sum("config")},
		{Path: "model-00001-of-00002.safetensors", Size: 4_584_408_808, SHA256: sum("one")},
		{Path: "model-00002-of-00002.safetensors", Size: 4_664_167_376, SHA256: sum("two")},
		{Path: "sub/empty", Size: 0, SHA256: sum("")},
		{Path: "tokenizer.json", Size: 9_085_657, SHA256: sum("tokenizer")},
	}
}

// sample returns an approval that is bound to its content.
func sample() attest.Approval {
	id := uuid.MustParse("01a20a3c-0b63-7a95-9bcf-da6e6e8f0317")
	head := pipeline.AuditHead{Count: 17, Hash: digest("event 17")}
	a := attest.Approval{
		ID: attest.ApprovalID(id, head), Outcome: attest.OutcomeApproved, Binding: pipeline.BoundContent, Case: id, SignedAt: signed,
		Term:    attest.Term{NotBefore: settled, Expires: ptr(time.Date(2027, 5, 31, 0, 0, 0, 0, time.UTC))},
		Verdict: attest.Verdict{Verdict: pipeline.VerdictReview, AsOf: "2026-11-23"},
		Artifact: attest.Artifact{Source: "s3://staging/llama/", PinDigest: digest("pins"), HeaderDigest: digest("headers"),
			Objects: objects()},
		Submission: ptr(digest("submission")), Facts: digest("facts"), Report: digest("report"),
		Packs: []attest.Pack{
			{Name: "integrity", Version: "1", Digest: digest("integrity"), Mode: pipeline.ModeEnforce},
			{Name: "seed-article", Version: "1", Digest: digest("seed"), Mode: pipeline.ModeEnforce},
			{Name: "us-ear", Version: "2", Digest: digest("ear"), Mode: pipeline.ModeReport},
		},
		Findings: []attest.Finding{
			{Pack: "seed-article", Rule: "SEED-01", Outcome: pipeline.OutcomeMatched, Effect: pipeline.EffectReview, Mode: pipeline.ModeEnforce},
			{Pack: "us-ear", Rule: "US-WGT-01", Outcome: pipeline.OutcomeUndetermined, Effect: pipeline.EffectReview, Mode: pipeline.ModeReport},
		},
		Quorum: pipeline.QuorumOne, Offices: []string{},
		Decisions: []attest.Decision{{Actor: "rita", Known: pipeline.KnownAsserted, Roles: []pipeline.ActorRole{}, Reason: pipeline.ReasonEvidenceSufficient, At: settled}},
		Audit:     attest.Audit{Settled: head, Head: attest.Checkpoint{Count: 20, Hash: digest("event 20"), Time: signed}},
		Tool:      pipeline.Tool{Name: "weighbridge", Version: "0.1.0"},
	}
	bind(&a)
	return a
}

// bind makes the digests of a content-bound approval those of its objects.
func bind(a *attest.Approval) {
	var s pipeline.Snapshot
	sums := map[string]string{}
	a.Artifact.Bytes = 0
	for _, o := range a.Artifact.Objects {
		s.Objects = append(s.Objects, pipeline.Object{Path: o.Path, Size: o.Size})
		sums[o.Path] = o.SHA256
		a.Artifact.Bytes += o.Size
	}
	root, _ := attest.SigningRoot(a.Artifact.Objects)
	a.Artifact.ContentDigest, a.Artifact.SigningRoot = ptr(s.ContentDigest(sums)), &root
}

// storeBound returns an approval that is bound to its pins.
func storeBound() attest.Approval {
	a := sample()
	a.Binding, a.Artifact.ContentDigest, a.Artifact.SigningRoot = pipeline.BoundStore, nil, nil
	var s pipeline.Snapshot
	for i := range a.Artifact.Objects {
		o := &a.Artifact.Objects[i]
		o.SHA256, o.ETag = "", "etag-"+o.Path
		s.Objects = append(s.Objects, pipeline.Object{Path: o.Path, Size: o.Size, ETag: o.ETag})
	}
	a.Artifact.PinDigest = s.PinDigest()
	return a
}

// cleared returns an attestation that nobody had to approve.
func cleared() attest.Approval {
	a := sample()
	a.Outcome, a.Verdict.Verdict, a.Decisions, a.Findings, a.Term.Expires = attest.OutcomeCleared, pipeline.VerdictClear, []attest.Decision{}, []attest.Finding{}, nil
	return a
}

func signedBy(t *testing.T, a attest.Approval, signers ...attest.Signer) *attest.Envelope {
	t.Helper()
	e, err := a.Sign(t.Context(), signers...)
	require.NoError(t, err)
	return e
}

// claim is a signer whose key id is another's.
type claim struct {
	attest.Signer
	id string
}

func (c claim) KeyID() (string, error) { return c.id, nil }

// failing is a signer that is out of order.
type failing struct{ attest.Signer }

func (failing) Sign(context.Context, []byte) ([]byte, error) { return nil, pipeline.ErrUnavailable }
