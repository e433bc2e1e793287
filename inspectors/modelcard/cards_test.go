package modelcard_test

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/inspectors/inspecttest"
	"weighbridge/inspectors/modelcard"
	"weighbridge/pipeline"
)

var update = flag.Bool("update", false, "write golden files again")

// weighs stands for the weight: it sets what a test says was weighed.
type weighs map[string]int64

func (weighs) Name() string { return "weighs" }

func (w weighs) Derive(_ context.Context, _ *pipeline.Readings, facts *pipeline.FactSet) error {
	for name, n := range w {
		facts.Set(name, n, pipeline.BasisMeasured)
	}
	return nil
}

// readings keeps what the readers found.
type readings struct{ to *pipeline.Readings }

func (readings) Name() string { return "readings" }

func (r readings) Derive(_ context.Context, all *pipeline.Readings, _ *pipeline.FactSet) error {
	*r.to = *all
	return nil
}

func inspect(t testing.TB, files inspecttest.Files, sub *pipeline.Submission, weight weighs) (pipeline.Report, pipeline.Readings) {
	t.Helper()
	var found pipeline.Readings
	r := inspecttest.Run{Readers: []pipeline.Reader{modelcard.Reader{}}, Submission: sub,
		Derivers: []pipeline.Deriver{weight, readings{&found}, modelcard.New()}}
	return r.Inspect(t, files), found
}

func card(front, body string) string { return "---\n" + front + "---\n" + body }

// Each folder of testdata/cards is one source: the READMEs, and golden.json, which holds the
// facts of the card and the records.
func TestCards_Golden(t *testing.T) {
	t.Parallel()
	folders, err := filepath.Glob("testdata/cards/*")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(folders), 12)
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			files := inspecttest.Files{}
			require.NoError(t, filepath.WalkDir(folder, func(p string, d os.DirEntry, err error) error {
				if err != nil || d.IsDir() || filepath.Base(p) == "golden.json" {
					return err
				}
				text, err := os.ReadFile(p)
				name, _ := filepath.Rel(folder, p)
				files[filepath.ToSlash(name)] = string(text)
				return err
			}))
			report, found := inspect(t, files, nil, weighs{"params.lower": 7_241_732_096, "params.upper": 7_241_732_096})
			type golden struct {
				Card     pipeline.CardFacts       `json:"card"`
				Model    []string                 `json:"model"`
				Training any                      `json:"training"`
				Licenses []pipeline.LicenseRecord `json:"licenses"`
				Bases    []pipeline.BaseRecord    `json:"bases"`
				Datasets []pipeline.DatasetRecord `json:"datasets"`
				Counts   []pipeline.CountRecord   `json:"counts"`
			}
			training := map[string]any{}
			var model []string
			for _, entry := range report.FactsIndex {
				if strings.HasPrefix(entry.Name, "training.") || strings.HasPrefix(entry.Name, "model.") {
					model = append(model, entry.Name+" ("+string(entry.Basis)+")")
				}
			}
			if f := report.Facts.Training; f.Tokens != nil {
				training["tokens"] = *f.Tokens
			}
			training["countries"], training["hardware"], training["start"], training["end"] =
				report.Facts.Training.Countries, report.Facts.Training.Hardware, report.Facts.Training.Start, report.Facts.Training.End
			got, err := json.MarshalIndent(golden{report.Facts.Card, model, training, found.Licenses, found.Bases, found.Datasets, found.Counts}, "", "  ")
			require.NoError(t, err)
			path := filepath.Join(folder, "golden.json")
			if *update {
				require.NoError(t, os.WriteFile(path, append(got, '\n'), 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.JSONEq(t, string(want), string(got))
		})
	}
}

func TestReader_WhatIsRead(t *testing.T) {
	t.Parallel()
	long := card("license: mit\n", strings.Repeat("words and words\n", 40_000))
	report, found := inspect(t, inspecttest.Files{"README.md": long, "a/ReadMe.MD": card("license: x\n", ""), "README.txt": card("license: y\n", "")}, nil, nil)
	require.Len(t, found.Cards, 2)
	require.Equal(t, "README.md", found.Cards[0].Object)
	require.LessOrEqual(t, len(found.Cards[0].Body), modelcard.MaxCard)
	require.Equal(t, []string{"modelcard ok: the README has 640,021 bytes; the first 262,144 were read"}, inspecttest.Inspections(report, "README.md"))
	require.True(t, *report.Facts.Card.Present)
	for _, o := range report.Artifact.Objects {
		if o.Path != "README.txt" {
			require.Equal(t, pipeline.RoleCard, o.Role, o.Path)
		}
	}
	require.Equal(t, "mit", found.Licenses[0].Declared)
	require.Len(t, found.Licenses, 2)

	report, found = inspect(t, inspecttest.Files{"README.md": "\x00\x01\x02", "b": ""}, nil, nil)
	require.False(t, *report.Facts.Card.Present)
	require.Equal(t, []string{"the README is no text"}, report.Facts.Card.Problems)
	require.Empty(t, found.Licenses)

	report, _ = inspect(t, inspecttest.Files{"model.bin": "x"}, nil, nil)
	require.False(t, *report.Facts.Card.Present)
	require.Equal(t, []string{}, report.Facts.Card.Tags)
	require.Equal(t, pipeline.BasisMeasured, inspecttest.Known(t, report, "card.gated").Basis)
	inspecttest.Unknown(t, report, "card.name")
	inspecttest.Unknown(t, report, "card.counts_fit")

	report, _ = inspect(t, inspecttest.Files{"README.md": ""}, nil, nil)
	require.False(t, *report.Facts.Card.Present)
	report, found = inspect(t, inspecttest.Files{"README.md": card("license: root\n", ""), "readme.md": card("license: other\n", "")}, nil, nil)
	require.Len(t, found.Licenses, 2)
	require.Equal(t, []string{}, report.Facts.Card.Problems)
}

func TestReader_ValuesOfTheWrongKind(t *testing.T) {
	t.Parallel()
	report, found := inspect(t, inspecttest.Files{"README.md": card(`license: {a: b}
base_model: {a: b}
base_model_relation: cousin
datasets: only/one
language: en
tags: [1, {a: b}, "", t]
library_name: [transformers, vllm]
pipeline_tag: 3
extra_gated_eu_disallowed: perhaps
co2_eq_emissions: -5
model-index: {name: m, results: {metrics: {type: acc, value: 0.5, verified: "yes"}}}
`, "")}, nil, nil)
	c := report.Facts.Card
	require.Empty(t, found.Licenses)
	require.Empty(t, found.Bases)
	require.Equal(t, "only/one", *found.Datasets[0].Dataset.ID)
	require.Equal(t, "$.datasets", found.Datasets[0].At.Where)
	require.Equal(t, []string{"en"}, c.Languages)
	require.Equal(t, []string{"1", "t"}, c.Tags)
	require.Equal(t, "transformers", *c.Library)
	require.Equal(t, "3", *c.Pipeline)
	require.False(t, *c.Gated)
	require.Nil(t, c.EUDisallowed)
	require.Nil(t, c.EmissionsGrams)
	require.Equal(t, []pipeline.CardResult{{Metric: "acc", Value: "0.5", Verified: true}}, c.Results)
	require.Equal(t, "m", *c.Name)
	require.Len(t, c.Problems, 5)

	_, found = inspect(t, inspecttest.Files{"README.md": card("license: [mit, other]\nlicense_name: acme\nlicense_link: LICENSE\nbase_model: [a/b, https://huggingface.co/c/d, /home/x/y, 'C:\\m', https://example.org/m]\nbase_model_relation: Merge\n", "")}, nil, nil)
	require.Equal(t, []pipeline.LicenseRecord{
		{At: pipeline.Evidence{Object: "README.md", Where: "$.license[0]"}, Kind: "card", Declared: "mit", Covers: "model"},
		{At: pipeline.Evidence{Object: "README.md", Where: "$.license[1]"}, Kind: "card", Declared: "other", Name: "acme", Link: "LICENSE", Covers: "model"},
	}, found.Licenses)
	require.Len(t, found.Bases, 3)
	for i, id := range []string{"a/b", "c/d", "https://example.org/m"} {
		require.Equal(t, id, *found.Bases[i].Base.ID)
		require.Equal(t, "merge", *found.Bases[i].Base.Relation)
	}
	_, found = inspect(t, inspecttest.Files{"README.md": card("license_name: acme\n", "")}, nil, nil)
	require.Equal(t, []pipeline.LicenseRecord{{At: pipeline.Evidence{Object: "README.md", Where: "$.license_name"}, Kind: "card", Name: "acme", Covers: "model"}}, found.Licenses)
}

func TestReader_Bounds(t *testing.T) {
	t.Parallel()
	many := func(key, item string, n int) string { return key + ":\n" + strings.Repeat("- "+item+"\n", n) }
	report, found := inspect(t, inspecttest.Files{"README.md": card(many("license", "mit", 60)+many("base_model", "a/b", 150)+many("datasets", "c/d", 1500)+
		"model-index:\n- results:\n  - metrics:\n"+strings.Repeat("    - {type: a, value: 1}\n", 600), "")}, nil, nil)
	require.Len(t, found.Licenses, 50)
	require.Len(t, found.Bases, 100)
	require.Len(t, found.Datasets, 1000)
	require.Len(t, report.Facts.Card.Results, 500)
	require.Len(t, report.Facts.Card.Problems, 3)
}

func TestTraining(t *testing.T) {
	t.Parallel()
	type want struct {
		tokens     int64
		start, end string
	}
	for body, want := range map[string]want{
		"The model was trained on 15T tokens.":                                          {tokens: 15e12},
		"It was pre-trained on 1.4 trillion tokens of text. We trained on 1.4T tokens.": {tokens: 14e11},
		"Training data: 300B tokens":                                                    {tokens: 3e11},
		"We pre-train it on 14.8 trillion diverse tokens, followed by Supervised Fine-Tuning. - At a cost of 2.664M hours, we complete the pre-training on 14.8T tokens, producing a base model. The subsequent training stages require only 0.1M hours.": {tokens: 148e11},
		"Pre-trained a 1T parameter MoE model on 15.5T tokens with zero training instability.": {tokens: 155e11},
		"It was trained on over 15 trillion tokens":                                            {},
		"It was trained on 15T+ tokens":                                                        {},
		"Trained on 2T tokens. The second was trained on 3T tokens.":                           {},
		"Trained on 2T tokens. It was trained on more than 3T tokens.":                         {},
		"Trained with a context window of 128K tokens":                                         {},
		"Fine-tuned on 1B tokens after training":                                               {},
		"trained on between 1T and 2T tokens":                                                  {},
		"15T tokens":                                                                           {},
		"trained on 20 tokens":                                                                 {},
		"It was trained between 2024-01-15 and 2024-07-02.":                                    {start: "2024-01-15", end: "2024-07-02"},
		"| Training started | 2024-01-15 |\n| Training ended | 2024-07-02 |":                   {start: "2024-01-15", end: "2024-07-02"},
		"Training start: 2024-02-30":                                                           {},
		"Training start: 2024-02-01. Training start: 2024-03-01":                               {},
		"It was trained from 2024-07-02 to 2024-01-15":                                         {},
		"```\ntrained on 15T tokens\n```":                                                      {},
	} {
		report, _ := inspect(t, inspecttest.Files{"README.md": card("license: mit\n", body)}, nil, nil)
		f := report.Facts.Training
		got := want
		got.tokens, got.start, got.end = 0, "", ""
		if f.Tokens != nil {
			got.tokens = *f.Tokens
		}
		if f.Start != nil {
			got.start = *f.Start
		}
		if f.End != nil {
			got.end = *f.End
		}
		require.Equal(t, want, got, body)
	}
	report, _ := inspect(t, inspecttest.Files{"README.md": card("base_model: a/b\n", "trained on 15T tokens")}, nil, nil)
	inspecttest.Unknown(t, report, "training.tokens")
}

func ptr[T any](v T) *T { return &v }

func TestDeclared_ReplacesTheSubmissionAndNothingStronger(t *testing.T) {
	t.Parallel()
	files := inspecttest.Files{"README.md": card(`model-index: [{name: Example-7B}]
model_id: example/Example-7B
co2_eq_emissions: {emissions: 12.5, geographical_location: "Quebec, Canada", hardware_used: 8 x NVIDIA A100 80GB}
`, "It was trained on 2T tokens.")}
	report, _ := inspect(t, files, nil, nil)
	f := report.Facts
	require.Equal(t, "Example-7B", *f.Model.Name)
	require.Equal(t, "example/Example-7B", *f.Model.ID)
	require.Equal(t, []string{"CA"}, f.Training.Countries)
	require.Equal(t, []pipeline.Hardware{{Model: ptr("NVIDIA A100 80GB"), Count: ptr(int64(8))}}, f.Training.Hardware)
	require.InDelta(t, 12.5, *f.Card.EmissionsGrams, 0)
	for _, name := range []string{"model.name", "training.tokens", "training.hardware", "training.hardware[0].model", "training.countries"} {
		require.Equal(t, pipeline.BasisDeclared, inspecttest.Known(t, report, name).Basis)
	}

	sub := &pipeline.Submission{Model: pipeline.Model{Name: ptr("Other")}, Training: pipeline.Training{Tokens: ptr(int64(1e12)), Countries: []string{"CA"},
		Hardware: []pipeline.Hardware{{Model: ptr("A100 SXM"), Count: ptr(int64(64))}}}}
	report, _ = inspect(t, files, sub, nil)
	require.Equal(t, int64(2e12), *report.Facts.Training.Tokens)
	require.Len(t, report.Facts.Training.Hardware, 1, "the same accelerator")
	require.Equal(t, int64(64), *report.Facts.Training.Hardware[0].Count)
	require.Equal(t, []string{
		`model.name: the submission states "Other", and "Example-7B" was found (declared).`,
		"training.tokens: the submission states 1,000,000,000,000, and 2,000,000,000,000 was found (declared).",
	}, report.Facts.Submission.Contradictions)

	sub.Training.Hardware[0].Model = ptr("H100 80GB")
	report, _ = inspect(t, files, sub, nil)
	require.Len(t, report.Facts.Training.Hardware, 2)
	require.Equal(t, "NVIDIA A100 80GB", *report.Facts.Training.Hardware[1].Model)
	inspecttest.Known(t, report, "training.hardware[0].model")
	inspecttest.Known(t, report, "training.hardware[1].model")
	require.Len(t, report.Facts.Card.Problems, 1)

	report, _ = inspect(t, inspecttest.Files{"README.md": card("co2_eq_emissions: {emissions: 1, geographical_location: [France, the moon], hardware_used: CPU}\n", "")}, nil, nil)
	inspecttest.Unknown(t, report, "training.countries")
	require.Equal(t, "CPU", *report.Facts.Training.Hardware[0].Model)
}

func TestCountsFit(t *testing.T) {
	t.Parallel()
	weight := weighs{"params.lower": 7_241_732_096, "params.upper": 7_241_732_096}
	with := func(more weighs) weighs {
		all := weighs{}
		for _, w := range []weighs{weight, more} {
			for name, n := range w {
				all[name] = n
			}
		}
		return all
	}
	for name, tc := range map[string]struct {
		body   string
		weight weighs
		want   *bool
	}{
		"fits":                       {"It has 7B parameters.", weight, ptr(true)},
		"exactly":                    {"It has 7,241,732,096 parameters.", weight, ptr(true)},
		"within two in a hundred":    {"It has 7,386,000,001 parameters.", weight, ptr(true)},
		"beyond":                     {"It has 7,400,000,001 parameters.", weight, ptr(false)},
		"does not fit":               {"It has 13B parameters.", weight, ptr(false)},
		"too small":                  {"It has 3B parameters.", weight, ptr(false)},
		"one of two":                 {"It has 13B parameters. It has 7B parameters.", weight, ptr(true)},
		"none":                       {"It is large.", weight, nil},
		"nothing weighed":            {"It has 7B parameters.", weighs{"params.lower": 0, "params.upper": 0}, nil},
		"no bound":                   {"It has 7B parameters.", weighs{"params.lower": 5}, nil},
		"stored elements":            {"It has 1.2B parameters.", with(weighs{"params.stored_elements": 1_180_000_000}), ptr(true)},
		"one set of several":         {"It has 1.2B parameters.", with(weighs{"params.largest_set": 1_180_000_000}), ptr(true)},
		"active":                     {"It has 3B active parameters.", with(weighs{"params.active": 3_000_000_000}), ptr(true)},
		"active, another":            {"It has 1B active parameters.", with(weighs{"params.active": 3_000_000_000}), ptr(false)},
		"active, unknown":            {"It has 3B active parameters.", weight, nil},
		"active, more than there is": {"It has 37B active parameters.", weight, ptr(false)},
		"an adapter of a base":       {"It has 70B parameters.", with(weighs{"adapter.modules": 1, "params.effective_lower": 70_000_000_000, "params.effective_upper": 71_000_000_000}), ptr(true)},
		"an adapter, unknown base":   {"It has 70B parameters.", with(weighs{"adapter.modules": 1, "params.effective_lower": 8_000_000_000}), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report, _ := inspect(t, inspecttest.Files{"README.md": tc.body}, nil, tc.weight)
			require.Equal(t, tc.want, report.Facts.Card.CountsFit)
			if tc.want != nil {
				require.Equal(t, pipeline.BasisMeasured, inspecttest.Known(t, report, "card.counts_fit").Basis)
				require.Equal(t, "README.md", report.Facts.Card.Counts[0].Object)
			}
		})
	}
}
