package policy_test

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	yaml "go.yaml.in/yaml/v4"

	"weighbridge/pipeline"
	"weighbridge/pipeline/licence"
	"weighbridge/pipeline/policy"
)

// claims are words that would say more than a rule can know. Matched, not matched and
// cannot be decided are all that there is to say.
var claims = regexp.MustCompile(`(?i)\b(permitted|compliant|legal|legally|allowed|lawful to|cleared for export)\b`)

// terms of art that hold such a word and claim nothing.
var terms = strings.NewReplacer("not legal advice", "", "no legal advice", "", "legal basis", "", "Legal basis", "", "two and legal", "", "two_and_legal", "")

func claim(text string) string { return claims.FindString(terms.Replace(text)) }

func TestPacks_TheWordsThatAreNotUsed(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"The export is permitted.", "Compliant", "is legal here", "may legally go", "ALLOWED", "it is lawful to send", "cleared for export"} {
		require.NotEmpty(t, claim(text), text)
	}
	for _, text := range []string{"not legal advice", "no legal basis is stated", "two and legal", "what was not lawful", "disallowed", "illegal", "compliance with trade law"} {
		require.Empty(t, claim(text), text)
	}
}

func TestPacks_NoTextClaimsThatAnExportIsInOrder(t *testing.T) {
	t.Parallel()
	for _, name := range policy.EmbeddedNames() {
		pack, err := policy.Embedded(name)
		require.NoError(t, err)
		require.Empty(t, claim(pack.Title), name)
		require.NotEmpty(t, pack.Applies, "%s does not say where it applies", name)
		for _, rule := range pack.Rules {
			require.Empty(t, claim(rule.Title), "%s %s: %s", name, rule.ID, rule.Title)
			require.Empty(t, claim(rule.Message), "%s %s: %s", name, rule.ID, rule.Message)
		}
	}
	lib, err := policy.NewLibrary()
	require.NoError(t, err)
	for _, list := range lib.Lists() {
		require.Empty(t, claim(list.Title), list.Name)
	}
}

// alwaysKnown are facts that the inspectors establish of every artifact, so that a rule
// over them alone is always decided.
var alwaysKnown = []string{
	"headers.malformed", "headers.pointers", "headers.names_empty", "headers.names_alike", "headers.empty_huge", "index.present",
	"objects.unpinned", "objects.twofold", "objects.unread", "objects.skipped", "objects.unknown_bytes", "params.stored_elements", "submission.present",
	"pickle.files", "pickle.legacy", "pickle.scripted", "pickle.plain", "pickle.imports_foreign", "pickle.compressed",
	"gguf.problems", "gguf.types_unknown", "onnx.types_unknown",
}

// written is a pack as it stands in its file, as far as this test looks at it.
type written struct {
	Rules []struct {
		ID       string
		Examples struct {
			Match        []yaml.Node
			NoMatch      []yaml.Node `yaml:"no_match"`
			Undetermined []yaml.Node
		}
	}
}

func TestPacks_EveryRuleHasExamplesOfEachOutcome(t *testing.T) {
	t.Parallel()
	for _, name := range policy.EmbeddedNames() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pack, err := policy.Embedded(name)
			require.NoError(t, err)
			report, err := policy.TestPack(t.Context(), pack)
			require.NoError(t, err)
			require.Empty(t, report.Failures)

			source, err := os.ReadFile("packs/" + name + ".yaml")
			require.NoError(t, err)
			var file written
			require.NoError(t, yaml.Load(source, &file))
			require.Len(t, file.Rules, len(pack.Rules))
			for i, rule := range file.Rules {
				require.Equal(t, pack.Rules[i].ID, rule.ID)
				require.NotEmpty(t, rule.Examples.Match, rule.ID)
				require.NotEmpty(t, rule.Examples.NoMatch, rule.ID)
				decided := !slices.ContainsFunc(pack.Rules[i].Reads(), func(fact string) bool { return !slices.Contains(alwaysKnown, fact) })
				if !decided {
					require.NotEmpty(t, rule.Examples.Undetermined, "%s reads %v", rule.ID, pack.Rules[i].Reads())
				}
			}
		})
	}
}

func TestPacks_EveryRuleIsCitedAndReviewed(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"integrity", "provenance", "licence"} {
		pack, err := policy.Embedded(name)
		require.NoError(t, err)
		require.NotEmpty(t, pack.Applies, name)
		for _, rule := range pack.Rules {
			require.NotEmpty(t, rule.ReviewBy, rule.ID)
			for _, cite := range rule.Cite {
				require.NotEmpty(t, cite.Mark, rule.ID)
				require.NotEmpty(t, cite.Accessed, rule.ID)
			}
		}
	}
}

// clean are the measured facts of an ordinary model in safetensors files that nothing is
// odd about and nobody submitted anything for.
func clean() map[string]any {
	none := int64(0)
	return map[string]any{
		"headers.names_empty": none, "headers.names_alike": none, "headers.empty_huge": none,
		"index.present": true, "index.tensors_absent": none, "index.tensors_unlisted": none, "index.tensors_misplaced": none,
		"index.shards_unlisted": none, "index.paths_escaping": none, "index.problems": []string{}, "index.total_size_state": "ok",
		"objects.twofold": none, "objects.unread": none, "pickle.files": none, "pickle.legacy": none, "pickle.scripted": none, "pickle.plain": none,
		"pickle.imports": []pipeline.PickleImport{}, "pickle.imports_foreign": none, "pickle.compressed": none,
		"gguf.problems": []string{}, "gguf.types_unknown": none, "onnx.types_unknown": none,
		"architecture.contradictions": []string{}, "quantization.contradictions": []string{}, "params.contradictions": []string{},
		"params.stored_elements": int64(7_241_732_096), "submission.present": false,
	}
}

// The pack enforces out of the box: nothing in it may be left open for an ordinary model.
func TestIntegrity(t *testing.T) {
	t.Parallel()
	pack, err := policy.Embedded("integrity")
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		change  map[string]any // nil makes a fact unknown
		rule    string
		verdict pipeline.Verdict
	}{
		"clean":                           {nil, "", pipeline.VerdictClear},
		"without an index":                {map[string]any{"index.present": false, "index.problems": nil, "index.tensors_absent": nil, "index.tensors_unlisted": nil, "index.tensors_misplaced": nil, "index.shards_unlisted": nil, "index.paths_escaping": nil, "index.total_size_state": nil}, "", pipeline.VerdictClear},
		"a wrong total size is no matter": {map[string]any{"index.total_size_state": "mismatch"}, "INT-INDEX-SIZE", pipeline.VerdictClear},
		"no total size is no matter":      {map[string]any{"index.total_size_state": "absent"}, "INT-INDEX-SIZE", pipeline.VerdictClear},
		"a shard that the index lacks":    {map[string]any{"index.shards_unlisted": int64(1)}, "INT-INDEX-LOOSE", pipeline.VerdictClear},
		"a tensor in another shard":       {map[string]any{"index.tensors_misplaced": int64(1)}, "INT-INDEX", pipeline.VerdictReview},
		"a foreign import":                {map[string]any{"pickle.imports_foreign": int64(1)}, "INT-PICKLE", pipeline.VerdictReview},
		"plain pickles":                   {map[string]any{"pickle.files": int64(3)}, "", pipeline.VerdictClear},
		"two formats":                     {map[string]any{"objects.twofold": int64(1)}, "INT-TWOFOLD", pipeline.VerdictReview},
		"a link out of the source":        {map[string]any{"objects.unread": int64(1)}, "INT-UNREAD", pipeline.VerdictReview},
		"names alike":                     {map[string]any{"headers.names_alike": int64(2)}, "INT-NAMES-ALIKE", pipeline.VerdictReview},
		"names empty":                     {map[string]any{"headers.names_empty": int64(1)}, "INT-NAMES-EMPTY", pipeline.VerdictReview},
		"empty and huge":                  {map[string]any{"headers.empty_huge": int64(1)}, "INT-EMPTY-HUGE", pipeline.VerdictReview},
		"config":                          {map[string]any{"architecture.contradictions": []string{"layers"}}, "INT-CONFIG", pipeline.VerdictReview},
		"packing":                         {map[string]any{"quantization.contradictions": []string{"bits"}}, "INT-PACKING", pipeline.VerdictClear},
		"count":                           {map[string]any{"params.contradictions": []string{"count"}}, "PRV-08", pipeline.VerdictReview},
		"submission fits":                 {map[string]any{"submission.present": true, "submission.contradictions": []string{}}, "", pipeline.VerdictClear},
		"submission contradicts":          {map[string]any{"submission.present": true, "submission.contradictions": []string{"count"}}, "INT-SUBMISSION", pipeline.VerdictReview},
		"submission not compared":         {map[string]any{"submission.present": true}, "INT-SUBMISSION", pipeline.VerdictReview},
		"no weights at all":               {map[string]any{"params.stored_elements": int64(0), "architecture.contradictions": nil}, "", pipeline.VerdictClear},
		"imports not looked for":          {map[string]any{"pickle.imports_foreign": nil}, "INT-PICKLE", pipeline.VerdictInconclusive},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := clean()
			maps.Copy(all, tc.change)
			set := &pipeline.FactSet{}
			for fact, value := range all {
				if value != nil {
					set.Set(fact, value, pipeline.BasisMeasured)
				}
			}
			findings := judge(t, pack, set)
			require.Equal(t, tc.verdict, pipeline.VerdictOf(findings), fmt.Sprint(findings))
			if tc.rule == "" {
				require.Empty(t, findings)
				return
			}
			require.Len(t, findings, 1)
			require.Equal(t, tc.rule, findings[0].Rule)
		})
	}
}

// A pack that does not know whether it applies asks once, also where its rules accept
// different bases. What the artifact says of itself makes it apply too.
func TestProvenance_Applies(t *testing.T) {
	t.Parallel()
	pack, err := policy.Embedded("provenance")
	require.NoError(t, err)
	nothing := func(change map[string]any) *pipeline.FactSet {
		all := map[string]any{"submission.present": false, "signature.present": false, "card.present": false,
			"license_found.sources": []pipeline.LicenseSource{}, "lineage.bases": []pipeline.BaseSource{}}
		maps.Copy(all, change)
		set := &pipeline.FactSet{}
		for name, value := range all {
			if value != nil {
				set.Set(name, value, pipeline.BasisMeasured)
			}
		}
		return set
	}
	require.Empty(t, judge(t, pack, nothing(nil)))
	findings := judge(t, pack, nothing(map[string]any{"signature.present": nil}))
	require.Len(t, findings, 1)
	require.Equal(t, []string{"signature.present"}, findings[0].Missing)
	require.Equal(t, []string{"signature.present"}, findings[0].Ask)
	require.Contains(t, findings[0].Message, "applies: signature.present is unknown.")
	for name, value := range map[string]any{"card.present": true, "license_found.sources": make([]pipeline.LicenseSource, 1), "lineage.bases": make([]pipeline.BaseSource, 1)} {
		require.Greater(t, len(judge(t, pack, nothing(map[string]any{name: value}))), 1, name)
	}
}

// The licence pack over what the assessor makes of a submission.
func TestLicence_OverASubmission(t *testing.T) {
	t.Parallel()
	pack, err := policy.Embedded("licence")
	require.NoError(t, err)
	text := func(s string) *string { return &s }
	yes, no, users := true, false, int64(700_000_001)
	finetune := func(id, license string) pipeline.Base {
		return pipeline.Base{ID: text(id), Relation: text("finetune"), License: text(license)}
	}
	peaceful := pipeline.EndUse{Commercial: &yes, Military: &no, MilitaryIntelligence: &no, WMD: &no}
	for name, tc := range map[string]struct {
		sub  pipeline.Submission
		want []string // rule and outcome
	}{
		"free all through": {pipeline.Submission{License: pipeline.License{Declared: text("apache-2.0")}, EndUse: peaceful,
			Bases: []pipeline.Base{finetune("a/b", "mit")}}, nil},
		"no base": {pipeline.Submission{License: pipeline.License{Declared: text("apache-2.0")}, Bases: []pipeline.Base{}, EndUse: peaceful}, nil},
		"bases not stated": {pipeline.Submission{License: pipeline.License{Declared: text("apache-2.0")}, EndUse: peaceful},
			[]string{"LIC-BASE undetermined"}},
		"llama under another name, for too many users": {pipeline.Submission{
			Model: pipeline.Model{Name: text("Acme 8B"), Attributions: []string{}, NoticeFile: &no}, License: pipeline.License{Declared: text("mit")},
			Bases: []pipeline.Base{finetune("meta/l", "llama3.1")}, Org: pipeline.Organisation{MonthlyUsers: &users}, EndUse: pipeline.EndUse{Commercial: &yes, Military: &yes}},
			[]string{"LIC-03 matched", "LIC-04-ATTRIBUTION matched", "LIC-04-NOTICE matched", "LIC-05-USERS matched", "LIC-08-MILITARY matched", "LIC-08-TRADE undetermined"}},
		"gemma without its restrictions": {pipeline.Submission{Model: pipeline.Model{NoticeFile: &yes}, License: pipeline.License{Declared: text("mit")},
			Bases: []pipeline.Base{finetune("g/g", "gemma")}, EndUse: pipeline.EndUse{Commercial: &yes, Military: &no, MilitaryIntelligence: &no, WMD: &no}},
			[]string{"LIC-06 matched", "LIC-08-TRADE undetermined"}},
		"non-commercial, sold": {pipeline.Submission{License: pipeline.License{Declared: text("apache-2.0")}, Bases: []pipeline.Base{finetune("n/c", "cc-by-nc-4.0")}, EndUse: peaceful},
			[]string{"LIC-01-COMMERCIAL matched", "LIC-01-OTHERWISE matched", "LIC-09 matched"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := &pipeline.FactSet{}
			set.Declare(&tc.sub, "submission")
			set.Set("license_found.disagreements", []string{}, pipeline.BasisMeasured)
			set.Set("license_found.problems", []string{}, pipeline.BasisMeasured)
			require.NoError(t, licence.Assessor{}.Assess(set, today))
			var got []string
			for _, f := range judge(t, pack, set) {
				got = append(got, f.Rule+" "+string(f.Outcome))
			}
			require.Equal(t, tc.want, got)
		})
	}
}
