package attest

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"weighbridge/pipeline"
)

// The types of payloads.
const (
	StatementPayload   = "application/vnd.in-toto+json"
	RevocationsPayload = "application/vnd.weighbridge.revocations.v1+json"
	CheckpointPayload  = "application/vnd.weighbridge.checkpoint.v1+json"
)

const (
	// MaxEnvelope is the size in bytes of the largest envelope that is read. An approval
	// of [MaxObjects] objects with paths of 150 bytes fits in it.
	MaxEnvelope = pipeline.ApprovalMax
	// maxSignatures bounds the signatures of an envelope: each costs a verification.
	maxSignatures = 16
)

// Envelope is a signed payload that nobody has verified yet: only [Trust] gives out what
// it says.
type Envelope struct {
	payloadType string
	payload     []byte
	signatures  []signature
	// text is the envelope as it was read or made.
	text []byte
}

type signature struct {
	keyID string
	sig   []byte
}

// JSON returns the envelope as a file holds it, ended by a line feed. The caller may not
// change the bytes.
func (e *Envelope) JSON() []byte { return e.text }

// PayloadType returns the type that the envelope states.
func (e *Envelope) PayloadType() string { return e.payloadType }

// Digest returns the digest of the payload: equal for envelopes that say the same,
// whoever signed them.
func (e *Envelope) Digest() pipeline.Digest { return pipeline.DigestBytes(e.payload) }

// ReadEnvelope reads an envelope of at most [MaxEnvelope] bytes. An error matches
// [pipeline.ErrOverLimit] or [pipeline.ErrMalformed], or is the reader's own.
func ReadEnvelope(r io.Reader) (*Envelope, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxEnvelope+1))
	if err != nil {
		return nil, fmt.Errorf("read the envelope: %w", err)
	}
	return ParseEnvelope(text)
}

// ParseEnvelope reads an envelope. Keys that DSSE does not know are passed over: no
// signature covers them, and nothing here reads them. Keys given twice, and base64 that is
// written in another way than it would be encoded, are refused. An error matches [pipeline.ErrOverLimit] or [pipeline.ErrMalformed].
func ParseEnvelope(text []byte) (*Envelope, error) {
	if len(text) > MaxEnvelope {
		return nil, &pipeline.Error{Code: pipeline.CodeOverLimit, Message: "the envelope is larger than 128 MiB"}
	}
	var raw dsse.Envelope
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, malformed(err, "the file is no envelope of DSSE")
	}
	e := &Envelope{payloadType: raw.PayloadType, text: text}
	switch {
	case raw.PayloadType == "" || raw.Payload == "":
		return nil, malformed(nil, "the file is no envelope of DSSE: it has no payload with a type")
	case len(raw.Signatures) == 0:
		return nil, malformed(nil, "the envelope is not signed")
	case len(raw.Signatures) > maxSignatures:
		return nil, malformed(nil, "the envelope has more than %d signatures", maxSignatures)
	}
	var err error
	if e.payload, err = decode(raw.Payload); err != nil {
		return nil, malformed(err, "the payload of the envelope is not in base64")
	}
	for _, s := range raw.Signatures {
		sig, err := decode(s.Sig)
		if err != nil || len(sig) == 0 {
			return nil, malformed(err, "a signature of the envelope is not in base64")
		}
		e.signatures = append(e.signatures, signature{keyID: s.KeyID, sig: sig})
	}
	return e, nil
}

// decode reads either alphabet of base64, as DSSE asks. It takes one spelling of the same
// bytes only: Go's decoder passes over line ends and the last unused bits.
func decode(text string) ([]byte, error) {
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		if b, err := encoding.Strict().DecodeString(text); err == nil && encoding.EncodedLen(len(b)) == len(text) {
			return b, nil
		}
	}
	return nil, errBase64
}

var errBase64 = errors.New("base64 of the standard or the URL alphabet is needed, without line ends")

// sign makes an envelope of a payload with the signature of each signer.
func sign(ctx context.Context, payloadType string, payload []byte, signers ...Signer) (*Envelope, error) {
	all := make([]dsse.Signer, len(signers))
	for i, s := range signers {
		all[i] = s
	}
	signer, err := dsse.NewEnvelopeSigner(all...)
	if err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: "there is no key to sign with", Err: err}
	}
	made, err := signer.SignPayload(ctx, payloadType, payload)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	text, err := json.Marshal(made, jsontext.WithIndent("  "))
	if err != nil {
		return nil, fmt.Errorf("write the envelope: %w", err)
	}
	// What could not be read again is not given out.
	return ParseEnvelope(append(text, '\n'))
}

// verifies reports whether a signature is that of a key over the payload and its type.
func (e *Envelope) verifies(ctx context.Context, s signature, k PublicKey) bool {
	return verifier{k}.Verify(ctx, dsse.PAE(e.payloadType, e.payload), s.sig) == nil
}
