package report_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
)

// bomSchema is the published schema of CycloneDX 1.6.
func bomSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	for name, path := range map[string]string{
		"bom-1.6.schema.json":  "testdata/cyclonedx/bom-1.6.schema.json",
		"jsf-0.82.schema.json": "testdata/cyclonedx/jsf-0.82.schema.json",
		"spdx.schema.json":     "spdx.schema.json",
	} {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		require.NoError(t, err)
		require.NoError(t, c.AddResource("http://cyclonedx.org/schema/"+name, doc))
	}
	schema, err := c.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	require.NoError(t, err)
	return schema
}

// bom is what the tests look at in a bill of materials.
type bom struct {
	SpecVersion  string `json:"specVersion"`
	SerialNumber string `json:"serialNumber"`
	Metadata     struct {
		Timestamp  string        `json:"timestamp"`
		Component  bomComponent  `json:"component"`
		Properties []bomProperty `json:"properties"`
	} `json:"metadata"`
	Components   []bomComponent `json:"components"`
	Dependencies []struct {
		Ref       string   `json:"ref"`
		DependsOn []string `json:"dependsOn"`
	} `json:"dependencies"`
}

type bomProperty struct{ Name, Value string }

type bomComponent struct {
	Ref      string          `json:"bom-ref"`
	Type     string          `json:"type"`
	Group    string          `json:"group"`
	Name     string          `json:"name"`
	Version  string          `json:"version"`
	PURL     string          `json:"purl"`
	Licenses json.RawMessage `json:"licenses"`
	Hashes   []struct {
		Alg     string `json:"alg"`
		Content string `json:"content"`
	} `json:"hashes"`
	Pedigree struct {
		Ancestors []bomComponent `json:"ancestors"`
	} `json:"pedigree"`
	Components []bomComponent `json:"components"`
	Data       []struct {
		Type           string   `json:"type"`
		Classification string   `json:"classification"`
		SensitiveData  []string `json:"sensitiveData"`
	} `json:"data"`
	ModelCard struct {
		ModelParameters struct {
			Task               string              `json:"task"`
			ArchitectureFamily string              `json:"architectureFamily"`
			ModelArchitecture  string              `json:"modelArchitecture"`
			Datasets           []map[string]string `json:"datasets"`
		} `json:"modelParameters"`
		QuantitativeAnalysis struct {
			PerformanceMetrics []struct{ Type, Value, Slice string } `json:"performanceMetrics"`
		} `json:"quantitativeAnalysis"`
		Considerations any `json:"considerations"`
	} `json:"modelCard"`
	Properties []bomProperty `json:"properties"`
}

func (c bomComponent) property(name string) string { return propertyOf(c.Properties, name) }

func propertyOf(list []bomProperty, name string) string {
	for _, p := range list {
		if p.Name == "weighbridge:"+name {
			return p.Value
		}
	}
	return ""
}

// bomOf writes a report as a bill, holds it to the schema and to what holds for all forms,
// and reads it.
func bomOf(t require.TestingT, schema *jsonschema.Schema, r *pipeline.Report) (bom, string) {
	var b bytes.Buffer
	require.NoError(t, report.CycloneDX(&b, r))
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b.Bytes()))
	require.NoError(t, err)
	require.NoError(t, schema.Validate(doc))
	var out bom
	require.NoError(t, json.Unmarshal(b.Bytes(), &out))
	require.Equal(t, "1.6", out.SpecVersion)
	refs := map[string]bool{}
	references(t, refs, out.Metadata.Component)
	for _, c := range out.Components {
		references(t, refs, c)
	}
	for _, d := range out.Dependencies {
		require.True(t, refs[d.Ref])
		for _, on := range d.DependsOn {
			require.True(t, refs[on])
		}
	}
	return out, b.String()
}

// references holds that every reference is there once.
func references(t require.TestingT, refs map[string]bool, c bomComponent) {
	require.False(t, refs[c.Ref], c.Ref)
	refs[c.Ref] = true
	for _, list := range [][]bomComponent{c.Pedigree.Ancestors, c.Components} {
		for _, below := range list {
			references(t, refs, below)
		}
	}
}

func TestCycloneDX_Samples(t *testing.T) {
	t.Parallel()
	schema := bomSchema(t)
	for name := range samples() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := weigh(t, name)
			r.Artifact.PinDigest = "" // it holds the time at which the files were made
			out, text := bomOf(t, schema, r)
			hold(t, "json", text)
			golden(t, filepath.Join("testdata", name+".cdx.json"), []byte(text))
			require.Equal(t, name, out.Metadata.Component.Name)
			_, again := bomOf(t, schema, r)
			require.Equal(t, text, again, "the same report gives the same bytes")
			r.Verdict = pipeline.VerdictBlock + "!"
			other, _ := bomOf(t, schema, r)
			require.NotEqual(t, out.SerialNumber, other.SerialNumber, "another bill has another number")
		})
	}
}

func TestCycloneDX_Wicked(t *testing.T) {
	t.Parallel()
	r := wicked()
	text := evil
	sum := "sha256:" + evil
	r.Facts.Model = pipeline.Model{ID: &text, Name: &text, Version: &text, ModalityIn: []string{evil, ""}}
	r.Facts.License = pipeline.License{Declared: &text, Name: &text, Link: &text}
	r.Facts.Publication.URL = &text
	r.Facts.Card.Pipeline = &text
	r.Facts.Card.Results = []pipeline.CardResult{{Metric: evil, Value: evil, Dataset: evil}, {}}
	r.Facts.Bases[0].Digest, r.Facts.Bases[0].License = &sum, &text
	r.Facts.Datasets[0] = pipeline.Dataset{ID: &text, License: &text, Digest: &sum, Sensitive: new(bool), Categories: []string{evil}}
	*r.Facts.Datasets[0].Sensitive = true
	r.Facts.Lineage.Chain = []pipeline.Ancestor{{ID: evil, Of: evil, Relation: evil, Depth: -3}, {ID: "a", Of: evil, Depth: math.MaxInt64}}
	r.Artifact.Objects[0].SHA256 = pipeline.Digest(sum)
	r.AsOf = evil
	_, out := bomOf(t, bomSchema(t), r)
	hold(t, "json", out)
	golden(t, filepath.Join("testdata", "wicked.cdx.json"), []byte(out))
	bomOf(t, bomSchema(t), &pipeline.Report{})
}

func word(s string) *string { return &s }

// filled is a report in which all that a bill shows is known.
func filled() *pipeline.Report {
	n, yes := int64(8_030_261_248), true
	digest := pipeline.DigestBytes([]byte("x"))
	sum := string(digest)
	return &pipeline.Report{
		Tool: pipeline.Tool{Name: "weighbridge", Version: "1.2.3"}, AsOf: "2026-11-25", Verdict: pipeline.VerdictReview, Disclaimer: pipeline.Disclaimer,
		Artifact: pipeline.Artifact{Source: "/home/somebody/harbour", Bytes: 100, PinDigest: digest, HeaderDigest: digest, ContentDigest: &digest, Objects: []pipeline.ArtifactObject{
			{Object: pipeline.Object{Path: "README.md", Size: 1}, Role: pipeline.RoleCard},
			{Object: pipeline.Object{Path: "model.safetensors", Size: 99}, Role: pipeline.RoleWeights, Format: "safetensors", SHA256: digest},
		}},
		Facts: pipeline.Facts{
			Params:       pipeline.Params{Lower: &n, Estimate: &n, Upper: &n},
			Architecture: pipeline.Architecture{Family: word("llama"), Class: word("LlamaForCausalLM")},
			Card:         pipeline.CardFacts{Pipeline: word("text-generation"), Results: []pipeline.CardResult{{Metric: "accuracy", Value: "0.712", Dataset: "Port Questions"}}},
			Model:        pipeline.Model{ID: word("harbour-labs/Harbour-8B"), Version: word("2"), ModalityIn: []string{"text"}, ModalityOut: []string{"text"}},
			License:      pipeline.License{Declared: word("llama3.1"), Link: word("https://example.org/licence")},
			LicenseFound: pipeline.LicenseFound{Expression: word("LicenseRef-scancode-llama-3.1-license-2024")},
			Publication:  pipeline.Publication{URL: word("https://huggingface.co/harbour-labs/Harbour-8B")},
			Bases:        []pipeline.Base{{ID: word("meta-llama/Llama-3.1-8B-Instruct"), Relation: word("finetune"), License: word("llama3.1"), Digest: &sum}, {}},
			Lineage: pipeline.Lineage{Bases: []pipeline.BaseSource{{ID: "meta-llama/Llama-3.1-8B-Instruct", Revision: "main"}}, Chain: []pipeline.Ancestor{
				{ID: "meta-llama/Llama-3.1-8B-Instruct", Of: "this model", Relation: "finetune", Depth: 1},
				{ID: "meta-llama/Llama-3.1-8B", Of: "meta-llama/Llama-3.1-8B-Instruct", Relation: "finetune", Depth: 2, License: "llama3.1"},
				{ID: "lost/model", Of: "nobody/knows", Depth: 3},
			}},
			Datasets: []pipeline.Dataset{
				{ID: word("harbour-labs/port-questions"), Name: word("Port Questions"), License: word("cc-by-4.0"), OriginCountry: word("DE"), Collection: word("licensed"),
					Personal: &yes, Sensitive: &yes, Categories: []string{"health"}, Records: &n, ProcessingExcluded: []string{"RU"}, StorageAllowed: []string{}, Digest: &sum},
				{Name: word("Logs")}, {},
			},
		},
		Findings: []pipeline.Finding{{Mode: pipeline.ModeEnforce, Outcome: pipeline.OutcomeMatched, Effect: pipeline.EffectReview}, {Mode: pipeline.ModeReport, Outcome: pipeline.OutcomeUndetermined, Effect: pipeline.EffectWarn}},
		Packs:    []pipeline.PackRef{{Name: "licence", Version: "3", Digest: digest, Mode: pipeline.ModeEnforce}},
		Case:     &pipeline.CaseRef{ID: uuid.UUID{7}, State: pipeline.StateOpen},
	}
}

func TestCycloneDX_SaysWhatIsKnown(t *testing.T) {
	t.Parallel()
	r := filled()
	out, text := bomOf(t, bomSchema(t), r)
	golden(t, filepath.Join("testdata", "full.cdx.json"), []byte(text))
	require.Equal(t, "2026-11-25T00:00:00Z", out.Metadata.Timestamp)
	m := out.Metadata.Component
	require.Equal(t, [3]string{"harbour-labs", "Harbour-8B", "2"}, [3]string{m.Group, m.Name, m.Version})
	require.Equal(t, "pkg:huggingface/harbour-labs/Harbour-8B", m.PURL)
	require.JSONEq(t, `[{"license":{"name":"llama3.1","acknowledgement":"declared","url":"https://example.org/licence"}}]`, string(m.Licenses))
	require.Equal(t, strings.TrimPrefix(string(pipeline.DigestBytes([]byte("x"))), "sha256:"), m.Hashes[0].Content)
	require.Len(t, m.Components, 1, "files without a digest are not listed")
	require.Equal(t, "model.safetensors", m.Components[0].Name)
	require.Equal(t, "8030261248", m.property("params.estimate"))
	require.Equal(t, "text-generation", m.ModelCard.ModelParameters.Task)
	require.Equal(t, []map[string]string{{"ref": "dataset-1"}, {"ref": "dataset-2"}}, m.ModelCard.ModelParameters.Datasets)
	require.Equal(t, "0.712", m.ModelCard.QuantitativeAnalysis.PerformanceMetrics[0].Value)
	require.Nil(t, m.ModelCard.Considerations, "considerations are for people")
	require.Equal(t, "1", m.property("datasets.left_out"))
	require.Equal(t, "2", m.property("lineage.left_out"), "a base without a name, and one of the chain without a place in it")

	require.Len(t, m.Pedigree.Ancestors, 1)
	base := m.Pedigree.Ancestors[0]
	require.Equal(t, [3]string{"meta-llama", "Llama-3.1-8B-Instruct", "main"}, [3]string{base.Group, base.Name, base.Version})
	require.Empty(t, base.PURL, "an id does not say on which hub the model is")
	require.Equal(t, "finetune", base.property("base.relation"))
	require.Equal(t, "Llama-3.1-8B", base.Pedigree.Ancestors[0].Name)
	require.Equal(t, "2", base.Pedigree.Ancestors[0].property("base.depth"))

	require.Len(t, out.Components, 2)
	set := out.Components[0]
	require.Equal(t, [3]string{"data", "harbour-labs", "port-questions"}, [3]string{set.Type, set.Group, set.Name})
	require.JSONEq(t, `[{"license":{"id":"CC-BY-4.0","acknowledgement":"declared"}}]`, string(set.Licenses))
	require.Equal(t, "sensitive personal data", set.Data[0].Classification)
	require.Equal(t, []string{"health"}, set.Data[0].SensitiveData)
	require.Equal(t, "none", set.property("dataset.storage_allowed"))

	run := out.Metadata.Properties
	require.Equal(t, "review", propertyOf(run, "verdict"))
	require.Equal(t, "1", propertyOf(run, "findings.enforce.matched.review"))
	require.Empty(t, propertyOf(run, "findings.enforce.matched.block"))
	require.True(t, strings.HasPrefix(propertyOf(run, "pack:licence"), "3 sha256:"))
	require.NotContains(t, text, "somebody", "where the model lies is nobody's business")
}

// TestCycloneDX_Licences holds that no licence makes a bill invalid: the words of hubs are
// no ids of SPDX.
func TestCycloneDX_Licences(t *testing.T) {
	t.Parallel()
	schema := bomSchema(t)
	for declared, want := range map[string]string{
		"":                                  ``,
		"unknown":                           ``,
		"NOASSERTION":                       ``,
		"apache-2.0":                        `[{"license":{"id":"Apache-2.0"}}]`,
		"Apache 2.0":                        `[{"license":{"id":"Apache-2.0"}}]`,
		"bsl-1.0":                           `[{"license":{"id":"BSL-1.0"}}]`,
		"gpl-3.0":                           `[{"license":{"id":"GPL-3.0-only"}}]`,
		"llama3.1":                          `[{"license":{"name":"llama3.1"}}]`,
		"gpl":                               `[{"license":{"name":"gpl"}}]`,
		"openmdw-1.0":                       `[{"license":{"name":"openmdw-1.0"}}]`,
		"Anything Goes":                     `[{"license":{"name":"Anything Goes"}}]`,
		"Apache-2.0 AND LicenseRef-x":       `[{"expression":"Apache-2.0 AND LicenseRef-x"}]`,
		"mit OR apache-2.0":                 `[{"expression":"MIT OR Apache-2.0"}]`,
		"(MIT OR ISC) AND curl":             `[{"expression":"(MIT OR ISC) AND curl"}]`,
		"LicenseRef-ours":                   `[{"expression":"LicenseRef-ours"}]`,
		"GPL-2.0-only WITH Classpath-x-2.0": `[{"expression":"GPL-2.0-only WITH Classpath-x-2.0"}]`,
		"MIT AND":                           `[{"license":{"name":"MIT AND"}}]`,
		"MIT and llama3.1 or so":            `[{"license":{"name":"MIT and llama3.1 or so"}}]`,
		"(MIT":                              `[{"license":{"name":"(MIT"}}]`,
		"MIT) OR (MIT":                      `[{"license":{"name":"MIT) OR (MIT"}}]`,
		"WITH":                              `[{"license":{"name":"WITH"}}]`,
		strings.Repeat("(", 100) + "MIT" + strings.Repeat(")", 100): `name`,
	} {
		out, _ := bomOf(t, schema, &pipeline.Report{Facts: pipeline.Facts{License: pipeline.License{Declared: &declared}}})
		got := strings.ReplaceAll(string(out.Metadata.Component.Licenses), " ", "")
		got = strings.ReplaceAll(strings.ReplaceAll(got, "\n", ""), `,"acknowledgement":"declared"`, "")
		if want == "name" {
			require.Contains(t, got, `"name"`, declared)
			continue
		}
		require.Equal(t, strings.ReplaceAll(want, " ", ""), got, declared)
	}
}

func TestCycloneDX_PackageURL(t *testing.T) {
	t.Parallel()
	schema := bomSchema(t)
	commit := "043235D6088ECD3DD5FB5CA3592B6913FD516027"
	for address, want := range map[string]string{
		"https://huggingface.co/Owner/Name":                "pkg:huggingface/Owner/Name@" + strings.ToLower(commit),
		"https://hf.co/o/n/tree/main":                      "pkg:huggingface/o/n@" + strings.ToLower(commit),
		"hf://o/n":                                         "pkg:huggingface/o/n@" + strings.ToLower(commit),
		"owner/name":                                       "",
		"https://modelscope.cn/models/o/n":                 "",
		"https://huggingface.co/datasets/o/n":              "",
		"https://huggingface.co.evil.example/o/n":          "",
		"https://huggingface.co/o":                         "",
		"ftp://huggingface.co/o/n":                         "",
		"https://huggingface.co/o/n%22%3E%3Cscript%3E":     "",
		"https://user:secret@huggingface.co@evil.test/o/n": "",
	} {
		r := &pipeline.Report{Facts: pipeline.Facts{Bases: []pipeline.Base{{ID: &address}},
			Lineage: pipeline.Lineage{Bases: []pipeline.BaseSource{{ID: address, Revision: commit}}}}}
		out, _ := bomOf(t, schema, r)
		require.Equal(t, want, out.Metadata.Component.Pedigree.Ancestors[0].PURL, address)
	}
}

func TestCycloneDX_Bounds(t *testing.T) {
	t.Parallel()
	r := &pipeline.Report{}
	digest := pipeline.DigestBytes(nil)
	for i := range 12_000 {
		id := "o/" + strings.Repeat("m", 3) + string(rune('a'+i%26)) + uuid.NewSHA1(uuid.Nil, []byte{byte(i), byte(i >> 8)}).String()
		r.Facts.Bases = append(r.Facts.Bases, pipeline.Base{ID: &id})
		r.Facts.Datasets = append(r.Facts.Datasets, pipeline.Dataset{ID: &id})
		r.Facts.Card.Results = append(r.Facts.Card.Results, pipeline.CardResult{Metric: id})
		r.Artifact.Objects = append(r.Artifact.Objects, pipeline.ArtifactObject{Object: pipeline.Object{Path: id}, SHA256: digest})
	}
	out, _ := bomOf(t, bomSchema(t), r)
	m := out.Metadata.Component
	require.Len(t, m.Pedigree.Ancestors, 1_000)
	require.Equal(t, "11000", m.property("lineage.left_out"))
	require.Len(t, out.Components, 2_000)
	require.Equal(t, "10000", m.property("datasets.left_out"))
	require.Len(t, m.Components, 10_000)
	require.Equal(t, "2000", m.property("files.left_out"))

	// A chain of 5,000 models, and one that goes in a circle.
	r = &pipeline.Report{Facts: pipeline.Facts{Bases: []pipeline.Base{{ID: word("o/m0")}}}}
	before := "o/m0"
	for i := range 5_000 {
		id := "o/m" + string(rune('a'+i%26)) + uuid.NewSHA1(uuid.Nil, []byte{byte(i), byte(i >> 8)}).String()
		r.Facts.Lineage.Chain = append(r.Facts.Lineage.Chain, pipeline.Ancestor{ID: id, Of: before, Depth: int64(i + 2)})
		before = id
	}
	r.Facts.Lineage.Chain = append(r.Facts.Lineage.Chain, pipeline.Ancestor{ID: "o/m0", Of: "o/m0", Depth: 2})
	out, _ = bomOf(t, bomSchema(t), r)
	depth := 0
	for list := out.Metadata.Component.Pedigree.Ancestors; len(list) > 0; list = list[0].Pedigree.Ancestors {
		depth++
	}
	require.Equal(t, 10, depth)
	require.Equal(t, "4991", out.Metadata.Component.property("lineage.left_out"))
}

// TestCycloneDX_Property holds bills of any texts to the schema.
func TestCycloneDX_Property(t *testing.T) {
	t.Parallel()
	schema := bomSchema(t)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{evil, "https://huggingface.co/a/b", "a/b", "sha256:" + strings.Repeat("0", 64), "MIT", "MIT AND (x)", "other", "2026-11-25"}))
		one := func() *string {
			if rapid.Bool().Draw(t, "known") {
				s := text.Draw(t, "text")
				return &s
			}
			return nil
		}
		flag := func() *bool {
			if rapid.Bool().Draw(t, "known") {
				b := rapid.Bool().Draw(t, "flag")
				return &b
			}
			return nil
		}
		r := &pipeline.Report{AsOf: text.Draw(t, "day"), Artifact: pipeline.Artifact{Source: text.Draw(t, "source"), PinDigest: pipeline.Digest(text.Draw(t, "digest"))}}
		f := &r.Facts
		f.Model = pipeline.Model{ID: one(), Name: one(), Version: one(), ModalityIn: rapid.SliceOfN(text, 0, 3).Draw(t, "in")}
		f.License = pipeline.License{Declared: one(), Name: one(), Link: one()}
		f.LicenseFound.Expression, f.Publication.URL, f.Card.Pipeline = one(), one(), one()
		for range rapid.IntRange(0, 3).Draw(t, "n") {
			f.Bases = append(f.Bases, pipeline.Base{ID: one(), Relation: one(), License: one(), Digest: one(), Access: one()})
			f.Datasets = append(f.Datasets, pipeline.Dataset{ID: one(), Name: one(), License: one(), Digest: one(), Personal: flag(), Sensitive: flag(), Categories: rapid.SliceOfN(text, 0, 3).Draw(t, "kinds")})
			f.Lineage.Chain = append(f.Lineage.Chain, pipeline.Ancestor{ID: text.Draw(t, "id"), Of: text.Draw(t, "of"), Depth: rapid.Int64().Draw(t, "depth")})
			f.Card.Results = append(f.Card.Results, pipeline.CardResult{Metric: text.Draw(t, "metric"), Value: text.Draw(t, "value")})
			r.Artifact.Objects = append(r.Artifact.Objects, pipeline.ArtifactObject{Object: pipeline.Object{Path: text.Draw(t, "path")}, Role: pipeline.RoleWeights, SHA256: pipeline.Digest(text.Draw(t, "sum"))})
			r.Packs = append(r.Packs, pipeline.PackRef{Name: text.Draw(t, "pack")})
		}
		bomOf(t, schema, r)
	})
}
