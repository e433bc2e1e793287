package serve_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/config"
	"weighbridge/cmd/internal/serve"
	"weighbridge/fixtures"
	"weighbridge/pipeline"
)

// sizePack blocks what is larger than anything that the organisation publishes.
const sizePack = `pack: house-size
version: "1"
title: Size of what is published
rules:
  - id: HOUSE-04
    title: Model of more than five hundred billion parameters
    jurisdiction: organisation
    status: organisation
    effective: {from: 2025-01-01}
    when: params.effective_lower > 500000000000
    effect: block
    quorum: two
    accept: measured
    message: "{{params.effective_estimate}} parameters: more than this organisation publishes"
    cite: [{title: "House rule 4", url: "https://example.com/rules", accessed: 2026-11-23}]
    review_by: 2030-01-01
    examples:
      match: [{params: {effective_lower: 500000000001, effective_estimate: 500000000001, effective_upper: 500000000001}}]
      no_match: [{params: {effective_lower: 1, effective_estimate: 1, effective_upper: 1}}]
`

// pointer is what a repository holds in place of weights that were not fetched.
const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4665465cf3b5c1a2e1d2c3b4a5968778695a4b3c2d1e0f9e8d7c6b5a49382716\nsize 15270019448\n"

// past is a desk on which people have worked for some weeks. Its clock is behind the true
// one until the end.
type past struct {
	*desk
	behind atomic.Int64
	cases  map[string]uuid.UUID
}

func (p *past) Now() time.Time { return time.Now().Add(-time.Duration(p.behind.Load())) }

// ago sets the clock.
func (p *past) ago(days float64) { p.behind.Store(int64(days * 24 * float64(time.Hour))) }

func person(name string, roles ...pipeline.ActorRole) pipeline.Actor {
	return pipeline.Actor{Name: name + "@example.com", Known: pipeline.KnownSignedIn, Roles: roles}
}

// submit lays a model out in the bucket and has it checked.
func (p *past) submit(days float64, who, model, place string, options ...fixtures.WriteOption) {
	p.t.Helper()
	p.ago(days)
	m, err := fixtures.Load(model)
	require.NoError(p.t, err)
	require.NoError(p.t, m.Write(filepath.Join(p.models, place), options...))
	p.weighed(who, place)
}

// weighed has what lies at a place checked.
func (p *past) weighed(who, place string) {
	p.t.Helper()
	p.check(p.t, person(who, pipeline.RoleSubmitter), place)
	page, err := p.Service.Queue.DB.Cases(p.t.Context(), pipeline.CaseFilter{Source: "s3://staging/" + place + "/", Limit: 1})
	require.NoError(p.t, err)
	require.Len(p.t, page.Items, 1)
	p.cases[place] = page.Items[0].ID
}

// vote records what somebody decides; term is 0 for an approval without an end.
func (p *past) vote(days float64, who pipeline.Actor, place string, kind pipeline.DecisionKind, reason pipeline.ReasonCode, comment string, term time.Duration) {
	p.t.Helper()
	p.ago(days)
	b := pipeline.Ballot{Case: p.cases[place], Actor: who, Kind: kind, Reason: reason, Comment: comment}
	if term > 0 {
		until := p.Now().Add(term)
		b.Until = &until
	}
	_, _, err := p.Service.Decide(p.t.Context(), b)
	require.NoError(p.t, err, place)
}

func (p *past) remark(days float64, who pipeline.Actor, place, comment string) {
	p.t.Helper()
	p.ago(days)
	_, err := p.Service.Queue.Comment(p.t.Context(), pipeline.Remark{Case: p.cases[place], Actor: who, Text: comment})
	require.NoError(p.t, err)
}

// lived opens a desk with a case in every state, and returns the one that most was said of,
// and one of which somebody said what is not to be trusted.
func lived(t *testing.T) (d *desk, most, hostile string) {
	t.Helper()
	p := &past{cases: map[string]uuid.UUID{}}
	p.ago(29)
	told := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(told.Close)
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("whsec_"+base64.StdEncoding.EncodeToString(make([]byte, 32))), 0o600))
	pack := filepath.Join(t.TempDir(), "size.yaml")
	require.NoError(t, os.WriteFile(pack, []byte(sizePack), 0o600))
	p.desk = openDeskWith(t, func(o *serve.Options) {
		o.Now = p.Now
		o.Settings.Rules.Files = append(o.Settings.Rules.Files, pack)
		o.Settings.Serve.Notices = []config.Notice{{Name: "chat", URL: told.URL, SecretFiles: []string{secret}, AllowPrivate: true}}
	})
	ctx, queue := t.Context(), p.Service.Queue
	// A new receiver is told of what happens from then on.
	require.Eventually(t, func() bool {
		_, known, err := queue.DB.NoticeCursor(ctx, "chat")
		return err == nil && known
	}, pageTime, 50*time.Millisecond)
	rita, ravi, lena := person("rita", pipeline.RoleReviewer), person("ravi", pipeline.RoleReviewer), person("lena", pipeline.RoleLegal)
	const day = 24 * time.Hour
	for _, e := range []pipeline.Exception{
		{Pack: "seed-article", Rule: "SEED-01", Scope: "s3://staging/mirror/", Owner: lena.Name, Reason: pipeline.ReasonLicenceObtained, Comment: "Mirrors of published models inside the company.", Until: time.Now().Add(60 * day)},
		{Pack: "two-people", Rule: "TWO-01", Scope: "s3://staging/speech/", Owner: rita.Name, Reason: pipeline.ReasonRiskAccepted, Comment: "Until the second reviewer of the team is back.", Until: time.Now().Add(5 * day)},
	} {
		_, err := queue.Grant(ctx, e, lena)
		require.NoError(t, err)
	}

	p.submit(27, "mia", "mistral-7b", "chat/mistral-7b")
	p.submit(26.9, "sam", "phi-3-mini", "mirror/phi-3-mini")
	p.submit(25, "sam", "mixtral-8x7b", "mirror/mixtral-8x7b")
	p.vote(24, rita, "mirror/mixtral-8x7b", pipeline.DecisionApprove, pipeline.ReasonRiskAccepted, "For the evaluation of this month only.", 14*day)
	p.vote(23.8, ravi, "mirror/mixtral-8x7b", pipeline.DecisionApprove, pipeline.ReasonRiskAccepted, "The same.", 14*day)
	p.submit(22, "sue", "gpt-oss-20b", "mirror/gpt-oss-20b")
	p.vote(21, rita, "mirror/gpt-oss-20b", pipeline.DecisionApprove, pipeline.ReasonEvidenceSufficient, "Published by its maker under Apache-2.0, unchanged; nothing of ours is in it.", 90*day)
	p.vote(20.9, lena, "mirror/gpt-oss-20b", pipeline.DecisionApprove, pipeline.ReasonEvidenceSufficient, "The licence text lies with the weights.", 90*day)
	p.submit(20, "mia", "llama-2-70b-gptq", "chat/llama-2-70b-gptq")
	p.vote(19, ravi, "chat/llama-2-70b-gptq", pipeline.DecisionReject, pipeline.ReasonRuleApplies, "The licence of the base does not cover passing on a quantised copy under this name.", 0)
	p.remark(18.9, person("mia", pipeline.RoleSubmitter), "chat/llama-2-70b-gptq", "Where does it go?\n<script>alert(1)</script> \u202egnp.exe")
	p.submit(17, "sue", "qwen2.5-14b", "speech/qwen2.5-14b")
	p.remark(16.5, rita, "speech/qwen2.5-14b", "The README names no training data. Please add it.")
	p.submit(15, "sue", "qwen2.5-14b", "speech/qwen2.5-14b", fixtures.WithText("generation_config.json", "{\"temperature\": 0.7, \"top_p\": 0.9}\n"))
	p.vote(14, rita, "speech/qwen2.5-14b", pipeline.DecisionApprove, pipeline.ReasonEvidenceSufficient, "Seen, with its configuration.", 0)
	p.vote(13.7, ravi, "speech/qwen2.5-14b", pipeline.DecisionApprove, pipeline.ReasonEvidenceSufficient, "Seen as well.", 0)
	p.submit(12, "sam", "bloom-176b", "research/bloom-176b")
	assignee := ravi.Name
	_, err := queue.Assign(ctx, pipeline.Assignment{Case: p.cases["research/bloom-176b"], Actor: rita, Assignee: &assignee})
	require.NoError(t, err)
	p.submit(10, "mia", "llama-3-70b-lora", "chat/llama-3-70b-lora")
	p.vote(9, rita, "chat/llama-3-70b-lora", pipeline.DecisionChanges, pipeline.ReasonEvidenceMissing, "Which base is this an adapter of, at which revision? Please declare it, and the destination.", 0)
	p.submit(8, "sam", "gemma-2-9b", "mirror/gemma-2-9b")
	p.submit(7.9, "sam", "qwen2.5-0.5b", "speech/qwen2.5-0.5b")
	p.ago(5)
	_, err = p.Service.Queue.Revoke(ctx, pipeline.Ballot{Case: p.cases["speech/qwen2.5-14b"], Actor: lena, Kind: pipeline.DecisionRevoke, Reason: pipeline.ReasonRuleApplies, Comment: "The recipient was named wrongly; see the mail of counsel."})
	require.NoError(t, err)
	p.submit(3.5, "mia", "qwen3-30b-a3b", "chat/qwen3-30b-a3b")
	p.ago(3)
	_, err = queue.Claim(ctx, pipeline.Claim{Case: p.cases["chat/qwen3-30b-a3b"], Actor: ravi})
	require.NoError(t, err)
	p.submit(2.5, "sam", "llama-3-70b", "research/llama-3-70b")
	p.remark(2, rita, "research/llama-3-70b", "70.6 billion by the headers, as the card says. Where do the weights go, and under which terms?")
	p.ago(1.6)
	_, err = queue.Attach(ctx, pipeline.Attachment{Case: p.cases["research/llama-3-70b"], Actor: person("sam", pipeline.RoleSubmitter), Name: "licence.txt", Body: []byte("The licence text.\n")})
	require.NoError(t, err)
	p.remark(1.5, person("sam", pipeline.RoleSubmitter), "research/llama-3-70b", "To our own mirror in the same region, unchanged. The licence is attached.")
	p.vote(1.2, rita, "research/llama-3-70b", pipeline.DecisionApprove, pipeline.ReasonEvidenceSufficient, "Unchanged, with its licence; for the mirror only.", 0)
	p.ago(0.9)
	require.NoError(t, os.MkdirAll(filepath.Join(p.models, "research/summariser"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(p.models, "research/summariser/model.safetensors"), []byte(pointer), 0o600))
	p.weighed("sue", "research/summariser")
	p.submit(0.4, "mia", "deepseek-v3", "mirror/deepseek-v3")
	p.submit(0.1, "sue", "llama-3.1-8b", "speech/llama-3.1-8b")
	p.submit(0.05, "sue", "qwen2.5-14b", "speech/qwen2.5-14b-v2")
	p.ago(0)
	_, err = queue.Expire(ctx)
	require.NoError(t, err)
	_, err = queue.Overdue(ctx)
	require.NoError(t, err)

	page, err := queue.DB.Cases(ctx, pipeline.CaseFilter{Limit: 100})
	require.NoError(t, err)
	states, verdicts := map[pipeline.State]bool{}, map[pipeline.Verdict]bool{}
	for _, c := range page.Items {
		states[c.State], verdicts[c.Verdict] = true, true
	}
	require.Len(t, states, len(pipeline.States()), "there is a case in every state: %v", states)
	require.Len(t, verdicts, 4, "and with every verdict: %v", verdicts)
	admin := p.signedIn("ada")
	for _, asked := range []map[string]any{
		{"label": "the gate of the release pipeline", "machine": "ci-publish", "roles": []string{"submitter"}, "days": 90},
		{"label": "copies of the audit log", "machine": "archive", "roles": []string{"auditor"}, "days": 365},
		{"label": "command line", "roles": []string{"admin"}, "days": 7},
	} {
		out := p.say(call{method: http.MethodPost, path: "/api/v1/tokens", browser: admin, media: "application/json", header: http.Header{"Origin": {p.URL}}, body: inJSON(t, asked)})
		require.Equal(t, http.StatusCreated, out.status, out.body)
	}
	require.Eventually(t, func() bool {
		told, err := queue.DB.Deliveries(ctx, pipeline.DeliveryFilter{Limit: 100})
		return err == nil && len(told.Items) > 5 && !slices.ContainsFunc(told.Items, func(n pipeline.Delivery) bool { return n.State == pipeline.DeliveryWaiting })
	}, pageTime, 50*time.Millisecond)
	return p.desk, p.cases["research/llama-3-70b"].String(), p.cases["chat/llama-2-70b-gptq"].String()
}
