package licence_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/licence"
	"weighbridge/pipeline/submission"
)

func TestTable_EveryEntryIsComplete(t *testing.T) {
	t.Parallel()
	keys := map[string]bool{}
	for _, l := range licence.Table() {
		require.False(t, keys[l.Key], l.Key)
		keys[l.Key] = true
		require.NotEmpty(t, l.Title, l.Key)
		require.NotEmpty(t, l.ID, l.Key)
		u, err := url.Parse(l.URL)
		require.NoError(t, err, l.Key)
		require.Equal(t, "https", u.Scheme, l.Key)
		require.Contains(t, []pipeline.Mark{pipeline.MarkPrimary, pipeline.MarkSecondary, pipeline.MarkMemory}, l.Mark, l.Key)
		_, err = time.Parse(time.DateOnly, l.AsOf)
		require.NoError(t, err, l.Key)
		for _, country := range append(l.Terms.ExcludedCountries, l.Terms.MultimodalExcluded...) {
			require.True(t, submission.IsCountry(country), "%s: %s", l.Key, country)
		}
		for _, n := range []*int64{l.Terms.MonthlyUsersCap, l.Terms.RevenueCapUSD} {
			require.True(t, n == nil || *n >= 0, l.Key)
		}
		for _, id := range l.KeptUnder {
			found, ok := licence.Lookup(id, "")
			require.True(t, ok, "%s: %s", l.Key, id)
			require.Equal(t, id, found.ID)
		}
		again, ok := licence.Lookup(strings.ToUpper(l.ID), "")
		require.True(t, ok, l.Key)
		require.Equal(t, l, again)
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ declared, name, id string }{
		"hub word":                      {"apache-2.0", "", "Apache-2.0"},
		"canonical case":                {"mIt", "", "MIT"},
		"words of a card":               {"Apache License 2.0", "", "Apache-2.0"},
		"underscores":                   {"cc_by_nc_4.0", "", "CC-BY-NC-4.0"},
		"boost, not business source":    {"bsl-1.0", "", "BSL-1.0"},
		"llama":                         {"llama3.1", "", "LicenseRef-scancode-llama-3.1-license-2024"},
		"a reference":                   {"licenseref-scancode-qwen-2024", "", "LicenseRef-scancode-qwen-2024"},
		"other with a name":             {"other", "deepseek", "LicenseRef-scancode-deepseek-la-1.0"},
		"other, capital":                {"Other", "qwen-research", "LicenseRef-qwen-research"},
		"other with an expression":      {"other", "MIT OR Apache-2.0", "MIT OR Apache-2.0"},
		"a name where it is not needed": {"mit", "qwen", "MIT"},
		"unknown":                       {"unknown", "", "NOASSERTION"},
		"or":                            {"mit OR apache-2.0", "", "MIT OR Apache-2.0"},
		"small operators":               {"mit or apache-2.0", "", "MIT OR Apache-2.0"},
		"and binds closer":              {"MIT OR ISC AND Zlib", "", "MIT OR ISC AND Zlib"},
		"parentheses":                   {"(mit or isc) and zlib", "", "(MIT OR ISC) AND Zlib"},
		"parentheses twice":             {"((mit or isc) and zlib or mit) and isc", "", "((MIT OR ISC) AND Zlib OR MIT) AND ISC"},
		"an exception":                  {"gpl-2.0 with classpath-exception-2.0", "", "GPL-2.0-only WITH Classpath-exception-2.0"},
		"other alone":                   {"other", "", ""},
		"other that is not known":       {"other", "my-licence", ""},
		"other that is other":           {"other", "other", ""},
		"family cc":                     {"cc", "", ""},
		"family gpl":                    {"gpl", "", ""},
		"family bsd":                    {"BSD", "", ""},
		"family lgpl":                   {"lgpl", "", ""},
		"family gfdl":                   {"gfdl", "", ""},
		"family openrail":               {"openrail", "", ""},
		"busl":                          {"BUSL-1.1", "", ""},
		"nothing":                       {"", "", ""},
		"one side not known":            {"MIT OR my-licence", "", ""},
		"unknown inside":                {"MIT AND unknown", "", ""},
		"exception not known":           {"MIT WITH my-exception", "", ""},
		"with nothing":                  {"MIT ISC WITH", "", ""},
		"open parenthesis":              {"( MIT OR ISC", "", ""},
		"closed twice":                  {"MIT OR ISC )", "", ""},
		"no operator":                   {"MIT ISC Zlib", "", ""},
		"operators only":                {"AND OR WITH", "", ""},
		"mixed case operator":           {"MIT Or ISC", "", ""},
		"too deep":                      {strings.Repeat("(", 40) + "MIT" + strings.Repeat(")", 40), "", ""},
		"too long":                      {strings.Repeat("MIT OR ", 400) + "MIT", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := licence.Lookup(tc.declared, tc.name)
			require.Equal(t, tc.id != "", ok)
			require.Equal(t, tc.id, got.ID)
			if ok {
				again, ok := licence.Lookup(got.ID, "")
				require.True(t, ok, "the canonical form is understood")
				require.Equal(t, got.ID, again.ID)
				require.Equal(t, got.Terms, again.Terms)
			}
		})
	}
}

func terms(t *testing.T, declared string) pipeline.Terms {
	t.Helper()
	l, ok := licence.Lookup(declared, "")
	require.True(t, ok, declared)
	return l.Terms
}

func TestLookup_Terms(t *testing.T) {
	t.Parallel()
	require.True(t, *terms(t, "mit").FOSS)
	require.False(t, *terms(t, "cc-by-nc-sa-4.0").Commercial)
	require.True(t, *terms(t, "cc-by-nc-sa-4.0").ShareAlike)
	require.False(t, *terms(t, "cc-by-nc-nd-4.0").Derivatives)
	require.Equal(t, int64(700_000_000), *terms(t, "llama2").MonthlyUsersCap)
	require.True(t, *terms(t, "llama2").OutputsBan)
	require.True(t, *terms(t, "llama3").OutputsBan)
	require.False(t, *terms(t, "llama3.1").OutputsBan)
	require.Equal(t, "Llama 3", *terms(t, "llama3").NamePrefix)
	require.Equal(t, "Llama", *terms(t, "llama4").NamePrefix)
	require.Empty(t, terms(t, "llama3.1").MultimodalExcluded)
	require.Len(t, terms(t, "llama3.2").MultimodalExcluded, 27)
	require.NotContains(t, terms(t, "llama3.2").MultimodalExcluded, "GB")
	hunyuan := terms(t, "tencent-hunyuan-community")
	require.Len(t, hunyuan.ExcludedCountries, 29)
	require.Subset(t, hunyuan.ExcludedCountries, []string{"GB", "KR", "DE", "SE"})
	require.Equal(t, int64(1_000_000), *terms(t, "stabilityai-ai-community").RevenueCapUSD)
	require.True(t, *terms(t, "gemma").FlowDown)
	require.Nil(t, terms(t, "exaone").Redistribution, "the text contradicts itself")
	require.Equal(t, pipeline.Terms{}, terms(t, "grok2-community"), "the text was not read")
	require.Equal(t, pipeline.Terms{}, terms(t, "unknown"))
}

func TestLookup_TermsOfExpressions(t *testing.T) {
	t.Parallel()
	or := terms(t, "cc-by-nc-4.0 OR llama3")
	require.True(t, *or.Commercial, "each term is the freer of both")
	require.Equal(t, int64(0), *or.MonthlyUsersCap)
	require.Empty(t, *or.NamePrefix)
	require.False(t, *or.OutputsBan)
	and := terms(t, "cc-by-nc-4.0 AND llama3")
	require.False(t, *and.Commercial)
	require.Equal(t, int64(700_000_000), *and.MonthlyUsersCap)
	require.Equal(t, "Llama 3", *and.NamePrefix)
	require.True(t, *and.MilitaryBan)
	require.Equal(t, int64(100_000_000), *terms(t, "llama3 AND licenseref-scancode-qwen-2024").MonthlyUsersCap, "the lower cap")
	require.Equal(t, int64(700_000_000), *terms(t, "llama3 OR licenseref-scancode-qwen-2024").MonthlyUsersCap, "the higher cap")
	require.Equal(t, "Llama 3", *terms(t, "llama3 AND llama3.1").NamePrefix, "a name that begins so does both")
	require.Equal(t, "Llama", *terms(t, "llama3 OR llama3.1").NamePrefix)
	require.Nil(t, terms(t, "llama3 AND llama3.1").Attribution, "two statements cannot be one")

	require.Nil(t, terms(t, "mit OR gemma").MilitaryBan, "one side is not known")
	require.Nil(t, terms(t, "mit AND gemma").MilitaryBan)
	require.True(t, *terms(t, "llama3 AND gemma").MilitaryBan, "one side settles it")
	require.Nil(t, terms(t, "llama3 OR gemma").MilitaryBan)

	require.Len(t, terms(t, "llama4 AND llama3.2").MultimodalExcluded, 27)
	require.Len(t, terms(t, "LicenseRef-tencent-hunyuan-community AND mit").ExcludedCountries, 29)
	require.Empty(t, terms(t, "LicenseRef-tencent-hunyuan-community OR mit").ExcludedCountries)
	require.True(t, *terms(t, "gpl-2.0 WITH Classpath-exception-2.0").ShareAlike)
}

func FuzzLookup(f *testing.F) {
	for _, seed := range []string{"mit", "MIT OR (ISC AND Zlib)", "gpl-2.0 with classpath-exception-2.0", "((", "other", "OR", "(mit)", "a_b c"} {
		f.Add(seed, "deepseek")
	}
	f.Fuzz(func(t *testing.T, declared, name string) {
		l, ok := licence.Lookup(declared, name)
		if !ok {
			require.Empty(t, l.ID)
			return
		}
		again, ok := licence.Lookup(l.ID, "")
		if !ok { // the canonical form may be longer than what is read
			require.Greater(t, len(l.ID), 2000)
			return
		}
		require.Equal(t, l.ID, again.ID)
		require.Equal(t, l.Terms, again.Terms)
	})
}

func TestExpression(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ declared, name, want string }{
		"hub word":           {"llama3.1", "", "LicenseRef-scancode-llama-3.1-license-2024"},
		"spdx list":          {"busl-1.1", "", "BUSL-1.1"},
		"spdx expression":    {"busl-1.1 or (MIT and x11)", "", "BUSL-1.1 OR MIT AND X11"},
		"a reference":        {"licenseref-Acme-1", "", "LicenseRef-Acme-1"},
		"or later":           {"EUPL-1.1+", "", "EUPL-1.1+"},
		"deprecated":         {"gpl-3.0", "", "GPL-3.0-only"},
		"exception":          {"gpl-3.0-or-later WITH Qt-GPL-exception-1.0", "", "GPL-3.0-or-later WITH Qt-GPL-exception-1.0"},
		"other":              {"other", "busl-1.1", "BUSL-1.1"},
		"other alone":        {"other", "", ""},
		"unknown":            {"unknown", "", ""},
		"inside":             {"MIT AND unknown", "", ""},
		"family":             {"gpl", "", ""},
		"boost is not busl":  {"bsl-1.0", "", "BSL-1.0"},
		"free text":          {"see the file", "", ""},
		"a reference, odd":   {"LicenseRef-a_b", "", ""},
		"nothing":            {"", "", ""},
		"exception no such":  {"MIT WITH my-exception", "", ""},
		"too long":           {strings.Repeat("busl-1.1 OR ", 400) + "MIT", "", ""},
		"everything in Look": {"Apache License, Version 2.0", "", "Apache-2.0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := licence.Expression(tc.declared, tc.name)
			require.Equal(t, tc.want, got)
			require.Equal(t, tc.want != "", ok)
		})
	}
	for _, word := range []string{"cc", "GPL", "lgpl", "bsd", "gfdl", "openrail", "agpl"} {
		_, ok := licence.Family(word)
		require.True(t, ok, word)
	}
	_, ok := licence.Family("mit")
	require.False(t, ok)
}

func TestByURL(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://ai.google.dev/gemma/terms":           "LicenseRef-scancode-gemma-tou-2025-03-24",
		"http://www.apache.org/licenses/LICENSE-2.0/": "Apache-2.0",
		"HTTPS://AI.google.dev/gemma/terms?hl=en#top": "LicenseRef-scancode-gemma-tou-2025-03-24",
		"https://openmdw.ai/":                         "", // two versions are there
		"ai.google.dev/gemma/terms":                   "",
		"https://example.org/":                        "",
		"":                                            "",
	} {
		got, ok := licence.ByURL(address)
		require.Equal(t, want, got.ID, address)
		require.Equal(t, want != "", ok, address)
	}
}
