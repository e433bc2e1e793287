package lineage

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"weighbridge/pipeline"
)

// ObligationsName is the name of [Obligations].
const ObligationsName = "obligations"

// mostObligations bounds lineage.obligations.
const mostObligations = 500

// Obligations establishes lineage.obligations: what the licences of the bases, and of the
// models behind them, ask of this model, as the facts "licenses" have their terms. It runs
// after the licence assessor. The model's own licence is not part of it: its terms stand in
// "licensing". The zero value is ready to use.
type Obligations struct{}

var _ pipeline.Assessor = Obligations{}

// Name returns "obligations".
func (Obligations) Name() string { return ObligationsName }

// Assess forgets what it established before and starts anew. The day makes no difference.
// Where the licences are unknown it establishes nothing. It returns no error.
func (Obligations) Assess(facts *pipeline.FactSet, _ time.Time) error {
	facts.ForgetAll("lineage.obligations")
	entry, known := facts.Entry("licenses")
	if !known {
		return nil
	}
	list := []pipeline.Obligation{}
	for _, l := range facts.Facts.Licenses {
		if value(l.Relation) == "self" {
			continue
		}
		list = append(list, of(l)...)
	}
	facts.Set("lineage.obligations", list[:min(len(list), mostObligations)], entry.Basis, entry.Evidence...)
	return nil
}

// fromOutputs lists the relations in which no weights of the base are in this model, only
// what it put out; and reachOutputs the kinds of obligations that licences extend to models
// that were trained on that.
var (
	fromOutputs  = []string{"distillation", "synthetic_data"}
	reachOutputs = []string{"name", "attribution", "use_restrictions", "non_commercial", "research_only", "outputs"}
)

// of lists what the licence of one model asks for.
func of(l pipeline.Licensed) []pipeline.Obligation {
	var out []pipeline.Obligation
	t := l.Terms
	ask := func(applies bool, kind, format string, args ...any) {
		if !applies || slices.Contains(fromOutputs, value(l.Relation)) && !slices.Contains(reachOutputs, kind) {
			return
		}
		out = append(out, pipeline.Obligation{From: l.Of, License: value(l.ID), Kind: kind, Text: fmt.Sprintf(format, args...)})
	}
	ask(value(t.NamePrefix) != "", "name", "The name of this model must begin with %q.", value(t.NamePrefix))
	ask(value(t.Attribution) != "", "attribution", "%q must be shown.", value(t.Attribution))
	ask(is(t.Notice), "notice", "A notice file with the licence's own sentence must go along.")
	ask(is(t.FlowDown), "use_restrictions", "Its restrictions of use must be passed on in the terms of this model.")
	ask(isNot(t.Commercial), "non_commercial", "Commercial use is not licensed.")
	ask(is(t.ResearchOnly), "research_only", "Research only is licensed.")
	ask(is(t.ShareAlike), "share_alike", "Changed versions must carry the same licence.")
	ask(isNot(t.Derivatives), "no_derivatives", "Changed versions may not be passed on.")
	ask(above(t.MonthlyUsersCap), "users_cap", "With more than %s users a month another licence is needed.", separated(t.MonthlyUsersCap))
	ask(above(t.RevenueCapUSD), "revenue_cap", "With a revenue of more than %s US dollars another licence is needed.", separated(t.RevenueCapUSD))
	ask(len(t.ExcludedCountries) > 0, "territory", "It does not hold in %s.", countries(t.ExcludedCountries))
	ask(len(t.MultimodalExcluded) > 0, "territory", "For models that take more than text it gives no right to licensees in %s.", countries(t.MultimodalExcluded))
	ask(is(t.OutputsBan), "outputs", "What this model puts out may not be used to improve other models.")
	return out
}

func is(flag *bool) bool    { return flag != nil && *flag }
func isNot(flag *bool) bool { return flag != nil && !*flag }
func above(n *int64) bool   { return n != nil && *n > 0 }

func separated(n *int64) string {
	if n == nil {
		return ""
	}
	return count(int(*n))
}

// mostCountries bounds the countries that one sentence names.
const mostCountries = 40

func countries(codes []string) string {
	if len(codes) > mostCountries {
		return fmt.Sprintf("%s and %d more", strings.Join(codes[:mostCountries], ", "), len(codes)-mostCountries)
	}
	return strings.Join(codes, ", ")
}
