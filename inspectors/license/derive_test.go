package license_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/inspectors/inspecttest"
	"weighbridge/inspectors/license"
	"weighbridge/pipeline"
)

// stub hands over records and tables, as other readers do.
type stub struct {
	licenses []pipeline.LicenseRecord
	cards    []pipeline.Card
	tables   []*pipeline.Table
}

func (stub) Name() string                                { return "stub" }
func (s stub) Open([]pipeline.Object) pipeline.ReaderRun { return s }
func (stub) First(pipeline.Object, pipeline.Stage) (int64, bool) {
	return 0, false
}
func (stub) Sniff(pipeline.Object, []byte) bool { return false }
func (stub) Read(context.Context, pipeline.File) (pipeline.ReadResult, error) {
	return pipeline.ReadResult{}, nil
}
func (s stub) Finish(readings *pipeline.Readings, _ *pipeline.FactSet) {
	readings.Licenses = append(readings.Licenses, s.licenses...)
	readings.Cards = append(readings.Cards, s.cards...)
	readings.Tables = append(readings.Tables, s.tables...)
}

func card(declared, name, link string) pipeline.LicenseRecord {
	return pipeline.LicenseRecord{At: pipeline.Evidence{Object: "README.md", Where: "$.license"}, Kind: pipeline.RecordCard, Declared: declared, Name: name, Link: link}
}

func header(object string, metadata map[string]string) *pipeline.Table {
	return &pipeline.Table{Object: object, Metadata: metadata}
}

func inspect(t *testing.T, s stub, sub *pipeline.Submission, files inspecttest.Files) pipeline.Report {
	t.Helper()
	run := inspecttest.Run{Readers: []pipeline.Reader{s, license.Reader{}}, Derivers: []pipeline.Deriver{license.New()}, Submission: sub}
	r := run.Inspect(t, files)
	for _, i := range r.Inspections {
		require.Contains(t, []pipeline.InspectionStatus{pipeline.InspectionOK, pipeline.InspectionSkipped}, i.Status, "%s %s: %s", i.Inspector, i.Object, i.Reason)
	}
	return r
}

func TestDerive(t *testing.T) {
	t.Parallel()
	llama := "LicenseRef-scancode-llama-3.1-license-2024"
	for name, tc := range map[string]struct {
		stub       stub
		files      inspecttest.Files
		expression string
		declared   string   // "" for unknown
		disagree   []string // a part of each
		problems   []string
	}{
		"nothing":                    {expression: "NOASSERTION", files: inspecttest.Files{"a.txt": "x"}},
		"a card":                     {stub: stub{licenses: []pipeline.LicenseRecord{card("apache-2.0", "", "")}}, expression: "Apache-2.0", declared: "apache-2.0"},
		"a card, SPDX list":          {stub: stub{licenses: []pipeline.LicenseRecord{card("busl-1.1", "", "")}}, expression: "BUSL-1.1", declared: "BUSL-1.1"},
		"an expression":              {stub: stub{licenses: []pipeline.LicenseRecord{card("mit OR apache-2.0", "", "")}}, expression: "MIT OR Apache-2.0", declared: "mit OR apache-2.0"},
		"a card and its text":        {stub: stub{licenses: []pipeline.LicenseRecord{card("mit", "", "")}}, files: inspecttest.Files{"LICENSE": mit}, expression: "MIT", declared: "mit"},
		"one of two to choose":       {stub: stub{licenses: []pipeline.LicenseRecord{card("mit OR apache-2.0", "", "")}}, files: inspecttest.Files{"LICENSE-MIT": mit, "LICENSE-APACHE": apache(t)}, expression: "MIT OR Apache-2.0", declared: "mit OR apache-2.0"},
		"two texts":                  {files: inspecttest.Files{"LICENSE-MIT": mit, "LICENSE-APACHE": apache(t)}, expression: "Apache-2.0 AND MIT", declared: "Apache-2.0 AND MIT", disagree: []string{"LICENSE-APACHE is the text of Apache-2.0, and LICENSE-MIT is the text of MIT"}},
		"a text alone":               {files: inspecttest.Files{"LICENCE.txt": mit}, expression: "MIT", declared: "MIT"},
		"a notice in a licence file": {files: inspecttest.Files{"LICENSE": llamaNotice}, expression: llama, declared: llama},
		"card against text": {stub: stub{licenses: []pipeline.LicenseRecord{card("apache-2.0", "", "")}}, files: inspecttest.Files{"LICENSE": mit},
			expression: "Apache-2.0 AND MIT", declared: "apache-2.0", disagree: []string{`README.md says "apache-2.0", which is Apache-2.0, and LICENSE is the text of MIT: these are different licences of the same model.`}},
		"card against header": {stub: stub{licenses: []pipeline.LicenseRecord{card("mit", "", "")}, tables: []*pipeline.Table{header("a.gguf", map[string]string{"general.license": "cc-by-nc-4.0"})}},
			expression: "MIT AND CC-BY-NC-4.0", declared: "mit", disagree: []string{`README.md says "mit", which is MIT, and a.gguf says "cc-by-nc-4.0"`}},
		"many headers": {stub: stub{tables: []*pipeline.Table{header("1.safetensors", map[string]string{"license": "gpl"}), header("2.safetensors", map[string]string{"license": "gpl"})}},
			expression: "NOASSERTION", declared: "gpl", problems: []string{`1.safetensors (and 1 more) says "gpl", which names a family of licences and leaves open which version of the GNU GPL.`}},
		"header of a ModelSpec": {stub: stub{tables: []*pipeline.Table{header("1.safetensors", map[string]string{"modelspec.license": "CreativeML-OpenRAIL-M"})}},
			expression: "LicenseRef-creativeml-openrail-m", declared: "CreativeML-OpenRAIL-M"},
		"header with a name": {stub: stub{tables: []*pipeline.Table{header("a.gguf", map[string]string{"general.license": "other", "general.license.name": "qwen-research"})}},
			expression: "LicenseRef-qwen-research", declared: "other"},
		"a text within a header": {stub: stub{tables: []*pipeline.Table{header("a.safetensors", map[string]string{"license": mit})}}, expression: "MIT", declared: "MIT"},
		"other, known name":      {stub: stub{licenses: []pipeline.LicenseRecord{card("other", "deepseek", "LICENSE")}}, expression: "LicenseRef-scancode-deepseek-la-1.0", declared: "other"},
		"other, nothing": {stub: stub{licenses: []pipeline.LicenseRecord{card("other", "", "")}}, expression: "NOASSERTION", declared: "other",
			problems: []string{`README.md says "other", and neither a name, a link nor a text says which licence that is.`}},
		"other, name not known": {stub: stub{licenses: []pipeline.LicenseRecord{card("other", "acme-1", "https://example.org/l")}}, expression: "NOASSERTION", declared: "other",
			problems: []string{`README.md calls the licence "acme-1", which is not known here, and its text does not lie with the model.`}},
		"other, a link only": {stub: stub{licenses: []pipeline.LicenseRecord{card("other", "", "https://example.org/l")}}, expression: "NOASSERTION", declared: "other",
			problems: []string{`README.md only links to the licence, at "https://example.org/l"; no link is followed`}},
		"other, a link that is known": {stub: stub{licenses: []pipeline.LicenseRecord{card("other", "", "https://ai.google.dev/gemma/terms")}},
			expression: "LicenseRef-scancode-gemma-tou-2025-03-24", declared: "LicenseRef-scancode-gemma-tou-2025-03-24"},
		"other, a link to a file": {stub: stub{licenses: []pipeline.LicenseRecord{card("other", "llama-like", "./docs/LICENSE.md")}}, files: inspecttest.Files{"docs/LICENSE.md": llamaNotice},
			expression: llama, declared: llama},
		"other, a text": {stub: stub{licenses: []pipeline.LicenseRecord{card("other", "", "")}}, files: inspecttest.Files{"LICENSE": llamaNotice}, expression: llama, declared: llama},
		"other, a text that nobody knows": {stub: stub{licenses: []pipeline.LicenseRecord{card("other", "", "")}}, files: inspecttest.Files{"LICENSE": text(prose(1, 300))},
			expression: "NOASSERTION", declared: "other", problems: []string{"LICENSE is no licence text that is known."}},
		"family": {stub: stub{licenses: []pipeline.LicenseRecord{card("openrail", "", "")}}, expression: "NOASSERTION", declared: "openrail", problems: []string{"leaves open which of the RAIL licences"}},
		"family, and a text": {stub: stub{licenses: []pipeline.LicenseRecord{card("bsd", "", "")}}, files: inspecttest.Files{"LICENSE": mit}, expression: "MIT", declared: "MIT",
			problems: []string{"how many clauses"}},
		"boost":        {stub: stub{licenses: []pipeline.LicenseRecord{card("bsl-1.0", "", "")}}, expression: "BSL-1.0", declared: "bsl-1.0", problems: []string{"the Business Source License, often meant by these letters, is BUSL-1.1"}},
		"no such":      {stub: stub{licenses: []pipeline.LicenseRecord{card("homemade", "", "")}}, expression: "NOASSERTION", declared: "homemade", problems: []string{`says "homemade", which names no licence that is known`}},
		"goes beyond":  {files: inspecttest.Files{"LICENSE": mit + text(prose(1, 60))}, expression: "MIT", declared: "MIT", problems: []string{"LICENSE goes on beyond the licence MIT: 60 of its"}},
		"empty":        {files: inspecttest.Files{"LICENSE": ""}, expression: "NOASSERTION", problems: []string{"LICENSE holds no words."}},
		"no text":      {files: inspecttest.Files{"LICENSE.pdf": "%PDF-1.7 \x00\x01 stream"}, expression: "NOASSERTION", problems: []string{"LICENSE.pdf is no licence text that is known."}},
		"code apart":   {stub: stub{licenses: []pipeline.LicenseRecord{card("cc-by-nc-4.0", "", "")}}, files: inspecttest.Files{"LICENSE-CODE": mit, "package.json": `{"license": "MIT"}`}, expression: "CC-BY-NC-4.0", declared: "cc-by-nc-4.0"},
		"code differs": {files: inspecttest.Files{"LICENSE-CODE": mit, "package.json": `{"license": "ISC"}`}, expression: "NOASSERTION", disagree: []string{`package.json says "ISC", and LICENSE-CODE is the text of MIT: these are different licences of the same code.`}},
		"a part":       {stub: stub{licenses: []pipeline.LicenseRecord{card("cc-by-nc-4.0", "", "")}}, files: inspecttest.Files{"vae/LICENSE": mit}, expression: "CC-BY-NC-4.0", declared: "cc-by-nc-4.0"},
		"gpl, either":  {stub: stub{licenses: []pipeline.LicenseRecord{card("gpl-3.0+", "", "")}}, files: inspecttest.Files{"COPYING": "This program is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License as published by the Free Software Foundation, version 3 of the License."}, expression: "GPL-3.0-or-later", declared: "gpl-3.0+"},
		"hidden marks": {stub: stub{licenses: []pipeline.LicenseRecord{card("m\u202eit\x07", "", "")}}, expression: "NOASSERTION", declared: "m\u202eit\x07", problems: []string{`"m\u202eit\a"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := inspect(t, tc.stub, nil, tc.files)
			found := r.Facts.LicenseFound
			require.Equal(t, tc.expression, *found.Expression)
			if tc.declared == "" {
				inspecttest.Unknown(t, r, "license.declared")
			} else {
				require.Equal(t, tc.declared, *r.Facts.License.Declared)
				require.Equal(t, pipeline.BasisParsed, inspecttest.Known(t, r, "license.declared").Basis)
			}
			require.Len(t, found.Disagreements, len(tc.disagree), "%q", found.Disagreements)
			for i, part := range tc.disagree {
				require.Contains(t, found.Disagreements[i], part)
			}
			require.Len(t, found.Problems, len(tc.problems), "%q", found.Problems)
			for i, part := range tc.problems {
				require.Contains(t, found.Problems[i], part)
			}
			for _, name := range []string{"license_found.sources", "license_found.texts", "license_found.notices", "license_found.use_policies", "model.notice_file"} {
				inspecttest.Known(t, r, name)
			}
			for _, sentence := range append(found.Disagreements, found.Problems...) {
				require.NotContains(t, sentence, "\u202e")
			}
		})
	}
}

func TestDerive_KeepsEveryPlace(t *testing.T) {
	t.Parallel()
	s := stub{licenses: []pipeline.LicenseRecord{card("other", "acme", "LICENSE")}, tables: []*pipeline.Table{
		header("a.safetensors", map[string]string{"license": "mit"}), header("b.safetensors", map[string]string{"license": "mit"})}}
	r := inspect(t, s, nil, inspecttest.Files{"LICENSE": mit, "NOTICE": llamaNotice, "USE_POLICY.md": "Be kind.", "pyproject.toml": "[project]\nlicense = \"ISC\"\n"})
	require.Equal(t, []pipeline.LicenseSource{
		{Object: "README.md", Where: "$.license", Kind: "card", Declared: "other (acme)", Expression: "MIT", Covers: "model"},
		{Object: "a.safetensors", Where: "license", Kind: "header", Declared: "mit", Expression: "MIT", Covers: "model"},
		{Object: "b.safetensors", Where: "license", Kind: "header", Declared: "mit", Expression: "MIT", Covers: "model"},
		{Object: "pyproject.toml", Where: "project.license", Kind: "manifest", Declared: "ISC", Expression: "ISC", Covers: "code"},
		{Object: "LICENSE", Kind: "text", Expression: "MIT", Covers: "model", Share: r.Facts.LicenseFound.Sources[4].Share},
		{Object: "NOTICE", Kind: "text", Expression: "LicenseRef-scancode-llama-3.1-license-2024", Covers: "notice", Share: r.Facts.LicenseFound.Sources[5].Share},
		{Object: "USE_POLICY.md", Kind: "text", Covers: "use"},
	}, r.Facts.LicenseFound.Sources)
	require.InDelta(t, 0.99, r.Facts.LicenseFound.Sources[4].Share, 0.01)
	require.Empty(t, r.Facts.LicenseFound.Problems)
	require.Empty(t, r.Facts.LicenseFound.Disagreements)
	require.Equal(t, int64(1), *r.Facts.LicenseFound.Texts)
	require.Equal(t, int64(1), *r.Facts.LicenseFound.Notices)
	require.Equal(t, int64(1), *r.Facts.LicenseFound.UsePolicies)
	require.True(t, *r.Facts.Model.NoticeFile)
	require.Equal(t, "MIT", *r.Facts.License.Declared, "the word other says nothing, its text does")
	require.Equal(t, "acme", *r.Facts.License.Name)
	for _, name := range []string{"LICENSE", "NOTICE", "USE_POLICY.md", "pyproject.toml"} {
		require.Contains(t, inspecttest.Inspections(r, name), "license ok")
	}
}

func TestDerive_ASubmission(t *testing.T) {
	t.Parallel()
	declared := func(license, name string) *pipeline.Submission {
		sub := &pipeline.Submission{License: pipeline.License{Declared: &license}}
		if name != "" {
			sub.License.Name = &name
		}
		return sub
	}
	s := stub{licenses: []pipeline.LicenseRecord{card("llama3.1", "", "")}}

	r := inspect(t, s, declared("apache-2.0", ""), nil)
	require.Equal(t, "llama3.1", *r.Facts.License.Declared)
	require.Len(t, r.Facts.Submission.Contradictions, 1)
	require.Contains(t, r.Facts.Submission.Contradictions[0], `license.declared: the submission states "apache-2.0", and "llama3.1" was found (parsed).`)

	r = inspect(t, s, declared("LicenseRef-scancode-llama-3.1-license-2024", ""), nil)
	require.Equal(t, "LicenseRef-scancode-llama-3.1-license-2024", *r.Facts.License.Declared, "the same in other words")
	require.Empty(t, r.Facts.Submission.Contradictions)
	entry := inspecttest.Known(t, r, "license.declared")
	require.Equal(t, pipeline.BasisParsed, entry.Basis)
	require.Equal(t, []pipeline.Evidence{{Object: "README.md", Where: "$.license"}, {Object: "submission.yaml", Where: "$.license.declared"}}, entry.Evidence)

	r = inspect(t, s, declared("other", "llama3.1"), nil)
	require.Equal(t, "other", *r.Facts.License.Declared)
	require.Equal(t, "llama3.1", *r.Facts.License.Name)
	require.Empty(t, r.Facts.Submission.Contradictions)

	r = inspect(t, s, declared("other", "acme"), nil)
	require.Equal(t, "llama3.1", *r.Facts.License.Declared)
	inspecttest.Unknown(t, r, "license.name")

	r = inspect(t, stub{}, declared("mit", ""), nil)
	require.Equal(t, "mit", *r.Facts.License.Declared)
	require.Equal(t, pipeline.BasisDeclared, inspecttest.Known(t, r, "license.declared").Basis)
}

func TestDerive_Attributions(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body string
		want []string
	}{
		"none":                              {"A model.", []string{}},
		"llama":                             {"# Acme\n\n**Built  with\nLlama**, of course.", []string{"Built with Llama"}},
		"llama 3":                           {"<b>built with meta llama 3</b>", []string{"Built with Meta Llama 3"}},
		"qwen":                              {"Improved using Qwen. Built with Qwen.", []string{"Built with Qwen", "Improved using Qwen"}},
		"other":                             {"Powered by Stability AI", []string{"Powered by Stability AI"}},
		"another":                           {"Not built with llamas.", []string{}},
		"a licence quotes what it asks for": {"You shall (A) provide a copy of this Agreement with any such Llama Materials; and (B) prominently display “Built with Llama” on a related website, user interface, blogpost, about page, or product documentation.", []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := inspect(t, stub{cards: []pipeline.Card{{Object: "README.md", Body: tc.body}, {Object: "data/README.md", Dataset: true, Body: "Built with Llama"}}}, nil, nil)
			require.ElementsMatch(t, tc.want, r.Facts.Model.Attributions)
			require.Equal(t, pipeline.BasisParsed, inspecttest.Known(t, r, "model.attributions").Basis)
		})
	}
	inspecttest.Unknown(t, inspect(t, stub{}, nil, nil), "model.attributions")
}

func TestDerive_Notices(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		files inspecttest.Files
		want  bool
	}{
		"none":        {inspecttest.Files{"LICENSE": mit}, false},
		"notice":      {inspecttest.Files{"Notice.txt": "Acme is licensed under something."}, true},
		"empty":       {inspecttest.Files{"NOTICE": " \n"}, false},
		"third party": {inspecttest.Files{"THIRD_PARTY_NOTICES.txt": mit}, false},
		"a program":   {inspecttest.Files{"notice.py": "print()"}, false},
	} {
		r := inspect(t, stub{}, nil, tc.files)
		require.Equal(t, tc.want, *r.Facts.Model.NoticeFile, name)
	}
}

func TestDerive_IsBounded(t *testing.T) {
	t.Parallel()
	var s stub
	for i := range 1500 {
		s.licenses = append(s.licenses, pipeline.LicenseRecord{At: pipeline.Evidence{Object: fmt.Sprintf("%04d/README.md", i)}, Kind: pipeline.RecordCard,
			Declared: fmt.Sprintf("LicenseRef-%d", i), Name: strings.Repeat("x", 10_000)})
	}
	s.licenses = append(s.licenses, card(strings.Repeat("mit OR ", 100_000)+"mit", "", ""))
	r := inspect(t, s, nil, nil)
	require.Len(t, r.Facts.LicenseFound.Sources, 1000)
	require.LessOrEqual(t, len(r.Facts.LicenseFound.Disagreements), 51)
	require.Contains(t, r.Facts.LicenseFound.Problems[0], "501 more places")
}

func TestReader_LongText(t *testing.T) {
	t.Parallel()
	r := inspect(t, stub{}, nil, inspecttest.Files{"LICENSE": mit + strings.Repeat("more words of another kind ", 100_000)})
	require.Contains(t, inspecttest.Inspections(r, "LICENSE"), "license ok: only the first 256 KiB were read")
	require.Contains(t, r.Facts.LicenseFound.Problems[0], "goes on beyond the licence MIT")
}
