package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"weighbridge/cmd/internal/app"
	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
)

// pollEvery is how often a waiting gate looks for a decision.
const pollEvery = 2 * time.Second

// gated is a report with what the gate made of it.
type gated struct {
	*pipeline.Report
	Gate gateResult `json:"gate"`
}

type gateResult struct {
	Open   bool                `json:"open"`
	Ruling pipeline.RulingKind `json:"ruling"`
	Reason string              `json:"reason"`
}

func (c *cli) gateCommand() *cobra.Command {
	var j judged
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "gate SOURCE",
		Short: "Let a model through only when it is clear, or approved for these bytes and this submission",
		Long: `Gate checks SOURCE as check does and then asks the queue whether a valid approval covers
these bytes and this submission. Without a queue only a clear verdict opens it.

EXIT STATUS
  0   open: clear, or a valid approval covers these bytes and this submission
  10  closed: a person must decide
  20  closed: blocked, or rejected by a reviewer
  30  closed: something could not be read or weighed
  1   no report could be made
  2   wrong usage`,
		Args: exactly("SOURCE"),
	}
	j.addFlags(cmd, &c.settings)
	cmd.Flags().DurationVar(&wait, "wait", 0, "wait this long for a decision, such as 30m")
	// SARIF and JUnit tell what rules found, which no approval changes: they are for check.
	f := formatFlag(cmd, "table", "json", "markdown")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if wait < 0 {
			return usage("--wait takes a duration of zero or more")
		}
		run, err := j.run(args[0], c.env.Now())
		if err != nil {
			return err
		}
		w, queue, err := c.weigh(cmd.Context(), run)
		if err != nil {
			return err
		}
		ruling := pipeline.Ruling{Kind: pipeline.RulingNone}
		if queue != nil {
			defer func() { _ = queue.DB.Close() }()
			if ruling, err = await(cmd.Context(), queue, &w.Report, wait); err != nil {
				return err
			}
			if ruling.Case != nil {
				if w.Report.Case, err = refer(cmd.Context(), queue, *ruling.Case); err != nil {
					return err
				}
			}
		}
		result, exit := decideGate(w.Report.Verdict, ruling, queue != nil)
		if err := c.writeGate(&w.Report, result, f); err != nil {
			return err
		}
		return exit
	}
	return cmd
}

// writeGate writes a report with what the gate made of it: as a key in JSON, below the
// report elsewhere.
func (c *cli) writeGate(r *pipeline.Report, result gateResult, f *format) error {
	if f.json() {
		return report.JSON(c.env.Stdout, gated{r, result})
	}
	if err := c.writeReport(r, f); err != nil {
		return err
	}
	word := "CLOSED"
	if result.Open {
		word = "OPEN"
	}
	if _, err := io.WriteString(c.env.Stdout, "\n"); err != nil {
		return err
	}
	if f.value == "table" {
		return report.Row(c.env.Stdout, "Gate", word+": "+result.Reason)
	}
	_, err := io.WriteString(c.env.Stdout, "**Gate "+word+"**: "+result.Reason+".\n")
	return err
}

// await asks for the ruling, again and again while a person has to decide and the
// time lasts.
func await(ctx context.Context, queue *app.Queue, r *pipeline.Report, wait time.Duration) (pipeline.Ruling, error) {
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	for {
		ruling, err := queue.ApprovalFor(ctx, pipeline.QueryFor(r))
		if err != nil || ruling.Kind != pipeline.RulingWaiting || wait == 0 {
			return ruling, err
		}
		select {
		case <-ctx.Done():
			return ruling, fmt.Errorf("the wait was stopped: %w", context.Cause(ctx))
		case <-deadline.C:
			return queue.ApprovalFor(ctx, pipeline.QueryFor(r))
		case <-time.After(pollEvery):
		}
	}
}

// decideGate turns verdict and ruling into the gate's answer. Where there is a queue, a
// clear verdict opens the gate only where the case is cleared too: one that a person
// rejected, or asked changes of, waits for a person even when it has become clear.
func decideGate(v pipeline.Verdict, ruling pipeline.Ruling, queued bool) (gateResult, error) {
	result := gateResult{Ruling: ruling.Kind}
	switch {
	case ruling.Kind == pipeline.RulingRejected:
		result.Reason = "a reviewer rejected these bytes"
		return result, status(exitBlock)
	case ruling.Kind == pipeline.RulingApproved:
		result.Open = true
		result.Reason = "an approval covers these bytes and this submission"
		if ruling.Approval.Bound == pipeline.BoundStore {
			result.Reason += "; it holds while nothing in this place changes, because the bytes were not hashed"
		}
		return result, nil
	case v == pipeline.VerdictClear && (!queued || ruling.Kind == pipeline.RulingCleared):
		result.Open = true
		result.Reason = "the verdict is clear"
		return result, nil
	case v == pipeline.VerdictClear:
		result.Reason = "the verdict is clear, but a person rejected these bytes or asked for changes, and has not decided again"
		return result, status(exitReview)
	}
	result.Reason = map[pipeline.Verdict]string{
		pipeline.VerdictReview:       "a person must decide, and no valid approval covers these bytes and this submission",
		pipeline.VerdictBlock:        "an enforced rule blocks this, and no valid approval covers these bytes and this submission",
		pipeline.VerdictInconclusive: "something could not be read or weighed, and no valid approval covers these bytes and this submission",
	}[v]
	return result, exitFor(v)
}
