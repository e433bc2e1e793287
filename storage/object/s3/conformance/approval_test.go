package conformance_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/fixtures"
)

// lookPack asks two people for a review of everything.
const lookPack = `pack: looks
version: "1"
title: Asks for a review of everything that has parameters
rules:
  - id: L-1
    title: Anything
    jurisdiction: scenario
    status: organisation
    effective: {from: 2025-01-01}
    when: params.effective_lower > 0
    effect: review
    quorum: two
    accept: measured
    message: "{{params.effective_lower}} parameters"
    cite: [{title: "House rule", url: "https://example.org/rule", accessed: 2026-11-23}]
    review_by: 2099-06-01
    examples:
      match: [{params: {effective_lower: 1}}]
      no_match: [{params: {effective_lower: 0}}]
`

// verified is what the tests look at in a verification.
type verified struct {
	Verified    bool
	ReasonCode  string `json:"reason_code"`
	Differences []struct{ Kind, Path, Found string }
}

// The whole road on a real S3 server: staged, checked, decided by two people, let through,
// released, and verified by the public key alone in a bucket and in a folder. What differs
// is named.
func TestApproval_FromStagingToACopy(t *testing.T) {
	t.Setenv("WEIGHBRIDGE_KEY_PASSPHRASE", "correct horse battery")
	t.Setenv("WEIGHBRIDGE_RELEASE_AWS_ACCESS_KEY_ID", accessKey)
	t.Setenv("WEIGHBRIDGE_RELEASE_AWS_SECRET_ACCESS_KEY", secretKey)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	run := func(status int, args ...string) []byte {
		t.Helper()
		out, got := weighbridge(t, args...)
		require.Equal(t, status, got, "%v\n%s", args, out)
		return out
	}
	require.NoError(t, os.WriteFile(at("look.yaml"), []byte(lookPack), 0o600))
	run(0, "key", "new", at("release.pem"), "--trust", at("trust.yaml"))
	source, staged := layOut(t, fixtures.Tiny())
	queue := []string{"--db", at("q.db")}
	gate := append([]string{"gate", source, "--pack", at("look.yaml"), "--hash", "--trust", at("trust.yaml")}, queue...)

	a, status := check(t, append([]string{"check", source, "--pack", at("look.yaml"), "--hash"}, queue...)...)
	require.Equal(t, 10, status)
	for _, who := range []string{"rita", "omar"} {
		run(10, gate...)
		run(0, append([]string{"queue", "decide", a.Case.ID, "approve", "--reason", "evidence_sufficient", "--comment", "seen by " + who, "--actor", who, "--key", at("release.pem")}, queue...)...)
	}
	run(0, gate...)
	run(0, append([]string{"approval", "show", a.Case.ID, "--out", at("approval.json")}, queue...)...)
	run(0, append([]string{"audit", "verify", "--head", at("approval.json"), "--trust", at("trust.yaml")}, queue...)...)

	bucket := server.bucket(t)
	place, folder := "s3://"+bucket+"/out/", filepath.Join(server.root, bucket, "out")
	run(0, "release", source, place, "--approval", at("approval.json"), "--trust", at("trust.yaml"))
	verify := func(where string) (v verified, status int) {
		t.Helper()
		out, status := weighbridge(t, "approval", "verify", where, "--approval", at("approval.json"), "--key", at("release.pem.pub"), "--format", "json")
		require.NoError(t, json.Unmarshal(out, &v), string(out))
		return v, status
	}
	for _, where := range []string{source, place, staged, folder} {
		v, status := verify(where)
		require.Zero(t, status, where)
		require.True(t, v.Verified)
		run(0, "gate", where, "--approval", at("approval.json"), "--key", at("release.pem.pub"))
	}

	weights := filepath.Join(folder, "model.safetensors")
	whole, err := os.ReadFile(weights)
	require.NoError(t, err)
	for _, change := range []struct {
		kind, path, found string
		do, undo          func() error
	}{
		{"changed", "model.safetensors", "", func() error {
			other := append([]byte{}, whole...)
			other[len(other)-1] ^= 1 // one bit of one tensor
			return server.rewrite(bucket, "out/model.safetensors", other)
		}, func() error { return server.rewrite(bucket, "out/model.safetensors", whole) }},
		{"added", "extra.bin", "", func() error { return server.rewrite(bucket, "out/extra.bin", []byte("x")) }, func() error { return os.Remove(filepath.Join(folder, "extra.bin")) }},
		{"renamed", "model.safetensors", "moved.safetensors", func() error { return os.Rename(weights, filepath.Join(folder, "moved.safetensors")) },
			func() error { return os.Rename(filepath.Join(folder, "moved.safetensors"), weights) }},
		{"removed", "model.safetensors", "", func() error { return os.Remove(weights) }, func() error { return server.rewrite(bucket, "out/model.safetensors", whole) }},
	} {
		require.NoError(t, change.do())
		for _, where := range []string{place, folder} {
			v, status := verify(where)
			require.Equal(t, 10, status, "%s %s", change.kind, where)
			require.Equal(t, "other_bytes", v.ReasonCode)
			require.Len(t, v.Differences, 1)
			require.Equal(t, change.kind, v.Differences[0].Kind)
			require.Equal(t, change.path, v.Differences[0].Path)
			require.Equal(t, change.found, v.Differences[0].Found)
			run(10, "gate", where, "--approval", at("approval.json"), "--key", at("release.pem.pub"))
		}
		require.NoError(t, change.undo())
	}
	_, status = verify(place)
	require.Zero(t, status)

	// Taken back: the queue knows at once, others by the list.
	run(0, append([]string{"approval", "revoke", a.Case.ID, "--reason", "other", "--comment", "wrong licence", "--key", at("release.pem"), "--revocations", at("list.json")}, queue...)...)
	run(20, gate...)
	run(20, "gate", place, "--approval", at("approval.json"), "--key", at("release.pem.pub"), "--revocations", at("list.json"))
}
