package webui_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	yaml "go.yaml.in/yaml/v4"
	"golang.org/x/net/html"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy"
	"weighbridge/pipeline/submission"
	"weighbridge/pipeline/vocabulary"
)

type factTexts struct {
	Label, Doc string
	Words      map[string]string
	Facts      map[string]factTexts
}

// domainOf reads the texts of the domain that a language has.
func domainOf(t *testing.T, tag, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("messages", tag, "domain", name+".yaml"))
	require.NoError(t, err)
	require.NoError(t, yaml.Load(text, into))
}

// flat are the texts by the name of the fact, without the numbers of elements.
func flat(facts map[string]factTexts, above string, out map[string]factTexts) map[string]factTexts {
	for key, f := range facts {
		out[above+key] = f
		flat(f.Facts, above+key+".", out)
	}
	return out
}

func chineseFacts(t *testing.T) map[string]factTexts {
	t.Helper()
	var facts map[string]factTexts
	domainOf(t, "zh-Hans", "facts", &facts)
	return flat(facts, "", map[string]factTexts{})
}

// stated are all facts that a submission may state, by name.
func stated() map[string]vocabulary.Field {
	out := map[string]vocabulary.Field{}
	var walk func(fields []vocabulary.Field, above string)
	walk = func(fields []vocabulary.Field, above string) {
		for _, f := range fields {
			out[above+f.Key] = f
			if f.Kind == vocabulary.Group || f.Kind == vocabulary.List {
				walk(vocabulary.Fields(f.Element), above+f.Key+".")
			}
		}
	}
	walk(vocabulary.Submission(), "")
	return out
}

// ruled are all facts that a rule that ships reads or asks for, or that a pack applies by.
func ruled(t *testing.T) []string {
	t.Helper()
	var packs []*policy.Pack
	for _, name := range policy.EmbeddedNames() {
		pack, err := policy.Embedded(name)
		require.NoError(t, err)
		packs = append(packs, pack)
	}
	var out []string
	for _, g := range policy.FactGroups(packs) {
		for _, f := range g.Facts {
			if len(f.Rules)+len(f.AppliesTo)+len(f.Asked) > 0 {
				out = append(out, strings.ReplaceAll(f.Name, "[]", ""))
			}
		}
	}
	return out
}

func TestEveryFactIsToldInChinese(t *testing.T) {
	t.Parallel()
	facts, all := chineseFacts(t), stated()
	require.Greater(t, len(all), 250)
	for name, f := range all {
		told := facts[name]
		require.NotEmpty(t, told.Label, name)
		require.NotEmpty(t, told.Doc, name)
		for _, word := range f.Words {
			require.NotEmpty(t, told.Words[word], "%s: %s", name, word)
		}
	}
	named := ruled(t)
	require.Greater(t, len(named), 200)
	for _, name := range named {
		require.NotEmpty(t, facts[name].Label, name)
		require.NotEmpty(t, facts[name].Doc, name)
	}
	for name, told := range facts {
		f, ok := vocabulary.FindFact(name)
		require.True(t, ok, "there is no fact %s", name)
		require.Regexp(t, `。$`, told.Doc, name)
		require.NotRegexp(t, `[,;:()]|[^0-9a-zA-Z]\.`, strings.ReplaceAll(told.Label, "10^12", ""), name)
		require.NotRegexp(t, never, told.Label+told.Doc, name)
		for word, text := range told.Words {
			require.Contains(t, f.Words, word, name)
			require.NotRegexp(t, never, text, name)
		}
	}
}

func TestEveryUnitAndFaultIsToldInChinese(t *testing.T) {
	t.Parallel()
	var units, faults map[string]string
	domainOf(t, "zh-Hans", "units", &units)
	domainOf(t, "zh-Hans", "faults", &faults)
	used := map[string]bool{}
	for name, f := range stated() {
		if f.Unit != "" {
			require.NotEmpty(t, units[f.Unit], name)
			used[f.Unit] = true
		}
	}
	for unit := range units {
		require.True(t, used[unit], "nothing is measured in %s", unit)
	}
	known := map[string]bool{}
	for _, fault := range []submission.Fault{submission.FaultEmpty, submission.FaultTooLong, submission.FaultControl, submission.FaultDirection, submission.FaultInvisible,
		submission.FaultNumber, submission.FaultNegative, submission.FaultTooLarge, submission.FaultWord, submission.FaultUpper, submission.FaultOrder,
		submission.Fault(vocabulary.FormCountry), submission.Fault(vocabulary.FormPlace), submission.Fault(vocabulary.FormDate), submission.Fault(vocabulary.FormURL), submission.Fault(vocabulary.FormDigest)} {
		require.NotEmpty(t, faults[string(fault)], fault)
		known[string(fault)] = true
	}
	for key, text := range faults {
		_, ok := vocabulary.FindFact(key)
		require.True(t, known[key] || ok && strings.Contains(key, "."), key)
		require.NotRegexp(t, never, text, key)
	}
}

// What is typed into a form and refused is told in the reader's language, whatever is wrong
// with it.
func TestSubmit_TellsFaultsInChinese(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	sue := d.person("sue", pipeline.RoleSubmitter)
	for _, tc := range []struct{ fact, typed, want string }{
		{"destination.country", "Germany", "“Germany”不是国家代码"},
		{"recipient.country", "xx", "“xx”不是国家代码"},
		{"transfer.handled_in", "DE\nGaul", "“Gaul”不是国家代码"},
		{"training.start", "2026-02-31", "“2026-02-31”不是有效的日期"},
		{"license.link", "example", "“example”不是网址"},
		{"bases[0].digest", "abc", "“abc”不是摘要"},
		{"weights.access", "open", "“open”不在可选值之内。请填：以下之一：公开发布（published）"},
		{"model.parameters", "many", "“many”不是数字。请填：整数；单位：个"},
		{"model.parameters", "-1", "这个数不能是负数"},
		{"training.hardware[0].utilisation", "40", "这个数大得不可能"},
		{"training.flops.lower", "7", "缺少上限"},
		{"model.name", strings.Repeat("长", 10_001), "内容超过 10,000 个字符"},
		{"model.name", "a\u202eb", "改变书写方向"},
		{"model.name", "a\x01b", "控制字符"},
		{"model.name", "\u2800", "看不见"},
	} {
		form := url.Values{"source": {"s3://staging/m/"}, "step": {"ask"}, "drafted": {"1"}, "f." + tc.fact: {tc.typed}}
		page := d.post(sue, "/submit", form, "Cookie", "weighbridge-language=zh-Hans")
		require.Equal(t, http.StatusUnprocessableEntity, page.status, tc.fact)
		require.Contains(t, page.main(), "申报的内容有 1 处错误", tc.fact)
		require.Contains(t, page.main(), tc.want, tc.fact)
		requireOwnLanguage(t, page, tc.fact)
		each(page.doc, func(n *html.Node) {
			require.False(t, n.Data != "button" && attr(n, "lang") == "en", "%s: %s", tc.fact, text(n))
		})
	}
	two := d.post(sue, "/submit", url.Values{"source": {"s3://staging/m/"}, "step": {"ask"}, "drafted": {"1"}, "f.training.flops.lower": {"7"}, "f.training.flops.upper": {"5"},
		"f.transfer.intermediary_count": {"0"}, "f.intermediaries[0].name": {"A"}, "f.data.us_bulk.any": {"false"}, "f.data.us_bulk.health": {"5"}}, "Cookie", "weighbridge-language=zh-Hans")
	require.Contains(t, two.main(), "这个数小于它前面的一个")
	require.Contains(t, two.main(), "这个数小于所列中间方的个数")
	require.Contains(t, two.main(), "这里填“否”")
}

// The value of a word is sent as it is in every language.
func TestSubmit_ShowsWordsInChinese(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	sue := d.person("sue", pipeline.RoleSubmitter)
	page := d.post(sue, "/submit", url.Values{"source": {d.lay(large, "m")}, "step": {"draft"}}, "Cookie", "weighbridge-language=zh-Hans")
	require.Equal(t, http.StatusOK, page.status)
	require.Contains(t, page.main(), "参数量：确切为 828,375,040。")
	require.Contains(t, page.main(), "公开发布（published）")
	options := page.all("option", "value", "published")
	require.NotEmpty(t, options)
	require.Equal(t, "公开发布（published）", text(options[0]))
	require.NotEmpty(t, page.all("input", "value", "image"), "a box sends its word")
}
