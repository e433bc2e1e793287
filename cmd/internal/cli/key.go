package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
	"weighbridge/pipeline/report"
)

// envPassphrase holds the passphrase of a private key where nobody can be asked.
const envPassphrase = "WEIGHBRIDGE_KEY_PASSPHRASE"

// maxKeyFile bounds a file of keys, of which a trust file is the largest.
const maxKeyFile = 1 << 20

const passphraseHelp = `
The passphrase is taken from --passphrase-file, else from ` + envPassphrase + `, else asked for
on a terminal.
`

func (c *cli) keyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Make the keys that approvals are signed with",
		Long: `Keys sign approvals, lists of revocations and checkpoints of the audit log. The private key
is a PEM file (PKCS #8) encrypted with a passphrase, which openssl reads too. A trust file
lists the public keys whose signatures count, and from when until when.
` + helpExit,
		Args: noCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.keyNew(), c.keyShow(), c.keyRotate())
	return cmd
}

// newKey holds the flags of the commands that make a key.
type newKey struct {
	path           string
	algorithm      string
	public         string
	trust, name    string
	uses           []string
	passphraseFile string
	format         *format
}

func (k *newKey) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&k.algorithm, "algorithm", string(attest.Ed25519), "ed25519 or ecdsa-p256")
	f.StringVar(&k.public, "public", "", "file to write the public key to (default KEY.pub)")
	f.StringVar(&k.trust, "trust", "", "trust file to add the key to; it is made where there is none")
	f.StringVar(&k.name, "name", "", "name of the key in the trust file (default the name of its file)")
	f.StringArrayVar(&k.uses, "use", nil, "let the key sign this only: approval, revocation or checkpoint; may be repeated")
	f.StringVar(&k.passphraseFile, "passphrase-file", "", "file that holds the passphrase on its one line")
	k.format = formatFlag(cmd, "table", "json")
}

func (c *cli) keyNew() *cobra.Command {
	var k newKey
	cmd := &cobra.Command{
		Use:   "new KEY",
		Short: "Make a key pair",
		Long: `New writes a private key to the file KEY, which only its owner may read, and the public key
to KEY.pub. No existing file is replaced. With --trust the public key is added to a trust
file, and counts from now on.
` + passphraseHelp + `
EXIT STATUS
  0   the key was written
  1   it could not be written
  2   wrong usage, or a file exists`,
		Example: `  weighbridge key new release-2026.pem --trust trust.yaml
  weighbridge key new checkpoints.pem --trust trust.yaml --use checkpoint --passphrase-file /run/secrets/passphrase`,
		Args: exactly("KEY"),
	}
	k.addFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		k.path = args[0]
		return c.makeKey(cmd.Context(), &k, nil)
	}
	return cmd
}

func (c *cli) keyRotate() *cobra.Command {
	var k newKey
	var overlap time.Duration
	cmd := &cobra.Command{
		Use:   "rotate NAME KEY --trust FILE",
		Short: "Make a key pair in place of another one",
		Long: `Rotate makes a new key pair as "key new" does, adds it to the trust file, and ends the key
called NAME there: it counts no longer for what is signed from now on, or after --overlap.
What it signed before stays valid.

A private key that somebody else may have is not to be rotated but revoked: write
revoked_at into the trust file, and nothing that it ever signed counts any more.
` + passphraseHelp + `
EXIT STATUS
  0   the key was written, and the trust file changed
  1   one of them could not be written
  2   wrong usage, or a file exists`,
		Example: `  weighbridge key rotate release-2026 release-2027.pem --trust trust.yaml --overlap 24h`,
		Args:    exactly("NAME", "KEY"),
	}
	k.addFlags(cmd)
	cmd.Flags().DurationVar(&overlap, "overlap", 0, "let the old key count this much longer, such as 24h")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if k.trust == "" {
			return usage("--trust names the trust file that lists the key " + args[0])
		}
		if overlap < 0 {
			return usage("--overlap takes a duration of zero or more")
		}
		k.path = args[1]
		return c.makeKey(cmd.Context(), &k, &ending{name: args[0], overlap: overlap})
	}
	return cmd
}

// ending is a key that ends when another one begins.
type ending struct {
	name    string
	overlap time.Duration
}

// made is the result of a command that makes a key.
type made struct {
	Schema    string           `json:"schema"`
	Algorithm attest.Algorithm `json:"algorithm"`
	KeyID     string           `json:"key_id"`
	Private   string           `json:"private_key_file"`
	Public    string           `json:"public_key_file"`
	// Trust is "" where no trust file was changed, and Ended where no key ends.
	Trust string `json:"trust_file"`
	Name  string `json:"name"`
	Ended string `json:"ended"`
}

// makeKey makes a key pair and, where asked, changes the trust file. All that can be
// refused is refused before the first file is written, and the trust file is last: a key
// that nobody trusts yet does no harm.
func (c *cli) makeKey(ctx context.Context, k *newKey, old *ending) error {
	if err := k.validate(); err != nil {
		return err
	}
	key, err := attest.GenerateKey(attest.Algorithm(k.algorithm))
	if err != nil {
		return err
	}
	// What would be refused is refused before a person types a passphrase.
	if _, err := k.trusted(key.Public(), old, c.env.Now()); err != nil {
		return err
	}
	passphrase, err := c.passphrase(ctx, k.passphraseFile, true)
	if err != nil {
		return err
	}
	private, err := key.MarshalPEM(passphrase)
	if err != nil {
		return err
	}
	public, err := key.Public().MarshalPEM()
	if err != nil {
		return err
	}
	var trust []byte
	if k.trust != "" {
		release, err := lock(ctx, k.trust)
		if err != nil {
			return err
		}
		defer release()
		if trust, err = k.trusted(key.Public(), old, c.env.Now()); err != nil {
			return err
		}
	}
	if err := create(k.path, private, 0o600); err != nil {
		return err
	}
	if err := create(k.public, public, 0o644); err != nil {
		return err
	}
	if k.trust != "" {
		if err := replace(k.trust, trust); err != nil {
			return err
		}
	}
	return k.tell(c, key.Public(), old)
}

func (k *newKey) validate() error {
	if k.public == "" {
		k.public = k.path + ".pub"
	}
	if filepath.Clean(k.public) == filepath.Clean(k.path) {
		return usage("--public names the file of the private key")
	}
	if k.trust == "" && (k.name != "" || len(k.uses) > 0) {
		return usage("--name and --use are for the trust file, which --trust names")
	}
	if k.name == "" {
		base := filepath.Base(k.path)
		k.name = strings.TrimSuffix(base, filepath.Ext(base))
	}
	for _, path := range []string{k.path, k.public} {
		if _, err := os.Lstat(path); err == nil {
			return keyExists(path)
		}
	}
	return nil
}

func keyExists(path string) error {
	return &pipeline.Error{Code: pipeline.CodeUsage, Message: path + " exists already", Hint: "a key is never replaced: choose another name"}
}

// trusted returns the text of the trust file with the new key, and without the old one
// from its end on.
func (k *newKey) trusted(public attest.PublicKey, old *ending, now time.Time) ([]byte, error) {
	if k.trust == "" {
		return nil, nil
	}
	text, err := readKeyFile(k.trust)
	if errors.Is(err, pipeline.ErrNotFound) && old == nil {
		text, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	name := filepath.Base(k.trust)
	now = now.UTC()
	if old != nil {
		// Trust files hold whole seconds, and what was signed in the present one is not lost.
		end := now.Add(old.overlap + time.Second - 1).Truncate(time.Second)
		if text, err = attest.EndTrusted(text, name, old.name, end); err != nil {
			return nil, err
		}
	}
	begin := now.Truncate(time.Second)
	entry := attest.TrustedKey{Name: k.name, Key: public, NotBefore: &begin}
	for _, use := range k.uses {
		entry.Uses = append(entry.Uses, attest.Use(use))
	}
	return attest.AddTrusted(text, name, entry)
}

func (k *newKey) tell(c *cli, public attest.PublicKey, old *ending) error {
	m := made{Schema: "weighbridge.key/1", Algorithm: public.Algorithm(), KeyID: public.ID(), Private: k.path, Public: k.public, Trust: k.trust}
	if k.trust != "" {
		m.Name = k.name
	}
	if old != nil {
		m.Ended = old.name
	}
	if k.format.json() {
		return report.JSON(c.env.Stdout, m)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Key %s\n", m.KeyID)
	fmt.Fprintf(&b, "%s is the private key (%s). Keep it and its passphrase apart.\n", report.Clean(m.Private), m.Algorithm)
	fmt.Fprintf(&b, "%s is the public key, for everybody who verifies.\n", report.Clean(m.Public))
	if m.Trust != "" {
		fmt.Fprintf(&b, "%s trusts it as %s.\n", report.Clean(m.Trust), report.Clean(m.Name))
	}
	switch {
	case old != nil && old.overlap > 0:
		fmt.Fprintf(&b, "The key %s counts for what is signed within %s.\n", report.Clean(m.Ended), old.overlap)
	case old != nil:
		fmt.Fprintf(&b, "The key %s counts for what was signed until now.\n", report.Clean(m.Ended))
	}
	_, err := io.WriteString(c.env.Stdout, b.String())
	return err
}

// create writes a file that does not exist yet.
func create(path string, content []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return keyExists(path)
	}
	if err != nil {
		return notWritten(path, err)
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return notWritten(path, err)
	}
	return nil
}

func notWritten(path string, err error) error {
	return fmt.Errorf("write %s: %w", path, err)
}

// readKeyFile reads a file of at most 1 MiB.
func readKeyFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeNotFound, Message: path + " could not be read", Hint: "name an existing file", Err: err}
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	switch {
	case err != nil:
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: path + " could not be read", Hint: "name a file that can be read", Err: err}
	case len(text) > maxKeyFile:
		return nil, &pipeline.Error{Code: pipeline.CodeOverLimit, Message: path + " is larger than 1 MiB"}
	}
	return text, nil
}

// passphrase takes the passphrase from where it is, and asks a person twice where it is a
// new one.
func (c *cli) passphrase(ctx context.Context, file string, isNew bool) ([]byte, error) {
	if file != "" {
		text, err := readKeyFile(file)
		if err != nil {
			return nil, err
		}
		line := bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
		if bytes.ContainsAny(line, "\r\n") {
			return nil, usage("the file of --passphrase-file holds more than one line")
		}
		return line, nil
	}
	if text := c.env.Getenv(envPassphrase); text != "" {
		return []byte(text), nil
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: "there is no passphrase, and nobody can be asked for it",
			Hint: "name a file with --passphrase-file, or set " + envPassphrase}
	}
	first, err := c.ask(ctx, "Passphrase of the private key: ")
	if err != nil || !isNew {
		return first, err
	}
	second, err := c.ask(ctx, "The same again: ")
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(first, second) {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: "the two passphrases differ", Hint: "try again"}
	}
	return first, nil
}

// ask reads a line from the terminal that does not show there. A person who interrupts
// gets a terminal back that shows what is typed.
func (c *cli) ask(ctx context.Context, prompt string) ([]byte, error) {
	fd := int(os.Stdin.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, fmt.Errorf("read the passphrase: %w", err)
	}
	if _, err := io.WriteString(c.env.Stderr, prompt); err != nil {
		return nil, err
	}
	type answer struct {
		line []byte
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		line, err := term.ReadPassword(fd)
		answers <- answer{line, err}
	}()
	defer func() { _, _ = io.WriteString(c.env.Stderr, "\n") }()
	select {
	case a := <-answers:
		if a.err != nil {
			return nil, fmt.Errorf("read the passphrase: %w", a.err)
		}
		return a.line, nil
	case <-ctx.Done():
		_ = term.Restore(fd, before)
		return nil, fmt.Errorf("read the passphrase: %w", context.Cause(ctx))
	}
}

// shownKey is a key as it is shown.
type shownKey struct {
	Kind      string           `json:"kind"`
	Name      string           `json:"name,omitempty"`
	Algorithm attest.Algorithm `json:"algorithm"`
	KeyID     string           `json:"key_id"`
	// State says whether a key of a trust file counts for what is signed now.
	State     string       `json:"state,omitempty"`
	NotBefore *time.Time   `json:"not_before,omitempty"`
	NotAfter  *time.Time   `json:"not_after,omitempty"`
	RevokedAt *time.Time   `json:"revoked_at,omitempty"`
	Uses      []attest.Use `json:"uses,omitempty"`
	PublicKey string       `json:"public_key"`
}

// shownKeys is the JSON form of the keys of a file.
type shownKeys struct {
	Schema string     `json:"schema"`
	Keys   []shownKey `json:"keys"`
}

func (c *cli) keyShow() *cobra.Command {
	var passphraseFile string
	cmd := &cobra.Command{
		Use:   "show FILE",
		Short: "Show the id of a key, or the keys of a trust file",
		Long: `Show takes a private key, a public key or a trust file, and shows each key with its id: the
SHA-256 of the public key in DER, as SubjectPublicKeyInfo. A private key is opened with its
passphrase, and its public key shown.
` + passphraseHelp + `
EXIT STATUS
  0   the keys are shown
  1   the file could not be read or opened
  2   wrong usage, or the file holds no keys`,
		Args: exactly("FILE"),
	}
	cmd.Flags().StringVar(&passphraseFile, "passphrase-file", "", "file that holds the passphrase on its one line")
	f := formatFlag(cmd, "table", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		text, err := readKeyFile(args[0])
		if err != nil {
			return err
		}
		keys, err := c.keysOf(cmd.Context(), text, filepath.Base(args[0]), passphraseFile)
		if err != nil {
			return err
		}
		if f.json() {
			return report.JSON(c.env.Stdout, shownKeys{Schema: "weighbridge.keys/1", Keys: keys})
		}
		for i, k := range keys {
			if err := k.table(c.env.Stdout, i > 0); err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

// keysOf reads the keys of a file by what stands in it.
func (c *cli) keysOf(ctx context.Context, text []byte, name, passphraseFile string) ([]shownKey, error) {
	private := bytes.Contains(text, []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----"))
	switch start := bytes.TrimSpace(text); {
	case bytes.HasPrefix(start, []byte("-----BEGIN ")) && private:
		passphrase, err := c.passphrase(ctx, passphraseFile, false)
		if err != nil {
			return nil, err
		}
		k, err := attest.ParsePrivateKey(text, passphrase)
		if err != nil {
			return nil, err
		}
		one, err := show("private", k.Public())
		return []shownKey{one}, err
	case bytes.HasPrefix(start, []byte("-----BEGIN ")):
		k, err := attest.ParsePublicKey(text)
		if err != nil {
			return nil, err
		}
		one, err := show("public", k)
		return []shownKey{one}, err
	}
	trust, err := attest.LoadTrust(bytes.NewReader(text), name)
	if err != nil {
		return nil, err
	}
	var out []shownKey
	for _, k := range trust.Keys() {
		one, err := show("trusted", k.Key)
		if err != nil {
			return nil, err
		}
		one.Name, one.NotBefore, one.NotAfter, one.RevokedAt, one.Uses = k.Name, k.NotBefore, k.NotAfter, k.RevokedAt, k.Uses
		one.State = k.State(c.env.Now())
		out = append(out, one)
	}
	return out, nil
}

func show(kind string, k attest.PublicKey) (shownKey, error) {
	text, err := k.MarshalPEM()
	return shownKey{Kind: kind, Algorithm: k.Algorithm(), KeyID: k.ID(), PublicKey: string(text)}, err
}

func (k shownKey) table(w io.Writer, gap bool) error {
	rows := [][2]string{{"Key", k.KeyID}, {"Algorithm", string(k.Algorithm)}}
	if k.Kind == "trusted" {
		rows = append([][2]string{{"Name", k.Name}}, rows...)
		rows = append(rows, [2]string{"Counts", k.State})
	}
	for _, at := range []struct {
		label string
		time  *time.Time
	}{{"From", k.NotBefore}, {"Until", k.NotAfter}, {"Revoked", k.RevokedAt}} {
		if at.time != nil {
			rows = append(rows, [2]string{at.label, at.time.UTC().Format(time.RFC3339)})
		}
	}
	if len(k.Uses) > 0 {
		uses := make([]string, len(k.Uses))
		for i, use := range k.Uses {
			uses[i] = string(use)
		}
		rows = append(rows, [2]string{"Signs only", strings.Join(uses, ", ")})
	}
	if gap {
		if _, err := io.WriteString(w, "\n"); err != nil {
			return err
		}
	}
	for _, row := range rows {
		if err := report.Row(w, row[0], row[1]); err != nil {
			return err
		}
	}
	if k.Kind == "trusted" {
		return nil
	}
	_, err := io.WriteString(w, "\n"+k.PublicKey)
	return err
}
