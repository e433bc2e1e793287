package attest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/youmark/pkcs8"

	"weighbridge/pipeline"
)

// Signer signs. It has the methods of a signer of DSSE, so that a key service takes two
// of them.
type Signer interface {
	// KeyID returns the id of the key, as [PublicKey.ID] makes it.
	KeyID() (string, error)
	// Sign signs data as it is: the encoding of DSSE, which holds payload and type. A
	// scheme that signs digests hashes it first. The result of ECDSA is in ASN.1.
	Sign(ctx context.Context, data []byte) ([]byte, error)
}

// Algorithm is a kind of key.
type Algorithm string

// The algorithms.
const (
	// Ed25519 is EdDSA of RFC 8032, over the data itself.
	Ed25519 Algorithm = "ed25519"
	// ECDSAP256 is ECDSA of FIPS 186-5 on P-256, over the SHA-256 of the data. OpenSSF
	// Model Signing and most key services know it.
	ECDSAP256 Algorithm = "ecdsa-p256"
)

// Algorithms lists every algorithm, the usual one first.
func Algorithms() []Algorithm { return []Algorithm{Ed25519, ECDSAP256} }

const (
	// maxPEM bounds a key file. A P-256 key takes a third of a KiB.
	maxPEM = 16 << 10
	// PassphraseMin and PassphraseMax bound a passphrase, in bytes.
	PassphraseMin = 12
	// PassphraseMax is the largest length in bytes.
	PassphraseMax = 4 << 10

	publicBlock    = "PUBLIC KEY"
	encryptedBlock = "ENCRYPTED PRIVATE KEY"
)

// PublicKey is a key to verify with. The zero value verifies nothing.
type PublicKey struct {
	key       crypto.PublicKey
	id        string
	algorithm Algorithm
}

// ID returns the SHA-256 of the key's SubjectPublicKeyInfo (RFC 5280, DER), in lower-case
// hexadecimal.
func (k PublicKey) ID() string { return k.id }

// Algorithm returns the kind of the key.
func (k PublicKey) Algorithm() Algorithm { return k.algorithm }

// publicKey takes a key of a kind that is known here.
func publicKey(key crypto.PublicKey) (PublicKey, error) {
	out := PublicKey{key: key}
	switch k := key.(type) {
	case ed25519.PublicKey:
		out.algorithm = Ed25519
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return PublicKey{}, badKey(nil, "the key is on another curve than P-256")
		}
		out.algorithm = ECDSAP256
	default:
		return PublicKey{}, badKey(nil, "the key is of another kind than Ed25519 and ECDSA on P-256")
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return PublicKey{}, badKey(err, "the key cannot be written")
	}
	sum := sha256.Sum256(der)
	out.id = hex.EncodeToString(sum[:])
	return out, nil
}

func badKey(err error, message string) error {
	return &pipeline.Error{Code: pipeline.CodeInvalid, Message: message, Err: err, Hint: "make a key with: weighbridge key new"}
}

// ParsePublicKey reads one PEM block "PUBLIC KEY" of at most 16 KiB. An error matches
// [pipeline.ErrInvalid].
func ParsePublicKey(text []byte) (PublicKey, error) {
	block, err := onlyBlock(text, publicBlock)
	if err != nil {
		return PublicKey{}, err
	}
	key, err := x509.ParsePKIXPublicKey(block)
	if err != nil {
		return PublicKey{}, badKey(err, "the public key cannot be read")
	}
	return publicKey(key)
}

// onlyBlock returns the content of the single PEM block of a text.
func onlyBlock(text []byte, kind string) ([]byte, error) {
	if len(text) > maxPEM {
		return nil, badKey(nil, "the key file is larger than 16 KiB")
	}
	block, rest := pem.Decode(text)
	switch {
	case block == nil:
		return nil, badKey(nil, "the file holds no key in PEM")
	case block.Type != kind:
		return nil, badKey(nil, fmt.Sprintf("the file holds a block %q where %q is needed", block.Type, kind))
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, badKey(nil, "the file holds more than one key")
	}
	return block.Bytes, nil
}

// MarshalPEM returns the key as a PEM block "PUBLIC KEY".
func (k PublicKey) MarshalPEM() ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(k.key)
	if err != nil {
		return nil, badKey(err, "the key cannot be written")
	}
	return pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: der}), nil
}

var errSignature = errors.New("the signature does not verify")

// verifier lets the library of DSSE verify with a key.
type verifier struct{ PublicKey }

func (v verifier) KeyID() (string, error)   { return v.id, nil }
func (v verifier) Public() crypto.PublicKey { return v.key }
func (v verifier) Verify(_ context.Context, data, sig []byte) error {
	valid := false
	switch k := v.key.(type) {
	case ed25519.PublicKey:
		valid = ed25519.Verify(k, data, sig)
	case *ecdsa.PublicKey:
		sum := sha256.Sum256(data)
		valid = ecdsa.VerifyASN1(k, sum[:], sig)
	}
	if !valid {
		return errSignature
	}
	return nil
}

// PrivateKey is a key to sign with, held in memory.
type PrivateKey struct {
	key    crypto.Signer
	public PublicKey
}

var _ Signer = (*PrivateKey)(nil)

// GenerateKey makes a new key. An error matches [pipeline.ErrUsage] where there is no such
// algorithm.
func GenerateKey(a Algorithm) (*PrivateKey, error) {
	var key crypto.Signer
	var err error
	switch a {
	case Ed25519:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case ECDSAP256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("there is no algorithm %q", a), Hint: "use ed25519 or ecdsa-p256"}
	}
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return privateKey(key)
}

func privateKey(key crypto.Signer) (*PrivateKey, error) {
	public, err := publicKey(key.Public())
	if err != nil {
		return nil, err
	}
	return &PrivateKey{key: key, public: public}, nil
}

// Public returns the key to verify with.
func (k *PrivateKey) Public() PublicKey { return k.public }

// KeyID implements [Signer].
func (k *PrivateKey) KeyID() (string, error) { return k.public.id, nil }

// Sign implements [Signer].
func (k *PrivateKey) Sign(_ context.Context, data []byte) ([]byte, error) {
	if k.public.algorithm == Ed25519 {
		return k.key.Sign(rand.Reader, data, crypto.Hash(0))
	}
	sum := sha256.Sum256(data)
	return k.key.Sign(rand.Reader, sum[:], crypto.SHA256)
}

// sealing is how private keys are encrypted: PBES2 of RFC 8018 with scrypt of RFC 7914 and
// AES-256-CBC. The costs are those of the OWASP cheat sheet on password storage that take
// 16 MiB (N=2^14, r=8, p=5): openssl refuses to spend more than 32 where it is not told to.
func sealing() *pkcs8.Opts {
	return &pkcs8.Opts{Cipher: pkcs8.AES256CBC,
		KDFOpts: pkcs8.ScryptOpts{SaltSize: 16, CostParameter: 1 << 14, BlockSize: 8, ParallelizationParameter: 5}}
}

// MarshalPEM returns the key as a PEM block "ENCRYPTED PRIVATE KEY" (PKCS #8, RFC 5958),
// which openssl reads too. An error matches [pipeline.ErrUsage] where the passphrase is
// shorter than [PassphraseMin] or longer than [PassphraseMax].
func (k *PrivateKey) MarshalPEM(passphrase []byte) ([]byte, error) {
	if len(passphrase) < PassphraseMin || len(passphrase) > PassphraseMax {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Hint: "choose several words that nobody would guess",
			Message: fmt.Sprintf("the passphrase needs %d bytes at least and 4 KiB at most", PassphraseMin)}
	}
	der, err := pkcs8.MarshalPrivateKey(k.key, passphrase, sealing())
	if err != nil {
		return nil, badKey(err, "the private key cannot be encrypted")
	}
	return pem.EncodeToMemory(&pem.Block{Type: encryptedBlock, Bytes: der}), nil
}

// ParsePrivateKey reads one PEM block "ENCRYPTED PRIVATE KEY" of at most 16 KiB, encrypted
// with PBES2, AES-CBC and either scrypt or PBKDF2. Keys that lie open are refused. An error
// matches [ErrPassphrase] where the passphrase is another one, else [pipeline.ErrInvalid].
func ParsePrivateKey(text, passphrase []byte) (*PrivateKey, error) {
	der, err := onlyBlock(text, encryptedBlock)
	if err != nil {
		return nil, err
	}
	if err := checkSealing(der); err != nil {
		return nil, err
	}
	wrong := &pipeline.Error{Code: CodePassphrase, Message: "the passphrase does not open the private key",
		Hint: "it is asked for on a terminal, or taken from WEIGHBRIDGE_KEY_PASSPHRASE or --passphrase-file"}
	// The library takes an empty passphrase as the wish to read an open key.
	if len(passphrase) == 0 || len(passphrase) > PassphraseMax {
		return nil, wrong
	}
	// Padding and key are not told apart: whatever does not open is the passphrase.
	found, err := pkcs8.ParsePKCS8PrivateKey(der, passphrase)
	if err != nil {
		return nil, wrong
	}
	key, ok := found.(crypto.Signer)
	if !ok {
		return nil, badKey(nil, "the private key cannot sign")
	}
	return privateKey(key)
}
