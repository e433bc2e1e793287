package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weighbridge/cmd/internal/app"
	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
	"weighbridge/pipeline/release"
	"weighbridge/pipeline/report"
)

// released is what a release did, for programs.
type released struct {
	Schema   string `json:"schema"`
	Source   string `json:"source"`
	Place    string `json:"place"`
	Tag      string `json:"tag,omitempty"`
	Approval string `json:"approval"`
	release.Result
}

const releaseSchema = "weighbridge.release/1"

func (c *cli) releaseCommand() *cobra.Command {
	var a approvalFlags
	var tag string
	var replaces bool
	cmd := &cobra.Command{
		Use:   "release SOURCE [PLACE]",
		Short: "Copy exactly the approved bytes to the place they are published from",
		Long: `Release copies the objects that an approval names from SOURCE to PLACE, each a bucket
(s3://bucket/prefix/) or a folder. The approval must be bound to the bytes. Within one store
the objects are copied by the store itself, pinned to the approved version; else they are
read and written. Every object is hashed where it lies then, and the approval is written
beside them last, as weighbridge.approval.json: a place without it holds nothing that was
released. What was begun and not finished goes on when the command is run again.

The place has settings and credentials of its own, in the variables that other S3 tools read
with ` + "WEIGHBRIDGE_RELEASE_" + ` before them, such as WEIGHBRIDGE_RELEASE_AWS_ACCESS_KEY_ID.

With --tag nothing is copied: the approved objects of the bucket get a tag, for bucket
policies that let only tagged objects be read.

EXIT STATUS
  0   released, now or before
  10  not released: the approval does not cover these bytes, or holds no longer or not yet
  20  not released: the approval was revoked, or nobody trusted signed it
  1   the release could not be finished; nothing counts as released
  2   wrong usage`,
		Example: `  weighbridge release s3://staging/llama-3-70b/ s3://public/llama-3-70b/ --approval approval.json --trust trust.yaml
  weighbridge release s3://staging/llama-3-70b/ --tag weighbridge=approved --approval approval.json --trust trust.yaml`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0 || len(args) > 2:
				return usage("release takes SOURCE and PLACE, or SOURCE with --tag")
			case tag == "" && len(args) == 1:
				return usage("release takes SOURCE and PLACE; to tag objects where they lie give --tag KEY=VALUE")
			case tag != "" && len(args) == 2:
				return usage("--tag marks objects where they lie, so that it takes no PLACE")
			case tag != "" && replaces:
				return usage("--tag replaces nothing")
			}
			return nil
		},
	}
	a.add(cmd)
	cmd.Flags().StringVar(&tag, "tag", "", "set this tag, KEY=VALUE, on the approved objects in place of copying them")
	cmd.Flags().BoolVar(&replaces, "replace", false, "take away what was released to the place before, and what else lies there")
	f := formatFlag(cmd, "table", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		named, err := c.resolve()
		if err != nil {
			return err
		}
		a.fill(named.Approvals)
		verified, envelope, err := a.verify(cmd.Context(), c.env.Now())
		if err != nil {
			return c.refuse(err, f)
		}
		key, value, err := tagOf(tag)
		if err != nil {
			return err
		}
		said := released{Schema: releaseSchema, Source: args[0], Approval: verified.ID.String(), Tag: tag}
		bars := c.progress()
		defer bars.stop()
		settled, err := c.app(bars)
		if err != nil {
			return err
		}
		objects, err := approvedObjects(&verified.Approval)
		if err != nil {
			return c.refuse(err, f)
		}
		run := app.Release{Source: args[0], Objects: objects, Approval: envelope.JSON(), Replace: replaces,
			Same: func(marker []byte) bool {
				return a.sameBytes(cmd.Context(), c.env.Now(), *verified.Artifact.ContentDigest, marker)
			}}
		if tag != "" {
			said.Result, err = settled.Tag(cmd.Context(), run, key, value)
		} else {
			said.Place = args[1]
			run.Place = args[1]
			said.Result, err = settled.Release(cmd.Context(), run)
		}
		if err != nil {
			return c.refuse(err, f)
		}
		if f.json() {
			return report.JSON(c.env.Stdout, said)
		}
		return c.tellRelease(said, len(objects))
	}
	return cmd
}

// approvedObjects returns what an approval names. An error matches
// [attest.ErrStoreBound] where it is bound to a store and so names no bytes.
func approvedObjects(a *attest.Approval) ([]release.Object, error) {
	if a.Binding != pipeline.BoundContent {
		return nil, &pipeline.Error{Code: attest.CodeStoreBound, Message: "the approval is bound to one place and names no bytes",
			Hint: "check the source with --hash, so that the bytes themselves are approved"}
	}
	out := make([]release.Object, 0, len(a.Artifact.Objects))
	for _, o := range a.Artifact.Objects {
		out = append(out, release.Object{Path: o.Path, Size: o.Size, SHA256: pipeline.Digest("sha256:" + o.SHA256)})
	}
	return out, nil
}

// sameBytes tells whether the approval that lies at a place is valid and names the same
// objects.
func (a *approvalFlags) sameBytes(ctx context.Context, now time.Time, digest pipeline.Digest, marker []byte) bool {
	e, err := attest.ParseEnvelope(marker)
	if err != nil {
		return false
	}
	there, err := a.trusted.VerifyApproval(ctx, e, now, nil)
	return err == nil && there.Binding == pipeline.BoundContent && *there.Artifact.ContentDigest == digest
}

func tagOf(text string) (key, value string, err error) {
	if text == "" {
		return "", "", nil
	}
	key, value, found := strings.Cut(text, "=")
	if !found || key == "" || value == "" {
		return "", "", usage("--tag takes KEY=VALUE")
	}
	return key, value, nil
}

func (c *cli) tellRelease(r released, objects int) error {
	what := fmt.Sprintf("%s objects, %s bytes", report.Count(int64(objects)), report.Count(r.Bytes))
	var text string
	switch {
	case r.Tag != "":
		text = fmt.Sprintf("Tagged as %s: %s in %s\n", report.Clean(r.Tag), what, report.Clean(r.Source))
	case r.Already:
		text = fmt.Sprintf("Released before, and verified again: %s in %s\n", what, report.Clean(r.Place))
	default:
		text = fmt.Sprintf("Released: %s to %s\n  copied by the store: %s, sent: %s, there already: %s\n", what, report.Clean(r.Place),
			report.Count(int64(r.Copied)), report.Count(int64(r.Sent)), report.Count(int64(r.Kept)))
	}
	_, err := fmt.Fprint(c.env.Stdout, text)
	return err
}
