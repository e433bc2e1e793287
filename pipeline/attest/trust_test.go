package attest_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
)

// trustFile returns a trust file with the fixed key and another one.
func trustFile(t *testing.T) string {
	t.Helper()
	indented := func(name string) string {
		return "      " + strings.ReplaceAll(strings.TrimSpace(string(stored(t, name))), "\n", "\n      ") + "\n"
	}
	return `# Who may sign here.
keys:
  # The key of 2026.
  - name: release-2026
    not_before: 2026-01-01T00:00:00Z
    public_key: |
` + indented("openssl-ed25519.pub") + `  - name: machine
    uses: [checkpoint]
    not_after: "2027-01-01T01:00:00+01:00"
    revoked_at: 2026-12-24T00:00:00Z
    public_key: |
` + indented("openssl-p256.pub")
}

func TestTrust_IsLoaded(t *testing.T) {
	t.Parallel()
	trust, err := attest.LoadTrust(strings.NewReader(trustFile(t)), "trust.yaml")
	require.NoError(t, err)
	keys := trust.Keys()
	require.Len(t, keys, 2)
	require.Equal(t, "release-2026", keys[0].Name)
	require.Equal(t, fixed(t).Public().ID(), keys[0].Key.ID())
	require.Equal(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), *keys[0].NotBefore)
	require.Nil(t, keys[0].NotAfter)
	require.Nil(t, keys[0].Uses)
	require.Equal(t, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), *keys[1].NotAfter)
	require.Equal(t, time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC), *keys[1].RevokedAt)
	require.Equal(t, []attest.Use{attest.UseCheckpoint}, keys[1].Uses)
	_, err = trust.VerifyApproval(t.Context(), signedBy(t, sample(), fixed(t)), later, nil)
	require.NoError(t, err)
}

func TestTrust_Refuses(t *testing.T) {
	t.Parallel()
	good := trustFile(t)
	replaced := func(old, by string) string {
		require.Contains(t, good, old)
		return strings.Replace(good, old, by, 1)
	}
	ed, p256 := strings.TrimSpace(string(stored(t, "openssl-ed25519.pub"))), strings.TrimSpace(string(stored(t, "openssl-p256.pub")))
	indent := func(s string) string { return strings.ReplaceAll(s, "\n", "\n      ") }
	for name, tc := range map[string]struct{ in, want string }{
		"empty":         {"", "trust.yaml:1:1: the file is empty"},
		"nobody":        {"keys: []\n", "trusts no key"},
		"no_list":       {"keys: 5\n", "a list is needed"},
		"other_key":     {"keys: []\ncertificates: []\n", "unknown key"},
		"no_name":       {replaced("name: release-2026", `name: ""`), "trust.yaml:4:5: a key needs a name"},
		"hidden_name":   {replaced("name: release-2026", `name: "a\u202eb"`), "printing characters"},
		"long_name":     {replaced("name: release-2026", "name: "+strings.Repeat("a", 300)), "200 bytes"},
		"same_name":     {replaced("name: machine", "name: release-2026"), "another key has the name"},
		"same_key":      {replaced(indent(p256), indent(ed)), `the same key is listed as "release-2026"`},
		"no_pem":        {replaced(indent(ed), "hello"), "no key in PEM"},
		"other_curve":   {replaced(indent(ed), indent(strings.TrimSpace(string(stored(t, "p384.pub"))))), "another curve"},
		"no_time":       {replaced("2026-01-01T00:00:00Z", "yesterday"), "not_before is no time"},
		"day_only":      {replaced("2026-01-01T00:00:00Z", "2026-01-01"), "not_before is no time"},
		"year_zero":     {replaced("2026-01-01T00:00:00Z", "0000-01-01T00:00:00Z"), "not_before is no time"},
		"ends_before":   {replaced("    not_before: 2026-01-01T00:00:00Z", "    not_before: 2026-01-01T00:00:00Z\n    not_after: 2025-01-01T00:00:00Z"), "would count for nothing"},
		"no_such_use":   {replaced("[checkpoint]", "[everything]"), `"everything" is no use of a key`},
		"no_use":        {replaced("[checkpoint]", "[]"), "the list of uses is empty"},
		"typo":          {replaced("revoked_at", "revoked"), `unknown key "revoked"`},
		"alias":         {"a: &a {name: x}\nkeys: [*a]\n", "alias"},
		"two_documents": {good + "---\n" + good, "more than one document"},
		"deep":          {"keys: " + strings.Repeat("[", 500), ""},
		"null":          {"keys: [null]\n", "empty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := attest.LoadTrust(strings.NewReader(tc.in), "trust.yaml")
			require.ErrorIs(t, err, pipeline.ErrInvalid)
			require.ErrorContains(t, err, tc.want)
		})
	}
	_, err := attest.LoadTrust(strings.NewReader(strings.Repeat("#", 2<<20)), "trust.yaml")
	require.ErrorIs(t, err, pipeline.ErrOverLimit)
	broken := errors.New("the disk is gone")
	_, err = attest.LoadTrust(failingReader{broken}, "trust.yaml")
	require.ErrorIs(t, err, broken)
	k := fixed(t)
	_, err = attest.TrustKeys(named("a", k), named("b", k))
	require.ErrorIs(t, err, pipeline.ErrInvalid)
}

func TestTrust_IsChangedAndKeepsItsComments(t *testing.T) {
	t.Parallel()
	k := fresh(t, attest.Ed25519)
	added := attest.TrustedKey{Name: "release-2027", Key: k.Public(), NotBefore: ptr(later), Uses: []attest.Use{attest.UseApproval}}
	text, err := attest.EndTrusted([]byte(trustFile(t)), "trust.yaml", "release-2026", later)
	require.NoError(t, err)
	text, err = attest.AddTrusted(text, "trust.yaml", added)
	require.NoError(t, err)
	require.Contains(t, string(text), "# Who may sign here.")
	require.Contains(t, string(text), "# The key of 2026.")
	trust, err := attest.LoadTrust(strings.NewReader(string(text)), "trust.yaml")
	require.NoError(t, err)
	keys := trust.Keys()
	require.Len(t, keys, 3)
	require.Equal(t, later, *keys[0].NotAfter)
	require.Equal(t, added, keys[2])

	// An end that comes earlier stays, and a later one moves.
	same, err := attest.EndTrusted(text, "trust.yaml", "release-2026", later.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, string(text), string(same))
	moved, err := attest.EndTrusted(text, "trust.yaml", "release-2026", later.Add(-time.Hour))
	require.NoError(t, err)
	trust, err = attest.LoadTrust(strings.NewReader(string(moved)), "trust.yaml")
	require.NoError(t, err)
	require.Equal(t, later.Add(-time.Hour), *trust.Keys()[0].NotAfter)

	// A file can begin with its first key.
	first, err := attest.AddTrusted(nil, "trust.yaml", added)
	require.NoError(t, err)
	trust, err = attest.LoadTrust(strings.NewReader(string(first)), "trust.yaml")
	require.NoError(t, err)
	require.Equal(t, []attest.TrustedKey{added}, trust.Keys())

	_, err = attest.EndTrusted(text, "trust.yaml", "nobody", later)
	require.ErrorIs(t, err, pipeline.ErrNotFound)
	_, err = attest.EndTrusted([]byte("keys: 5"), "trust.yaml", "nobody", later)
	require.ErrorIs(t, err, pipeline.ErrInvalid)
	_, err = attest.AddTrusted(text, "trust.yaml", added)
	require.ErrorIs(t, err, pipeline.ErrInvalid)
	_, err = attest.AddTrusted([]byte("hello"), "trust.yaml", added)
	require.ErrorIs(t, err, pipeline.ErrInvalid)
	// It would begin only after it has ended.
	_, err = attest.EndTrusted([]byte(trustFile(t)), "trust.yaml", "release-2026", time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC))
	require.ErrorIs(t, err, pipeline.ErrInvalid)
}

func TestRevocations(t *testing.T) {
	t.Parallel()
	k, other := fixed(t), fresh(t, attest.Ed25519)
	trust := trusting(t, named("k", k))
	list := revoking(sample().ID)
	list.Expires = ptr(later)
	e, err := list.Sign(t.Context(), k)
	require.NoError(t, err)
	got, err := trust.VerifyRevocations(t.Context(), e, signed)
	require.NoError(t, err)
	require.Equal(t, list, got)
	one, revoked := got.Of(sample().ID)
	require.True(t, revoked)
	require.Equal(t, "wrong_artifact", one.Reason)
	_, revoked = (*attest.Revocations)(nil).Of(sample().ID)
	require.False(t, revoked)

	foreign, err := list.Sign(t.Context(), other)
	require.NoError(t, err)
	_, err = trust.VerifyRevocations(t.Context(), foreign, signed)
	require.ErrorIs(t, err, attest.ErrUnknownKey)
	both, err := list.Sign(t.Context(), k, other)
	require.NoError(t, err)
	_, err = trust.VerifyRevocations(t.Context(), both, signed)
	require.ErrorIs(t, err, attest.ErrStranger)
	_, err = trust.VerifyRevocations(t.Context(), e, later)
	require.ErrorIs(t, err, attest.ErrExpired)
	_, err = trust.VerifyRevocations(t.Context(), e, settled)
	require.ErrorIs(t, err, attest.ErrClock)
	_, err = trust.VerifyRevocations(t.Context(), signedBy(t, sample(), k), signed)
	require.ErrorIs(t, err, attest.ErrPayloadType)
	machine := named("k", k)
	machine.Uses = []attest.Use{attest.UseApproval}
	_, err = trusting(t, machine).VerifyRevocations(t.Context(), e, signed)
	require.ErrorIs(t, err, attest.ErrKeyUse)

	for name, body := range map[string]string{
		"text":      "hello",
		"schema":    `{"schema":"x","number":1,"issued_at":"2026-11-23T10:00:00Z","revoked":[]}`,
		"number":    `{"schema":"weighbridge.revocations/1","number":0,"issued_at":"2026-11-23T10:00:00Z","revoked":[]}`,
		"time":      `{"schema":"weighbridge.revocations/1","number":1,"revoked":[]}`,
		"order":     `{"schema":"weighbridge.revocations/1","number":1,"issued_at":"2026-11-23T10:00:00Z","expires":"2026-11-23T10:00:00Z"}`,
		"no_id":     `{"schema":"weighbridge.revocations/1","number":1,"issued_at":"2026-11-23T10:00:00Z","revoked":[{"at":"2026-11-23T10:00:00Z","reason":"x"}]}`,
		"no_reason": `{"schema":"weighbridge.revocations/1","number":1,"issued_at":"2026-11-23T10:00:00Z","revoked":[{"approval":"01a20a3c-0b63-7a95-9bcf-da6e6e8f0317","at":"2026-11-23T10:00:00Z"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := trust.VerifyRevocations(t.Context(), raw(t, attest.RevocationsPayload, []byte(body), k), later)
			require.ErrorIs(t, err, pipeline.ErrMalformed)
		})
	}
	_, err = (&attest.Revocations{}).Sign(t.Context(), k)
	require.ErrorIs(t, err, pipeline.ErrInvalid)
}

func TestCheckpoint(t *testing.T) {
	t.Parallel()
	k := fixed(t)
	machine := named("machine", k)
	machine.Uses = []attest.Use{attest.UseCheckpoint}
	trust := trusting(t, machine)
	for name, head := range map[string]pipeline.AuditHead{"log": {Count: 3, Hash: digest("event 3")}, "empty_log": pipeline.AuditGenesis()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := attest.CheckpointOf(head, signed).Sign(t.Context(), k)
			require.NoError(t, err)
			got, err := trust.VerifyCheckpoint(t.Context(), e, later)
			require.NoError(t, err)
			require.Equal(t, head, got.Head())
			require.Equal(t, signed, got.Time)
		})
	}
	e, err := attest.CheckpointOf(pipeline.AuditHead{Count: 3, Hash: digest("event 3")}, signed).Sign(t.Context(), k)
	require.NoError(t, err)
	golden(t, "checkpoint.json", e.JSON())
	_, err = trust.VerifyCheckpoint(t.Context(), e, settled)
	require.ErrorIs(t, err, attest.ErrClock)
	_, err = trusting(t, named("other", fresh(t, attest.ECDSAP256))).VerifyCheckpoint(t.Context(), e, later)
	require.ErrorIs(t, err, attest.ErrUnknownKey)
	_, err = trust.VerifyCheckpoint(t.Context(), signedBy(t, sample(), k), later)
	require.ErrorIs(t, err, attest.ErrPayloadType)
	for name, body := range map[string]string{
		"text":    "hello",
		"schema":  `{"schema":"x","count":1,"hash":"` + string(digest("1")) + `","time":"2026-11-23T10:00:00Z"}`,
		"count":   `{"schema":"weighbridge.checkpoint/1","count":-1,"hash":"` + string(digest("1")) + `","time":"2026-11-23T10:00:00Z"}`,
		"hash":    `{"schema":"weighbridge.checkpoint/1","count":1,"hash":"x","time":"2026-11-23T10:00:00Z"}`,
		"genesis": `{"schema":"weighbridge.checkpoint/1","count":1,"hash":"` + string(pipeline.AuditGenesis().Hash) + `","time":"2026-11-23T10:00:00Z"}`,
		"time":    `{"schema":"weighbridge.checkpoint/1","count":1,"hash":"` + string(digest("1")) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := trust.VerifyCheckpoint(t.Context(), raw(t, attest.CheckpointPayload, []byte(body), k), later)
			require.ErrorIs(t, err, pipeline.ErrMalformed)
		})
	}
	_, err = attest.Checkpoint{}.Sign(t.Context(), k)
	require.ErrorIs(t, err, pipeline.ErrInvalid)
}
