package bom_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"weighbridge/inspectors/bom"
	"weighbridge/inspectors/dataset"
	"weighbridge/inspectors/inspecttest"
	"weighbridge/inspectors/lineage"
	"weighbridge/inspectors/modelcard"
	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
)

// cyclone is a bill in CycloneDX 1.6 as a maker of a model writes it.
const cyclone = `{
  "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
  "metadata": {"component": {
    "type": "machine-learning-model", "bom-ref": "pkg:harbour", "group": "harbour-labs", "name": "Harbour-8B", "version": "2",
    "licenses": [{"license": {"name": "llama3.1", "url": "https://example.org/licence"}}, {"license": {"id": "MIT"}}, {"license": {}}],
    "pedigree": {"ancestors": [
      {"type": "machine-learning-model", "name": "whatever", "purl": "pkg:huggingface/meta-llama/Llama-3.1-8B@ABC?x=y",
       "version": "main", "hashes": [{"alg": "MD5", "content": "00"}, {"alg": "SHA-256", "content": "` + sum + `"}],
       "licenses": [{"expression": "MIT OR Apache-2.0"}],
       "properties": [{"name": "base_model_relation", "value": "finetune"}],
       "pedigree": {"ancestors": [{"type": "machine-learning-model", "name": "further/up"}]}},
      {"type": "machine-learning-model", "group": "mistralai", "name": "Mistral-7B-v0.1"},
      {"type": "machine-learning-model", "group": "Meta AI, Inc.", "name": "Llama", "externalReferences": [{"type": "website", "url": "https://huggingface.co/meta-llama/Llama-2-7b"}]},
      {"type": "library", "name": "transformers"}, {"type": "machine-learning-model"}, "nonsense"
    ]},
    "properties": [
      {"name": "weighbridge:params.lower", "value": "5"}, {"name": "cdx:ai:numParameters", "value": "8,030,261,248"},
      {"name": "activeParameters", "value": "2.5B"}, {"name": "parameters", "value": "temperature=0.7"}, {"name": "parameters", "value": 7}
    ],
    "modelCard": {
      "properties": [{"name": "parameterCount", "value": "8B"}],
      "modelParameters": {"datasets": [
        {"ref": "set-1"}, {"ref": "set-2-data"}, {"ref": "nowhere"}, {"ref": "tool"},
        {"type": "dataset", "name": "Inline", "contents": {"url": "https://huggingface.co/datasets/org/inline/tree/main"}, "classification": "public", "sensitiveData": ["health records", "none known"]},
        {"type": "configuration", "name": "settings"}
      ]},
      "considerations": {"environmentalConsiderations": {"energyConsumptions": [
        {"activity": "training", "activityEnergyCost": {"value": 400.5, "unit": "kWh"}},
        {"activity": "fine-tuning", "activityEnergyCost": {"value": 11.5, "unit": "kWh"}},
        {"activity": "inference", "activityEnergyCost": {"value": 99999, "unit": "kWh"}}
      ]}}
    }
  }},
  "components": [
    {"type": "data", "bom-ref": "set-1", "group": "harbour-labs", "name": "port-questions", "licenses": [{"license": {"id": "CC-BY-4.0"}}],
     "hashes": [{"alg": "SHA-256", "content": "` + sum + `"}],
     "data": [{"type": "dataset", "name": "Port Questions", "classification": "no personal data"}]},
    {"type": "data", "name": "second", "purl": "pkg:huggingface/datasets/org/second", "data": [{"type": "dataset", "bom-ref": "set-2-data"}]},
    {"type": "data", "bom-ref": "set-3", "name": "third", "data": [{"type": "dataset"}]},
    {"type": "data", "bom-ref": "set-4", "name": "evaluation", "data": [{"type": "dataset", "classification": "PII"}]},
    {"type": "data", "bom-ref": "conf", "name": "config", "data": [{"type": "configuration"}]},
    {"type": "library", "bom-ref": "tool", "name": "tool", "components": [{"type": "machine-learning-model", "name": "helper"}]}
  ],
  "dependencies": [{"ref": "pkg:harbour", "dependsOn": ["set-3", "tool", "nothing"]}, {"ref": "tool", "dependsOn": ["set-4"]}]
}`

const sum = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"

// said writes what a bill says, a line for each statement.
func said(b bom.Bill) []string {
	var out []string
	add := func(format string, args ...any) {
		out = append(out, strings.TrimRight(fmt.Sprintf(format, args...), " "))
	}
	if b.Model.Value != "" {
		add("model %s at %s", b.Model.Value, b.Model.At.Where)
	}
	if b.EnergyKWh.Value != 0 {
		add("energy %g", b.EnergyKWh.Value)
	}
	for _, l := range b.Licenses {
		add("licence %s, name %q, link %q at %s", l.Declared, l.Name, l.Link, l.At.Where)
	}
	text := func(s *string) string {
		if s == nil {
			return "-"
		}
		return *s
	}
	flag := func(b *bool) string {
		if b == nil {
			return "-"
		}
		return fmt.Sprint(*b)
	}
	for _, r := range b.Bases {
		add("base %s, %s, revision %q, licence %s, digest %t at %s", text(r.Base.ID), text(r.Base.Relation), r.Revision, text(r.Base.License), r.Base.Digest != nil, r.At.Where)
	}
	for _, d := range b.Datasets {
		add("data %s, name %s, trained %t, licence %s, personal %s, sensitive %s, digest %t, aliases %s, problems %s at %s", text(d.Dataset.ID), text(d.Dataset.Name), d.Trained,
			text(d.Dataset.License), flag(d.Dataset.Personal), flag(d.Dataset.Sensitive), d.Dataset.Digest != nil, strings.Join(d.Aliases, "; "), strings.Join(d.Problems, "; "), d.At.Where)
	}
	for _, c := range b.Counts {
		add("count %d within %.3f, active %t at %s", c.Count, c.Within, c.Active, c.At.Where)
	}
	if b.Note != "" {
		add("note %s", b.Note)
	}
	return out
}

func parse(t *testing.T, text string) bom.Bill {
	t.Helper()
	b, err := bom.Parse("bom.json", []byte(text))
	require.NoError(t, err)
	return b
}

func TestParse_CycloneDX(t *testing.T) {
	t.Parallel()
	const m = "$.metadata.component"
	require.Equal(t, []string{
		"model Harbour-8B at " + m + ".name",
		"energy 412",
		`licence llama3.1, name "", link "https://example.org/licence" at ` + m + ".licenses[0]",
		`licence MIT, name "", link "" at ` + m + ".licenses[1]",
		`base meta-llama/Llama-3.1-8B, finetune, revision "main", licence MIT OR Apache-2.0, digest true at ` + m + ".pedigree.ancestors[0]",
		`base mistralai/Mistral-7B-v0.1, -, revision "", licence -, digest false at ` + m + ".pedigree.ancestors[1]",
		`base meta-llama/Llama-2-7b, -, revision "", licence -, digest false at ` + m + ".pedigree.ancestors[2]",
		"data org/inline, name -, trained true, licence -, personal true, sensitive true, digest false, aliases https://huggingface.co/datasets/org/inline/tree/main, problems  at " + m + ".modelCard.modelParameters.datasets[4]",
		"data harbour-labs/port-questions, name Port Questions, trained true, licence CC-BY-4.0, personal false, sensitive false, digest true, aliases port-questions, problems  at $.components[0]",
		"data org/second, name -, trained true, licence -, personal -, sensitive -, digest false, aliases second, problems  at $.components[1]",
		"data third, name -, trained true, licence -, personal -, sensitive -, digest false, aliases , problems  at $.components[2]",
		"data evaluation, name -, trained false, licence -, personal true, sensitive -, digest false, aliases , problems  at $.components[3]",
		`data -, name -, trained false, licence -, personal -, sensitive -, digest false, aliases , problems the model's card refers to the data set "nowhere", which the bill of materials does not hold at ` + m + ".modelCard.modelParameters.datasets[2]",
		`data -, name -, trained false, licence -, personal -, sensitive -, digest false, aliases , problems the model's card refers to the data set "tool", which the bill of materials does not hold at ` + m + ".modelCard.modelParameters.datasets[3]",
		"count 8030261248 within 0.000, active false at " + m + ".properties[1]",
		"count 2500000000 within 0.020, active true at " + m + ".properties[2]",
		"count 8000000000 within 0.062, active false at " + m + ".modelCard.properties[0]",
	}, said(parse(t, cyclone)))
}

// TestParse_WhichModel holds that only what speaks of this model counts.
func TestParse_WhichModel(t *testing.T) {
	t.Parallel()
	model := func(name string) string {
		return `{"type":"machine-learning-model","name":"` + name + `","licenses":[{"license":{"id":"MIT"}}]}`
	}
	for name, tc := range map[string]struct{ text, model, note string }{
		"about":            {`"metadata":{"component":` + model("a") + `},"components":[` + model("b") + `]`, "a", ""},
		"only_one":         {`"metadata":{"component":{"type":"application","name":"x"}},"components":[{"type":"library"},` + model("b") + `]`, "b", ""},
		"only_one_inside":  {`"components":[{"type":"framework","components":[` + model("c") + `]}]`, "c", ""},
		"several":          {`"components":[` + model("a") + `,` + model("b") + `]`, "", "the bill of materials holds 2 models and does not say which of them this one is"},
		"none":             {`"components":[{"type":"library","name":"numpy","licenses":[{"license":{"id":"BSD-3-Clause"}}]}]`, "", ""},
		"ancestors_do_not": {`"components":[{"type":"library","pedigree":{"ancestors":[` + model("a") + `]}}]`, "", ""},
	} {
		b := parse(t, `{"bomFormat":"CycloneDX","specVersion":"1.5",`+tc.text+`}`)
		require.Equal(t, tc.model, b.Model.Value, name)
		require.Equal(t, tc.note, b.Note, name)
		require.Equal(t, tc.model != "", len(b.Licenses) == 1, name)
	}
	for version, known := range map[string]bool{"1.3": false, "1.4": true, "1.5": true, "1.6": true, "1.7": true, "2.0": false, "": false} {
		b := parse(t, `{"bomFormat":"CycloneDX","specVersion":"`+version+`"}`)
		require.Equal(t, known, b.Note == "", version)
	}
}

const spdx3 = `{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [
  {"type": "SpdxDocument", "spdxId": "urn:doc", "rootElement": ["urn:bom"]},
  {"type": "software_Sbom", "spdxId": "urn:bom", "rootElement": ["urn:model"]},
  {"type": "ai_AIPackage", "spdxId": "urn:model", "name": "Harbour-8B", "software_packageVersion": "2",
   "ai_hyperparameter": [{"type": "DictionaryEntry", "key": "numberOfParameters", "value": "8.03B"}, {"type": "DictionaryEntry", "key": "learningRate", "value": "100000"}],
   "ai_energyConsumption": {"type": "ai_EnergyConsumption",
     "ai_trainingEnergyConsumption": [{"ai_energyQuantity": 360, "ai_energyUnit": "megajoule"}],
     "ai_finetuningEnergyConsumption": [{"ai_energyQuantity": 12, "ai_energyUnit": "kilowattHour"}],
     "ai_inferenceEnergyConsumption": [{"ai_energyQuantity": 9, "ai_energyUnit": "other"}]}},
  {"type": "ai_AIPackage", "spdxId": "urn:base", "name": "Llama", "software_packageUrl": "pkg:huggingface/meta-llama/Llama-3.1-8B", "software_packageVersion": "3.1",
   "verifiedUsing": [{"type": "Hash", "algorithm": "sha256", "hashValue": "` + sum + `"}]},
  {"type": "ai_AIPackage", "spdxId": "urn:teacher", "name": "teacher", "software_downloadLocation": "https://huggingface.co/org/teacher"},
  {"type": "dataset_DatasetPackage", "spdxId": "urn:set", "name": "ports", "dataset_datasetType": ["text"], "dataset_hasSensitivePersonalInformation": "no",
   "software_downloadLocation": "https://huggingface.co/datasets/harbour-labs/port-questions"},
  {"type": "dataset_DatasetPackage", "spdxId": "urn:test", "name": "tests", "dataset_datasetType": ["text", "image"], "dataset_hasSensitivePersonalInformation": "yes"},
  {"type": "simplelicensing_LicenseExpression", "spdxId": "urn:expr", "simplelicensing_licenseExpression": "Apache-2.0 OR MIT"},
  {"type": "simplelicensing_LicenseExpression", "spdxId": "urn:none", "simplelicensing_licenseExpression": "NOASSERTION"},
  {"type": "Relationship", "from": "urn:model", "relationshipType": "hasDeclaredLicense", "to": ["urn:expr"]},
  {"type": "Relationship", "from": "urn:model", "relationshipType": "hasConcludedLicense", "to": ["urn:none"]},
  {"type": "Relationship", "from": "urn:base", "relationshipType": "hasDeclaredLicense", "to": ["https://spdx.org/licenses/MIT"]},
  {"type": "Relationship", "from": "urn:model", "relationshipType": "trainedOn", "to": ["urn:set"]},
  {"type": "Relationship", "from": "urn:model", "relationshipType": "testedOn", "to": ["urn:test"]},
  {"type": "Relationship", "from": "urn:base", "relationshipType": "trainedOn", "to": ["urn:test"]},
  {"type": "Relationship", "from": "urn:model", "relationshipType": "descendantOf", "to": ["urn:base", "urn:model", "urn:missing"]},
  {"type": "Relationship", "from": "urn:teacher", "relationshipType": "ancestorOf", "to": "urn:model"}
]}`

func TestParse_SPDX3(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		"model Harbour-8B at $.@graph[2].name",
		"energy 112",
		`licence Apache-2.0 OR MIT, name "", link "" at $.@graph[9]`,
		`base meta-llama/Llama-3.1-8B, -, revision "3.1", licence MIT, digest true at $.@graph[15]`,
		`base org/teacher, -, revision "", licence -, digest false at $.@graph[16]`,
		"data harbour-labs/port-questions, name -, trained true, licence -, personal -, sensitive false, digest false, aliases https://huggingface.co/datasets/harbour-labs/port-questions; ports, problems  at $.@graph[5]",
		"data tests, name -, trained false, licence -, personal true, sensitive true, digest false, aliases , problems  at $.@graph[6]",
		"count 8030000000 within 0.001, active false at $.@graph[2].ai_hyperparameter[0]",
	}, said(parse(t, spdx3)))
	b := parse(t, strings.Replace(spdx3, `"rootElement": ["urn:model"]`, `"rootElement": []`, 1))
	require.Equal(t, "the bill of materials holds 3 models and does not say which of them this one is", b.Note)
	require.Empty(t, b.Licenses)
	one := parse(t, `{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","type":"ai_AIPackage","spdxId":"urn:m","name":"m"}`)
	require.Equal(t, []string{"model m at $.name"}, said(one))
}

const spdx2 = `{"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "packages": [
  {"SPDXID": "SPDXRef-m", "name": "Harbour-8B", "licenseDeclared": "LicenseRef-1", "licenseConcluded": "NOASSERTION",
   "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:huggingface/harbour-labs/Harbour-8B"}]},
  {"SPDXID": "SPDXRef-b", "name": "base", "downloadLocation": "https://huggingface.co/meta-llama/Llama-3.1-8B", "licenseDeclared": "MIT", "versionInfo": "x",
   "checksums": [{"algorithm": "SHA256", "checksumValue": "` + sum + `"}]},
  {"SPDXID": "SPDXRef-t", "name": "numpy", "licenseDeclared": "BSD-3-Clause"}],
 "hasExtractedLicensingInfos": [{"licenseId": "LicenseRef-1", "name": "Harbour Licence", "seeAlsos": ["https://example.org/l"]}],
 "relationships": [
  {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-m"},
  {"spdxElementId": "SPDXRef-m", "relationshipType": "DESCENDANT_OF", "relatedSpdxElement": "SPDXRef-b"},
  {"spdxElementId": "SPDXRef-m", "relationshipType": "DEPENDS_ON", "relatedSpdxElement": "SPDXRef-t"},
  {"spdxElementId": "SPDXRef-m", "relationshipType": "DESCENDANT_OF", "relatedSpdxElement": "SPDXRef-m"}]}`

func TestParse_SPDX2(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		"model Harbour-8B at $.packages[0].name",
		`licence LicenseRef-1, name "Harbour Licence", link "https://example.org/l" at $.packages[0].licenseDeclared`,
		`base meta-llama/Llama-3.1-8B, -, revision "x", licence MIT, digest true at $.relationships[1]`,
	}, said(parse(t, spdx2)))
	for name, text := range map[string]string{
		"a_program":  strings.Replace(spdx2, "pkg:huggingface/harbour-labs/Harbour-8B", "pkg:pypi/harbour", 1),
		"a_data_set": strings.Replace(spdx2, "pkg:huggingface/", "pkg:huggingface/datasets/", 1),
		"two_things": strings.Replace(spdx2, `"packages"`, `"documentDescribes": ["SPDXRef-t"], "packages"`, 1),
		"nothing":    `{"spdxVersion": "SPDX-2.3"}`,
	} {
		require.Equal(t, []string{"note the bill of materials does not say that it is about a model"}, said(parse(t, text)), name)
	}
}

func TestParse_Counts(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"8030261248": "8030261248 0.000", "8,030,261,248": "8030261248 0.000", "8_030_261_248": "8030261248 0.000", "7B": "7000000000 0.071", "7.24 B": "7240000000 0.001",
		"7 billion parameters": "7000000000 0.071", "~1.5M params": "1500000 0.033", "7e9": "7000000000 0.071", "7000000000": "7000000000 0.071",
		"1000000000000000000": "1000000000000000000 0.500",
	} {
		b := parse(t, `{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"component":{"type":"machine-learning-model","properties":[{"name":"parameters","value":"`+value+`"}]}}}`)
		require.Len(t, b.Counts, 1, value)
		require.Equal(t, want, fmt.Sprintf("%d %.3f", b.Counts[0].Count, b.Counts[0].Within), value)
	}
	for _, value := range []string{"", "0", "-7B", "9999", "1e19", "9e99", "NaN", "Inf", "7 GB", "13GB", "7B-13B", "7x8B", strings.Repeat("9", 400), "0x7B", "1,00,000"} {
		b := parse(t, `{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"component":{"type":"machine-learning-model","properties":[{"name":"parameters","value":"`+value+`"}]}}}`)
		require.Empty(t, b.Counts, value)
	}
}

// run puts the reader and those who use what it finds over files.
func run(t *testing.T, files inspecttest.Files) pipeline.Report {
	t.Helper()
	return inspecttest.Run{Readers: []pipeline.Reader{bom.Reader{}}, Derivers: []pipeline.Deriver{modelcard.New(), dataset.New(), lineage.New()}}.Inspect(t, files)
}

func TestReader_SetsWhatIsDeclared(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"bom.json", "deep/harbour.cdx.json", "SBOM-model.json", "x.bom.json", "anything.json", "README"} {
		r := run(t, inspecttest.Files{path: cyclone})
		require.Equal(t, []string{"bom ok"}, inspecttest.Inspections(r, path)[:1], path)
		require.Equal(t, "Harbour-8B", *r.Facts.Model.Name, path)
		require.Equal(t, pipeline.BasisDeclared, inspecttest.Known(t, r, "model.name").Basis)
		require.InDelta(t, 412, *r.Facts.Training.EnergyKWh, 0)
		require.Len(t, r.Facts.Card.Counts, 3)
		require.Equal(t, "meta-llama/Llama-3.1-8B", *r.Facts.Bases[0].ID)
		require.Equal(t, "finetune", *r.Facts.Bases[0].Relation)
		require.Equal(t, "bom", r.Facts.Lineage.Bases[0].Kind)
		require.Len(t, r.Facts.Datasets, 4, "a set that is described only is no set of this model")
		require.Equal(t, pipeline.BasisDeclared, inspecttest.Known(t, r, "datasets[0].id").Basis)
		require.Len(t, r.Facts.DataRecords.Problems, 2)
		require.Equal(t, pipeline.RoleText, r.Artifact.Objects[0].Role)
	}
}

func TestReader_DeclaresNothingOverOthers(t *testing.T) {
	t.Parallel()
	other := strings.NewReplacer(`"name": "Harbour-8B"`, `"name": "Other"`, "400.5", "500.5").Replace(cyclone)
	r := run(t, inspecttest.Files{"a.cdx.json": cyclone, "b.cdx.json": other})
	inspecttest.Unknown(t, r, "model.name")
	inspecttest.Unknown(t, r, "training.energy_kwh")
	name, energy := "Submitted", 7.0
	r = inspecttest.Run{Readers: []pipeline.Reader{bom.Reader{}}, Submission: &pipeline.Submission{Model: pipeline.Model{Name: &name}, Training: pipeline.Training{EnergyKWh: &energy}}}.
		Inspect(t, inspecttest.Files{"a.cdx.json": cyclone})
	require.Equal(t, "Submitted", *r.Facts.Model.Name)
	require.InDelta(t, 7, *r.Facts.Training.EnergyKWh, 0)
}

// TestReader_Hostile holds that no bill does harm, and that one that was not read is told.
func TestReader_Hostile(t *testing.T) {
	t.Parallel()
	const head = `{"bomFormat":"CycloneDX","specVersion":"1.6",`
	for name, tc := range map[string]struct{ text, note string }{
		"nested":        {head + `"components":` + strings.Repeat(`[{"components":`, 100_000) + "[]" + strings.Repeat("}]", 100_000) + "}", "the bill of materials is nested deeper than 64 levels"},
		"never_closed":  {head + `"components":` + strings.Repeat("[", 60), "the bill of materials is no JSON object"},
		"a_million":     {head + `"components":[` + strings.Repeat("{},", 999_999) + "{}]}", "the bill of materials holds more than 400,000 values"},
		"too_large":     {head + `"x":"` + strings.Repeat("x", bom.MaxDocument) + `"}`, "the bill of materials has 4,194,356 bytes; at most 4,194,304 are read"},
		"cut_off":       {cyclone[:len(cyclone)/2], "the bill of materials is no JSON object"},
		"more_behind":   {cyclone + "{}", "the bill of materials is no JSON object"},
		"unknown":       {`{"bomFormat":"Cyclone","components":[]}`, "the file is named like a bill of materials and is none that is known"},
		"number_format": {`{"bomFormat":1e999999,"specVersion":{}}`, "the file is named like a bill of materials and is none that is known"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, inspecttest.Files{"bom.json": tc.text})
			require.Contains(t, inspecttest.Inspections(r, "bom.json"), "bom ok: "+tc.note)
			require.Empty(t, r.Facts.Bases)
			if !strings.Contains(tc.note, "none that is known") {
				require.Equal(t, []string{"bom.json: " + tc.note + "."}, r.Facts.DataRecords.Problems)
			}
		})
	}
	r := run(t, inspecttest.Files{"bom.json": "[1]", "sbom.json": "", "sbom.cdx.json": "\x00\x01"})
	require.Empty(t, r.Facts.DataRecords.Problems, "what is no JSON object is no bill")
}

// TestParse_References holds that references in circles, to themselves, given twice or of
// other types end.
func TestParse_References(t *testing.T) {
	t.Parallel()
	b := parse(t, `{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"component":{"type":"machine-learning-model","bom-ref":"a","name":"m",
		"modelCard":{"modelParameters":{"datasets":[{"ref":"a"},{"ref":"d"},{"ref":"d"},{"ref":7},{"ref":["d"]},null,"d"]}},
		"pedigree":{"ancestors":{"type":"machine-learning-model","bom-ref":"a","name":"o/m"}}}},
		"components":[{"type":"data","bom-ref":"d","name":"d","data":[{"bom-ref":"d","type":"dataset"},7]},{"type":"data","bom-ref":"d","name":"e"}],
		"dependencies":[{"ref":"a","dependsOn":["a","d"]},{"ref":"d","dependsOn":["a"]},{"ref":"a","dependsOn":"d"}]}`)
	require.Len(t, b.Bases, 1)
	require.Len(t, b.Datasets, 4)
	require.True(t, b.Datasets[0].Trained)
	require.False(t, b.Datasets[1].Trained, "the first of a reference that is given twice counts")
	b = parse(t, `{"@context":"https://spdx.org/rdf/3.0.1/c","@graph":[{"type":"ai_AIPackage","spdxId":"a","ai_energyConsumption":"a"},
		{"type":"Relationship","spdxId":"r","from":"r","relationshipType":"descendantOf","to":["r","a"]},
		{"type":"Relationship","from":"a","relationshipType":"descendantOf","to":["a","a",null,{"spdxId":"a"},{"to":{}}]},
		{"type":"Relationship","from":"a","relationshipType":"hasDeclaredLicense","to":["a","r",{}]}]}`)
	require.Empty(t, b.Bases)
	require.Empty(t, b.Licenses)
}

// TestParse_ManyOfAll holds that a bill that is full of one thing is read in time that grows
// with its length, and that only so much is taken of it.
func TestParse_ManyOfAll(t *testing.T) {
	t.Parallel()
	many := func(item string, n int) string { return strings.TrimSuffix(strings.Repeat(item+",", n), ",") }
	b := parse(t, `{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"component":{"type":"machine-learning-model","name":"m","licenses":[`+many(`{"expression":"a"}`, 9_000)+
		`],"pedigree":{"ancestors":[`+many(`{"name":"b"}`, 9_000)+`]},"properties":[`+many(`{"name":"params","value":"7B"}`, 9_000)+
		`],"modelCard":{"modelParameters":{"datasets":[`+many(`{"name":"d"}`, 9_000)+`]}}}}}`)
	require.Len(t, b.Licenses, 1_000)
	require.Len(t, b.Bases, 1_000)
	const told = "the bill of materials makes more than 1,000 statements of one kind; 32,000 were not taken"
	require.Equal(t, told, b.Note)
	require.Len(t, b.Datasets, 1_001, "a thousand sets, and the problem")
	require.Equal(t, []string{told}, b.Datasets[1_000].Problems)
	require.Len(t, b.Counts, 1_000)
	b = parse(t, `{"@context":"https://spdx.org/rdf/3.0.1/c","@graph":[{"type":"ai_AIPackage","spdxId":"a"},{"spdxId":"b","name":"b","verifiedUsing":[`+many("{}", 50_000)+`],"externalIdentifier":[`+many("{}", 50_000)+`]},`+
		many(`{"type":"Relationship","from":"a","relationshipType":"descendantOf","to":["b"]}`, 30_000)+`]}`)
	require.Len(t, b.Bases, 1_000)
	require.Contains(t, b.Note, "29,000 were not taken")
}

// TestParse_ManyHideNothing holds that a set that the model was trained on is taken, however
// many others, or references that lead nowhere, stand before it.
func TestParse_ManyHideNothing(t *testing.T) {
	t.Parallel()
	list := func(item string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, item+",", i)
		}
		return b.String()
	}
	for name, text := range map[string]string{
		"cyclonedx": `{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"component":{"type":"machine-learning-model","name":"m","modelCard":{"modelParameters":{"datasets":[` +
			list(`{"ref":"gone-%d"}`, 1_500) + `{"ref":"real"}]}}}},"components":[` + list(`{"type":"data","bom-ref":"d%[1]d","name":"d%[1]d"}`, 1_500) +
			`{"type":"data","bom-ref":"real","name":"real","licenses":[{"license":{"id":"CC-BY-NC-4.0"}}]}]}`,
		"spdx": `{"@context":"https://spdx.org/rdf/3.0.1/c","@graph":[{"type":"ai_AIPackage","spdxId":"urn:m","name":"m"},` +
			list(`{"type":"dataset_DatasetPackage","spdxId":"urn:d%[1]d","name":"d%[1]d"}`, 1_500) + `{"type":"dataset_DatasetPackage","spdxId":"urn:real","name":"real"},
			{"type":"Relationship","from":"urn:m","relationshipType":"trainedOn","to":["urn:real"]},
			{"type":"Relationship","from":"urn:real","relationshipType":"hasDeclaredLicense","to":["https://spdx.org/licenses/CC-BY-NC-4.0"]}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := parse(t, text)
			var trained []pipeline.DatasetRecord
			for _, r := range b.Datasets {
				if r.Trained {
					trained = append(trained, r)
				}
			}
			require.Len(t, trained, 1)
			require.Equal(t, "real", *trained[0].Dataset.ID)
			require.Equal(t, "CC-BY-NC-4.0", *trained[0].Dataset.License)
			require.Len(t, b.Datasets, 1_001)
			require.Contains(t, b.Datasets[1_000].Problems[0], "were not taken")
			require.Equal(t, b.Note, b.Datasets[1_000].Problems[0])
		})
	}
}

// TestParse_SPDX3PlainLicence holds what is taken for a licence where the id of an element belongs.
func TestParse_SPDX3PlainLicence(t *testing.T) {
	t.Parallel()
	for to, want := range map[string]string{
		"CC-BY-NC-4.0": "CC-BY-NC-4.0", "MIT OR (Apache-2.0 WITH LLVM-exception)": "MIT OR (Apache-2.0 WITH LLVM-exception)", "GPL-2.0+": "GPL-2.0+",
		"https://spdx.org/licenses/MIT": "MIT", "NOASSERTION": "", "NONE": "", "expandedlicensing_NoAssertionLicense": "", "SPDXRef-7": "", "_:b0": "", "urn:gone": "",
		"https://example.org/gone": "", "": "", "<b>": "",
	} {
		b := parse(t, `{"@context":"https://spdx.org/rdf/3.0.0/c","@graph":[{"type":"ai_AIPackage","spdxId":"urn:m","name":"m"},
			{"type":"Relationship","from":"urn:m","relationshipType":"hasDeclaredLicense","to":`+fmt.Sprintf("%q", to)+`}]}`)
		if want == "" {
			require.Empty(t, b.Licenses, to)
			continue
		}
		require.Len(t, b.Licenses, 1, to)
		require.Equal(t, want, b.Licenses[0].Declared)
	}
}

func TestParse_Texts(t *testing.T) {
	t.Parallel()
	evil := "a\x1b[2J\u202e\u2066evil\r\n\u0000" + strings.Repeat("x", 5_000)
	quoted, err := json.Marshal(evil)
	require.NoError(t, err)
	for _, text := range []string{cyclone, spdx3, spdx2} {
		for _, word := range []string{`"Harbour-8B"`, `"MIT"`, `"port-questions"`, `"ports"`, `"nowhere"`, `"mistralai"`, `"Inline"`, `"Llama"`, `"main"`, `"org/teacher"`, `"public"`} {
			text = strings.ReplaceAll(text, word, string(quoted))
		}
		for _, line := range said(parse(t, text)) {
			require.Less(t, len(line), 3_000)
			require.Negative(t, strings.IndexFunc(line, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }), line)
		}
	}
	require.NotEmpty(t, said(parse(t, "\ufeff"+cyclone)), "a byte-order mark")
}

// TestRoundTrip holds that what the report writes as a bill is read back.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	word := func(s string) *string { return &s }
	n, yes, no := int64(8_030_261_248), true, false
	digest := word("sha256:" + sum)
	r := &pipeline.Report{AsOf: "2026-11-25", Facts: pipeline.Facts{
		Params:  pipeline.Params{Lower: new(int64), Estimate: &n, Active: &n},
		Model:   pipeline.Model{ID: word("harbour-labs/Harbour-8B")},
		License: pipeline.License{Declared: word("llama3.1"), Link: word("https://example.org/licence")},
		Bases: []pipeline.Base{
			{ID: word("meta-llama/Llama-3.1-8B"), Relation: word("finetune"), License: word("llama3.1"), Digest: digest, Access: word("gated")},
			{ID: word("https://huggingface.co/mistralai/Mistral-7B-v0.1"), Relation: word("merge")},
		},
		Lineage: pipeline.Lineage{
			Bases: []pipeline.BaseSource{{ID: "meta-llama/Llama-3.1-8B", Revision: "main"}},
			Chain: []pipeline.Ancestor{{ID: "further/up", Of: "meta-llama/Llama-3.1-8B", Depth: 2}},
		},
		Datasets: []pipeline.Dataset{
			{ID: word("harbour-labs/port-questions"), Name: word("Port Questions"), License: word("CC-BY-4.0"), OriginCountry: word("DE"), Collection: word("licensed"), Modality: word("text"),
				Records: &n, Personal: &yes, Sensitive: &yes, Categories: []string{"health", "location"}, Consent: word("ticket 7"), Live: &no,
				ProcessingIncluded: []string{"DE", "FR"}, ProcessingExcluded: []string{}, StorageAllowed: []string{"DE"}, StorageForbidden: []string{"RU"}, Digest: digest},
			{ID: word("Logs"), Personal: &no, Sensitive: &no},
		},
	}}
	var b bytes.Buffer
	require.NoError(t, report.CycloneDX(&b, r))
	bill := parse(t, b.String())
	require.Empty(t, bill.Note)
	require.Equal(t, "Harbour-8B", bill.Model.Value)
	require.Len(t, bill.Licenses, 1)
	require.Equal(t, "llama3.1", bill.Licenses[0].Declared)
	require.Equal(t, "https://example.org/licence", bill.Licenses[0].Link)
	var bases []pipeline.Base
	for _, one := range bill.Bases {
		bases = append(bases, one.Base)
	}
	require.Equal(t, r.Facts.Bases, bases)
	require.Equal(t, "main", bill.Bases[0].Revision)
	var sets []pipeline.Dataset
	for _, one := range bill.Datasets {
		require.True(t, one.Trained)
		sets = append(sets, one.Dataset)
	}
	require.Equal(t, r.Facts.Datasets, sets)
	require.Equal(t, []int64{n, n}, []int64{bill.Counts[0].Count, bill.Counts[1].Count})
	require.Equal(t, []bool{false, true}, []bool{bill.Counts[0].Active, bill.Counts[1].Active})

	// The name of a folder goes out, since a bill must name its model, and does not come back.
	b.Reset()
	require.NoError(t, report.CycloneDX(&b, &pipeline.Report{Artifact: pipeline.Artifact{Source: "/data/incoming-17"}}))
	require.Contains(t, b.String(), `"name": "incoming-17"`)
	require.Empty(t, parse(t, b.String()).Model.Value)
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{cyclone, spdx3, spdx2, "", "{}", "null", `{"bomFormat":"CycloneDX","components":[[[]]]}`, `{"@context":["spdx.org/rdf/3"],"@graph":{}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := bom.Parse("bom.json", text)
		if err != nil {
			require.Condition(t, func() bool {
				return slices.Contains([]pipeline.Code{pipeline.CodeMalformed, pipeline.CodeOverLimit}, pipeline.ErrorCode(err))
			})
			return
		}
		for _, c := range b.Counts {
			require.Positive(t, c.Count)
			require.GreaterOrEqual(t, c.Within, 0.0)
		}
		require.GreaterOrEqual(t, b.EnergyKWh.Value, 0.0)
		for _, d := range b.Datasets {
			require.True(t, d.Dataset.ID != nil || d.Dataset.Name != nil || len(d.Problems) > 0)
		}
		for _, line := range said(b) {
			require.Negative(t, strings.IndexFunc(line, unicode.IsControl))
		}
	})
}
