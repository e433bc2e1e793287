package httpapi

import (
	"context"
	"net/http"
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
	Rules   []policy.Rule   `json:"rules" nullable:"false"`
}

type rejudgeAsked struct {
	Cause string `json:"cause" minLength:"1" maxLength:"500" doc:"Why; cases that open again are told it."`
}

// rejudging is work that was taken up.
type rejudging struct {
	Cause string `json:"cause"`
}

func (a *api) rules() {
	route(a, get("/packs", "list-packs", "List the packs of rules", "Those that are configured, with their rules."), func(_ context.Context, _ *struct{}) (*itemsOut[packInfo], error) {
		selected, err := a.o.Service.PacksNamed(nil)
		if err != nil {
			return nil, err
		}
		var out []packInfo
		for _, s := range selected {
			p := s.Pack
			out = append(out, packInfo{Name: p.Name, Version: p.Version, Title: p.Title, Digest: p.Digest, Mode: s.Mode, Applies: p.Applies, Rules: orEmpty(p.Rules)})
		}
		return listed(out), nil
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
