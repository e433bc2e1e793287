package signature

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"weighbridge/pipeline"
)

// maxTrustFile is the largest file of keys and certificates, in bytes.
const maxTrustFile = 1 << 20

// Trust is whom the operator trusts to sign models. The zero value trusts nobody.
type Trust struct {
	keys         []*ecdsa.PublicKey
	certificates []*x509.Certificate
	at           time.Time
}

// Empty tells whether nobody is trusted.
func (t Trust) Empty() bool { return len(t.keys)+len(t.certificates) == 0 }

// LoadTrust reads public keys and certificates in PEM. A key (P-256, P-384 or P-521, as the
// algorithm registry of OpenSSF Model Signing lists) is trusted itself; a certificate is
// trusted as that of a signer, and as that of an authority where it is one. Certificates
// are held to the time at.
//
// An error matches [pipeline.ErrUsage] where a file cannot be read, and
// [pipeline.ErrInvalid] where it holds something else.
func LoadTrust(files []string, at time.Time) (Trust, error) {
	t := Trust{at: at}
	for _, name := range files {
		text, err := readTrust(name)
		if err != nil {
			return Trust{}, err
		}
		if err := t.add(filepath.Base(name), text); err != nil {
			return Trust{}, err
		}
	}
	return t, nil
}

func readTrust(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("the signer's file %q cannot be opened", filepath.Base(name)), Err: err,
			Hint: "name a PEM file with a public key or a certificate"}
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxTrustFile+1))
	if err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("the signer's file %q cannot be read", filepath.Base(name)), Err: err}
	}
	if len(text) > maxTrustFile {
		return nil, &pipeline.Error{Code: pipeline.CodeInvalid, Message: fmt.Sprintf("the signer's file %q is longer than 1 MiB", filepath.Base(name)),
			Hint: "name a PEM file with a public key or a certificate"}
	}
	return text, nil
}

// add takes every block of a PEM text.
func (t *Trust) add(name string, text []byte) error {
	wrong := func(hint, format string, args ...any) error {
		return &pipeline.Error{Code: pipeline.CodeInvalid, Message: fmt.Sprintf("the signer's file %q ", name) + fmt.Sprintf(format, args...), Hint: hint}
	}
	found := 0
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		text = rest
		switch {
		case block.Type == "CERTIFICATE":
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return wrong("export it again as PEM", "holds a certificate that cannot be parsed")
			}
			t.certificates = append(t.certificates, c)
		case block.Type == "PUBLIC KEY":
			key, err := x509.ParsePKIXPublicKey(block.Bytes)
			if err != nil {
				return wrong("export it again as PEM", "holds a public key that cannot be parsed")
			}
			ec, ok := key.(*ecdsa.PublicKey)
			if !ok || !supported(ec) {
				return wrong("OpenSSF Model Signing uses keys on P-256, P-384 and P-521", "holds a key of another kind than P-256, P-384 or P-521")
			}
			t.keys = append(t.keys, ec)
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			return wrong("give the public key that belongs to it, and keep the private one to yourself", "holds a private key")
		case block.Type == "EC PARAMETERS":
			continue
		default:
			return wrong("name a PEM file with a public key or a certificate", "holds a %s, which is neither a public key nor a certificate", quote(block.Type))
		}
		found++
	}
	if found == 0 {
		return wrong("name a PEM file with a public key or a certificate", "holds no public key and no certificate")
	}
	return nil
}

func supported(k *ecdsa.PublicKey) bool {
	return slices.Contains([]elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()}, k.Curve)
}

// answer is what a signature turned out to be.
type answer struct {
	// wrong is true where it cannot be the signer's, genuine where it is that of the key
	// that it names. Neither means that this cannot be told.
	wrong, genuine bool
	// signer is who signed, "" where that is not known.
	signer  string
	trusted bool
	// why says in a sentence part what keeps it from being genuine and trusted.
	why string
}

// check verifies the signature of a bundle.
func (t Trust) check(b *Bundle) answer {
	if len(b.Certificates) > 0 {
		return t.byCertificate(b)
	}
	for _, k := range t.keys {
		if signedBy(k, b) {
			return answer{genuine: true, trusted: true, signer: fingerprint(k)}
		}
	}
	named := ""
	if b.Hint != "" {
		named = "; it names the key " + quote(b.Hint)
	}
	if len(t.keys) == 0 {
		return answer{why: "it was signed with a key, and no public key was given to verify it with" + named}
	}
	return answer{wrong: true, why: fmt.Sprintf("none of the keys that were given (%d) verifies its signature", len(t.keys)) + named}
}

// signedBy tells whether a key made the signature. The hash goes with the curve, as the
// reference implementation has it.
func signedBy(k *ecdsa.PublicKey, b *Bundle) bool {
	signed := pae(payloadType, b.Payload)
	var sum []byte
	switch k.Curve {
	case elliptic.P256():
		s := sha256.Sum256(signed)
		sum = s[:]
	case elliptic.P384():
		s := sha512.Sum384(signed)
		sum = s[:]
	case elliptic.P521():
		s := sha512.Sum512(signed)
		sum = s[:]
	default:
		return false
	}
	return ecdsa.VerifyASN1(k, sum, b.Signature)
}

// fingerprint names a key: the SHA-256 of its SubjectPublicKeyInfo in DER.
func fingerprint(k *ecdsa.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(k)
	if err != nil { // a key on a known curve always encodes
		return ""
	}
	sum := sha256.Sum256(der)
	return "key sha256:" + hex.EncodeToString(sum[:])
}

// byCertificate verifies a signature by the certificates that come with it.
func (t Trust) byCertificate(b *Bundle) answer {
	var chain []*x509.Certificate
	for i, der := range b.Certificates {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return answer{wrong: true, why: fmt.Sprintf("its certificate %d of %d cannot be parsed", i+1, len(b.Certificates))}
		}
		chain = append(chain, c)
	}
	leaf := chain[0]
	a := answer{signer: who(leaf)}
	key, ok := leaf.PublicKey.(*ecdsa.PublicKey)
	switch {
	case !ok || !supported(key):
		return answer{why: "its certificate holds a key of another kind than P-256, P-384 or P-521, which is not verified"}
	case !signedBy(key, b):
		return answer{wrong: true, why: "its signature is not one of the certificate that it brings"}
	case b.Keyless:
		a.genuine = true
		a.why = "it was signed without a lasting key, and the log that would show by whom and when is not asked, so its signer is not trusted"
		return a
	case leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0 && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageCodeSigning):
		return answer{wrong: true, why: "its certificate is not one for signing"}
	}
	return t.chained(a, chain)
}

// chained holds a chain against the certificates that the operator gave.
func (t Trust) chained(a answer, chain []*x509.Certificate) answer {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range t.certificates {
		roots.AddCert(c)
	}
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	at := t.at
	if at.IsZero() { // nobody is trusted, and no day was named: the result does not depend on today
		at = chain[0].NotBefore
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case err == nil:
		a.genuine, a.trusted = true, true
		return a
	case errors.As(err, &unknown) && !t.dated(chain):
		return answer{wrong: true, why: "a certificate that leads to its signer is not valid on the day of the check"}
	case errors.As(err, &unknown):
		a.genuine = true
		a.why = "its certificate leads to none of those that were given, so its signer is not trusted"
		return a
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return answer{wrong: true, why: fmt.Sprintf("its certificate is valid from %s to %s, and not on the day of the check",
			invalid.Cert.NotBefore.UTC().Format(time.DateOnly), invalid.Cert.NotAfter.UTC().Format(time.DateOnly))}
	}
	return answer{wrong: true, why: "its certificates do not lead from one to the next as they must"}
}

// dated tells whether all certificates of a bundle are valid at the time of the check.
func (t Trust) dated(chain []*x509.Certificate) bool {
	return t.at.IsZero() || !slices.ContainsFunc(chain, func(c *x509.Certificate) bool { return t.at.Before(c.NotBefore) || t.at.After(c.NotAfter) })
}

// who returns the name in a certificate: its first alternative name, else its subject, else
// its digest.
func who(c *x509.Certificate) string {
	name := c.Subject.String()
	switch {
	case len(c.EmailAddresses) > 0:
		name = c.EmailAddresses[0]
	case len(c.URIs) > 0:
		name = c.URIs[0].Redacted()
	case len(c.DNSNames) > 0:
		name = c.DNSNames[0]
	}
	if strings.TrimSpace(name) == "" {
		sum := sha256.Sum256(c.Raw)
		return "certificate sha256:" + hex.EncodeToString(sum[:])
	}
	shown := quote(name)
	if plain := shown[1 : len(shown)-1]; strings.HasSuffix(shown, `"`) && plain == name {
		return name
	}
	return string(bytes.ReplaceAll([]byte(shown), []byte(`"`), nil))
}
