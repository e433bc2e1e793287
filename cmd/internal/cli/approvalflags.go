package cli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"weighbridge/cmd/internal/config"
	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
)

// approvalFlags holds the flags of commands that take a signed approval.
type approvalFlags struct {
	approval    string
	trust       string
	key         string
	revocations string
	// trusted is what trust or key name, and revoked what revocations names, nil for none,
	// once load has read them.
	trusted *attest.Trust
	revoked *attest.Revocations
}

func (a *approvalFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&a.approval, "approval", "", "file with the signed approval")
	f.StringVar(&a.trust, "trust", "", "file of the keys whose signatures count (or "+config.EnvTrust+")")
	f.StringVar(&a.key, "key", "", "file with the one public key whose signatures count, in place of --trust")
	f.StringVar(&a.revocations, "revocations", "", "signed list of revoked approvals (or "+config.EnvRevocations+")")
}

// fill takes from the settings what no flag gave. A public key on the command line is
// meant in place of any trust file.
func (a *approvalFlags) fill(from config.Approvals) {
	if a.trust == "" && a.key == "" {
		a.trust = from.Trust
	}
	if a.revocations == "" {
		a.revocations = from.Revocations
	}
}

// load reads the trusted keys and the list of revocations.
func (a *approvalFlags) load(ctx context.Context, now time.Time) error {
	if (a.trust == "") == (a.key == "") {
		return usage("name the trusted keys with --trust FILE, or one public key with --key FILE")
	}
	var err error
	if a.trusted, err = a.readTrust(); err != nil || a.revocations == "" {
		return err
	}
	e, err := readEnvelope(a.revocations, "list of revocations")
	if err != nil {
		return err
	}
	a.revoked, err = a.trusted.VerifyRevocations(ctx, e, now)
	return err
}

// verify reads the approval and holds it against keys, term and revocations.
func (a *approvalFlags) verify(ctx context.Context, now time.Time) (attest.Verified, *attest.Envelope, error) {
	none := attest.Verified{}
	if a.approval == "" {
		return none, nil, usage("name the signed approval with --approval FILE")
	}
	if err := a.load(ctx, now); err != nil {
		return none, nil, err
	}
	e, err := readEnvelope(a.approval, "approval")
	if err != nil {
		return none, nil, err
	}
	verified, err := a.trusted.VerifyApproval(ctx, e, now, a.revoked)
	return verified, e, err
}

func (a *approvalFlags) readTrust() (*attest.Trust, error) {
	if a.trust != "" {
		text, err := readKeyFile(a.trust)
		if err != nil {
			return nil, err
		}
		return attest.LoadTrust(bytes.NewReader(text), filepath.Base(a.trust))
	}
	text, err := readKeyFile(a.key)
	if err != nil {
		return nil, err
	}
	key, err := attest.ParsePublicKey(text)
	if err != nil {
		return nil, err
	}
	return attest.TrustKeys(attest.TrustedKey{Name: filepath.Base(a.key), Key: key})
}

func readEnvelope(path, what string) (*attest.Envelope, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: "the " + what + " cannot be opened", Err: err, Hint: "name an existing file"}
	}
	defer func() { _ = f.Close() }() // read only
	return attest.ReadEnvelope(f)
}

// refusedAs returns the exit status of what keeps an approval from counting, 0 for errors
// of another kind. What somebody took back or forged blocks; what does not fit, or not
// now, waits for a person.
func refusedAs(err error) int {
	var own *refusal
	var exit status
	if errors.As(err, &own) && errors.As(own.exit, &exit) {
		return int(exit)
	}
	for _, one := range []error{attest.ErrRevoked, attest.ErrKeyRevoked, attest.ErrUnknownKey, attest.ErrStranger, attest.ErrSignature,
		attest.ErrKeyNotYetValid, attest.ErrKeyEnded, attest.ErrKeyUse, attest.ErrPayloadType, attest.ErrStatementType,
		attest.ErrPredicateType, attest.ErrSubject, &pipeline.Error{Code: gateRejected}} {
		if errors.Is(err, one) {
			return exitBlock
		}
	}
	for _, one := range []error{attest.ErrClock, attest.ErrNotBegun, attest.ErrExpired, attest.ErrOtherBytes, attest.ErrOtherSubmission,
		attest.ErrStrongerVerdict, attest.ErrStoreBound, attest.ErrNotApproved, pipeline.ErrChanged, &pipeline.Error{Code: gateNotSigned}} {
		if errors.Is(err, one) {
			return exitReview
		}
	}
	return exitClear
}

// refuse tells why an approval does not count, and returns the status. Other errors stay
// what they are.
func (c *cli) refuse(err error, f *format) error {
	code := refusedAs(err)
	if code == exitClear {
		return err
	}
	c.fail(err, f.json())
	return status(code)
}
