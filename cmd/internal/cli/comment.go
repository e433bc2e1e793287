package cli

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"weighbridge/cmd/internal/forge"
	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
)

// mostComment bounds the file with a report to post, in bytes.
const mostComment = 1 << 20

// commentCommand posts a report. It is for the GitHub Action and the GitLab template, which
// set what it needs, and so it is not listed in the help.
func (c *cli) commentCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "comment FORGE FILE",
		Hidden: true,
		Short:  "Put a report into the one comment that a pull request has for it",
		Long: `Comment posts FILE, which "check --format markdown" wrote, on a pull request, or updates the
comment that the same account posted for the same source. FORGE is github or gitlab. The rest
is in the variables that their pipelines set:

  github  GITHUB_API_URL, GITHUB_REPOSITORY, GITHUB_TOKEN, WEIGHBRIDGE_PULL_REQUEST
  gitlab  CI_API_V4_URL, CI_PROJECT_ID, CI_MERGE_REQUEST_IID, WEIGHBRIDGE_GITLAB_TOKEN

WEIGHBRIDGE_COMMENT_AUTHOR names the account that writes, where the forge does not tell it.

EXIT STATUS
  0   the comment stands
  1   the forge refused it, or could not be reached
  2   wrong usage`,
		Args: exactly("FORGE", "FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			request, root, err := c.forgeRequest(forge.Kind(args[0]))
			if err != nil {
				return err
			}
			body, err := readComment(args[1])
			if err != nil {
				return err
			}
			marker, rest, ok := report.CutMarker(body)
			if !ok {
				return usage(args[1] + " is no report in Markdown")
			}
			if root != "" {
				marker = report.MarkerBelow(marker, root)
			}
			outcome, err := forge.New(http.DefaultTransport, time.Second).Put(cmd.Context(), request, marker+"\n"+rest)
			if err != nil {
				return err
			}
			_, err = io.WriteString(c.env.Stdout, "comment "+string(outcome)+"\n")
			return err
		},
	}
}

// forgeRequest reads from the environment where to post, and the folder that holds the
// repository.
func (c *cli) forgeRequest(kind forge.Kind) (r forge.Request, root string, err error) {
	get := c.env.Getenv
	r = forge.Request{Kind: kind, Author: get("WEIGHBRIDGE_COMMENT_AUTHOR")}
	switch kind {
	case forge.GitHub:
		r.API, r.Project, r.Number, r.Token = get("GITHUB_API_URL"), get("GITHUB_REPOSITORY"), get("WEIGHBRIDGE_PULL_REQUEST"), get("GITHUB_TOKEN")
		return r, get("GITHUB_WORKSPACE"), nil
	case forge.GitLab:
		r.API, r.Project, r.Number, r.Token = get("CI_API_V4_URL"), get("CI_PROJECT_ID"), get("CI_MERGE_REQUEST_IID"), get("WEIGHBRIDGE_GITLAB_TOKEN")
		return r, get("CI_PROJECT_DIR"), nil
	}
	return r, "", usage("FORGE is github or gitlab")
}

func readComment(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", &pipeline.Error{Code: pipeline.CodeNotFound, Message: "the report " + path + " cannot be read", Err: err}
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, mostComment+1))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	if len(text) > mostComment {
		return "", &pipeline.Error{Code: pipeline.CodeOverLimit, Message: path + " is longer than " + report.Size(mostComment)}
	}
	return string(text), nil
}
