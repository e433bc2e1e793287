package license_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/inspectors/inspecttest"
	"weighbridge/inspectors/license"
	"weighbridge/pipeline"
	"weighbridge/pipeline/licence"
	"weighbridge/pipeline/policy"
)

// ruled reads files and a card, assesses the licences, and applies the licence pack in
// mode enforce. It returns what matched, by rule, and the verdict.
func ruled(t *testing.T, s stub, sub *pipeline.Submission, files inspecttest.Files) (map[string]pipeline.Finding, pipeline.Verdict) {
	t.Helper()
	run := inspecttest.Run{Readers: []pipeline.Reader{s, license.Reader{}}, Derivers: []pipeline.Deriver{license.New()},
		Assessors: []pipeline.Assessor{licence.Assessor{}}, Submission: sub}
	report := run.Inspect(t, files)
	facts, err := pipeline.FactSetFrom(report.Facts, report.FactsIndex)
	require.NoError(t, err)
	pack, err := policy.Embedded("licence")
	require.NoError(t, err)
	judge, err := policy.NewJudge([]policy.Selected{{Pack: pack, Mode: pipeline.ModeEnforce}})
	require.NoError(t, err)
	findings, err := judge.Judge(t.Context(), facts, inspecttest.Day)
	require.NoError(t, err)
	matched := map[string]pipeline.Finding{}
	for _, f := range findings {
		if f.Outcome == pipeline.OutcomeMatched {
			matched[f.Rule] = f
		}
	}
	return matched, pipeline.VerdictOf(findings)
}

// to points at a value.
func to[T any](v T) *T { return &v }

func finetune(id, license string) pipeline.Base {
	return pipeline.Base{ID: &id, Relation: to("finetune"), License: &license}
}

// peaceful is an end use that no licence has to do with.
func peaceful(commercial bool) pipeline.EndUse {
	return pipeline.EndUse{Commercial: &commercial, Military: to(false), MilitaryIntelligence: to(false), WMD: to(false)}
}

func TestRules_LicenceConflicts(t *testing.T) {
	t.Parallel()
	says := func(license string) stub {
		return stub{licenses: []pipeline.LicenseRecord{card(license, "", "")}, cards: []pipeline.Card{{Object: "README.md", Body: "A model."}}}
	}
	hunyuan := "LicenseRef-scancode-tencent-hunyuan-3d-2.0-cla"
	for name, tc := range map[string]struct {
		stub  stub
		files inspecttest.Files
		sub   pipeline.Submission
		rule  string
		want  pipeline.Effect // "" where the rule must not match
		part  string          // of the message
	}{
		"LIC-01, sold": {stub: says("cc-by-nc-4.0"), sub: pipeline.Submission{Bases: []pipeline.Base{}, EndUse: peaceful(true)},
			rule: "LIC-01-COMMERCIAL", want: pipeline.EffectBlock, part: "CC-BY-NC-4.0 of this model"},
		"LIC-01, by a text": {files: inspecttest.Files{"LICENSE": "https://creativecommons.org/licenses/by-nc/4.0/"}, sub: pipeline.Submission{Bases: []pipeline.Base{}, EndUse: peaceful(true)},
			rule: "LIC-01-COMMERCIAL", want: pipeline.EffectBlock, part: "CC-BY-NC-4.0 of this model"},
		"LIC-01, by a header": {stub: stub{tables: []*pipeline.Table{header("a.gguf", map[string]string{"general.license": "cc-by-nc-4.0"})}}, sub: pipeline.Submission{Bases: []pipeline.Base{}, EndUse: peaceful(false)},
			rule: "LIC-01-OTHERWISE", want: pipeline.EffectReview, part: "CC-BY-NC-4.0 of this model"},
		"LIC-02": {stub: says(hunyuan), sub: pipeline.Submission{Bases: []pipeline.Base{}, Destination: pipeline.Destination{Country: to("FR")}},
			rule: "LIC-02-PLACE", want: pipeline.EffectBlock, part: "the weights go to FR"},
		"LIC-03": {stub: says("llama3.1"), sub: pipeline.Submission{Model: pipeline.Model{Name: to("Acme 8B")}, Bases: []pipeline.Base{finetune("meta/l", "llama3.1")}},
			rule: "LIC-03", want: pipeline.EffectBlock, part: "called Acme 8B"},
		"LIC-04, not shown": {stub: says("llama3.1"), sub: pipeline.Submission{Bases: []pipeline.Base{finetune("meta/l", "llama3.1")}},
			rule: "LIC-04-ATTRIBUTION", want: pipeline.EffectReview, part: "asks that 'Built with Llama' be shown"},
		"LIC-04, shown": {stub: stub{licenses: []pipeline.LicenseRecord{card("llama3.1", "", "")}, cards: []pipeline.Card{{Object: "README.md", Body: "Built with Llama."}}},
			sub: pipeline.Submission{Bases: []pipeline.Base{finetune("meta/l", "llama3.1")}}, rule: "LIC-04-ATTRIBUTION"},
		"LIC-04, no notice": {stub: says("llama3.1"), sub: pipeline.Submission{Bases: []pipeline.Base{finetune("meta/l", "llama3.1")}},
			rule: "LIC-04-NOTICE", want: pipeline.EffectReview, part: "none lies with the model"},
		"LIC-04, a notice": {stub: says("llama3.1"), files: inspecttest.Files{"Notice": llamaNotice}, sub: pipeline.Submission{Bases: []pipeline.Base{finetune("meta/l", "llama3.1")}},
			rule: "LIC-04-NOTICE"},
		"LIC-05": {files: inspecttest.Files{"LICENSE": llamaNotice}, sub: pipeline.Submission{Bases: []pipeline.Base{}, Org: pipeline.Organisation{MonthlyUsers: to(int64(700_000_001))}},
			rule: "LIC-05-USERS", want: pipeline.EffectReview, part: "there are 700"},
		"LIC-06": {stub: says("mit"), sub: pipeline.Submission{Bases: []pipeline.Base{finetune("g/g", "gemma")}},
			rule: "LIC-06", want: pipeline.EffectBlock, part: "the model's own licence, MIT, does not carry them"},
		"LIC-07": {stub: says("mit"), sub: pipeline.Submission{Bases: []pipeline.Base{{ID: to("meta/l"), Relation: to("distillation"), License: to("llama2")}}},
			rule: "LIC-07", want: pipeline.EffectReview, part: "bars using its outputs"},
		"LIC-08": {stub: says("llama3.1"), sub: pipeline.Submission{Bases: []pipeline.Base{}, EndUse: pipeline.EndUse{Military: to(true)}},
			rule: "LIC-08-MILITARY", want: pipeline.EffectBlock, part: "bars military use"},
		"LIC-09": {stub: says("mit"), sub: pipeline.Submission{Bases: []pipeline.Base{finetune("a/a", "cc-by-sa-4.0"), finetune("b/b", "gpl-2.0")}},
			rule: "LIC-09", want: pipeline.EffectReview, part: "one work cannot carry both"},
		"LIC-DISAGREE": {stub: says("mit"), files: inspecttest.Files{"LICENSE": apache(t)}, sub: pipeline.Submission{Bases: []pipeline.Base{}},
			rule: "LIC-DISAGREE", want: pipeline.EffectReview, part: `README.md says "mit", which is MIT, and LICENSE is the text of Apache-2.0`},
		"LIC-DISAGREE, not": {stub: says("mit"), files: inspecttest.Files{"LICENSE": mit}, sub: pipeline.Submission{Bases: []pipeline.Base{}}, rule: "LIC-DISAGREE"},
		"LIC-TEXT": {stub: says("mit"), files: inspecttest.Files{"LICENSE": mit + strings.Repeat("you may use this on sundays between dawn and dusk only ", 3)}, sub: pipeline.Submission{Bases: []pipeline.Base{}},
			rule: "LIC-TEXT", want: pipeline.EffectReview, part: "LICENSE goes on beyond the licence MIT"},
		"LIC-TEXT, not": {stub: says("mit"), files: inspecttest.Files{"LICENSE": mit}, sub: pipeline.Submission{Bases: []pipeline.Base{}}, rule: "LIC-TEXT"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			matched, _ := ruled(t, tc.stub, &tc.sub, tc.files)
			finding, ok := matched[tc.rule]
			require.Equal(t, tc.want != "", ok)
			require.Equal(t, tc.want, finding.Effect)
			require.Contains(t, finding.Message, tc.part)
		})
	}
}

// An Apache-2.0 card over a base that bars commercial use.
func TestRules_AFreeCardOverANonCommercialBase(t *testing.T) {
	t.Parallel()
	s := stub{licenses: []pipeline.LicenseRecord{card("apache-2.0", "", "")}}
	files := inspecttest.Files{"LICENSE": apache(t)}
	for name, tc := range map[string]struct {
		use  pipeline.EndUse
		want pipeline.Verdict
	}{
		"commercial":     {peaceful(true), pipeline.VerdictBlock},
		"not commercial": {peaceful(false), pipeline.VerdictReview},
		"not stated":     {pipeline.EndUse{Military: to(false), MilitaryIntelligence: to(false), WMD: to(false)}, pipeline.VerdictReview},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			matched, verdict := ruled(t, s, &pipeline.Submission{Bases: []pipeline.Base{finetune("n/c", "cc-by-nc-4.0")}, EndUse: tc.use}, files)
			require.Equal(t, tc.want, verdict)
			require.Contains(t, matched, "LIC-01-OTHERWISE")
			require.Contains(t, matched["LIC-09"].Message, "CC-BY-NC-4.0 of n/c bars commercial use; Apache-2.0 of this model gives it.")
			_, sold := matched["LIC-01-COMMERCIAL"]
			require.Equal(t, tc.want == pipeline.VerdictBlock, sold)
			require.NotContains(t, matched, "LIC-DISAGREE")
			require.NotContains(t, matched, "LIC-TEXT")
		})
	}
}
