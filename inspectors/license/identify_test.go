package license_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/inspectors/license"
	"weighbridge/pipeline"
	"weighbridge/pipeline/licence"
)

// prose writes words that no licence has, the same for the same seed.
func prose(seed uint64, n int) []string {
	r := rand.New(rand.NewPCG(seed, 7))
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("w%d", r.IntN(5000))
	}
	return out
}

func text(words []string) string { return strings.Join(words, " ") }

func indexOf(t *testing.T, texts map[string]string) *license.Index {
	t.Helper()
	var prints []license.Print
	for id, body := range texts {
		p, err := license.NewPrint(id, []byte(body), "https://example.org/", "2026-11-25")
		require.NoError(t, err)
		prints = append(prints, p)
	}
	return license.NewIndex(prints)
}

func TestIdentify_WhateverTheLayout(t *testing.T) {
	t.Parallel()
	words := prose(1, 400)
	index := indexOf(t, map[string]string{"LicenseRef-a": text(words), "LicenseRef-b": text(prose(2, 400))})
	lines := func(n int, begin, end string) string {
		var b strings.Builder
		for i := 0; i < len(words); i += n {
			b.WriteString(begin + text(words[i:min(i+n, len(words))]) + end)
		}
		return b.String()
	}
	holder := append(strings.Fields("Copyright (c) 1999-2031 Some Other Holder and their many friends\n"), words...)
	changed := append([]string{}, words...)
	changed[100], changed[200] = "2031", "acme"
	for name, body := range map[string]string{
		"as it is":      text(words),
		"reflowed":      lines(7, "", "\r\n"),
		"capitals":      strings.ToUpper(text(words)),
		"markdown":      lines(9, "> **", "**\n\n"),
		"comment":       lines(9, "# ", "\n"),
		"html":          lines(9, `<p class="x">`, "</p>&nbsp;<br/>\n"),
		"not seen":      strings.ReplaceAll(lines(9, "\u200b\u202e", "\u00ad\n"), "w1", "w\u200b1"),
		"a holder":      text(holder),
		"a year, names": text(changed),
		"mark of order": "\ufeff" + text(words),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := index.Identify([]byte(body))
			require.Equal(t, "LicenseRef-a", got.Expression)
			require.Zero(t, got.Beyond)
			require.Greater(t, got.Share, 0.9)
			require.False(t, got.Refers)
		})
	}
}

func TestIdentify_WhatGoesOnBeyond(t *testing.T) {
	t.Parallel()
	words := prose(1, 400)
	index := indexOf(t, map[string]string{"LicenseRef-a": text(words)})
	more := prose(3, 30)
	for name, body := range map[string]string{
		"before":      text(more) + " " + text(words),
		"after":       text(words) + " " + text(more),
		"between":     text(words[:150]) + " " + text(more) + " " + text(words[150:]),
		"in a credit": text(words) + "\nCopyright " + text(more),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := index.Identify([]byte(body))
			require.Equal(t, "LicenseRef-a", got.Expression)
			require.GreaterOrEqual(t, got.Beyond, 18)
			require.LessOrEqual(t, got.Beyond, 45)
			require.Less(t, got.Share, 0.95)
		})
	}
	short := index.Identify([]byte(text(words) + " " + text(prose(3, 10))))
	require.Zero(t, short.Beyond, "a title, a line of names")
}

// versions writes texts that are the same but for a word that stands in every so many.
func version(words []string, every int, word string) string {
	out := append([]string{}, words...)
	for i := every / 2; i < len(out); i += every {
		out[i] = word
	}
	return text(out)
}

func TestIdentify_VersionsAreNotMixedUp(t *testing.T) {
	t.Parallel()
	words := prose(1, 1200)
	texts := map[string]string{}
	for _, v := range []string{"one", "two", "three"} {
		texts["LicenseRef-"+v] = version(words, 80, v)
	}
	index := indexOf(t, texts)
	for id, body := range texts {
		got := index.Identify([]byte(body))
		require.Equal(t, id, got.Expression)
		require.InDelta(t, 1, got.Share, 0.01)
	}
	got := index.Identify([]byte(version(words, 80, "four")))
	require.Empty(t, got.Expression, "a version that is not known is no other version")
	require.NotEmpty(t, got.Near)
	require.Greater(t, got.Present, 0.8)

	// Where the place that tells two apart is gone, they are not told apart.
	twins := indexOf(t, map[string]string{"LicenseRef-one": version(words, 1200, "one"), "LicenseRef-two": version(words, 1200, "two")})
	got = twins.Identify([]byte(version(words, 1200, "gone")))
	require.Empty(t, got.Expression)
	require.Equal(t, []string{"LicenseRef-one", "LicenseRef-two"}, got.Either)
}

func TestIdentify_SeveralAndParts(t *testing.T) {
	t.Parallel()
	a, b := text(prose(1, 400)), text(prose(2, 300))
	index := indexOf(t, map[string]string{"LicenseRef-a": a, "LicenseRef-b": b, "frame:policy": text(prose(4, 200))})

	got := index.Identify([]byte(a + "\n\n" + b))
	require.Equal(t, "LicenseRef-a AND LicenseRef-b", got.Expression)
	require.Zero(t, got.Beyond)

	got = index.Identify([]byte(a + "\n\n" + text(prose(4, 200))))
	require.Equal(t, "LicenseRef-a", got.Expression)
	require.Zero(t, got.Beyond, "a policy of use belongs to it")

	got = index.Identify([]byte(text(prose(4, 200))))
	require.Empty(t, got.Expression, "a policy alone is no licence")

	got = index.Identify([]byte(text(prose(1, 400)[:200]) + text(prose(9, 200))))
	require.Empty(t, got.Expression)
	require.Equal(t, "LicenseRef-a", got.Near)
	require.InDelta(t, 0.5, got.Present, 0.05)

	got = index.Identify([]byte(text(prose(9, 400))))
	require.Equal(t, license.Identification{Words: 400}, got)
	require.Equal(t, license.Identification{}, index.Identify(nil))
	require.Equal(t, license.Identification{}, index.Identify([]byte(" \n\x00\xff <br> ")))
}

func apache(t testing.TB) string {
	t.Helper()
	body, err := os.ReadFile("../../LICENSE")
	require.NoError(t, err)
	return string(body)
}

const mit = `MIT License

Copyright (c) 2031 Jane Doe

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`

// llamaNotice is the notice that the Llama 3.1 licence asks for.
const llamaNotice = "Llama 3.1 is licensed under the Llama 3.1 Community License, Copyright © Meta Platforms, Inc. All Rights Reserved."

func TestIdentify_OrdinaryLicences(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text, want string
		refers     bool
	}{
		"mit":            {mit, "MIT", false},
		"mit, quoted":    {"> " + strings.ReplaceAll(mit, "\n", "\n> "), "MIT", false},
		"apache":         {apache(t), "Apache-2.0", false},
		"both":           {apache(t) + "\n\n" + mit, "Apache-2.0 AND MIT", false},
		"an address":     {"See https://creativecommons.org/licenses/by-nc/4.0/ for terms.", "CC-BY-NC-4.0", true},
		"two addresses":  {"See https://creativecommons.org/licenses/by-nc/4.0/ and http://www.apache.org/licenses/LICENSE-2.0", "", false},
		"a notice":       {llamaNotice, "LicenseRef-scancode-llama-3.1-license-2024", true},
		"another notice": {strings.ReplaceAll(llamaNotice, "3.1", "3.2"), "LicenseRef-scancode-llama-3.2-license-2024", true},
		"no version":     {strings.ReplaceAll(llamaNotice, "3.1", "9"), "", false},
		"prose":          {"All rights reserved. You may do nothing with this model, which we keep for ourselves.", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := license.Identify([]byte(tc.text))
			require.Equal(t, tc.want, got.Expression)
			require.Equal(t, tc.refers, got.Refers)
			require.Zero(t, got.Beyond)
		})
	}
	got := license.Identify([]byte(mit + "\nThe Software shall not be used for any commercial purpose whatsoever, nor by any company with more than ten staff, without our leave in writing.\n"))
	require.Equal(t, "MIT", got.Expression)
	require.Greater(t, got.Beyond, 20)
}

// excerpts are short quotations of the texts that fingerprints were made of.
var excerpts = []struct{ id, text string }{
	{"LicenseRef-scancode-llama-license-2023", "any copies of the Software Products (as well as derivative works thereof or works incorporating the Software Products) that you distribute, you must provide (i) a copy of this License, and (ii) the following"},
	{"LicenseRef-scancode-llama-2-license-2023", "available to a third party, you shall provide a copy of this Agreement to such third party. ii. If you receive Llama Materials, or"},
	{"LicenseRef-llama-3", "or a product or service that uses any of them, including another AI model, you shall (A) provide a copy of this Agreement with"},
	{"LicenseRef-scancode-llama-3.1-license-2024", "which is hereby incorporated by reference into this Agreement. 2. Additional Commercial Terms. If, on the Llama 3.1 version release date, the monthly"},
	{"LicenseRef-scancode-llama-3.2-license-2024", "any entity (including a cross-claim or counterclaim in a lawsuit) alleging that the Llama Materials or Llama 3.2 outputs or results, or"},
	{"LicenseRef-scancode-llama-3.3-license-2024", "which is hereby incorporated by reference into this Agreement. 2. Additional Commercial Terms. If, on the Llama 3.3 version release date, the"},
	{"LicenseRef-scancode-llama-4-cla-2025", "any entity (including a cross-claim or counterclaim in a lawsuit) alleging that the Llama Materials or Llama 4 outputs or results, or any"},
	{"LicenseRef-scancode-gemma-tou-2025-03-24", "means these terms and conditions that govern the use, reproduction, Distribution or modification of the Gemma Services and any terms and conditions incorporated by reference."},
	{"LicenseRef-scancode-qwen-2024", "Redistribution You may distribute copies or make the Materials, or derivative works thereof, available as part of a product or service that contains any"},
	{"LicenseRef-scancode-tongyi-qianwen-2023", `with Us or You. e. "Tongyi Qianwen" shall mean the large language models (including Qwen model and Qwen-Chat model), and software and algorithms`},
	{"LicenseRef-scancode-deepseek-la-1.0", "This Model may contain personal information and works with IP rights. You commit to complying with applicable laws and regulations in the handling of personal information and the use of such"},
	{"LicenseRef-scancode-bigscience-open-rail-m", "was originally designed for the BLOOM model, we decided to adapt it and create this license in order to propose a general open and responsible license applicable to other machine learning based AI models"},
	{"LicenseRef-scancode-bigcode-open-rail-m-v1", "enabling users of the Model on a royalty free basis to Use it, modify it, and even share commercial versions of it. Use restrictions are included to prevent misuse of the Model."},
	{"LicenseRef-scancode-bigscience-rail-1.0", "This has been done to further BigScience’s aims of promoting not just open-access to its artifacts, but also a responsible use of these artifacts. Therefore"},
	{"LicenseRef-creativeml-openrail-m", "Copyright (c) 2022 Robin Rombach and Patrick Esser and contributors CreativeML Open RAIL-M dated August 22, 2022 Section I: PREAMBLE"},
	{"LicenseRef-creativeml-openrail-plus-plus-m", "CreativeML Open RAIL++-M License dated November 24, 2022 Section I: PREAMBLE"},
	{"LicenseRef-scancode-falcon-2-11b-1.0", "which in relation to the initial release of Falcon 2 11B is in Object form only, but in the case of any and all Derivative Works means that Work whether in Source or Object"},
	{"LicenseRef-scancode-nvidia-open-model-2025-04-28", "disable, reduce the efficacy of, or circumvent any technical limitation, safety guardrail or associated safety guardrail hyperparameter, encryption, security, digital rights management, or authentication mechanism"},
	{"LicenseRef-scancode-stability-ai-community-2024", "uses or distributes any portion or element of the Stability AI Materials or Derivative Works thereof for any Research & Non-Commercial or Commercial purpose."},
	{"LicenseRef-scancode-stability-ai-nc-2023-12-06", "means exercising any of the rights granted herein for the purpose of research or non-commercial purposes. Non-Commercial Uses does not include any production use"},
	{"LicenseRef-scancode-flux-1-nc", "the weights, parameters and inference code for the FLUX.1 [dev] Model (as defined below) freely available for your non-commercial and non-production use as set forth in this FLUX.1 [dev"},
	{"LicenseRef-scancode-exaone-ai-model-1.1-nc", "This definition extends to encompass all updates, enhancements, improvements, bug fixes, patches, or other modifications that may be provided by Licensor from time to time, whether"},
	{"LicenseRef-kimi-k2-modified-mit", "is used for any of your commercial products or services that have more than 100 million monthly active users"},
	{"LicenseRef-scancode-tencent-hunyuan-3d-2.0-cla", "or any Model Derivative of Tencent Hunyuan 3D 2.0; (ii) works based on Tencent Hunyuan 3D 2.0 or any Model Derivative"},
	{"LicenseRef-scancode-bilibili-model-ula-2025-09-09", "annual revenue in the immediately preceding calendar year exceeded RMB 1 billion, You must request a separated license from us"},
	{"LicenseRef-scancode-openatom-model-1.0", "本许可证:是指本开放原子模型许可证第一版。任何人均可在不对本许可"},
	{"LicenseRef-mistral-mrl-0.1", "for any purpose that is not expressly authorized under this Agreement, You must request a license from Mistral AI, which Mistral AI may grant to You"},
	{"OpenMDW-1.0", "distribute any portion of the Model Materials, you shall retain in your distribution (1) a copy of this agreement, and (2) all copyright notices and other notices of origin"},
	{"CDLA-Permissive-2.0", `means any person who is the source of Data provided under this agreement and in reliance on a Data Recipient's agreement`},
	{"EUPL-1.2", "applies to the Work (as defined below) which is provided under the terms of this Licence. Any use of the Work, other than as authorised under this"},
	{"BUSL-1.1", "or the fourth anniversary of the first publicly available distribution of a specific version of the Licensed Work under this License, whichever comes first"},
	{"C-UDA-1.0", "Data Provider will not sue you or any Downstream Recipient for any claim arising out of the use, modification, or"},
}

func TestPrints_ExcerptsHitTheirOwn(t *testing.T) {
	t.Parallel()
	index := license.NewIndex(license.Prints())
	for _, e := range excerpts {
		t.Run(e.id, func(t *testing.T) {
			t.Parallel()
			require.Less(t, len(strings.Fields(e.text)), 60)
			matches := index.Matches([]byte(strings.ToUpper(e.text)))
			require.NotEmpty(t, matches)
			require.Equal(t, e.id, matches[0].ID)
			for _, m := range matches[1:] {
				require.True(t, m.ID == e.id || m.Words < matches[0].Words, "%s explains %d words, %s %d", e.id, matches[0].Words, m.ID, m.Words)
			}
			require.NotContains(t, license.Identify([]byte(text(prose(5, 300))+" "+e.text)).Expression, "License", "an excerpt is no licence")
		})
	}
}

func TestPrints_AreComplete(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, p := range license.Prints() {
		require.NotEmpty(t, p.Source)
		require.NotEmpty(t, p.AsOf)
		require.Greater(t, len(p.Hashes), p.Words/4, p.ID)
		require.Less(t, len(p.Hashes), p.Words, p.ID)
		seen[p.ID] = true
		if !strings.HasPrefix(p.ID, "frame:") {
			_, ok := licence.Expression(p.ID, "")
			require.True(t, ok, "%s is an SPDX id or a LicenseRef", p.ID)
		}
	}
	for _, e := range excerpts {
		require.True(t, seen[e.id], e.id)
	}
}

func TestPrint_Errors(t *testing.T) {
	t.Parallel()
	long := []byte(text(prose(1, 100)))
	for name, make := range map[string]func() (license.Print, error){
		"short":     func() (license.Print, error) { return license.NewPrint("a", []byte("a b c"), "s", "2026-11-25") },
		"no id":     func() (license.Print, error) { return license.NewPrint("", long, "s", "2026-11-25") },
		"no source": func() (license.Print, error) { return license.NewPrint("a", long, "", "2026-11-25") },
		"no day":    func() (license.Print, error) { return license.NewPrint("a", long, "s", "today") },
		"a tab":     func() (license.Print, error) { return license.NewPrint("a\tb", long, "s", "2026-11-25") },
	} {
		_, err := make()
		require.ErrorIs(t, err, pipeline.ErrInvalid, name)
	}
	p, err := license.NewPrint("a", long, "s", "2026-11-25")
	require.NoError(t, err)
	again, err := license.ParsePrints([]byte("# a comment\n\n" + p.Line() + "\n"))
	require.NoError(t, err)
	require.Equal(t, []license.Print{p}, again)
	for _, line := range []string{"a", "a\tb\tc\td\te", "a\t100\ts\td\t", "a\t100\ts\td\t!!!!", "a\t100\ts\td\tAAAA", "a\t1\ts\td\tAAAAAA==", "a\t100\ts\td\tAgAAAAEAAAA="} {
		_, err := license.ParsePrints([]byte(line))
		require.ErrorIs(t, err, pipeline.ErrInvalid, line)
	}
}

func FuzzIdentify(f *testing.F) {
	f.Add([]byte(mit))
	f.Add([]byte(llamaNotice))
	f.Add([]byte("<a href='x'>&amp;<!-- © Copyright\u202e \xff\x00 本许可证"))
	f.Add([]byte("see https://creativecommons.org/licenses/by/4.0/legalcode"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got := license.Identify(text)
		require.GreaterOrEqual(t, got.Share, 0.0)
		require.LessOrEqual(t, got.Share, 1.0)
		require.LessOrEqual(t, got.Beyond, got.Words)
		if got.Expression != "" {
			_, ok := licence.Expression(got.Expression, "")
			require.True(t, ok, got.Expression)
			require.Empty(t, got.Either)
		}
	})
}
