package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weighbridge/cmd/internal/app"
	"weighbridge/cmd/internal/config"
	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
)

// notSigned is told where something is settled and nobody signed it.
const notSigned = "Nothing was signed: no signing key is named. Name one by --key, " + config.EnvKey + " or approvals.key, and run: weighbridge approval show CASE"

// signing holds the flags of commands that sign.
type signing struct {
	passphraseFile string
}

func (s *signing) add(cmd *cobra.Command, settings *config.Settings) {
	cmd.Flags().StringVar(&settings.Approvals.Key, "key", "", "private key that signs approvals (or "+config.EnvKey+")")
	s.addPassphrase(cmd)
}

// addPassphrase is for commands where --key means something else.
func (s *signing) addPassphrase(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.passphraseFile, "passphrase-file", "", "file that holds the passphrase of the private key on its one line")
}

// key opens the signing key, nil where none is named.
func (c *cli) key(ctx context.Context, s *signing, from config.Approvals) (*attest.PrivateKey, error) {
	if from.Key == "" {
		return nil, nil //nolint:nilnil // none is named
	}
	text, err := readKeyFile(from.Key)
	if err != nil {
		return nil, err
	}
	passphrase, err := c.passphrase(ctx, s.passphraseFile, false)
	if err != nil {
		return nil, err
	}
	return attest.ParsePrivateKey(text, passphrase)
}

// signer is a key as what signs. A nil key is no signer.
func signer(key *attest.PrivateKey) attest.Signer {
	if key == nil {
		return nil
	}
	return key
}

// requireKey is [cli.key] for what cannot be done without one.
func (c *cli) requireKey(ctx context.Context, s *signing, from config.Approvals) (*attest.PrivateKey, error) {
	key, err := c.key(ctx, s, from)
	if err == nil && key == nil {
		err = &pipeline.Error{Code: pipeline.CodeUsage, Message: "no signing key is named", Hint: "name the private key with --key FILE, " + config.EnvKey + " or approvals.key"}
	}
	return key, err
}

// checkpointName is the name of a checkpoint in the configured folder: how many events
// there were, and when.
const (
	checkpointName = "checkpoint-%012d-%s.json"
	checkpointTime = "20060102T150405Z"
)

// newestCheckpoint returns the newest checkpoint of a folder and its time, "" for none.
func newestCheckpoint(folder string) (path string, at time.Time, err error) {
	names, err := os.ReadDir(folder)
	if os.IsNotExist(err) {
		return "", at, nil
	}
	if err != nil {
		return "", at, fmt.Errorf("look for checkpoints: %w", err)
	}
	for _, n := range names {
		rest, ok := strings.CutSuffix(n.Name(), ".json")
		parts := strings.Split(rest, "-")
		if !ok || len(parts) != 3 || parts[0] != "checkpoint" {
			continue
		}
		made, err := time.Parse(checkpointTime, parts[2])
		if err == nil && (path == "" || made.After(at)) {
			path, at = filepath.Join(folder, n.Name()), made
		}
	}
	return path, at, nil
}

// keepCheckpoint makes a checkpoint where the newest one is older than the settings ask
// for, and a key is named. The log is first verified against the newest one, so that a log
// that was cut or rewritten gets no fresh one. key is nil where it was not opened yet.
func (c *cli) keepCheckpoint(ctx context.Context, a *app.App, queue *app.Queue, s *signing, key *attest.PrivateKey) error {
	named := a.Settings
	if named.Audit.CheckpointEvery == 0 || named.Approvals.Key == "" {
		return nil
	}
	newest, made, err := newestCheckpoint(named.Audit.Folder)
	now := c.env.Now()
	if err != nil || newest != "" && now.Sub(made) < named.Audit.CheckpointEvery {
		return err
	}
	if key == nil {
		if key, err = c.requireKey(ctx, s, named.Approvals); err != nil {
			return err
		}
	}
	noted, err := c.notedCheckpoint(ctx, named, key)
	if err != nil {
		return err
	}
	var earlier *pipeline.AuditHead
	if noted != nil {
		head := noted.Head()
		earlier = &head
	}
	_, err = c.makeCheckpoint(ctx, queue, key, earlier, named.Audit.Folder)
	return err
}

// notedCheckpoint returns the newest checkpoint of the configured folder, verified; nil
// where there is none, or no key to verify it with. key may be nil.
func (c *cli) notedCheckpoint(ctx context.Context, named config.Settings, key *attest.PrivateKey) (*attest.Checkpoint, error) {
	if named.Audit.Folder == "" || key == nil && named.Approvals.Trust == "" {
		return nil, nil //nolint:nilnil // there is nothing to verify, or to verify it with
	}
	path, _, err := newestCheckpoint(named.Audit.Folder)
	if err != nil || path == "" {
		return nil, err
	}
	trust, err := c.ownTrust(named.Approvals, key)
	if err != nil {
		return nil, err
	}
	e, err := readEnvelope(path, "checkpoint")
	if err != nil {
		return nil, err
	}
	noted, err := trust.VerifyCheckpoint(ctx, e, c.env.Now())
	if err != nil {
		return nil, err
	}
	return &noted, nil
}

// ownTrust is the trust file, or where none is named trust in one's own key.
func (c *cli) ownTrust(named config.Approvals, key *attest.PrivateKey) (*attest.Trust, error) {
	if named.Trust != "" {
		return (&approvalFlags{trust: named.Trust}).readTrust()
	}
	return attest.TrustKeys(attest.TrustedKey{Name: filepath.Base(named.Key), Key: key.Public()})
}

// checkpointed is a checkpoint and where it was written.
type checkpointed struct {
	attest.Checkpoint
	envelope *attest.Envelope
	path     string
}

// makeCheckpoint verifies the log and signs its head. It is written to a folder where one
// is named.
func (c *cli) makeCheckpoint(ctx context.Context, queue *app.Queue, key *attest.PrivateKey, earlier *pipeline.AuditHead, folder string) (checkpointed, error) {
	head, err := queue.DB.VerifyAudit(ctx, earlier)
	if err != nil {
		return checkpointed{}, err
	}
	made := checkpointed{Checkpoint: attest.CheckpointOf(head, c.env.Now())}
	if made.envelope, err = made.Sign(ctx, key); err != nil || folder == "" {
		return made, err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return made, fmt.Errorf("make the folder of checkpoints: %w", err)
	}
	made.path = filepath.Join(folder, fmt.Sprintf(checkpointName, made.Count, made.Time.Format(checkpointTime)))
	if _, err := os.Lstat(made.path); err == nil { // of the same second and the same head
		return made, nil
	}
	return made, create(made.path, made.envelope.JSON(), 0o644)
}

// settlements returns the id of every approval that a case ever had.
func settlements(h pipeline.CaseHistory) []pipeline.AuditHead {
	var out []pipeline.AuditHead
	for _, e := range h.Events {
		if slices.Contains([]pipeline.EventKind{pipeline.EventApproved, pipeline.EventCleared}, e.Kind) {
			out = append(out, pipeline.AuditHead{Count: e.Seq, Hash: e.Hash})
		}
	}
	return out
}
