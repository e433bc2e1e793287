package signature

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"weighbridge/pipeline"
)

// The words of the formats: Sigstore bundle v0.3, DSSE 1.0, in-toto Statement v1, OpenSSF
// Model Signing 1.0.
const (
	mediaType     = "application/vnd.dev.sigstore.bundle.v0.3+json"
	payloadType   = "application/vnd.in-toto+json"
	statementType = "https://in-toto.io/Statement/v1"
	predicateType = "https://model_signing/signature/v1.0"

	methodFiles  = "files"
	methodShards = "shards"
	hashSHA256   = "sha256"
)

const (
	// mostCertificates is the longest chain that is read.
	mostCertificates = 10
	// mostDepth is how deeply JSON may be nested.
	mostDepth = 32
)

// Bundle is an OpenSSF Model Signing bundle, parsed and checked in itself. Its signature is
// not: see [Trust].
type Bundle struct {
	// Payload is what was signed, and Signature over it.
	Payload   []byte
	Signature []byte
	// Hint names the key, as whoever signed likes; it is not signed.
	Hint string
	// Certificates are the signer's and those that lead to an authority, in DER; nil for a
	// bundle that was signed with a key alone.
	Certificates [][]byte
	// Keyless is true where the certificate is a short-lived one of Sigstore, which is of
	// use only together with its log.
	Keyless bool

	// Subject is the name that the model had. It says nothing.
	Subject string
	// Root is the digest over those of all resources in their order.
	Root pipeline.Digest
	// Method is "files" or "shards", HashType the hash of the resources, ShardSize the size
	// of a shard in bytes, at least 1, or 0 for files.
	Method    string
	HashType  string
	ShardSize int64
	// Ignored are paths from the model's folder that were left out, with all below them.
	Ignored []string
	// Resources are in the order in which they were signed.
	Resources []Resource
}

// Resource is a file, or one shard of a file, with its digest.
type Resource struct {
	// Name is as signed, Path the file's path from the model's folder.
	Name, Path string
	// Start and End are the bytes of a shard, [Start, End); 0 for a whole file.
	Start, End int64
	// Digest is "" where the hash is not SHA-256.
	Digest pipeline.Digest
}

// foreign is the error of a text that is no OpenSSF Model Signing bundle at all, so that it
// contradicts nothing.
type foreign struct{ error }

// Parse reads a bundle. The error matches [pipeline.ErrMalformed], and its message says what
// is wrong in a sentence part, such as "it has two signatures". Everything in a text that is
// read is checked here: no key twice, names that stay inside the model's folder, in order and
// without duplicates, and the root digest.
func Parse(text []byte) (*Bundle, error) {
	b := &Bundle{}
	err := b.outside(text)
	if err == nil {
		err = b.statement()
	}
	if err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeMalformed, Message: err.Error(), Err: err}
	}
	return b, nil
}

// isForeign tells whether a text is something else than a bundle of this kind.
func isForeign(err error) bool {
	var f foreign
	return errors.As(err, &f)
}

// outside reads the bundle and the envelope.
func (b *Bundle) outside(text []byte) error {
	if trimmed := bytes.TrimLeft(text, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return foreign{errors.New("it is not a Sigstore bundle")}
	}
	var said struct {
		MediaType string `json:"mediaType"`
		Material  struct {
			PublicKey *struct {
				Hint string `json:"hint"`
			} `json:"publicKey"`
			Chain *struct {
				Certificates []struct {
					Raw string `json:"rawBytes"`
				} `json:"certificates"`
			} `json:"x509CertificateChain"`
			Certificate *struct {
				Raw string `json:"rawBytes"`
			} `json:"certificate"`
		} `json:"verificationMaterial"`
		Message  json.RawMessage `json:"messageSignature"`
		Envelope *struct {
			Payload     string `json:"payload"`
			PayloadType string `json:"payloadType"`
			Signatures  []struct {
				Sig string `json:"sig"`
			} `json:"signatures"`
		} `json:"dsseEnvelope"`
	}
	if err := decode(text, &said); err != nil {
		return err
	}
	switch {
	case said.MediaType != mediaType:
		return fmt.Errorf("its media type is %s, not %s", quote(said.MediaType), mediaType)
	case said.Envelope == nil && len(said.Message) > 0:
		return foreign{errors.New("it is a Sigstore bundle for the bytes of one file, not for a model")}
	case said.Envelope == nil:
		return errors.New("it has no envelope")
	case said.Envelope.PayloadType != payloadType:
		return fmt.Errorf("the type of its payload is %s, not %s", quote(said.Envelope.PayloadType), payloadType)
	case len(said.Envelope.Signatures) != 1:
		return fmt.Errorf("it has %d signatures, and a bundle has one", len(said.Envelope.Signatures))
	}
	var err error
	if b.Payload, err = plain(said.Envelope.Payload, "its payload"); err != nil {
		return err
	}
	if b.Signature, err = plain(said.Envelope.Signatures[0].Sig, "its signature"); err != nil {
		return err
	}
	m := said.Material
	ways := 0
	if m.PublicKey != nil {
		ways++
		b.Hint = m.PublicKey.Hint
	}
	var raw []string
	if m.Chain != nil {
		ways++
		for _, c := range m.Chain.Certificates {
			raw = append(raw, c.Raw)
		}
	}
	if m.Certificate != nil {
		ways++
		b.Keyless = true
		raw = append(raw, m.Certificate.Raw)
	}
	switch {
	case ways != 1:
		return fmt.Errorf("it names %d ways to verify it, and a bundle names one: a key, a chain of certificates or a certificate", ways)
	case m.PublicKey == nil && len(raw) == 0:
		return errors.New("it has no certificate")
	case len(raw) > mostCertificates:
		return fmt.Errorf("it has %d certificates, and at most %d are read", len(raw), mostCertificates)
	}
	for _, text := range raw {
		der, err := plain(text, "a certificate")
		if err != nil {
			return err
		}
		b.Certificates = append(b.Certificates, der)
	}
	return nil
}

// plain decodes Base64.
func plain(text, what string) ([]byte, error) {
	out, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%s is not Base64", what)
	}
	return out, nil
}

// statement reads what was signed.
func (b *Bundle) statement() error {
	var said struct {
		Type    string `json:"_type"`
		Subject []struct {
			Name   string            `json:"name"`
			Digest map[string]string `json:"digest"`
		} `json:"subject"`
		PredicateType string `json:"predicateType"`
		Predicate     struct {
			Serialization *struct {
				Method    string      `json:"method"`
				HashType  string      `json:"hash_type"`
				ShardSize json.Number `json:"shard_size"`
				Symlinks  *bool       `json:"allow_symlinks"`
				Ignored   []string    `json:"ignore_paths"`
			} `json:"serialization"`
			Resources []struct {
				Name      string `json:"name"`
				Digest    string `json:"digest"`
				Algorithm string `json:"algorithm"`
			} `json:"resources"`
		} `json:"predicate"`
	}
	if err := decode(b.Payload, &said); err != nil {
		return fmt.Errorf("its payload: %w", err)
	}
	s := said.Predicate.Serialization
	switch {
	case said.Type != statementType:
		return fmt.Errorf("its payload is of the type %s, not %s", quote(said.Type), statementType)
	case said.PredicateType != predicateType:
		return foreign{fmt.Errorf("it states %s, which is no signature of a model in version 1.0", quote(said.PredicateType))}
	case len(said.Subject) != 1:
		return fmt.Errorf("it has %d subjects, and a signature of a model has one", len(said.Subject))
	case s == nil:
		return errors.New("it does not say how the files were hashed")
	case s.Symlinks == nil:
		return errors.New("it does not say whether links were followed")
	case len(said.Predicate.Resources) == 0:
		return errors.New("it lists no file")
	}
	b.Subject, b.Method, b.HashType = said.Subject[0].Name, s.Method, s.HashType
	if err := b.shards(s.ShardSize); err != nil {
		return err
	}
	for _, p := range s.Ignored {
		clean := strings.TrimSuffix(p, "/")
		if why := unsafe(clean); why != "" {
			return fmt.Errorf("the path %s that it leaves out %s", quote(p), why)
		}
		b.Ignored = append(b.Ignored, clean)
	}
	root := sha256.New()
	for _, r := range said.Predicate.Resources {
		sum, err := hex.DecodeString(r.Digest)
		if err != nil || len(sum) == 0 {
			return fmt.Errorf("the digest of %s is not hexadecimal", quote(r.Name))
		}
		root.Write(sum)
		resource, err := b.resource(r.Name)
		if err != nil {
			return err
		}
		switch r.Algorithm {
		case b.HashType, fmt.Sprintf("%s-sharded-%d", b.HashType, b.ShardSize):
		default:
			return fmt.Errorf("%s is hashed by %s, the others by %s", quote(r.Name), quote(r.Algorithm), quote(b.HashType))
		}
		if b.HashType == hashSHA256 {
			if len(sum) != sha256.Size {
				return fmt.Errorf("the digest of %s is not a SHA-256", quote(r.Name))
			}
			resource.Digest = pipeline.DigestOf(sum)
		}
		b.Resources = append(b.Resources, resource)
	}
	b.Root = pipeline.DigestOf(root.Sum(nil))
	if "sha256:"+strings.ToLower(said.Subject[0].Digest[hashSHA256]) != string(b.Root) {
		return errors.New("its digest over all files is not that of the files that it lists")
	}
	return b.ordered()
}

// shards checks the method and the size of shards.
func (b *Bundle) shards(size json.Number) error {
	switch b.Method {
	case methodFiles:
		return nil // the size is of no use
	case methodShards:
	default:
		return fmt.Errorf("it was hashed by the method %s, which is not known", quote(b.Method))
	}
	n, err := size.Int64()
	if err != nil { // the reference implementation writes 64.0
		f, ferr := size.Float64()
		if ferr != nil || f != math.Trunc(f) || f < 1 || f > 1<<53 {
			return fmt.Errorf("its size of shards is %s", quote(size.String()))
		}
		n = int64(f)
	}
	if n < 1 {
		return fmt.Errorf("its size of shards is %s", quote(size.String()))
	}
	b.ShardSize = n
	return nil
}

// resource reads a name: a path, or with shards "path:start:end".
func (b *Bundle) resource(name string) (Resource, error) {
	r := Resource{Name: name, Path: name}
	if b.Method == methodShards {
		end := strings.LastIndexByte(name, ':')
		start := strings.LastIndexByte(name[:max(end, 0)], ':')
		if start < 0 {
			return r, fmt.Errorf("the name %s is not one of a shard", quote(name))
		}
		var ok, too bool
		r.Path = name[:start]
		r.Start, ok = number(name[start+1 : end])
		r.End, too = number(name[end+1:])
		if !ok || !too || r.Start >= r.End || r.Start%b.ShardSize != 0 || r.End-r.Start > b.ShardSize {
			return r, fmt.Errorf("the name %s is not one of a shard of %d bytes", quote(name), b.ShardSize)
		}
	}
	if why := unsafe(r.Path); why != "" {
		return r, fmt.Errorf("the name %s %s", quote(name), why)
	}
	return r, nil
}

// number reads a decimal in its one form.
func number(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n >= 0 && strconv.FormatInt(n, 10) == text
}

// unsafe says why a path is none inside the model's folder in its one form, "" where it is.
func unsafe(p string) string {
	switch {
	case p == "" || p == ".":
		return "names everything or nothing"
	case !utf8.ValidString(p) || strings.ContainsRune(p, utf8.RuneError):
		return "is not UTF-8"
	case strings.ContainsRune(p, 0):
		return "holds a zero byte"
	case strings.HasPrefix(p, "/"):
		return "starts at the root"
	case slices.Contains(strings.Split(p, "/"), ".."):
		return "leads out of the model"
	case path.Clean(p) != p:
		return "is not in its plain form"
	}
	return ""
}

// ordered checks that no name comes twice and that they are in one of the two orders.
func (b *Bundle) ordered() error {
	seen := map[string]bool{}
	for _, r := range b.Resources {
		if seen[r.Name] {
			return fmt.Errorf("the name %s is listed twice", quote(r.Name))
		}
		seen[r.Name] = true
	}
	byName := slices.IsSortedFunc(b.Resources, func(x, y Resource) int { return strings.Compare(x.Name, y.Name) })
	byParts := slices.IsSortedFunc(b.Resources, func(x, y Resource) int {
		if c := slices.Compare(strings.Split(x.Path, "/"), strings.Split(y.Path, "/")); c != 0 {
			return c
		}
		return int(min(max(x.Start-y.Start, -1), 1))
	})
	if !byName && !byParts {
		return errors.New("its files are not in order of name")
	}
	return nil
}

// base returns the folder that names are from, with its slash: that of the bundle, or the
// one beside it that the subject names, where no listed file lies in the former and some do
// in the latter.
func (b *Bundle) base(object string, exists func(string) bool) string {
	folder := ""
	if i := strings.LastIndexByte(object, '/'); i >= 0 {
		folder = object[:i+1]
	}
	holds := func(base string) bool {
		return slices.ContainsFunc(b.Resources, func(r Resource) bool { return exists(base + r.Path) })
	}
	beside := folder + b.Subject + "/"
	if unsafe(b.Subject) == "" && !strings.Contains(b.Subject, "/") && !holds(folder) && holds(beside) {
		return beside
	}
	return folder
}

// pae is the pre-authentication encoding of DSSE 1.0: what is signed.
func pae(kind string, payload []byte) []byte {
	return append(fmt.Appendf(nil, "DSSEv1 %d %s %d ", len(kind), kind, len(payload)), payload...)
}

// decode reads one JSON document in one way only: valid UTF-8, no key twice, whatever its
// case, bounded in depth, and nothing behind it.
func decode(text []byte, into any) error {
	if !utf8.Valid(text) {
		return errors.New("it is not UTF-8")
	}
	if err := once(json.NewDecoder(bytes.NewReader(text))); err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return errors.New("it is not JSON of this form")
	}
	return nil
}

// once walks a document and refuses keys that come twice in one object.
func once(d *json.Decoder) error {
	d.UseNumber()
	type level struct {
		keys map[string]bool // nil for a list
		key  bool            // a key comes next
	}
	var levels []level
	for {
		token, err := d.Token()
		switch {
		case errors.Is(err, io.EOF) && len(levels) == 0:
			return nil
		case err != nil:
			return errors.New("it is not whole JSON")
		}
		top := len(levels) - 1
		switch t := token.(type) {
		case json.Delim:
			if t == '{' || t == '[' {
				if top >= 0 {
					levels[top].key = levels[top].keys != nil
				}
				if len(levels) == mostDepth {
					return fmt.Errorf("its JSON is nested more than %d deep", mostDepth)
				}
				next := level{}
				if t == '{' {
					next = level{keys: map[string]bool{}, key: true}
				}
				levels = append(levels, next)
				continue
			}
			levels = levels[:top]
		default:
			if top < 0 || levels[top].keys == nil {
				continue
			}
			if levels[top].key {
				name, _ := t.(string)
				folded := strings.ToLower(name)
				if levels[top].keys[folded] {
					return fmt.Errorf("it has the key %s twice", quote(name))
				}
				levels[top].keys[folded] = true
			}
			levels[top].key = !levels[top].key
		}
	}
}

// quote shows a foreign text, with what does not print escaped, and not too much of it.
func quote(s string) string {
	const most = 120
	if len(s) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		return strconv.Quote(s[:cut]) + "…"
	}
	return strconv.Quote(s)
}
