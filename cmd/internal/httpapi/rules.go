package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy"
)

// packInfo is a pack with the mode in which it takes part.
type packInfo struct {
	Name    string          `json:"name"`
	Version string          `json:"version"`
	Title   string          `json:"title"`
	Digest  pipeline.Digest `json:"digest"`
	Mode    pipeline.Mode   `json:"mode" doc:"enforce changes verdicts, report only shows."`
	Applies string          `json:"applies" doc:"The expression under which it concerns a case, empty where it always does."`
	Rules   []ruleInfo      `json:"rules" nullable:"false"`
}

// ruleInfo is a rule in words and expressions.
type ruleInfo struct {
	ID            string              `json:"id"`
	Title         string              `json:"title"`
	Jurisdiction  string              `json:"jurisdiction"`
	Status        policy.Status       `json:"status"`
	EffectiveFrom string              `json:"effective_from" doc:"The first day on which it is evaluated, empty where there is none."`
	EffectiveTo   string              `json:"effective_to" doc:"The last day on which it is evaluated, empty where there is none."`
	For           string              `json:"for" doc:"The list whose elements it looks at one by one, empty for none."`
	When          string              `json:"when" doc:"The expression over facts under which it matches."`
	Effect        pipeline.Effect     `json:"effect"`
	Quorum        pipeline.Quorum     `json:"quorum"`
	Accept        pipeline.Basis      `json:"accept" doc:"The weakest basis on which not matched may rest."`
	Message       string              `json:"message"`
	Ask           []string            `json:"ask" nullable:"false"`
	Cite          []pipeline.Citation `json:"cite" nullable:"false"`
	Offices       []string            `json:"offices" nullable:"false"`
	ReviewBy      string              `json:"review_by"`
	Unverified    bool                `json:"unverified" doc:"Whether it rests on a source that nobody has read."`
	Reads         []string            `json:"reads" nullable:"false" doc:"The facts that it looks at."`
}

func ruleInfoOf(r *policy.Rule) ruleInfo {
	return ruleInfo{ID: r.ID, Title: r.Title, Jurisdiction: r.Jurisdiction, Status: r.Status, EffectiveFrom: r.From, EffectiveTo: r.To, For: r.For, When: r.When,
		Effect: r.Effect, Quorum: r.Quorum, Accept: r.Accept, Message: r.Message, Ask: orEmpty(r.Ask), Cite: orEmpty(r.Cite), Offices: orEmpty(r.Offices),
		ReviewBy: r.ReviewBy, Unverified: r.Unverified, Reads: orEmpty(r.Reads())}
}

type rejudgeAsked struct {
	Cause string `json:"cause" minLength:"1" maxLength:"500" doc:"Why; cases that open again are told it."`
}

// rejudging is work that was taken up.
type rejudging struct {
	Cause string `json:"cause"`
}

func (a *api) rules() {
	route(a, get("/packs", "list-packs", "List the packs of rules", "Those that are configured, with their rules, in the order of the configuration."), func(_ context.Context, in *PageIn) (*pageOut[packInfo], error) {
		selected, err := a.o.Service.PacksNamed(nil)
		if err != nil {
			return nil, err
		}
		if in.Cursor != "" {
			last := slices.IndexFunc(selected, func(s policy.Selected) bool { return s.Pack.Name == in.Cursor })
			if last < 0 {
				return nil, pipeline.WrongCursor()
			}
			selected = selected[last+1:]
		}
		out := pipeline.PageOf[packInfo]{}
		if len(selected) > in.Limit {
			selected = selected[:in.Limit]
			out.Next = selected[in.Limit-1].Pack.Name
		}
		for _, s := range selected {
			p := s.Pack
			info := packInfo{Name: p.Name, Version: p.Version, Title: p.Title, Digest: p.Digest, Mode: s.Mode, Applies: p.Applies, Rules: []ruleInfo{}}
			for i := range p.Rules {
				info.Rules = append(info.Rules, ruleInfoOf(&p.Rules[i]))
			}
			out.Items = append(out.Items, info)
		}
		return paged(out, nil)
	})
	route(a, answering(post("/rejudge", "rejudge", "Have every case judged again by the configured rules", "It happens in the background. Cases whose verdict changes open again, or are cleared."), http.StatusAccepted),
		func(ctx context.Context, in *struct{ Body rejudgeAsked }) (*struct{ Body rejudging }, error) {
			cause := pipeline.PlainText(in.Body.Cause, 500)
			if strings.TrimSpace(cause) == "" {
				return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: "it is not said why the cases are judged again"}
			}
			return &struct{ Body rejudging }{rejudging{cause}}, a.o.Rejudge(ctx, cause)
		})
}
