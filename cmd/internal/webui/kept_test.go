package webui_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/app"
	"weighbridge/cmd/internal/webui"
)

// header is a safetensors header with its length before it.
func header(json string) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(json))), json...)
}

func TestViewKept_ShowsWhatWasReadAndMarksTheEvidence(t *testing.T) {
	t.Parallel()
	config := `{"hidden_size":8192,"text_config":{"num_layers":2,"list":[{"a":1},{"a":2}]},"hidden_size_x":1,"hidden_size":7}`
	card := "---\nlicense: llama3\ndatasets:\n- c4\n- fineweb\n---\n# Card\nlicense: other\n"
	for name, c := range map[string]struct {
		raw               []byte
		where, find, kind string
		marked            []string
		whole             bool
	}{
		"a key, each time that it is there":         {[]byte(config), "$.hidden_size", "", "json", []string{`  "hidden_size": 8192,`, `  "hidden_size": 7`}, false},
		"a key within a key":                        {[]byte(config), "$.text_config.num_layers", "", "json", []string{`    "num_layers": 2,`}, false},
		"an element with what is in it":             {[]byte(config), "$.text_config.list[1]", "", "json", []string{"      {", `        "a": 2`, "      }"}, false},
		"a text that is looked for":                 {[]byte(config), "", "NUM_", "json", []string{`    "num_layers": 2,`}, false},
		"a header, by the bytes of all of it":       {header(`{"w":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]}}`), "bytes=0-66", "", "json", nil, true},
		"the front matter of a text":                {[]byte(card), "$.datasets", "", "text", []string{"datasets:", "- c4", "- fineweb"}, false},
		"an element of the front matter":            {[]byte(card), "$.datasets[1]", "", "text", []string{"- fineweb"}, false},
		"a key that is below the front matter only": {[]byte("# Card\n\nSee the licence.\nlicense: x\n"), "$.license", "", "text", nil, false},
		"a range of bytes in a text":                {[]byte("one\ntwo\nthree\n"), "bytes=4-8", "", "text", []string{"two", "three"}, false},
		"a range in other bytes":                    {append([]byte("GGUF\x03\x00\x00\x00"), make([]byte, 40)...), "bytes=4-7", "", "bytes", []string{"47 47 55 46 03 00 00 00 00 00 00 00 00 00 00 00  GGUF............"}, false},
		"JSON that goes on beyond its end":          {[]byte(`{"a":1} {"a":2}`), "$.a", "", "text", nil, false},
		"a place that makes no sense":               {[]byte(config), "bytes=9-1", "", "json", nil, false},
		"nothing at all":                            {nil, "$.a", "", "text", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := webui.ViewKept(c.raw, c.where, c.find, 0)
			require.Equal(t, c.kind, v.Kind)
			require.Equal(t, c.marked, v.Marked)
			require.Equal(t, c.whole, v.Whole)
		})
	}
}

func TestViewKept_ListsOfPlainValuesStandOnOneLine(t *testing.T) {
	t.Parallel()
	long := strings.TrimSuffix(strings.Repeat("123456789,", 30), ",")
	v := webui.ViewKept(header(`{"w":{"shape":[8192, 28672],"empty":[],"none":{},"mixed":[1,[2],"x"]},"long":[`+long+`]}   `), "", "", 0)
	require.EqualValues(t, 382, *v.Prefix)
	require.Equal(t, []string{"{", `  "w": {`, `    "shape": [8192, 28672],`, `    "empty": [],`, `    "none": {},`, `    "mixed": [`, "      1,", "      [2],", `      "x"`, "    ]", "  },",
		`  "long": [`, "    123456789,"}, v.Lines[:13])
	require.Equal(t, []string{"    123456789", "  ]", "}"}, v.Lines[len(v.Lines)-3:])
	require.Len(t, v.Lines, 12+30+2)
}

func TestViewKept_TheFirstPageIsThatOfTheFirstMark(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("a\n", 1000) + "here\n" + strings.Repeat("b\n", 500)
	v := webui.ViewKept([]byte(text), "", "here", 0)
	require.Equal(t, 3, v.Page)
	require.Equal(t, 4, v.Pages)
	require.Equal(t, []string{"here"}, v.Marked)
	require.Equal(t, 1, webui.ViewKept([]byte(text), "", "here", 1).Page, "a page that is asked for is shown")
}

func TestViewKept_NothingHiddenAndNothingEndless(t *testing.T) {
	t.Parallel()
	v := webui.ViewKept([]byte("{\"a\u202e\":\""+strings.Repeat("x", 5000)+"\"}"), "", "", 0)
	require.Contains(t, v.Lines[1], `\u202e`)
	require.Less(t, len(v.Lines[1]), 1500)
	deep := strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)
	require.Equal(t, "text", webui.ViewKept([]byte(deep), "", "", 0).Kind)
}

func FuzzViewKept(f *testing.F) {
	f.Add([]byte(`{"a":[1,2,{"b":null}]}`), "$.a[2].b", "b", 0)
	f.Add(header(`{"w":{"shape":[1]}}`), "bytes=0-9", "", 1)
	f.Add([]byte("---\na: {b: [1, 2]}\n---\nx"), "$.a.b[1]", "", 0)
	f.Add([]byte{0, 1, 2, 255}, "bytes=1-2", "", -3)
	f.Fuzz(func(t *testing.T, raw []byte, where, find string, page int) {
		v := webui.ViewKept(raw, where, find, page)
		if v.Page < 1 || v.Page > v.Pages || len(v.Lines) > 400 {
			t.Fatalf("page %d of %d with %d lines", v.Page, v.Pages, len(v.Lines))
		}
		for _, l := range v.Lines {
			if len(l) > 3000 || !utf8.ValidString(l) {
				t.Fatalf("a line of %d bytes: %q", len(l), l)
			}
		}
	})
}

func TestSubmissionText_HoldsWhatIsStatedAndAsksForTheRest(t *testing.T) {
	t.Parallel()
	text, lines := webui.FormText(map[string][]string{"destination.country": {"DE"}, "training.flops.upper": {"1e25"}, "datasets[0].license": {"mit"},
		"datasets[3].license": {"a: b\r\n\"c\""}, "model.modality_in": {"text", "image"}, "recipient.aliases": {"one\ntwo\n"}, "model.parameters": {"1,000,000"},
		"end_use.military": {"false"}, "training.tokens": {"  "}, "training.hardware[0].count": {"8"}})
	stated, err := app.ParseSubmission(text)
	require.NoError(t, err, text)
	require.EqualValues(t, 1_000_000, *stated.Model.Parameters)
	require.Equal(t, []string{"one", "two"}, stated.Recipient.Aliases)
	require.Len(t, stated.Datasets, 2)
	require.Equal(t, "a: b\n\"c\"", *stated.Datasets[1].License)
	require.False(t, *stated.EndUse.Military)
	require.EqualValues(t, 8, *stated.Training.Hardware[0].Count)
	require.Nil(t, stated.Training.Tokens)
	require.Contains(t, strings.Split(text, "\n")[lines["destination.country"]-1], "country")

	again, err := app.ParseSubmission(webui.SubmissionText(stated, []string{"end_use.text", "datasets[1].id", "datasets.personal", "training.flops"}))
	require.NoError(t, err)
	require.Equal(t, stated, again, "what is asked for states nothing")
	require.Empty(t, webui.SubmissionText(nil, nil))
	skeleton := webui.SubmissionText(nil, []string{"datasets.personal", "destination.country"})
	require.Contains(t, skeleton, "    personal:  # true or false")
	require.Contains(t, skeleton, "  country:  # country, as in DE, or worldwide")
}
