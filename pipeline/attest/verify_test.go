package attest_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	intoto "github.com/in-toto/attestation/go/v1"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/secure-systems-lab/go-securesystemslib/signerverifier"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"pgregory.net/rapid"

	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
)

// envelope is the file's form.
type envelope struct {
	PayloadType string           `json:"payloadType"`
	Payload     string           `json:"payload"`
	Signatures  []dsse.Signature `json:"signatures"`
}

func opened(t require.TestingT, e *attest.Envelope) (out envelope) {
	require.NoError(t, json.Unmarshal(e.JSON(), &out))
	return out
}

func closed(t *testing.T, e envelope) *attest.Envelope {
	t.Helper()
	b, err := json.Marshal(e)
	require.NoError(t, err)
	out, err := attest.ParseEnvelope(b)
	require.NoError(t, err)
	return out
}

func payload(t require.TestingT, e *attest.Envelope) []byte {
	b, err := base64.StdEncoding.DecodeString(opened(t, e).Payload)
	require.NoError(t, err)
	return b
}

// raw signs any payload with the library of DSSE.
func raw(t *testing.T, kind string, body []byte, k attest.Signer) *attest.Envelope {
	t.Helper()
	signer, err := dsse.NewEnvelopeSigner(k)
	require.NoError(t, err)
	e, err := signer.SignPayload(t.Context(), kind, body)
	require.NoError(t, err)
	return closed(t, envelope(*e))
}

// edited returns the statement of an approval after a change of its JSON.
func edited(t *testing.T, a attest.Approval, change func(statement, predicate map[string]any)) []byte {
	t.Helper()
	e := signedBy(t, a, fixed(t))
	d := json.NewDecoder(bytes.NewReader(payload(t, e)))
	d.UseNumber()
	var s map[string]any
	require.NoError(t, d.Decode(&s))
	change(s, s["predicate"].(map[string]any))
	b, err := json.Marshal(s)
	require.NoError(t, err)
	return b
}

func TestApproval_IsVerified(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]attest.Approval{"content": sample(), "store": storeBound(), "cleared": cleared()} {
		for _, algorithm := range attest.Algorithms() {
			t.Run(name+"_"+string(algorithm), func(t *testing.T) {
				t.Parallel()
				k := fresh(t, algorithm)
				e, err := attest.ReadEnvelope(bytes.NewReader(signedBy(t, a, k).JSON()))
				require.NoError(t, err)
				got, err := trusting(t, named("release", k)).VerifyApproval(t.Context(), e, later, nil)
				require.NoError(t, err)
				require.Equal(t, a, got.Approval)
				require.Equal(t, "release", got.Keys[0].Name)
				require.Equal(t, attest.StatementPayload, e.PayloadType())
			})
		}
	}
}

// Two trusted keys may sign together, and a key id may be left out.
func TestApproval_IsSignedByTwo(t *testing.T) {
	t.Parallel()
	one, two := fresh(t, attest.Ed25519), fresh(t, attest.ECDSAP256)
	e := opened(t, signedBy(t, sample(), one, two))
	e.Signatures[1].KeyID = ""
	got, err := trusting(t, named("one", one), named("two", two)).VerifyApproval(t.Context(), closed(t, e), later, nil)
	require.NoError(t, err)
	require.Len(t, got.Keys, 2)
	require.Equal(t, "two", got.Keys[1].Name)
}

func TestApproval_IsRefused(t *testing.T) {
	t.Parallel()
	k, other := fixed(t), fresh(t, attest.ECDSAP256)
	trust := trusting(t, named("release", k))
	good := signedBy(t, sample(), k)
	until := func(change func(*attest.TrustedKey)) *attest.Trust {
		key := named("release", k)
		change(&key)
		return trusting(t, key)
	}
	swap := func(change func(*envelope)) *attest.Envelope {
		e := opened(t, good)
		change(&e)
		return closed(t, e)
	}
	id, err := other.KeyID()
	require.NoError(t, err)
	ownID, err := k.KeyID()
	require.NoError(t, err)
	stranger := signedBy(t, sample(), other)
	checkpoint, err := attest.CheckpointOf(pipeline.AuditHead{Count: 3, Hash: digest("3")}, signed).Sign(t.Context(), k)
	require.NoError(t, err)
	result, err := ptr(sample()).SignResult(t.Context(), k)
	require.NoError(t, err)

	for name, tc := range map[string]struct {
		trust    *attest.Trust
		envelope *attest.Envelope
		at       time.Time
		revoked  *attest.Revocations
		want     error
		text     string
	}{
		"unknown_key":           {envelope: stranger, want: attest.ErrUnknownKey, text: "the key " + id},
		"unknown_key_not_named": {envelope: swap(func(e *envelope) { e.Signatures = opened(t, stranger).Signatures; e.Signatures[0].KeyID = "" }), want: attest.ErrUnknownKey, text: "not named"},
		"nobody_is_trusted":     {trust: &attest.Trust{}, envelope: good, want: attest.ErrUnknownKey},
		"stranger_beside":       {envelope: signedBy(t, sample(), k, other), want: attest.ErrStranger, text: "is not trusted"},
		"stranger_first":        {envelope: signedBy(t, sample(), other, k), want: attest.ErrStranger},
		"stranger_as_ours":      {envelope: signedBy(t, sample(), claim{other, ownID}), want: attest.ErrSignature},
		"signed_twice":          {envelope: swap(func(e *envelope) { e.Signatures = append(e.Signatures, e.Signatures[0]) }), want: pipeline.ErrMalformed, text: "twice"},
		"second_signature_wrong": {envelope: swap(func(e *envelope) {
			e.Signatures = append(e.Signatures, dsse.Signature{KeyID: ownID, Sig: "AAAA"})
		}), want: attest.ErrSignature},
		"signature_of_another_payload": {envelope: swap(func(e *envelope) { e.Signatures = opened(t, signedBy(t, storeBound(), k)).Signatures }), want: attest.ErrSignature},
		"payload_type_swapped":         {envelope: swap(func(e *envelope) { e.PayloadType = attest.CheckpointPayload }), want: attest.ErrSignature},
		"payload_type_other":           {envelope: checkpoint, want: attest.ErrPayloadType, text: attest.CheckpointPayload},
		"payload_type_signed_so":       {envelope: raw(t, "text/plain", payload(t, good), k), want: attest.ErrPayloadType, text: "text/plain"},
		"predicate_type":               {envelope: result, want: attest.ErrPredicateType, text: attest.ResultPredicate},
		"statement_type": {envelope: raw(t, attest.StatementPayload, edited(t, sample(), func(s, _ map[string]any) {
			s["_type"] = "https://in-toto.io/Statement/v0.1"
		}), k), want: attest.ErrStatementType},
		"subject_of_another": {envelope: raw(t, attest.StatementPayload, edited(t, sample(), func(s, _ map[string]any) {
			s["subject"].([]any)[0].(map[string]any)["digest"] = map[string]any{"sha256": sum("another")}
		}), k), want: attest.ErrSubject},
		"subject_added": {envelope: raw(t, attest.StatementPayload, edited(t, sample(), func(s, _ map[string]any) {
			s["subject"] = append(s["subject"].([]any), map[string]any{"name": "content", "digest": map[string]any{"sha256": sum("another")}})
		}), k), want: attest.ErrSubject},
		"subject_with_two_digests": {envelope: raw(t, attest.StatementPayload, edited(t, sample(), func(s, _ map[string]any) {
			s["subject"].([]any)[0].(map[string]any)["digest"].(map[string]any)["sha512"] = "ab"
		}), k), want: attest.ErrSubject},
		"key_not_yet_valid":   {trust: until(func(k *attest.TrustedKey) { k.NotBefore = ptr(signed.Add(time.Second)) }), envelope: good, want: attest.ErrKeyNotYetValid},
		"key_no_longer_valid": {trust: until(func(k *attest.TrustedKey) { k.NotAfter = ptr(signed) }), envelope: good, want: attest.ErrKeyEnded},
		"key_revoked":         {trust: until(func(k *attest.TrustedKey) { k.RevokedAt = ptr(later) }), envelope: good, want: attest.ErrKeyRevoked},
		"key_for_checkpoints": {trust: until(func(k *attest.TrustedKey) { k.Uses = []attest.Use{attest.UseCheckpoint} }), envelope: good, want: attest.ErrKeyUse},
		"one_of_two_keys_ended": {trust: trusting(t, named("release", k), attest.TrustedKey{Name: "old", Key: other.Public(), NotAfter: ptr(settled)}),
			envelope: signedBy(t, sample(), k, other), want: attest.ErrKeyEnded, text: "the key old"},
		"signed_later": {envelope: good, at: signed.Add(-2 * time.Minute), want: attest.ErrClock},
		"term_ended":   {envelope: good, at: time.Date(2027, 5, 31, 0, 0, 0, 0, time.UTC), want: attest.ErrExpired},
		"revoked":      {envelope: good, revoked: revoking(sample().ID), want: attest.ErrRevoked, text: "wrong_artifact"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.trust == nil {
				tc.trust = trust
			}
			if tc.at.IsZero() {
				tc.at = later
			}
			_, err := tc.trust.VerifyApproval(t.Context(), tc.envelope, tc.at, tc.revoked)
			require.ErrorIs(t, err, tc.want)
			require.ErrorContains(t, err, tc.text)
			var own *pipeline.Error
			require.ErrorAs(t, err, &own)
			require.NotEmpty(t, own.Message)
		})
	}
}

func revoking(ids ...uuid.UUID) *attest.Revocations {
	r := &attest.Revocations{Schema: attest.RevocationsSchema, Number: 1, IssuedAt: signed}
	for _, id := range ids {
		r.Revoked = append(r.Revoked, attest.Revocation{Approval: id, At: later, Reason: "wrong_artifact"})
	}
	return r
}

// What counts at its last and first moments.
func TestApproval_HoldsUntilItsBounds(t *testing.T) {
	t.Parallel()
	k := fixed(t)
	key := named("release", k)
	key.NotBefore, key.NotAfter = ptr(signed), ptr(signed.Add(time.Microsecond))
	key.RevokedAt = ptr(later.Add(time.Second))
	key.Uses = []attest.Use{attest.UseApproval}
	trust := trusting(t, key)
	e := signedBy(t, sample(), k)
	for name, at := range map[string]time.Time{"at_once": signed, "signer_ahead": signed.Add(-time.Minute), "before_revocation": later} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := trust.VerifyApproval(t.Context(), e, at, revoking(uuid.New()))
			require.NoError(t, err)
		})
	}
	key.RevokedAt = nil
	_, err := trusting(t, key).VerifyApproval(t.Context(), e, sample().Term.Expires.Add(-1), nil)
	require.NoError(t, err)
}

// A term is refused by itself where the time of signing would pass.
func TestApproval_TermHasNotBegun(t *testing.T) {
	t.Parallel()
	a := sample()
	a.SignedAt = a.Term.NotBefore
	_, err := trusting(t, named("k", fixed(t))).VerifyApproval(t.Context(), signedBy(t, a, fixed(t)), settled.Add(-59*time.Second), nil)
	require.NoError(t, err)
	require.ErrorIs(t, attest.TermHolds(a.Term, settled.Add(-2*time.Minute)), attest.ErrNotBegun)
}

func TestEnvelope_IsMalformed(t *testing.T) {
	t.Parallel()
	good := opened(t, signedBy(t, sample(), fixed(t)))
	text := func(change func(*envelope)) string {
		e := good
		e.Signatures = append([]dsse.Signature{}, good.Signatures...)
		change(&e)
		b, err := json.Marshal(e)
		require.NoError(t, err)
		return string(b)
	}
	for name, in := range map[string]string{
		"empty":             "",
		"text":              "hello",
		"null":              "null",
		"list":              "[]",
		"no_payload":        text(func(e *envelope) { e.Payload = "" }),
		"no_type":           text(func(e *envelope) { e.PayloadType = "" }),
		"no_signature":      text(func(e *envelope) { e.Signatures = nil }),
		"empty_signature":   text(func(e *envelope) { e.Signatures[0].Sig = "" }),
		"many_signatures":   text(func(e *envelope) { e.Signatures = make([]dsse.Signature, 17) }),
		"payload_no_base64": text(func(e *envelope) { e.Payload = "%%%" }),
		"payload_line_end":  text(func(e *envelope) { e.Payload += "\n" }),
		"sig_no_base64":     text(func(e *envelope) { e.Signatures[0].Sig = "%" }),
		"unused_bits":       text(func(e *envelope) { e.Signatures[0].Sig = "QUJ=" }),
		"twice":             `{"payloadType":"a","payload":"YQ==","payload":"Yg==","signatures":[{"sig":"YQ=="}]}`,
		"twice_in_sig":      `{"payloadType":"a","payload":"YQ==","signatures":[{"sig":"YQ==","sig":"Yg=="}]}`,
		"trailing":          text(func(*envelope) {}) + "{}",
		"not_utf8":          "{\"payloadType\":\"\xff\",\"payload\":\"YQ==\",\"signatures\":[{\"sig\":\"YQ==\"}]}",
		"wrong_kind":        `{"payloadType":1,"payload":"YQ==","signatures":[{"sig":"YQ=="}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := attest.ParseEnvelope([]byte(in))
			require.ErrorIs(t, err, pipeline.ErrMalformed)
		})
	}
	_, err := attest.ParseEnvelope(make([]byte, attest.MaxEnvelope+1))
	require.ErrorIs(t, err, pipeline.ErrOverLimit)
	broken := errors.New("the disk is gone")
	_, err = attest.ReadEnvelope(failingReader{broken})
	require.ErrorIs(t, err, broken)

	// Both alphabets of base64 are read, and keys that nobody knows are passed over.
	e := good
	b, err := base64.StdEncoding.DecodeString(good.Payload)
	require.NoError(t, err)
	e.Payload = base64.URLEncoding.EncodeToString(b)
	whole, err := json.Marshal(map[string]any{"payloadType": e.PayloadType, "payload": e.Payload, "signatures": e.Signatures, "note": "x"})
	require.NoError(t, err)
	parsed, err := attest.ParseEnvelope(whole)
	require.NoError(t, err)
	_, err = trusting(t, named("k", fixed(t))).VerifyApproval(t.Context(), parsed, later, nil)
	require.NoError(t, err)
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

// What a trusted key signed is still held against itself.
func TestStatement_IsMalformed(t *testing.T) {
	t.Parallel()
	k := fixed(t)
	trust := trusting(t, named("release", k))
	object := func(p map[string]any, i int) map[string]any {
		return p["artifact"].(map[string]any)["objects"].([]any)[i].(map[string]any)
	}
	for name, change := range map[string]func(s, p map[string]any){
		"no_predicate":     func(s, _ map[string]any) { delete(s, "predicate") },
		"null_predicate":   func(s, _ map[string]any) { s["predicate"] = nil },
		"no_subject":       func(s, _ map[string]any) { s["subject"] = []any{} },
		"predicate_list":   func(s, _ map[string]any) { s["predicate"] = []any{} },
		"no_id":            func(_, p map[string]any) { delete(p, "id") },
		"id_of_another":    func(_, p map[string]any) { p["id"] = uuid.NewString() },
		"outcome":          func(_, p map[string]any) { p["outcome"] = "rejected" },
		"cleared_review":   func(_, p map[string]any) { p["outcome"] = "cleared" },
		"nobody":           func(_, p map[string]any) { p["decisions"] = []any{} },
		"no_reason":        func(_, p map[string]any) { p["decisions"].([]any)[0].(map[string]any)["reason"] = "" },
		"verdict":          func(_, p map[string]any) { p["verdict"] = map[string]any{"verdict": "fine"} },
		"binding":          func(_, p map[string]any) { p["binding"] = "both" },
		"binding_store":    func(_, p map[string]any) { p["binding"] = "store" },
		"no_time":          func(_, p map[string]any) { delete(p, "signed_at") },
		"no_such_time":     func(_, p map[string]any) { p["signed_at"] = "yesterday" },
		"signed_before":    func(_, p map[string]any) { p["signed_at"] = "2026-11-22T00:00:00Z" },
		"ends_before":      func(_, p map[string]any) { p["term"].(map[string]any)["expires"] = "2026-11-22T00:00:00Z" },
		"audit_before":     func(_, p map[string]any) { p["audit"].(map[string]any)["head"].(map[string]any)["count"] = 3 },
		"audit_none":       func(_, p map[string]any) { p["audit"] = nil },
		"facts":            func(_, p map[string]any) { p["facts_digest"] = "sha256:12" },
		"submission":       func(_, p map[string]any) { p["submission_digest"] = "the text itself" },
		"no_source":        func(_, p map[string]any) { p["artifact"].(map[string]any)["source"] = "" },
		"pack":             func(_, p map[string]any) { p["packs"].([]any)[0].(map[string]any)["digest"] = "" },
		"size_negative":    func(_, p map[string]any) { object(p, 0)["size"] = -1 },
		"size_huge":        func(_, p map[string]any) { object(p, 0)["size"] = json.Number("9223372036854775807") },
		"size_beyond":      func(_, p map[string]any) { object(p, 0)["size"] = json.Number("9223372036854775808") },
		"size_fraction":    func(_, p map[string]any) { object(p, 0)["size"] = 1.5 },
		"size_other":       func(_, p map[string]any) { object(p, 0)["size"] = 652 },
		"sum_other":        func(_, p map[string]any) { object(p, 0)["sha256"] = sum("another") },
		"sum_capitals":     func(_, p map[string]any) { object(p, 0)["sha256"] = strings.ToUpper(sum("config")) },
		"sum_missing":      func(_, p map[string]any) { delete(object(p, 0), "sha256") },
		"path_empty":       func(_, p map[string]any) { object(p, 0)["path"] = "" },
		"path_long":        func(_, p map[string]any) { object(p, 0)["path"] = strings.Repeat("a", 5<<10) },
		"path_order":       func(_, p map[string]any) { object(p, 0)["path"] = "zz" },
		"path_twice":       func(_, p map[string]any) { object(p, 0)["path"] = object(p, 1)["path"] },
		"path_submission":  func(_, p map[string]any) { object(p, 4)["path"] = pipeline.SubmissionName },
		"objects_a_number": func(_, p map[string]any) { p["artifact"].(map[string]any)["objects"] = 5 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := raw(t, attest.StatementPayload, edited(t, sample(), change), k)
			_, err := trust.VerifyApproval(t.Context(), e, later, nil)
			require.ErrorIs(t, err, pipeline.ErrMalformed)
		})
	}
	for name, body := range map[string]string{"text": "hello", "twice": `{"_type":"a","_type":"b"}`, "null": "null"} {
		t.Run("body_"+name, func(t *testing.T) {
			t.Parallel()
			_, err := trust.VerifyApproval(t.Context(), raw(t, attest.StatementPayload, []byte(body), k), later, nil)
			require.Error(t, err)
			require.NotEqual(t, pipeline.CodeInternal, pipeline.ErrorCode(err))
		})
	}
	// Fields that are not known yet change nothing.
	e := raw(t, attest.StatementPayload, edited(t, sample(), func(s, p map[string]any) { s["more"], p["more"] = 1, map[string]any{"x": []any{}} }), k)
	_, err := trust.VerifyApproval(t.Context(), e, later, nil)
	require.NoError(t, err)
}

func TestSign_Refuses(t *testing.T) {
	t.Parallel()
	a := sample()
	a.Artifact.Objects[0].Path = "\xff"
	_, err := a.Sign(t.Context(), fixed(t))
	require.ErrorIs(t, err, pipeline.ErrInvalid)
	_, err = a.SignResult(t.Context(), fixed(t))
	require.ErrorIs(t, err, pipeline.ErrInvalid)
	_, err = ptr(sample()).Sign(t.Context())
	require.ErrorIs(t, err, pipeline.ErrUsage)
	_, err = ptr(sample()).Sign(t.Context(), failing{fixed(t)})
	require.ErrorIs(t, err, pipeline.ErrUnavailable)
}

// No byte of the payload or of a signature can be changed.
func TestEnvelope_EveryByteCounts(t *testing.T) {
	t.Parallel()
	for _, algorithm := range attest.Algorithms() {
		t.Run(string(algorithm), func(t *testing.T) {
			t.Parallel()
			k := fresh(t, algorithm)
			trust := trusting(t, named("k", k))
			good := opened(t, signedBy(t, sample(), k))
			body, err := base64.StdEncoding.DecodeString(good.Payload)
			require.NoError(t, err)
			sig, err := base64.StdEncoding.DecodeString(good.Signatures[0].Sig)
			require.NoError(t, err)
			rapid.Check(t, func(r *rapid.T) {
				e := good
				e.Signatures = append([]dsse.Signature{}, good.Signatures...)
				flip := func(b []byte) string {
					b = bytes.Clone(b)
					b[rapid.IntRange(0, len(b)-1).Draw(r, "place")] ^= byte(rapid.IntRange(1, 255).Draw(r, "bits"))
					return base64.StdEncoding.EncodeToString(b)
				}
				respell := func(text string) string {
					b := []byte(text)
					b[rapid.IntRange(0, len(b)-1).Draw(r, "place")] = byte(rapid.IntRange(0, 127).Draw(r, "character"))
					return string(b)
				}
				switch rapid.SampledFrom([]string{"payload", "signature", "payload text", "signature text"}).Draw(r, "what") {
				case "payload":
					e.Payload = flip(body)
				case "signature":
					e.Signatures[0].Sig = flip(sig)
				case "payload text":
					e.Payload = respell(e.Payload)
				default:
					e.Signatures[0].Sig = respell(e.Signatures[0].Sig)
				}
				if e.Payload == good.Payload && e.Signatures[0] == good.Signatures[0] {
					return // the same character again
				}
				b, err := json.Marshal(e)
				require.NoError(r, err)
				parsed, err := attest.ParseEnvelope(b)
				if err == nil {
					_, err = trust.VerifyApproval(t.Context(), parsed, later, nil)
				}
				if err == nil {
					// One "+" or "/" can become the other alphabet's: the same bytes.
					require.Equal(r, string(body), string(payloadOf(r, e)))
					return
				}
				require.NotEqual(r, pipeline.CodeInternal, pipeline.ErrorCode(err))
			})
		})
	}
}

func payloadOf(r *rapid.T, e envelope) []byte {
	b, err := base64.StdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(e.Payload))
	require.NoError(r, err)
	return b
}

// The envelope and the statement are those of the libraries of DSSE and in-toto.
func TestApproval_IsReadByOthers(t *testing.T) {
	t.Parallel()
	for _, algorithm := range attest.Algorithms() {
		t.Run(string(algorithm), func(t *testing.T) {
			t.Parallel()
			k := fresh(t, algorithm)
			pem, err := k.Public().MarshalPEM()
			require.NoError(t, err)
			key, err := signerverifier.LoadKey(pem)
			require.NoError(t, err)
			var v dsse.Verifier
			if algorithm == attest.Ed25519 {
				v, err = signerverifier.NewED25519SignerVerifierFromSSLibKey(key)
			} else {
				v, err = signerverifier.NewECDSASignerVerifierFromSSLibKey(key)
			}
			require.NoError(t, err)
			verifier, err := dsse.NewEnvelopeVerifier(unnamed{v})
			require.NoError(t, err)
			result, err := ptr(sample()).SignResult(t.Context(), k)
			require.NoError(t, err)
			for _, e := range []*attest.Envelope{signedBy(t, sample(), k), signedBy(t, storeBound(), k), result} {
				theirs := dsse.Envelope(opened(t, e))
				theirs.Signatures[0].KeyID = "" // theirs are made in another way
				accepted, body, err := verifier.VerifyAndDecode(t.Context(), &theirs)
				require.NoError(t, err)
				require.Len(t, accepted, 1)
				var s intoto.Statement
				require.NoError(t, protojson.Unmarshal(body, &s))
				require.NoError(t, s.Validate())
				require.Equal(t, intoto.StatementTypeUri, s.GetType())
			}
		})
	}
}

// unnamed is a verifier whose key id is left out of the comparison.
type unnamed struct{ dsse.Verifier }

func (unnamed) KeyID() (string, error) { return "", nil }

func TestApproval_IsWrittenInOneWay(t *testing.T) {
	t.Parallel()
	e := signedBy(t, sample(), fixed(t))
	golden(t, "approval.json", e.JSON())
	var b bytes.Buffer
	require.NoError(t, json.Indent(&b, payload(t, e), "", "  "))
	golden(t, "approval.statement.json", append(b.Bytes(), '\n'))
	result, err := ptr(sample()).SignResult(t.Context(), fixed(t))
	require.NoError(t, err)
	b.Reset()
	require.NoError(t, json.Indent(&b, payload(t, result), "", "  "))
	golden(t, "result.statement.json", append(b.Bytes(), '\n'))
	require.Equal(t, digestOf(payload(t, e)), e.Digest())
}

func digestOf(b []byte) pipeline.Digest { return pipeline.DigestBytes(b) }

func TestSchema_HoldsForApprovals(t *testing.T) {
	t.Parallel()
	schema := compiled(t)
	for name, a := range map[string]attest.Approval{"content": sample(), "store": storeBound(), "cleared": cleared()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc := predicate(t, a)
			require.NoError(t, schema.Validate(doc))
			described(t, "predicate", doc, object(t, attest.ApprovalSchema()), object(t, attest.ApprovalSchema())["$defs"].(map[string]any))
		})
	}
	for name, change := range map[string]func(p map[string]any){
		"no_id":       func(p map[string]any) { delete(p, "id") },
		"outcome":     func(p map[string]any) { p["outcome"] = "rejected" },
		"digest":      func(p map[string]any) { p["facts_digest"] = "12" },
		"time":        func(p map[string]any) { p["signed_at"] = "yesterday" },
		"size":        func(p map[string]any) { p["artifact"].(map[string]any)["bytes"] = -1 },
		"no_decision": func(p map[string]any) { delete(p, "decisions") },
	} {
		t.Run("refuses_"+name, func(t *testing.T) {
			t.Parallel()
			doc := predicate(t, sample())
			change(doc)
			require.Error(t, schema.Validate(doc))
		})
	}
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(attest.ApprovalSchema()))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	require.NoError(t, c.AddResource("approval.schema.json", doc))
	schema, err := c.Compile("approval.schema.json")
	require.NoError(t, err)
	return schema
}

func predicate(t *testing.T, a attest.Approval) map[string]any {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(payload(t, signedBy(t, a, fixed(t)))))
	require.NoError(t, err)
	return doc.(map[string]any)["predicate"].(map[string]any)
}

func object(t *testing.T, b []byte) map[string]any {
	t.Helper()
	var out map[string]any
	require.NoError(t, json.Unmarshal(b, &out))
	return out
}

// described fails where a value holds a key that the schema does not describe.
func described(t *testing.T, at string, v any, schema, defs map[string]any) {
	t.Helper()
	if ref, ok := schema["$ref"].(string); ok {
		schema = defs[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
	}
	switch v := v.(type) {
	case map[string]any:
		properties, ok := schema["properties"].(map[string]any)
		require.True(t, ok, at)
		for key, value := range v {
			below, ok := properties[key].(map[string]any)
			require.True(t, ok, "%s.%s is not described", at, key)
			require.NotEmpty(t, below["description"], "%s.%s has no description", at, key)
			described(t, at+"."+key, value, below, defs)
		}
	case []any:
		for i, value := range v {
			items, ok := schema["items"].(map[string]any)
			require.True(t, ok, at)
			described(t, fmt.Sprintf("%s[%d]", at, i), value, items, defs)
		}
	}
}

func TestResult(t *testing.T) {
	t.Parallel()
	k := fixed(t)
	trust := trusting(t, named("k", k))
	seed := "seed-article_" + sum("seed")
	integrity := attest.PropertyPack + "integrity_" + sum("integrity")
	open := sample()
	open.Term.Expires = nil
	undecided := sample()
	undecided.Findings[0].Outcome = pipeline.OutcomeUndetermined
	warned := sample()
	warned.Findings[0].Effect = pipeline.EffectWarn
	for name, tc := range map[string]struct {
		approval attest.Approval
		want     []string
	}{
		"with_a_term": {sample(), []string{attest.PropertyApproved + "_UNTIL_20270531T000000Z", integrity}},
		"without":     {open, []string{attest.PropertyApproved, integrity}},
		"undecided":   {undecided, []string{attest.PropertyApproved + "_UNTIL_20270531T000000Z", integrity}},
		"warned":      {warned, []string{attest.PropertyApproved + "_UNTIL_20270531T000000Z", integrity, attest.PropertyPack + seed}},
		"cleared":     {cleared(), []string{attest.PropertyClear, integrity, attest.PropertyPack + seed}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := tc.approval.SignResult(t.Context(), k)
			require.NoError(t, err)
			r, subjects, err := trust.VerifyResult(t.Context(), e, later)
			require.NoError(t, err)
			require.Equal(t, tc.want, r.Properties)
			require.Equal(t, signed, r.TimeCreated)
			require.Equal(t, tc.approval.Subjects(), subjects)
			require.Len(t, r.Verifier.Policies, 3)
		})
	}
	_, _, err := trust.VerifyResult(t.Context(), signedBy(t, sample(), k), later)
	require.ErrorIs(t, err, attest.ErrPredicateType)
	e, err := ptr(sample()).SignResult(t.Context(), k)
	require.NoError(t, err)
	_, _, err = trust.VerifyResult(t.Context(), e, settled)
	require.ErrorIs(t, err, attest.ErrClock)
	foreign := strings.Replace(string(payload(t, e)), attest.Verifier, "https://example.org/verifier", 1)
	_, _, err = trust.VerifyResult(t.Context(), raw(t, attest.StatementPayload, []byte(foreign), k), later)
	require.ErrorIs(t, err, pipeline.ErrMalformed)
}

func TestSubjects_AreNamedAfterTheBinding(t *testing.T) {
	t.Parallel()
	content, store := sample(), storeBound()
	require.Equal(t, []attest.Subject{
		{Name: "content", Digest: map[string]string{"sha256": strings.TrimPrefix(string(*content.Artifact.ContentDigest), "sha256:")}},
		{Name: "model-signing-root", Digest: map[string]string{"sha256": strings.TrimPrefix(string(*content.Artifact.SigningRoot), "sha256:")}},
	}, content.Subjects())
	require.Equal(t, []attest.Subject{
		{Name: "pins", Digest: map[string]string{"sha256": strings.TrimPrefix(string(store.Artifact.PinDigest), "sha256:")}},
	}, store.Subjects())
}
