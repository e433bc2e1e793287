package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"weighbridge/cmd/internal/app"
	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
	"weighbridge/pipeline/submission"
)

// defaultSchema is where editors look for the schema of a submission where nobody said
// otherwise: beside it.
const defaultSchema = "submission.schema.json"

func (c *cli) submissionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "submission",
		Short: "Write a submission to fill in, and check one",
		Long:  "A submission is what only the submitter knows: where the weights go, to whom, and what for.\n" + helpExit,
		Args:  noCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.submissionInit(), c.submissionCheck())
	return cmd
}

// draft holds the flags of submission init.
type draft struct {
	output, schemaOut string
	force             bool
}

func (c *cli) submissionInit() *cobra.Command {
	var d draft
	cmd := &cobra.Command{
		Use:   "init [SOURCE]",
		Short: "Write a file in which every answer can be filled in",
		Long: `Init writes a submission in which every key stands as a comment, with what it is, its
unit and the words that it may be. As written it states nothing. Where SOURCE is named,
its headers are read, and what they show stands behind the keys as a proposal.

An existing file is replaced with --force only. --schema-out writes the schema that
editors complete and check the file by, and makes the file point to it.

EXIT STATUS
  0   the file was written
  1   the source could not be read, or the file not written
  2   wrong usage, or the file exists`,
		Example: `  weighbridge submission init
  weighbridge submission init s3://staging/llama-3-70b/ --output llama.yaml --schema-out submission.schema.json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage(cmd.CommandPath() + " takes SOURCE or nothing")
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&d.output, "output", pipeline.SubmissionName, "file to write, or - for standard output")
	f.StringVar(&d.schemaOut, "schema-out", "", "file to write the schema for editors to")
	f.BoolVar(&d.force, "force", false, "replace files that exist")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := d.validate(); err != nil {
			return err
		}
		source := ""
		if len(args) == 1 {
			source = args[0]
		}
		bars := c.progress()
		defer bars.stop()
		a, err := c.app(bars)
		if err != nil {
			return err
		}
		t, err := a.Draft(cmd.Context(), source, c.env.Now())
		if err != nil {
			return err
		}
		return d.write(c, t)
	}
	return cmd
}

// validate refuses what can be refused before anything is read.
func (d *draft) validate() error {
	if strings.ContainsAny(d.output+d.schemaOut, "\r\n") {
		return usage("--output and --schema-out take a path on one line")
	}
	if d.output == "" {
		return usage("--output takes the path of a file, or -")
	}
	if d.schemaOut != "" && filepath.Clean(d.schemaOut) == filepath.Clean(d.output) {
		return usage("--schema-out and --output name the same file")
	}
	if d.force {
		return nil
	}
	for _, path := range []string{d.output, d.schemaOut} {
		if path == "" || path == "-" {
			continue
		}
		if _, err := os.Lstat(path); err == nil {
			return exists(path)
		}
	}
	return nil
}

func exists(path string) error {
	return &pipeline.Error{Code: pipeline.CodeUsage, Message: path + " exists already", Hint: "--force replaces it, another name keeps it"}
}

func (d *draft) write(c *cli, t submission.Template) error {
	t.Schema = d.schema()
	var text bytes.Buffer
	if err := t.Write(&text); err != nil {
		return err
	}
	if d.schemaOut != "" {
		var schema bytes.Buffer
		if err := report.JSON(&schema, submission.Schema()); err != nil {
			return err
		}
		if err := d.file(d.schemaOut, schema.Bytes()); err != nil {
			return err
		}
	}
	if d.output == "-" {
		_, err := c.env.Stdout.Write(text.Bytes())
		return err
	}
	if err := d.file(d.output, text.Bytes()); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s was written. It states nothing yet.\n", report.Clean(d.output))
	if d.schemaOut != "" {
		fmt.Fprintf(&b, "%s was written, and the file points editors to it.\n", report.Clean(d.schemaOut))
	} else {
		fmt.Fprintf(&b, "Editors look for its schema in %s beside it: %s rules schema > %s\n", defaultSchema, c.command(), defaultSchema)
	}
	fmt.Fprintf(&b, "Fill in what you know, then: %s submission check %s\n", c.command(), report.Clean(d.output))
	_, err := io.WriteString(c.env.Stdout, b.String())
	return err
}

// schema returns the path of the schema as seen from the file that is written.
func (d *draft) schema() string {
	if d.schemaOut == "" {
		return defaultSchema
	}
	if d.output != "-" && !filepath.IsAbs(d.schemaOut) {
		if folder, err := filepath.Abs(filepath.Dir(d.output)); err == nil {
			if file, err := filepath.Abs(d.schemaOut); err == nil {
				if below, err := filepath.Rel(folder, file); err == nil {
					return filepath.ToSlash(below)
				}
			}
		}
	}
	return filepath.ToSlash(d.schemaOut)
}

// file writes a file, which must not exist unless it may be replaced.
func (d *draft) file(path string, text []byte) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if d.force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return exists(path)
	}
	if err == nil {
		_, err = f.Write(text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("write the file: %w", err)
	}
	return nil
}

// checked is the result of submission check.
type checked struct {
	Schema  string          `json:"schema"`
	File    string          `json:"file"`
	Answers int             `json:"answers"`
	Digest  pipeline.Digest `json:"digest"`
}

func (c *cli) submissionCheck() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Tell whether a submission reads well",
		Long: `Check reads a submission and counts its answers, or lists every fault with line and
column. It holds nothing against an artifact: weighbridge check does.

EXIT STATUS
  0   the submission reads well
  2   it has faults, or cannot be opened`,
		Args: exactly("FILE"),
	}
	f := formatFlag(cmd, "table", "json")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		sub, err := app.LoadSubmission(args[0])
		if err != nil {
			return err
		}
		result := checked{Schema: "weighbridge.submission-check/1", File: args[0], Answers: submission.Answers(sub), Digest: pipeline.SubmissionDigest(sub)}
		if f.json() {
			return report.JSON(c.env.Stdout, result)
		}
		_, err = fmt.Fprintf(c.env.Stdout, "the submission reads well: %s\n%s\n", counted(result.Answers, "answer"), result.Digest)
		return err
	}
	return cmd
}
