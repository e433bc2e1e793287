package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"weighbridge/cmd/internal/app"
	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
	"weighbridge/pipeline/report"
)

const queueExit = `
EXIT STATUS
  0   done
  1   the queue could not be read or written, or the case does not allow this
  2   wrong usage`

func (c *cli) queueCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "queue",
		Short: "Look at the queue and decide cases",
		Long:  "Queue lists the cases that wait for people, shows one with its evidence, and records what people decide.\n" + serverHelp + queueExit,
		Args:  noCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.addServerFlags(cmd.PersistentFlags())
	cmd.AddCommand(c.queueList(), c.queueShow(), c.queueClaim(), c.queueAssign(), c.queueComment(), c.queueDecide())
	return cmd
}

// withQueue opens the queue for one command.
func (c *cli) withQueue(ctx context.Context, do func(*app.App, *app.Queue) error) error {
	a, err := c.app(nil)
	if err != nil {
		return err
	}
	queue, err := a.OpenQueue(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = queue.DB.Close() }()
	if _, err := queue.Expire(ctx); err != nil {
		return err
	}
	return do(a, queue)
}

// withDesk opens the queue for one command, or names the desk that is asked for it.
func (c *cli) withDesk(cmd *cobra.Command, sign *signing, do func(desk) error) error {
	remote, err := c.remote(cmd, deskQueue)
	if err != nil {
		return err
	}
	if remote != nil {
		return do(remote)
	}
	return c.withQueue(cmd.Context(), func(a *app.App, queue *app.Queue) error {
		return do(&ownQueue{cli: c, app: a, queue: queue, sign: sign})
	})
}

// existingQueue opens a queue that must be there already. done closes it.
func (c *cli) existingQueue(ctx context.Context) (a *app.App, queue *app.Queue, done func(), err error) {
	if a, err = c.app(nil); err != nil {
		return nil, nil, nil, err
	}
	if queue, err = a.ExistingQueue(ctx); err != nil {
		return nil, nil, nil, err
	}
	return a, queue, func() { _ = queue.DB.Close() }, nil
}

func (c *cli) queueList() *cobra.Command {
	var states, verdicts []string
	var filter pipeline.CaseFilter
	var with chosen
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List cases, newest first",
		Long: `List shows cases, newest first; by default those that are not decided. Flags that choose
cases go together: a case is shown where it meets them all.
` + queueExit,
		Example: `  weighbridge queue list --needs-me
  weighbridge queue list --overdue --family llama --min-params 10_000_000_000
  weighbridge queue list --state all --pack licence --rule LIC-01 --format json`,
		Args: exactly(),
	}
	fl := cmd.Flags()
	fl.StringSliceVar(&states, "state", nil, "states to show, or all")
	fl.StringSliceVar(&verdicts, "verdict", nil, "verdicts to show")
	fl.StringVar(&filter.Text, "text", "", "text in source, family or submitter")
	fl.StringVar(&filter.SourcePrefix, "source", "", "how the source begins")
	fl.StringVar(&filter.Family, "family", "", "family of the architecture")
	fl.StringVar(&filter.Submitter, "submitter", "", "who had it checked")
	fl.StringVar(&filter.Assignee, "assignee", "", "who was asked to work on it")
	fl.StringVar(&filter.Claimant, "claimant", "", "who works on it")
	fl.StringVar(&filter.Pack, "pack", "", "pack that a matched or undecided finding comes from")
	fl.StringVar(&filter.Rule, "rule", "", "rule that a matched or undecided finding comes from")
	fl.StringVar(&filter.Cause, "cause", "", "why cases are open again")
	fl.Int64Var(&with.least, "min-params", -1, "least estimated number of parameters")
	fl.Int64Var(&with.most, "max-params", -1, "largest estimated number of parameters")
	fl.DurationVar(&with.older, "older-than", 0, "opened at least this long ago, such as 72h")
	fl.BoolVar(&with.overdue, "overdue", false, "past their due date")
	fl.BoolVar(&with.mine, "needs-me", false, "waiting for you to claim or vote, what is due first at the top")
	fl.StringVar(&filter.Cursor, "cursor", "", "continue after an earlier page")
	fl.IntVar(&filter.Limit, "limit", 50, "cases on a page, 200 at most")
	f := formatFlag(cmd, "table", "json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := setFilter(&filter, states, verdicts); err != nil {
			return err
		}
		if err := with.bound(&filter, c.env.Now()); err != nil {
			return err
		}
		return c.withDesk(cmd, &signing{}, func(at desk) error {
			if with.mine {
				me, err := at.me(cmd.Context())
				if err != nil {
					return err
				}
				filter.NeedsReviewer, filter.Order = me, pipeline.OrderUrgent
			}
			page, err := at.Cases(cmd.Context(), filter)
			if err != nil {
				return err
			}
			if f.json() {
				return report.JSON(c.env.Stdout, page)
			}
			return caseTable(c.env.Stdout, page, c.env.Now())
		})
	}
	return cmd
}

// chosen is what flags choose that a filter holds in another form.
type chosen struct {
	least, most   int64
	older         time.Duration
	overdue, mine bool
}

func (with chosen) bound(filter *pipeline.CaseFilter, now time.Time) error {
	if with.older < 0 {
		return usage("--older-than takes a duration of zero or more")
	}
	if with.least >= 0 {
		filter.MinParams = &with.least
	}
	if with.most >= 0 {
		filter.MaxParams = &with.most
	}
	if with.older > 0 {
		filter.CreatedBefore = now.Add(-with.older)
	}
	if with.overdue {
		filter.OverdueAt = now
	}
	return nil
}

func setFilter(filter *pipeline.CaseFilter, states, verdicts []string) error {
	all := pipeline.States()
	switch {
	case len(states) == 0:
		for _, s := range all {
			if s.Undecided() {
				filter.States = append(filter.States, s)
			}
		}
	case !slices.Equal(states, []string{"all"}):
		for _, s := range states {
			if !slices.Contains(all, pipeline.State(s)) {
				return usage("there is no state " + s)
			}
			filter.States = append(filter.States, pipeline.State(s))
		}
	}
	known := []pipeline.Verdict{pipeline.VerdictClear, pipeline.VerdictReview, pipeline.VerdictInconclusive, pipeline.VerdictBlock}
	for _, v := range verdicts {
		if !slices.Contains(known, pipeline.Verdict(v)) {
			return usage("there is no verdict " + v)
		}
		filter.Verdicts = append(filter.Verdicts, pipeline.Verdict(v))
	}
	return nil
}

// caseTable writes cases in lines.
// due says when an undecided case is due, "" for one that is decided or never due.
func due(c pipeline.Case, now time.Time) string {
	switch {
	case c.DueAt == nil || !c.State.Undecided():
		return ""
	case c.DueAt.Before(now):
		return "overdue"
	}
	return "in " + age(c.DueAt.Sub(now))
}

func caseTable(w io.Writer, page pipeline.CasePage, now time.Time) error {
	if len(page.Items) == 0 {
		_, err := io.WriteString(w, "No case matches.\n")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "CASE\tSTATE\tVERDICT\tPARAMETERS\tFAMILY\tSUBMITTER\tAGE\tDUE\tSOURCE")
	for _, item := range page.Items {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", item.ID, words(string(item.State)), item.Verdict, caseWeight(item.Params),
			report.Clean(value(item.Family, "unknown")), report.Clean(item.Submitter.Name), age(now.Sub(item.CreatedAt)), due(item, now), report.Clean(item.Source))
	}
	if page.Next != "" {
		_, _ = fmt.Fprintf(t, "There are more: continue with --cursor %s\n", page.Next)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return nil
}

func words(s string) string { return strings.ReplaceAll(s, "_", " ") }

func value(p *string, otherwise string) string {
	if p == nil {
		return otherwise
	}
	return *p
}

func caseWeight(p pipeline.CaseParams) string {
	switch {
	case p.Estimate == nil:
		return "unknown"
	case p.Upper != nil && p.Lower != nil && *p.Upper == *p.Lower:
		return report.Count(*p.Estimate)
	case p.Upper != nil:
		return report.Count(*p.Estimate) + " to " + report.Count(*p.Upper)
	}
	return report.Count(*p.Estimate) + " or more"
}

// age writes a duration in the largest unit that fits.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "now"
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d d", int(d.Hours()/24))
}

// shortest is the fewest characters by which a case may be named.
const shortest = 6

// find returns the case that a text names: its id, or the end of the id where that is
// enough to tell it from the newest thousand.
func find(ctx context.Context, in caseLister, text string) (uuid.UUID, error) {
	if id, err := uuid.Parse(text); err == nil {
		return id, nil
	}
	if len(text) < shortest {
		return uuid.UUID{}, usage(fmt.Sprintf("%q names no case: give its id, or the last %d characters or more of it", text, shortest))
	}
	var found []uuid.UUID
	filter := pipeline.CaseFilter{Limit: 200}
	for range 5 {
		page, err := in.Cases(ctx, filter)
		if err != nil {
			return uuid.UUID{}, err
		}
		for _, item := range page.Items {
			if strings.HasSuffix(item.ID.String(), strings.ToLower(text)) {
				found = append(found, item.ID)
			}
		}
		if page.Next == "" {
			break
		}
		filter.Cursor = page.Next
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return uuid.UUID{}, &pipeline.Error{Code: pipeline.CodeNotFound, Message: fmt.Sprintf("no case has an id that ends in %q", text),
			Hint: "see queue list --state all"}
	}
	return uuid.UUID{}, usage(fmt.Sprintf("%d cases have an id that ends in %q; give more of it", len(found), text))
}

// shown is a case with its history and its report.
type shown struct {
	pipeline.CaseHistory
	Report pipeline.Report `json:"report"`
}

func (c *cli) queueShow() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show CASE",
		Short: "Show a case with its evidence and what was said of it",
		Long:  "Show writes a case as it was recorded: the report, the votes, the comments and the events.\n" + queueExit,
		Args:  exactly("CASE"),
	}
	f := formatFlag(cmd, "table", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.withDesk(cmd, &signing{}, func(at desk) error {
			id, err := find(cmd.Context(), at, args[0])
			if err != nil {
				return err
			}
			h, err := at.History(cmd.Context(), id)
			if err != nil {
				return err
			}
			r, err := at.report(cmd.Context(), id)
			if err != nil {
				return err
			}
			if f.json() {
				return report.JSON(c.env.Stdout, shown{h, r})
			}
			return showCase(c.env.Stdout, h, &r)
		})
	}
	return cmd
}

func showCase(w io.Writer, h pipeline.CaseHistory, r *pipeline.Report) error {
	var b strings.Builder
	item := h.Case
	fmt.Fprintf(&b, "Case         %s\nState        %s\nSubmitter    %s\n", item.ID, words(string(item.State)), report.Clean(item.Submitter.Name))
	if item.State.Undecided() {
		fmt.Fprintf(&b, "Needs        %s\n", quorums[item.Quorum])
	}
	if item.Claimant != nil {
		fmt.Fprintf(&b, "Claimed by   %s\n", report.Clean(item.Claimant.Name))
	}
	if item.ExpiresAt != nil {
		fmt.Fprintf(&b, "Holds until  %s\n", item.ExpiresAt.Format(time.RFC3339))
	}
	if item.SupersededBy != nil {
		fmt.Fprintf(&b, "Superseded   by case %s\n", item.SupersededBy)
	}
	if (item.State == pipeline.StateApproved || item.State == pipeline.StateCleared) && item.ContentDigest == nil {
		b.WriteString("Bound        store-bound: to this store's pins; the bytes were not hashed\n")
	}
	b.WriteString("\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the case: %w", err)
	}
	if err := report.Table(w, r); err != nil {
		return err
	}
	if _, err := io.WriteString(w, "\nHistory\n"); err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	return history(w, h)
}

// quorums says in words who must agree before a case is approved.
var quorums = map[pipeline.Quorum]string{
	pipeline.QuorumOne:         "the approval of one reviewer",
	pipeline.QuorumTwo:         "the approval of two reviewers",
	pipeline.QuorumTwoAndLegal: "the approval of two reviewers and one person of the legal role",
}

// history writes what happened to a case and what people said of it, oldest first.
func history(w io.Writer, h pipeline.CaseHistory) error {
	type entry struct {
		at        time.Time
		who, what string
	}
	var entries []entry
	add := func(at time.Time, who pipeline.Actor, what string) {
		entries = append(entries, entry{at, who.Name, what})
	}
	// A claim and a vote may have the time of what they led to: what leads comes first.
	for _, e := range h.Events {
		if e.Kind == pipeline.EventClaimed {
			add(e.Time, e.Actor, words(string(e.Kind)))
		}
	}
	for _, d := range h.Decisions {
		add(d.At, d.Actor, fmt.Sprintf("%s (%s): %s", d.Kind, words(string(d.Reason)), d.Comment))
	}
	for _, m := range h.Comments {
		add(m.At, m.Actor, "comment: "+m.Text)
	}
	for _, e := range h.Events {
		switch e.Kind {
		case pipeline.EventClaimed, pipeline.EventDecided, pipeline.EventCommented:
		default:
			add(e.Time, e.Actor, words(string(e.Kind)))
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return a.at.Compare(b.at) })
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, e := range entries {
		_, _ = fmt.Fprintf(t, "  %s\t%s\t%s\n", e.at.UTC().Format(time.RFC3339), report.Clean(e.who), report.Clean(e.what))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	return nil
}

// change runs one change of a case and tells its new state.
func (c *cli) change(cmd *cobra.Command, name string, do func(desk, uuid.UUID) (pipeline.Case, error), f *format) error {
	return c.withDesk(cmd, &signing{}, func(at desk) error {
		id, err := find(cmd.Context(), at, name)
		if err != nil {
			return err
		}
		changed, err := do(at, id)
		if err != nil {
			return err
		}
		if f.json() {
			return report.JSON(c.env.Stdout, changed)
		}
		_, err = fmt.Fprintf(c.env.Stdout, "case %s is %s\n", changed.ID, words(string(changed.State)))
		return err
	})
}

func (c *cli) queueClaim() *cobra.Command {
	var takeOver, release bool
	cmd := &cobra.Command{
		Use:   "claim CASE",
		Short: "Say that you work on a case",
		Long:  "Claim marks a case as yours to work on. Others can still vote.\n" + queueExit,
		Args:  exactly("CASE"),
	}
	cmd.Flags().BoolVar(&takeOver, "take-over", false, "take the case from whoever claimed it")
	cmd.Flags().BoolVar(&release, "release", false, "let the case go again")
	f := formatFlag(cmd, "table", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.change(cmd, args[0], func(at desk, id uuid.UUID) (pipeline.Case, error) {
			if release {
				return at.release(cmd.Context(), id)
			}
			return at.claim(cmd.Context(), id, takeOver)
		}, f)
	}
	return cmd
}

func (c *cli) queueAssign() *cobra.Command {
	var nobody bool
	var day string
	cmd := &cobra.Command{
		Use:   "assign CASE [NAME]",
		Short: "Ask somebody to work on a case, or set when it is due",
		Long: `Assign asks a person to work on a case: others find it no longer among what waits for
them, and can still vote. With --nobody it waits for anybody again.
` + queueExit,
		Example: `  weighbridge queue assign 9b53fb37b rita@example.org --due 2027-01-15
  weighbridge queue assign 9b53fb37b --nobody`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usage("assign takes a case, and the name of a person")
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&nobody, "nobody", false, "let the case wait for anybody again")
	cmd.Flags().StringVar(&day, "due", "", "last day before it is overdue, YYYY-MM-DD")
	f := formatFlag(cmd, "table", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var req pipeline.Assignment
		switch {
		case len(args) == 2 && nobody:
			return usage("give a name or --nobody, not both")
		case len(args) == 2:
			req.Assignee = &args[1]
		case nobody:
			req.Assignee = new(string)
		case day == "":
			return usage("say who should work on the case, or with --due when it is due")
		}
		if day != "" {
			end, err := endOfDay("--due", day)
			if err != nil {
				return err
			}
			end = end.Add(-time.Second) // a due date shows as the day that it is in
			req.DueAt = &end
		}
		return c.change(cmd, args[0], func(at desk, id uuid.UUID) (pipeline.Case, error) {
			req.Case = id
			return at.assign(cmd.Context(), req)
		}, f)
	}
	return cmd
}

// endOfDay reads a day as a flag gives it, and returns the moment after it, in UTC.
func endOfDay(flag, day string) (time.Time, error) {
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return at, usage(flag + " takes a day as YYYY-MM-DD")
	}
	return at.AddDate(0, 0, 1), nil
}

func (c *cli) queueComment() *cobra.Command {
	var text string
	cmd := &cobra.Command{
		Use:   "comment CASE --comment TEXT",
		Short: "Write to a case",
		Long:  "Comment adds a text to a case. It decides nothing.\n" + queueExit,
		Args:  exactly("CASE"),
	}
	cmd.Flags().StringVar(&text, "comment", "", "the text")
	f := formatFlag(cmd, "table", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.change(cmd, args[0], func(at desk, id uuid.UUID) (pipeline.Case, error) {
			return at.comment(cmd.Context(), id, text)
		}, f)
	}
	return cmd
}

func (c *cli) queueDecide() *cobra.Command {
	var ballot pipeline.Ballot
	var sign signing
	var until string
	cmd := &cobra.Command{
		Use:   "decide CASE approve|reject|changes --reason CODE --comment TEXT",
		Short: "Approve, reject, or ask for changes",
		Long: `Decide records a decision with a coded reason and a comment. The submitter of a case never
votes on it, and nobody votes twice. A block or an inconclusive verdict is approved by two
people only, each of whom names in the comment the number of parameters that they accept.

The vote that completes an approval signs it, where a signing key is named. At a desk it is
the desk that signs, with its own key.

The reason codes:
  ` + strings.Join(codes(), "\n  ") + `
` + queueExit,
		Args: exactly("CASE", "approve|reject|changes"),
	}
	fl := cmd.Flags()
	fl.StringVar((*string)(&ballot.Reason), "reason", "", "coded reason")
	fl.StringVar(&ballot.Comment, "comment", "", "why, in a sentence")
	fl.StringVar(&until, "until", "", "last day of the approval, YYYY-MM-DD; default no end")
	sign.add(cmd, &c.settings)
	f := formatFlag(cmd, "table", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ballot.Kind = pipeline.DecisionKind(args[1])
		if !slices.Contains(pipeline.DecisionKinds(), ballot.Kind) {
			return usage("decide approve, reject or changes, not " + args[1])
		}
		if until != "" {
			end, err := endOfDay("--until", until)
			if err != nil {
				return err
			}
			ballot.Until = &end
		}
		return c.withDesk(cmd, &sign, func(at desk) error {
			var err error
			if ballot.Case, err = find(cmd.Context(), at, args[0]); err != nil {
				return err
			}
			done, err := at.decide(cmd.Context(), ballot)
			if err != nil {
				return err
			}
			if f.json() {
				return report.JSON(c.env.Stdout, done)
			}
			return done.tell(c.env.Stdout)
		})
	}
	return cmd
}

// decided is a case after a vote, with the signature that the vote led to.
type decided struct {
	pipeline.Case
	// Attestation is nil where nothing was signed, and Note says why.
	Attestation *pipeline.Attestation `json:"attestation"`
	Note        string                `json:"note,omitempty"`
}

func (d decided) tell(w io.Writer) error {
	text := fmt.Sprintf("case %s is %s\n", d.ID, words(string(d.State)))
	if d.Attestation != nil {
		text += fmt.Sprintf("Signed: %s\n", d.Attestation.Digest)
		if d.Attestation.Bound == pipeline.BoundStore {
			text += "The approval is store-bound: " + storeBound + "\n"
		}
	}
	if d.Note != "" {
		text += d.Note + "\n"
	}
	_, err := io.WriteString(w, text)
	return err
}

// decide records a vote, and signs where it completed an approval. The key is opened
// before the vote is cast, so that a wrong passphrase costs no vote.
func (c *cli) decide(ctx context.Context, a *app.App, queue *app.Queue, ballot pipeline.Ballot, sign *signing) (out decided, err error) {
	var key *attest.PrivateKey
	if ballot.Kind == pipeline.DecisionApprove {
		if key, err = c.key(ctx, sign, a.Settings.Approvals); err != nil {
			return out, err
		}
	}
	if out.Case, err = queue.Decide(ctx, ballot); err != nil {
		return out, err
	}
	if out.State == pipeline.StateApproved {
		if out.Attestation, err = queue.SignWhereDue(ctx, out.Case, signer(key), ballot.Actor, c.env.Now()); err != nil {
			return out, err
		}
		if out.Attestation == nil {
			out.Note = notSigned
		}
	}
	return out, c.keepCheckpoint(ctx, a, queue, sign, key)
}

func codes() []string {
	var out []string
	for _, code := range pipeline.ReasonCodes() {
		out = append(out, string(code))
	}
	return out
}
