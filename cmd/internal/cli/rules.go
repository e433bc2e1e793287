package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"weighbridge/cmd/internal/app"
	"weighbridge/pipeline"
	"weighbridge/pipeline/policy"
	"weighbridge/pipeline/report"
	"weighbridge/pipeline/submission"
)

func (c *cli) rulesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "List, show, test, compare and apply rule packs",
		Long:  "Rules shows what rule packs say and which facts they can name, runs the examples that\nthey carry, compares them, and judges the cases of the queue again.\n" + helpExit,
		Args:  noCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.rulesList(), c.rulesShow(), c.rulesTest(), c.rulesFacts(), c.rulesSchema(), c.rulesDiff(), c.rulesExplain(),
		c.rulesRejudge("preview", "Say which stored cases would change under other rules",
			"Preview judges every case of the queue again, from its stored facts and without a look at\nany bucket, and says whose verdict or findings would change. It writes nothing.", false),
		c.rulesRejudge("apply", "Judge the stored cases again",
			"Apply judges every case of the queue again, from its stored facts and without a look at\nany bucket. Where verdict or findings change, the case is written; a case whose verdict\nchanged opens again, or is cleared.", true))
	return cmd
}

// verified says whether the sources of a rule were read, and its lists held against theirs.
func verified(r policy.Rule) string {
	if r.Unverified {
		return "not verified"
	}
	return "read"
}

// packs loads the named packs, or the configured ones.
func (c *cli) packs(names []string) ([]policy.Selected, error) {
	settings, err := c.resolve()
	if err != nil {
		return nil, err
	}
	return app.Packs(settings.Rules, names)
}

func (c *cli) rulesList() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list [PACK]...",
		Short: "List the rules of packs, by name or file; default all that ship",
		Long:  "List shows each rule with its status and effect.\n\nEXIT STATUS\n  0   done\n  2   a pack does not exist or does not load",
	}
	f := formatFlag(cmd, "table", "json")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		selected, err := c.packs(args)
		if err != nil {
			return err
		}
		if f.json() {
			packs := []*policy.Pack{}
			for _, s := range selected {
				packs = append(packs, s.Pack)
			}
			return report.JSON(c.env.Stdout, packs)
		}
		t := tabwriter.NewWriter(c.env.Stdout, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(t, "PACK\tMODE\tRULE\tEFFECT\tSTATUS\tSOURCE\tTITLE")
		for _, s := range selected {
			for _, r := range s.Pack.Rules {
				_, _ = fmt.Fprintf(t, "%s %s\t%s\t%s\t%s\t%s\t%s\t%s\n", report.Clean(s.Pack.Name), report.Clean(s.Pack.Version), s.Mode,
					report.Clean(r.ID), r.Effect, words(string(r.Status)), verified(r), report.Clean(r.Title))
			}
		}
		return t.Flush()
	}
	return cmd
}

func (c *cli) rulesShow() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show PACK|RULE",
		Short: "Show a pack, or one rule of the packs that ship",
		Long:  "Show writes the expression of each rule with its dates, citation and questions.\n\nEXIT STATUS\n  0   done\n  2   there is no such pack or rule, or it does not load",
		Args:  exactly("PACK|RULE"),
	}
	f := formatFlag(cmd, "table", "json")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		pack, rules, err := c.findRules(args[0])
		if err != nil {
			return err
		}
		if f.json() {
			if len(rules) == 1 && rules[0].ID == args[0] {
				return report.JSON(c.env.Stdout, rules[0])
			}
			return report.JSON(c.env.Stdout, pack)
		}
		return showRules(c.env.Stdout, pack, rules)
	}
	return cmd
}

// findRules returns the rule with this id, or all rules of the pack with this name.
func (c *cli) findRules(name string) (*policy.Pack, []policy.Rule, error) {
	configured, err := c.packs(nil)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range configured {
		for _, r := range s.Pack.Rules {
			if r.ID == name {
				return s.Pack, []policy.Rule{r}, nil
			}
		}
	}
	selected, err := c.packs([]string{name})
	if err != nil {
		return nil, nil, err
	}
	return selected[0].Pack, selected[0].Pack.Rules, nil
}

func showRules(w io.Writer, pack *policy.Pack, rules []policy.Rule) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Pack %s, version %s: %s\n%s\n", report.Clean(pack.Name), report.Clean(pack.Version), report.Clean(pack.Title), pack.Digest)
	if pack.Applies != "" {
		fmt.Fprintf(&b, "Applies where  %s\n", report.Clean(pack.Applies))
	}
	for _, r := range rules {
		fmt.Fprintf(&b, "\n%s  %s\n", report.Clean(r.ID), report.Clean(r.Title))
		fmt.Fprintf(&b, "  status     %s, %s\n", words(string(r.Status)), report.Clean(r.Jurisdiction))
		fmt.Fprintf(&b, "  in effect  %s\n", span(r.From, r.To))
		if r.For != "" {
			fmt.Fprintf(&b, "  for each   of %s\n", r.For)
		}
		fmt.Fprintf(&b, "  when       %s\n", report.Clean(r.When))
		fmt.Fprintf(&b, "  effect     %s; quorum %s; \"not matched\" must rest on facts that are %s\n", r.Effect, words(string(r.Quorum)), r.Accept)
		fmt.Fprintf(&b, "  message    %s\n", report.Clean(r.Message))
		if len(r.Ask) > 0 {
			fmt.Fprintf(&b, "  asks for   %s\n", strings.Join(r.Ask, ", "))
		}
		if len(r.Offices) > 0 {
			fmt.Fprintf(&b, "  offices    %s must each sign\n", report.Clean(strings.Join(r.Offices, ", ")))
		}
		for _, list := range r.Lists {
			by := "nobody has held it against its source"
			if list.VerifiedBy != "" {
				by = "verified by " + list.VerifiedBy
			}
			fmt.Fprintf(&b, "  list       %s, as of %s, review by %s; %s\n", report.Clean(list.Name), list.AsOf, list.ReviewBy, report.Clean(by))
		}
		for _, cite := range r.Cite {
			known := ""
			if cite.Mark != "" {
				known = " (" + marks[cite.Mark] + ")"
			}
			fmt.Fprintf(&b, "  source     %s %s%s\n", report.Clean(cite.Title), report.Clean(cite.URL), known)
		}
		if r.ReviewBy != "" {
			fmt.Fprintf(&b, "  review by  %s\n", r.ReviewBy)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// marks says in words how well a source is known.
var marks = map[pipeline.Mark]string{
	pipeline.MarkPrimary:   "the text was read",
	pipeline.MarkSecondary: "what others wrote of it was read",
	pipeline.MarkMemory:    "from memory, not verified",
	pipeline.MarkInference: "an inference, not verified",
}

func span(from, to string) string {
	switch {
	case from == "" && to == "":
		return "always"
	case to == "":
		return "from " + from
	case from == "":
		return "until " + to
	}
	return "from " + from + " until " + to
}

func (c *cli) rulesTest() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test [PACK]...",
		Short: "Run the examples of packs, by name or file; default all that ship",
		Long:  "Test evaluates every example that a rule carries and tells those that come out otherwise than they say.\n\nEXIT STATUS\n  0   all examples hold\n  1   some do not\n  2   a pack does not exist or does not load",
	}
	f := formatFlag(cmd, "table", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		selected, err := c.packs(args)
		if err != nil {
			return err
		}
		reports := []policy.TestReport{}
		failed := false
		for _, s := range selected {
			r, err := policy.TestPack(cmd.Context(), s.Pack)
			if err != nil {
				return err
			}
			failed = failed || len(r.Failures) > 0
			reports = append(reports, r)
		}
		if f.json() {
			err = report.JSON(c.env.Stdout, reports)
		} else {
			err = testTable(c.env.Stdout, reports)
		}
		if err == nil && failed {
			return status(exitFailed)
		}
		return err
	}
	return cmd
}

func testTable(w io.Writer, reports []policy.TestReport) error {
	var b strings.Builder
	for _, r := range reports {
		fmt.Fprintf(&b, "%s: %s, %s, %d failed\n", report.Clean(r.Pack), counted(r.Rules, "rule"), counted(r.Examples, "example"), len(r.Failures))
		for _, f := range r.Failures {
			fmt.Fprintf(&b, "  line %d, rule %s: %s\n", f.Line, report.Clean(f.Rule), report.Clean(f.Message))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (c *cli) rulesFacts() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "facts",
		Short: "Show every fact that rules can name, and the rules that use it",
		Long: `Facts writes what each fact is, its type and unit, the words that it may be, who
establishes it, and which rules of the packs that ship read it or ask for it.
` + helpExit,
		Args: exactly(),
	}
	f := formatFlag(cmd, "markdown", "json")
	cmd.RunE = func(*cobra.Command, []string) error {
		groups, err := policy.ShippedFacts()
		if err != nil {
			return err
		}
		if f.json() {
			return report.JSON(c.env.Stdout, groups)
		}
		return policy.WriteFacts(c.env.Stdout, groups)
	}
	return cmd
}

func (c *cli) rulesSchema() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Write the JSON Schema of a submission, or of a report",
		Long:  "Schema writes a JSON Schema, draft 2020-12, for editors and other programs.\n" + helpExit,
		Args:  exactly(),
	}
	of := &format{value: "submission", allowed: []string{"submission", "report"}}
	cmd.Flags().Var(of, "of", strings.Join(of.allowed, " or "))
	cmd.RunE = func(*cobra.Command, []string) error {
		if of.value == "report" {
			return report.JSON(c.env.Stdout, report.Schema())
		}
		return report.JSON(c.env.Stdout, submission.Schema())
	}
	return cmd
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
