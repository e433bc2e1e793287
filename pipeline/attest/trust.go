package attest

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v4"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy/document"
)

// Use is what a key may sign.
type Use string

// The uses of keys. A key without a list of uses may sign all of them. Checkpoints are
// often signed by a machine on its own, whose key need not be trusted for approvals.
const (
	UseApproval   Use = "approval"
	UseRevocation Use = "revocation"
	UseCheckpoint Use = "checkpoint"
)

// Uses lists every use.
func Uses() []Use { return []Use{UseApproval, UseRevocation, UseCheckpoint} }

// TrustedKey is a key of a trust file. The package's page says which time counts.
type TrustedKey struct {
	// Name is what people call the key. It is unique in its file.
	Name string
	Key  PublicKey
	// NotBefore is the first time of signing that counts, and NotAfter the first one that
	// counts no longer. Nil is without a bound.
	NotBefore, NotAfter *time.Time
	// RevokedAt is when the key was revoked, nil where it was not.
	RevokedAt *time.Time
	// Uses is what the key may sign, nil for everything.
	Uses []Use
}

// Trust is the keys whose signatures count. It does not change, and is safe for
// concurrent use. The zero value trusts nobody.
type Trust struct {
	keys []TrustedKey
}

const (
	// clockGrace is how far the clock of a signer may be ahead of the one that verifies.
	clockGrace = time.Minute
	// maxKeys bounds a trust file, maxKeyName the name of a key in bytes.
	maxKeys    = 1_000
	maxKeyName = 200

	trustHint = `list the keys as "keys:", each with name and public_key (PEM), and where wanted not_before, not_after, revoked_at and uses`
)

// TrustKeys returns a trust in some keys. An error matches [pipeline.ErrInvalid] where a
// name or a key is there twice.
func TrustKeys(keys ...TrustedKey) (*Trust, error) {
	for i, k := range keys {
		for _, other := range keys[:i] {
			if other.Name == k.Name || other.Key.id == k.Key.id {
				return nil, &pipeline.Error{Code: pipeline.CodeInvalid, Message: "the key " + k.Name + " is listed twice", Hint: trustHint}
			}
		}
	}
	return &Trust{keys: slices.Clone(keys)}, nil
}

// Keys returns the keys in the order of the file.
func (t *Trust) Keys() []TrustedKey { return slices.Clone(t.keys) }

// trustFile is the form of a trust file.
type trustFile struct {
	Keys []trustEntry `yaml:"keys"`
}

type trustEntry struct {
	Name      string   `yaml:"name"`
	PublicKey string   `yaml:"public_key"`
	NotBefore string   `yaml:"not_before,omitempty"`
	NotAfter  string   `yaml:"not_after,omitempty"`
	RevokedAt string   `yaml:"revoked_at,omitempty"`
	Uses      []string `yaml:"uses,omitempty"`
}

// LoadTrust reads a trust file: YAML of at most 1 MiB with a list "keys". Each has a name
// and a public_key (one PEM block), and where wanted not_before, not_after and revoked_at
// (RFC 3339) and uses (approval, revocation, checkpoint). name is the file's name, for
// messages. An error matches [pipeline.ErrInvalid] and lists every fault with line and
// column, or matches [pipeline.ErrOverLimit], or is the reader's own.
func LoadTrust(r io.Reader, name string) (*Trust, error) {
	doc, err := document.Read(r, name, trustHint)
	if err != nil {
		return nil, err
	}
	return trustOf(doc)
}

func trustOf(doc *document.Document) (*Trust, error) {
	problems := &document.Problems{Name: doc.Name, Hint: trustHint}
	var file trustFile
	document.Decode(doc.Root, &file, problems)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	list := document.Child(doc.Root, "keys")
	switch {
	case len(file.Keys) == 0:
		problems.Add(doc.Root, "the file trusts no key")
	case len(file.Keys) > maxKeys:
		problems.Add(list, "the file lists more than %d keys", maxKeys)
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	t := &Trust{}
	for i, entry := range file.Keys {
		k := entry.key(list.Content[i], problems)
		for _, other := range t.keys {
			if other.Name == k.Name {
				problems.Add(list.Content[i], "another key has the name %q", k.Name)
			}
			if k.Key.id != "" && other.Key.id == k.Key.id {
				problems.Add(list.Content[i], "the same key is listed as %q", other.Name)
			}
		}
		t.keys = append(t.keys, k)
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return t, nil
}

// key checks an entry and reports its faults.
func (e trustEntry) key(node *yaml.Node, problems *document.Problems) TrustedKey {
	k := TrustedKey{Name: e.Name}
	if !plainName(e.Name) {
		problems.Add(node, "a key needs a name of printing characters, of %d bytes at most", maxKeyName)
	}
	var err error
	if k.Key, err = ParsePublicKey([]byte(e.PublicKey)); err != nil {
		problems.Add(or(document.Child(node, "public_key"), node), "%v", err)
	}
	moment := func(field, text string) *time.Time {
		if text == "" {
			return nil
		}
		at, err := time.Parse(time.RFC3339, text)
		if err != nil || !plainTime(at) {
			problems.Add(document.Child(node, field), "%s is no time such as 2026-11-23T00:00:00Z", field)
			return nil
		}
		at = at.UTC()
		return &at
	}
	k.NotBefore, k.NotAfter, k.RevokedAt = moment("not_before", e.NotBefore), moment("not_after", e.NotAfter), moment("revoked_at", e.RevokedAt)
	if k.NotBefore != nil && k.NotAfter != nil && !k.NotAfter.After(*k.NotBefore) {
		problems.Add(document.Child(node, "not_after"), "not_after does not come after not_before: the key would count for nothing")
	}
	if document.Child(node, "uses") != nil && len(e.Uses) == 0 {
		problems.Add(document.Child(node, "uses"), "the list of uses is empty: name some, or leave the key out")
	}
	for _, use := range e.Uses {
		if !slices.Contains(Uses(), Use(use)) {
			problems.Add(document.Child(node, "uses"), "%q is no use of a key: use approval, revocation or checkpoint", use)
		}
		k.Uses = append(k.Uses, Use(use))
	}
	return k
}

func or(node, other *yaml.Node) *yaml.Node {
	if node != nil {
		return node
	}
	return other
}

// open verifies the signatures of an envelope that should hold a type of payload, and
// returns the keys that signed. Whether these counted at the time is for timely to say,
// once the payload was read.
func (t *Trust) open(ctx context.Context, e *Envelope, payloadType string) ([]TrustedKey, error) {
	var signed []TrustedKey
	var strangers []string
	for _, s := range e.signatures {
		k, known, err := t.signer(ctx, e, s)
		if err != nil {
			return nil, err
		}
		switch {
		case !known:
			strangers = append(strangers, named(s.keyID))
		case slices.ContainsFunc(signed, func(other TrustedKey) bool { return other.Key.id == k.Key.id }):
			return nil, malformed(nil, "the key %s has signed twice", k.Name)
		default:
			signed = append(signed, k)
		}
	}
	switch {
	case len(signed) == 0:
		return nil, refuse(CodeUnknownKey, "take the public key from somebody you trust, and add it to the trust file",
			"no trusted key has signed this: it is signed by %s", strings.Join(strangers, ", "))
	case len(strangers) > 0:
		return nil, refuse(CodeStranger, "ask whoever issued it for the envelope as it was",
			"beside a trusted signature there is one by %s, which is not trusted", strings.Join(strangers, ", "))
	// The type is covered by the signature, so that a swapped one showed already where it
	// was swapped afterwards. Here it was signed as something else.
	case e.payloadType != payloadType:
		return nil, refuse(CodePayloadType, "", "the envelope holds %q, where %q is needed", short(e.payloadType), payloadType)
	}
	return signed, nil
}

// signer returns the trusted key that made a signature. Where a key id names a trusted
// key, only that one is tried, and must fit.
func (t *Trust) signer(ctx context.Context, e *Envelope, s signature) (k TrustedKey, known bool, err error) {
	for _, k := range t.keys {
		if s.keyID != "" && s.keyID != k.Key.id {
			continue
		}
		if e.verifies(ctx, s, k.Key) {
			return k, true, nil
		}
		if s.keyID != "" {
			return TrustedKey{}, false, refuse(CodeSignature, "the file was changed after it was signed, or was cut: ask for it again",
				"the signature of the key %s does not fit what is signed", k.Name)
		}
	}
	return TrustedKey{}, false, nil
}

func named(keyID string) string {
	if keyID == "" {
		return "a key that is not named"
	}
	return "the key " + short(keyID)
}

// short bounds a text of a file that is not trusted.
func short(text string) string {
	const most = 100
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// timely refuses what was signed when one of its keys did not count, or with a key that is
// for something else.
func timely(keys []TrustedKey, use Use, signed, at time.Time) error {
	if signed.After(at.Add(clockGrace)) {
		return refuse(CodeClock, "compare the clock of this machine with the signer's",
			"it claims to be signed at %s, and here it is %s", stamp(signed), stamp(at))
	}
	for _, k := range keys {
		switch {
		case k.RevokedAt != nil && !at.Before(*k.RevokedAt):
			return refuse(CodeKeyRevoked, "ask for it to be signed again with another key",
				"the key %s is revoked since %s, and nothing that it signed counts", k.Name, stamp(*k.RevokedAt))
		case k.NotBefore != nil && signed.Before(*k.NotBefore):
			return refuse(CodeKeyNotYetValid, "", "the key %s counts from %s on, and this was signed at %s", k.Name, stamp(*k.NotBefore), stamp(signed))
		case k.NotAfter != nil && !signed.Before(*k.NotAfter):
			return refuse(CodeKeyEnded, "ask for it to be signed again with another key",
				"the key %s counted until %s, and this was signed at %s", k.Name, stamp(*k.NotAfter), stamp(signed))
		case k.Uses != nil && !slices.Contains(k.Uses, use):
			return refuse(CodeKeyUse, "", "the key %s is not trusted for signing: %s", k.Name, use)
		}
	}
	return nil
}

func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// plainTime reports whether a time can be written as RFC 3339.
func plainTime(at time.Time) bool { y := at.UTC().Year(); return y >= 1 && y <= 9999 && !at.IsZero() }

// AddTrusted returns the text of a trust file with one more key at its end. text is that
// of an existing file, whose comments are kept, or empty. It returns an error that matches
// [pipeline.ErrInvalid] where the file, or the file with the key, is no trust file.
func AddTrusted(text []byte, name string, k TrustedKey) ([]byte, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		text = []byte("# The public keys whose signatures count.\nkeys: []\n")
	} else if _, err := LoadTrust(bytes.NewReader(text), name); err != nil {
		return nil, err
	}
	doc, list, err := editable(text, name)
	if err != nil {
		return nil, err
	}
	pem, err := k.Key.MarshalPEM()
	if err != nil {
		return nil, err
	}
	entry := trustEntry{Name: k.Name, PublicKey: string(pem), NotBefore: timeText(k.NotBefore), NotAfter: timeText(k.NotAfter), RevokedAt: timeText(k.RevokedAt)}
	for _, use := range k.Uses {
		entry.Uses = append(entry.Uses, string(use))
	}
	node := &yaml.Node{}
	if err := node.Dump(entry); err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeInternal, Message: "the key cannot be written as YAML", Err: err}
	}
	list.Style &^= yaml.FlowStyle
	list.Content = append(list.Content, node)
	return written(doc, name)
}

// EndTrusted returns the text of a trust file in which a key counts only for what was
// signed before a time. Where it ends earlier already, that stays. It returns an error
// that matches [pipeline.ErrNotFound] where there is no key of that name.
func EndTrusted(text []byte, name, key string, at time.Time) ([]byte, error) {
	t, err := LoadTrust(bytes.NewReader(text), name)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(t.keys, func(k TrustedKey) bool { return k.Name == key })
	if i < 0 {
		return nil, &pipeline.Error{Code: pipeline.CodeNotFound, Message: "there is no key " + key + " in " + name, Hint: "weighbridge key show lists the keys of a trust file"}
	}
	if t.keys[i].NotAfter != nil && t.keys[i].NotAfter.Before(at) {
		return text, nil
	}
	doc, list, err := editable(text, name)
	if err != nil {
		return nil, err
	}
	value := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!timestamp", Value: timeText(&at)}
	if old := document.Child(list.Content[i], "not_after"); old != nil {
		old.Value, old.Tag, old.Style = value.Value, value.Tag, 0
	} else {
		list.Content[i].Content = append(list.Content[i].Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "not_after"}, value)
	}
	return written(doc, name)
}

func timeText(at *time.Time) string {
	if at == nil {
		return ""
	}
	return stamp(*at)
}

// editable returns a trust file as nodes that keep its comments, and its list of keys.
func editable(text []byte, name string) (doc, list *yaml.Node, err error) {
	doc = &yaml.Node{}
	if err := yaml.Load(text, doc); err != nil || len(doc.Content) != 1 {
		return nil, nil, &pipeline.Error{Code: pipeline.CodeInvalid, Message: name + " is no trust file", Hint: trustHint, Err: err}
	}
	if list = document.Child(doc.Content[0], "keys"); list == nil {
		return nil, nil, &pipeline.Error{Code: pipeline.CodeInvalid, Message: name + " holds no list of keys", Hint: trustHint}
	}
	return doc, list, nil
}

// written returns the text of nodes, once it was read as a trust file again.
func written(doc *yaml.Node, name string) ([]byte, error) {
	out, err := yaml.Dump(doc)
	if err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeInternal, Message: "the trust file cannot be written", Err: err}
	}
	if _, err := LoadTrust(bytes.NewReader(out), name); err != nil {
		return nil, err
	}
	return out, nil
}

// State says in words whether the key counts for what is signed at a time.
func (k TrustedKey) State(at time.Time) string {
	switch {
	case k.RevokedAt != nil && !at.Before(*k.RevokedAt):
		return "no longer, for nothing that it ever signed"
	case k.NotBefore != nil && at.Before(*k.NotBefore):
		return "not yet"
	case k.NotAfter != nil && !at.Before(*k.NotAfter):
		return "for what was signed before it ended"
	}
	return "now"
}
