package modelcard_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"weighbridge/inspectors/modelcard"
)

func TestParse_Tolerances(t *testing.T) {
	t.Parallel()
	mit := map[string]any{"license": "mit"}
	for name, tc := range map[string]struct {
		text    string
		values  map[string]any
		body    string
		problem string
	}{
		"plain":                     {"---\nlicense: mit\n---\n# Title\n", mit, "# Title\n", ""},
		"no front matter":           {"# Title\n---\nlicense: mit\n---\n", nil, "# Title\n---\nlicense: mit\n---\n", ""},
		"empty":                     {"", nil, "", ""},
		"nothing between":           {"---\n---\nwords", map[string]any{}, "words", ""},
		"comments between":          {"---\n# nothing yet\n---\nwords", map[string]any{}, "words", ""},
		"a byte-order mark":         {"\ufeff---\nlicense: mit\n---\n", mit, "", ""},
		"CR LF":                     {"---\r\nlicense: mit\r\n---\r\nwords\r\n", mit, "words\n", ""},
		"CR":                        {"---\rlicense: mit\r---\rwords", mit, "words", ""},
		"blank lines first":         {"\n \n---\nlicense: mit\n---\n", mit, "", ""},
		"blanks behind the hyphens": {"---  \nlicense: mit\n--- \t\nx", mit, "x", ""},
		"dots at the end":           {"---\nlicense: mit\n...\nx", mit, "x", ""},
		"a rule in the prose":       {"---\nlicense: mit\n---\na\n\n---\n\nb", mit, "a\n\n---\n\nb", ""},
		"tabs":                      {"---\nlicense:\tmit\ntags:\n\t- a\n\t- b\n---\n", map[string]any{"license": "mit", "tags": []any{"a", "b"}}, "", "tabs"},
		"no closing line":           {"---\nlicense: mit\n", mit, "", "no closing line"},
		"no closing line, prose":    {"---\nlicense: mit\n\nThis is a model.\nIt is good, see [here](x).\n", mit, "This is a model.\nIt is good, see [here](x).\n", "no closing line"},
		"no closing line, no keys":  {"---\nThis is a model.\n", nil, "This is a model.\n", "no front matter follows"},
		"only the first line":       {"---", nil, "", ""},
		"a list":                    {"---\n- a\n---\n", nil, "", "no keys with values"},
		"a text":                    {"---\nwords\n---\n", nil, "", "no keys with values"},
		"broken":                    {"---\na: [1\nb: 2\n---\nwords", nil, "words", "no YAML mapping"},
		"given twice":               {"---\nlicense: mit\nlicense: gpl-3.0\n---\n", map[string]any{"license": []any{"mit", "gpl-3.0"}}, "", `"license" is given twice`},
		"given twice, the same":     {"---\nlicense: mit\nlicense: mit\n---\n", mit, "", ""},
		"numbers":                   {"---\na: 1\nb: 2.50\nc: 0x10\nd: 1_000\ne: .inf\nf: 1e3\n---\n", map[string]any{"a": json.Number("1"), "b": json.Number("2.50"), "c": json.Number("16"), "d": json.Number("1000"), "e": ".inf", "f": json.Number("1e3")}, "", ""},
		"a day stays a text":        {"---\na: 2024-01-02\n---\n", map[string]any{"a": "2024-01-02"}, "", ""},
		"Norwegian":                 {"---\nlanguage: no\n---\n", map[string]any{"language": "no"}, "", ""},
		"truth":                     {"---\na: true\nb: False\nc: ~\n---\n", map[string]any{"a": true, "b": false, "c": nil}, "", ""},
		"an alias":                  {"---\na: &x [mit]\nlicense: *x\n---\n", map[string]any{"a": []any{"mit"}, "license": []any{"mit"}}, "", ""},
		"an alias of nothing":       {"---\nlicense: *x\n---\n", nil, "", "no YAML mapping"},
		"an unknown tag":            {"---\nlicense: !!python/object:os.system mit\n---\n", mit, "", ""},
		"turned writing":            {"---\nlicense: \"m\\u202eit\"\n---\n", map[string]any{"license": "m\uFFFDit"}, "", "turn the direction"},
		"a control character":       {"---\nlicense: \"m\\x1b[31mit\"\n---\n", map[string]any{"license": "m\uFFFD[31mit"}, "", "cannot be seen"},
		"no UTF-8":                  {"---\nlicense: m\xffit\n---\n", map[string]any{"license": "m\uFFFDit"}, "", ""},
		"two documents":             {"---\na: 1\n%YAML 1.2\n---\nb: 2\n", nil, "b: 2\n", "no YAML mapping"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := modelcard.Parse([]byte(tc.text))
			require.Equal(t, tc.values, d.Values, d.Problems)
			require.Equal(t, tc.body, d.Body)
			if tc.problem == "" {
				require.Empty(t, d.Problems)
				return
			}
			require.Contains(t, strings.Join(d.Problems, "\n"), tc.problem)
		})
	}
}

func TestParse_Bombs(t *testing.T) {
	t.Parallel()
	laughs := "---\na0: &a0 [x,x,x,x,x,x,x,x,x]\n"
	for i := 1; i < 12; i++ {
		before := "*a" + string(rune('0'+(i-1)%10))
		laughs += "a" + string(rune('0'+i%10)) + ": &a" + string(rune('0'+i%10)) + " [" + strings.Repeat(before+",", 8) + before + "]\n"
	}
	for name, text := range map[string]string{
		"a billion laughs":    laughs + "---\n",
		"itself":              "---\na: &a [*a, *a]\n---\n",
		"itself as a mapping": "---\na: &a\n  b: *a\n---\n",
		"deep lists":          "---\na: " + strings.Repeat("[", 100_000) + "\n---\n",
		"deep lists, closed":  "---\na: " + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + "\n---\n",
		"deep mappings":       "---\n" + deep(2000) + "---\n",
		"many keys":           "---\n" + strings.Repeat("a: 1\n", 40_000) + "---\n",
		"a long text":         "---\na: " + strings.Repeat("x", 200_000) + "\n---\n",
		"a long key":          "---\n? " + strings.Repeat("x", 100_000) + "\n: 1\n---\n",
		"no end, many lines":  "---\n" + strings.Repeat("words and words\n", 10_000),
		"no end, many colons": "---\n" + strings.Repeat("a: b: c\n", 10_000),
		"hyphens all the way": strings.Repeat("---\n", 50_000),
		"merge keys":          "---\na: &a {b: 1}\nc:\n  <<: [*a, *a]\n---\n",
		"mapping as a key":    "---\n? {a: 1}\n: 2\n---\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := modelcard.Parse([]byte(text))
			require.LessOrEqual(t, len(d.Problems), 20)
			written, err := json.Marshal(d.Values)
			require.NoError(t, err)
			require.Less(t, len(written), 1<<20)
		})
	}
}

func deep(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

// FuzzParse: whatever the bytes are, there is a document: valid text that JSON can hold,
// without characters that cannot be seen in its values.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"---\nlicense: mit\n---\n# T\n", "---\na: &x [1, *x]\n", "\ufeff---\r\na:\tb\r\n---\r\n", "---\na: 1\na: [2]\n...\n",
		"---\nmodel-index:\n- name: m\n  results:\n  - metrics:\n    - {type: acc, value: .nan}\n---\nHas 7B parameters.\n| Parameters | 70.6B |\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > modelcard.MaxCard {
			return
		}
		d := modelcard.Parse(text)
		_, err := json.Marshal(d.Values)
		require.NoError(t, err)
		for key, value := range d.Values {
			if s, ok := value.(string); ok {
				require.False(t, strings.ContainsFunc(key+s, func(r rune) bool { return unicode.In(r, unicode.Cf) || r == 0x1b }))
			}
		}
		for _, p := range d.Problems {
			require.Less(t, len(p), 1000)
		}
	})
}
