package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"weighbridge/cmd/internal/app"
	"weighbridge/pipeline"
	"weighbridge/pipeline/policy"
	"weighbridge/pipeline/report"
)

func (c *cli) rulesDiff() *cobra.Command {
	var from, to string
	cmd := &cobra.Command{
		Use:   "diff PACK PACK | diff --from DATE --to DATE [PACK]...",
		Short: "Compare two packs, or the same packs on two days",
		Long: `Diff says in which rules two packs differ, and in what. With --from and --to it says
what the passing of time alone changes: rules that come into effect or end, lists whose
members change, and rules that are past their review.

EXIT STATUS
  0   done, whether or not something differs
  2   a pack does not exist or does not load, or a day is none`,
		Example: `  weighbridge rules diff us-ear my-us-ear.yaml
  weighbridge rules diff --from 2026-12-01 --to 2026-12-02`,
	}
	cmd.Flags().StringVar(&from, "from", "", "the first day to compare, YYYY-MM-DD")
	cmd.Flags().StringVar(&to, "to", "", "the second day, YYYY-MM-DD")
	f := formatFlag(cmd, "table", "json")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		byDay := from != "" || to != ""
		if !byDay && len(args) != 2 {
			return usage("rules diff takes two packs, or --from and --to")
		}
		selected, err := c.packs(args)
		if err != nil {
			return err
		}
		changes := []policy.Change{}
		if byDay {
			for name, day := range map[string]string{"--from": from, "--to": to} {
				if _, err := time.Parse(time.DateOnly, day); err != nil {
					return usage(name + " takes a day as YYYY-MM-DD")
				}
			}
			for _, s := range selected {
				changes = append(changes, policy.DiffDays(s.Pack, from, to)...)
			}
		} else {
			changes = policy.Diff(selected[0].Pack, selected[1].Pack)
		}
		if f.json() {
			return report.JSON(c.env.Stdout, changes)
		}
		return changeTable(c.env.Stdout, changes)
	}
	return cmd
}

func changeTable(w io.Writer, changes []policy.Change) error {
	var b strings.Builder
	if len(changes) == 0 {
		b.WriteString("Nothing differs.\n")
	}
	for _, change := range changes {
		b.WriteString(changeLine(change))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// changeLine writes a change in one line, a long one in three.
func changeLine(c policy.Change) string {
	what := report.Clean(c.Pack)
	if c.Rule != "" {
		what += " " + report.Clean(c.Rule)
	}
	before, after := report.Clean(c.Before), report.Clean(c.After)
	switch {
	case c.What == "rule" && c.Before == "":
		return fmt.Sprintf("%s  is new: %s\n", what, after)
	case c.What == "rule":
		return fmt.Sprintf("%s  is gone: %s\n", what, before)
	}
	if before == "" {
		before = "(nothing)"
	}
	if after == "" {
		after = "(nothing)"
	}
	if len(before)+len(after) < 70 {
		return fmt.Sprintf("%s  %s: %s -> %s\n", what, c.What, before, after)
	}
	return fmt.Sprintf("%s  %s\n    was  %s\n    is   %s\n", what, c.What, before, after)
}

// rejudged is what preview and apply write in JSON.
type rejudged struct {
	Schema string `json:"schema"`
	AsOf   string `json:"as_of"`
	// Cases counts those that were judged, Verdicts those whose verdict changes,
	// Findings those whose findings change.
	Cases    int            `json:"cases"`
	Verdicts int            `json:"verdicts"`
	Findings int            `json:"findings"`
	Seconds  float64        `json:"seconds"`
	Changed  []app.Rejudged `json:"changed"`
}

// mostChanged bounds the cases that are listed by name.
const mostChanged = 1000

func (c *cli) rulesRejudge(name, short, long string, apply bool) *cobra.Command {
	var j judged
	cmd := &cobra.Command{
		Use:   name,
		Short: short,
		Long: long + `

EXIT STATUS
  0   done
  1   the queue could not be read or written
  2   no queue is named, or a pack does not load`,
		Example: "  weighbridge rules " + name + " --db queue.db --mode us-ear=enforce\n  weighbridge rules " + name + " --db queue.db --pack my-pack.yaml",
		Args:    exactly(),
	}
	j.addPackFlag(cmd)
	if !apply {
		j.addDayFlag(cmd)
	}
	addListFlags(cmd, &c.settings.Lists)
	f := formatFlag(cmd, "table", "json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		run, err := j.run("", c.env.Now())
		if err != nil {
			return err
		}
		a, queue, done, err := c.existingQueue(cmd.Context())
		if err != nil {
			return err
		}
		defer done()
		if apply {
			if err := a.Settings.Who().Validate(); err != nil {
				return err
			}
		}
		out := rejudged{Schema: "weighbridge.rejudged/1", AsOf: run.AsOf.Format(time.DateOnly), Changed: []app.Rejudged{}}
		started := c.env.Now()
		err = a.Rejudge(cmd.Context(), queue, app.Rejudging{Packs: run.Packs, AsOf: run.AsOf, Apply: apply, Each: func(r app.Rejudged) error {
			out.Cases++
			if r.Same() {
				return nil
			}
			if out.Findings++; r.Before != r.After {
				out.Verdicts++
			}
			if len(out.Changed) < mostChanged {
				out.Changed = append(out.Changed, r)
			}
			return nil
		}})
		if err != nil {
			return err
		}
		if apply {
			if err := c.keepCheckpoint(cmd.Context(), a, queue, &signing{}, nil); err != nil {
				return err
			}
		}
		out.Seconds = c.env.Now().Sub(started).Seconds()
		if f.json() {
			return report.JSON(c.env.Stdout, out)
		}
		return rejudgedTable(c.env.Stdout, out, apply)
	}
	return cmd
}

func rejudgedTable(w io.Writer, r rejudged, applied bool) error {
	var b strings.Builder
	would, become := "would change", "WOULD BE"
	if applied {
		would, become = "changed", "IS"
	}
	fmt.Fprintf(&b, "%s judged again from stored facts, as of %s, in %.1f s.\nThe verdict %s in %s, the findings in %s.\n",
		counted(r.Cases, "case"), r.AsOf, r.Seconds, would, report.Count(int64(r.Verdicts)), report.Count(int64(r.Findings)))
	if r.Verdicts > 0 {
		t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintf(t, "\nCASE\tWAS\t%s\tSTATE\tSOURCE\tBECAUSE OF\n", become)
		for _, one := range r.Changed {
			if one.Before != one.After {
				_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", one.Case.ID, one.Before, one.After, words(string(one.State)),
					report.Clean(one.Case.Source), report.Clean(because(one.Changes)))
			}
		}
		_ = t.Flush()
	}
	if r.Findings > len(r.Changed) {
		fmt.Fprintf(&b, "And %s more with other findings.\n", report.Count(int64(r.Findings-len(r.Changed))))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// mostRules is how many rules a line names.
const mostRules = 4

// because names the rules that make the difference: those that enforce, where there are
// any.
func because(changes []policy.Change) string {
	enforced := slices.DeleteFunc(slices.Clone(changes), func(c policy.Change) bool {
		return strings.HasSuffix(cmp.Or(c.After, c.Before), "report only")
	})
	if len(enforced) > 0 {
		changes = enforced
	}
	var names []string
	for _, change := range changes {
		name := change.Rule
		if name == "" {
			name = change.Pack
		}
		if len(names) == mostRules {
			return strings.Join(names, ", ") + fmt.Sprintf(" and %d more", len(changes)-mostRules)
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

func (c *cli) rulesExplain() *cobra.Command {
	var j judged
	cmd := &cobra.Command{
		Use:   "explain CASE RULE",
		Short: "Show how a rule comes out on a case, part by part",
		Long: `Explain holds one rule against the stored facts of a case and shows its expression, the
value of each part of it, and where every fact came from.

EXIT STATUS
  0   done
  1   there is no such case
  2   there is no such rule, or no queue is named`,
		Example: "  weighbridge rules explain 8f46feb1 US-WGT-01 --db queue.db",
		Args:    exactly("CASE", "RULE"),
	}
	j.addRuleFlags(cmd)
	addListFlags(cmd, &c.settings.Lists)
	f := formatFlag(cmd, "table", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		run, err := j.run("", c.env.Now())
		if err != nil {
			return err
		}
		a, queue, done, err := c.existingQueue(cmd.Context())
		if err != nil {
			return err
		}
		defer done()
		id, err := find(cmd.Context(), queue.DB, args[0])
		if err != nil {
			return err
		}
		e, err := a.Explain(cmd.Context(), queue, id, args[1], run.Packs, run.AsOf)
		if err != nil {
			return err
		}
		if f.json() {
			return report.JSON(c.env.Stdout, e)
		}
		return explainTable(c.env.Stdout, e, run.AsOf)
	}
	return cmd
}

func explainTable(w io.Writer, e *policy.Explanation, asOf time.Time) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", report.Clean(e.Rule.ID), report.Clean(e.Rule.Title))
	fmt.Fprintf(&b, "  pack       %s; %s; effect %s; \"not matched\" must rest on facts that are %s\n",
		report.Clean(e.Pack), words(string(e.Rule.Status)), e.Rule.Effect, e.Rule.Accept)
	standing := "yes"
	if !e.InEffect {
		standing = "no: what follows is how it would come out"
	}
	fmt.Fprintf(&b, "  in effect  on %s: %s\n", asOf.Format(time.DateOnly), standing)
	outcome := words(string(e.Outcome))
	if e.Because != "" {
		outcome = "cannot be decided: " + e.Because
	}
	fmt.Fprintf(&b, "  outcome    %s\n", report.Clean(outcome))
	if e.Applies != nil {
		b.WriteString("\nWhether the pack applies\n")
		explainOne(&b, *e.Applies, map[pipeline.Outcome]string{pipeline.OutcomeMatched: "applies", pipeline.OutcomeNotMatched: "does not apply"})
	}
	for _, one := range e.Elements {
		title := "The rule"
		if one.Element != "" {
			title = "The rule on " + one.Element
		}
		fmt.Fprintf(&b, "\n%s\n", title)
		explainOne(&b, one, map[pipeline.Outcome]string{pipeline.OutcomeMatched: "matched", pipeline.OutcomeNotMatched: "not matched"})
	}
	if len(e.Elements) == 0 {
		fmt.Fprintf(&b, "\nNothing is known in %s that the rule could look at.\n", e.Rule.For)
	}
	for _, cite := range e.Rule.Cite {
		fmt.Fprintf(&b, "\nSource  %s %s\n", report.Clean(cite.Title), report.Clean(cite.URL))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// explainOne writes an expression part by part, and the facts it looks at.
func explainOne(b *strings.Builder, e policy.Explained, outcomes map[pipeline.Outcome]string) {
	outcome, ok := outcomes[e.Outcome]
	if !ok {
		outcome = "cannot be decided: " + e.Because
	}
	fmt.Fprintf(b, "  %s\n", report.Clean(outcome))
	for _, part := range e.Parts {
		fmt.Fprintf(b, "  %-18s %s%s\n", part.Value, strings.Repeat("  ", part.Depth), report.Clean(part.Text))
	}
	for _, fact := range e.Facts {
		if fact.Value == nil {
			fmt.Fprintf(b, "    %s is unknown\n", report.Clean(fact.Name))
			continue
		}
		var from []string
		for i, at := range fact.Evidence {
			if i == mostRules {
				from = append(from, fmt.Sprintf("%d more", len(fact.Evidence)-i))
				break
			}
			from = append(from, strings.TrimSpace(at.Object+" "+at.Where))
		}
		line := fmt.Sprintf("    %s = %s, %s", fact.Name, factValue(fact.Value), fact.Basis)
		if len(from) > 0 {
			line += ", from " + strings.Join(from, "; ")
		}
		b.WriteString(report.Clean(line) + "\n")
	}
}

// factValue writes a fact's value for a person.
func factValue(value any) string {
	switch value := value.(type) {
	case int64:
		return report.Count(value)
	case float64:
		return fmt.Sprintf("%.3g", value)
	}
	return fmt.Sprintf("%v", value)
}
