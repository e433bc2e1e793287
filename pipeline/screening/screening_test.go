package screening_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"weighbridge/pipeline"
	"weighbridge/pipeline/screening"
)

// All parties here are invented.

func ptr[T any](v T) *T { return &v }

func at(text string) time.Time {
	t, ok := screening.ParseTime(text)
	if !ok {
		panic(text)
	}
	return t
}

// listed is an entry as it is published, with what must not be kept of it.
func listed(id, source, name string, alt ...string) map[string]any {
	return map[string]any{"id": id, "source": source, "name": name, "alt_names": alt, "entity_number": 12345, "type": "Entity",
		"programs": []string{"X"}, "addresses": []any{map[string]any{"address": "1 Secret Street", "city": "Nowhere", "country": "XX"}},
		"ids":            []any{map[string]any{"type": "Passport", "number": "P-0815"}},
		"dates_of_birth": []string{"1950-01-01"}, "remarks": nil, "vessel_flag": nil}
}

func file(t testing.TB, more map[string]any, entries ...map[string]any) []byte {
	t.Helper()
	doc := map[string]any{"results": entries}
	for k, v := range more {
		doc[k] = v
	}
	text, err := json.Marshal(doc)
	require.NoError(t, err)
	return text
}

func load(t testing.TB, made string, entries ...map[string]any) *screening.List {
	t.Helper()
	l, err := screening.Load(bytes.NewReader(file(t, nil, entries...)), "list.json", at(made))
	require.NoError(t, err)
	return l
}

func TestLoad(t *testing.T) {
	t.Parallel()
	text := file(t, map[string]any{"total": 2, "search_performed_at": "2026-11-22T14:00:00.123+00:00",
		"sources_used": []any{map[string]any{"source": "Entity List (EL)", "source_last_updated": "2026-11-20T00:00:00+00:00", "last_imported": "2026-11-22T13:05:00+00:00"}, "odd"},
		"facets":       map[string]any{"deep": []any{[]any{map[string]any{"a": 1}}}}},
		listed("a-1", "Entity List (EL) - Bureau of Industry and Security", "Borealis Invented Machines Co., Ltd.", "BIM", " ", "Boreal Machines"),
		map[string]any{"id": 17, "source": "Non-SDN Menu-Based Sanctions List (NS-MBS List)", "alt_names": "Nimbus Fiction"})
	l, err := screening.Load(bytes.NewReader(text), "list.json", time.Time{})
	require.NoError(t, err)
	require.Equal(t, pipeline.DigestBytes(text), l.Digest)
	require.Equal(t, "2026-11-22T14:00:00.123Z", l.Made.Format("2006-01-02T15:04:05.999Z07:00"))
	require.Equal(t, []screening.Entry{
		{ID: "a-1", List: "EL", Name: "Borealis Invented Machines Co., Ltd.", AltNames: []string{"BIM", "Boreal Machines"}},
		{ID: "17", List: "MBS", Name: "Nimbus Fiction", AltNames: []string{}},
	}, l.Entries)
	require.Equal(t, 4, l.Names())
}

func TestLoad_Made(t *testing.T) {
	t.Parallel()
	sources := func(updated, imported string) map[string]any {
		return map[string]any{"sources_used": []any{
			map[string]any{"source_last_updated": "2026-01-01", "last_imported": imported}, map[string]any{"source_last_updated": updated}}}
	}
	tests := map[string]struct {
		more  map[string]any
		given string
		want  string // "" for an error
	}{
		"nothing":                    {nil, "", ""},
		"the operator":               {nil, "2026-11-22", "2026-11-22"},
		"sources":                    {sources("2026-11-20", ""), "", "2026-11-20"},
		"the operator over sources":  {sources("2026-11-20", ""), "2026-11-22", "2026-11-22"},
		"imports over the operator":  {sources("2026-11-20", "2026-11-21"), "2026-11-22", "2026-11-21"},
		"the operator contradicted":  {sources("2026-11-20", ""), "2026-11-19", ""},
		"the same day, another hour": {sources("2026-11-20T12:00:00", ""), "2026-11-20", "2026-11-20"},
		"no time":                    {map[string]any{"search_performed_at": "yesterday"}, "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var given time.Time
			if tt.given != "" {
				given = at(tt.given)
			}
			l, err := screening.Load(bytes.NewReader(file(t, tt.more, listed("1", "EL", "Invented"))), "list.json", given)
			if tt.want == "" {
				require.ErrorIs(t, err, pipeline.ErrInvalid)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, l.Made.Format(time.DateOnly))
		})
	}
}

func TestLoad_Refuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text string
		want error
	}{
		"nothing":            {"", pipeline.ErrInvalid},
		"no JSON":            {"name;source", pipeline.ErrInvalid},
		"a list":             {`[]`, pipeline.ErrInvalid},
		"no results":         {`{"entries": []}`, pipeline.ErrInvalid},
		"no entries":         {`{"results": []}`, pipeline.ErrInvalid},
		"results no list":    {`{"results": {"a": 1}}`, pipeline.ErrInvalid},
		"an entry no object": {`{"results": ["a"]}`, pipeline.ErrInvalid},
		"no name":            {`{"results": [{"id": "1", "name": null}]}`, pipeline.ErrInvalid},
		"cut off":            {`{"results": [{"id": "1", "name": "a"}`, pipeline.ErrInvalid},
		"more behind":        {`{"results": [{"id": "1", "name": "a"}]} {}`, pipeline.ErrInvalid},
		"a page":             {`{"total": 20000, "results": [{"id": "1", "name": "a"}]}`, pipeline.ErrInvalid},
		"a long name":        {`{"results": [{"id": "1", "name": "` + strings.Repeat("é", 1001) + `"}]}`, pipeline.ErrOverLimit},
		"a long id":          {`{"results": [{"name": "a", "id": "` + strings.Repeat("1", 201) + `"}]}`, pipeline.ErrOverLimit},
		"a huge text":        {`{"odd": "` + strings.Repeat("x", 9<<20) + `", "results": [{"name": "a"}]}`, pipeline.ErrOverLimit},
		"deep":               {strings.Repeat(`{"a":`, 20_000), pipeline.ErrInvalid},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := screening.Load(strings.NewReader(tt.text), "list.json", at("2026-11-22"))
			require.ErrorIs(t, err, tt.want)
		})
	}
	// Values that are large by number, not by size, are passed over.
	_, err := screening.Load(strings.NewReader(`{"odd": [`+strings.Repeat(`"0123456789",`, 1<<20)+`1], "results": [{"name": "a"}]}`), "list.json", at("2026-11-22"))
	require.NoError(t, err)
	_, err = screening.Load(io.MultiReader(strings.NewReader(`{"results": [`), broken{}), "list.json", at("2026-11-22"))
	require.ErrorIs(t, err, errBroken)
	_, err = screening.Load(&endless{}, "list.json", at("2026-11-22"))
	require.ErrorIs(t, err, pipeline.ErrOverLimit)
}

var errBroken = errors.New("the disk is gone")

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errBroken }

// endless is a list that never ends, of spaces.
type endless struct{ begun bool }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	if !e.begun {
		p[0] = '{'
		e.begun = true
	}
	return len(p), nil
}

func TestNormalise(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"Borealis Invented Machines Co., Ltd.":        "borealis invented machines",
		"BOREALIS  INVENTED-MACHINES (GmbH & Co. KG)": "borealis invented machines",
		"Société Inventée S.A.":                       "societe inventee",
		"Inventada S. A. de C. V.":                    "inventada sa de",
		"ＦＩＣＴＩＯＮ　ＬＬＣ":                                 "fiction",
		"O'Fiction & Sons, Inc":                       "ofiction and sons",
		"Straße Łódź Øresund AB":                      "strasse lodz oresund",
		"Ｆｉｃｔｉｏｎ\u200b\u00adal":                       "fictional",
		"虚构科技有限公司":                                    "虚构科技",
		"虚构科技（北方）股份有限公司":                              "虚构科技 北方",
		"株式会社架空":                                      "架空",
		"㈱架空":                                         "架空",
		"주식회사 가상":                                     "가상",
		"ООО «Вымысел»":                               "вымысел",
		"OOO Vymysel":                                 "vymysel",
		"PT Rekaan Tbk":                               "rekaan",
		"Invented Joint Stock Company":                "invented",
		"J. P. Fiction":                               "jp fiction",
		"Co. Ltd.":                                    "co ltd",
		"***":                                         "***",
		"İstanbul":                                    "istanbul",
		" \u200b ":                                    "",
		"":                                            "",
	}
	for name, want := range tests {
		require.Equal(t, want, screening.Normalise(name), name)
		require.Equal(t, want, screening.Normalise(strings.ToUpper(want)), "again: "+name)
	}
}

func TestSimilarity(t *testing.T) {
	t.Parallel()
	// The figures are those of Winkler's paper of 1990 for these names.
	for _, tt := range []struct {
		a, b string
		want float64
	}{{"MARTHA", "MARHTA", 0.961}, {"DWAYNE", "DUANE", 0.84}, {"DIXON", "DICKSONX", 0.813}} {
		require.InDelta(t, tt.want, screening.Similarity(tt.a, tt.b), 0.001)
	}
	// Characters, not bytes, are compared.
	require.InDelta(t, screening.Similarity("abcd", "abce"), screening.Similarity("虚构科技", "虚构科学"), 1e-12)
	require.Zero(t, screening.Similarity("虚构", "架空"))
}

func TestFind(t *testing.T) {
	t.Parallel()
	l := load(t, "2026-11-22",
		listed("1", "Entity List (EL)", "Borealis Invented Machines Co., Ltd.", "BIM Northern Works"),
		listed("2", "Specially Designated Nationals (SDN)", "FICTION, Ferdinand", "Ferdinand Fictio"),
		listed("3", "Unverified List (UVL)", "虚构科技有限公司"))
	tests := map[string]struct {
		id    string // "" for no hit
		alias string
		exact bool
	}{
		"Borealis Invented Machines":      {"1", "Borealis Invented Machines Co., Ltd.", true},
		"borealis invented machines GmbH": {"1", "Borealis Invented Machines Co., Ltd.", true},
		"Borealis Invented Machinse":      {"1", "Borealis Invented Machines Co., Ltd.", false},
		"Machines Invented Borealis":      {"1", "Borealis Invented Machines Co., Ltd.", false},
		"bim northern work":               {"1", "BIM Northern Works", false},
		"Ferdinand Fiction":               {"2", "FICTION, Ferdinand", false},
		"虚构科技":                            {"3", "虚构科技有限公司", true},
		"Australis Honest Gardens":        {"", "", false},
	}
	for name, tt := range tests {
		hits := screening.Find(l, name, screening.DefaultThreshold)
		if tt.id == "" {
			require.Empty(t, hits, name)
			continue
		}
		require.Len(t, hits, 1, name)
		require.Equal(t, tt.id, hits[0].ID, name)
		require.Equal(t, tt.alias, hits[0].Alias, name)
		require.Equal(t, tt.exact, hits[0].Exact, name)
	}
}

// The index finds what a comparison with every name finds.
func TestFind_LosesNothing(t *testing.T) {
	t.Parallel()
	word := rapid.OneOf(rapid.StringMatching(`[a-d]{1,7}`), rapid.StringMatching(`[虚构科技学]{1,4}`), rapid.StringMatching(`[äöéàb]{1,6}`),
		rapid.StringMatching(`[a-z]{1,300}`), rapid.SampledFrom([]string{"ltd", "&", "co", "."}))
	name := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(word, 1, 4).Draw(t, "words"), " ")
	})
	// A name with a letter changed, taken or moved.
	near := func(t *rapid.T, from string) string {
		runes := []rune(from)
		i := rapid.IntRange(0, len(runes)-1).Draw(t, "at")
		switch rapid.IntRange(0, 3).Draw(t, "change") {
		case 0:
			runes[i] = 'x'
		case 1:
			runes = append(runes[:i], runes[i+1:]...)
		case 2:
			j := rapid.IntRange(0, len(runes)-1).Draw(t, "with")
			runes[i], runes[j] = runes[j], runes[i]
		}
		return string(runes)
	}
	rapid.Check(t, func(rt *rapid.T) {
		var entries []map[string]any
		names := rapid.SliceOfN(name, 1, 30).Draw(rt, "names")
		for i, n := range names {
			entries = append(entries, listed(fmt.Sprint(i), "EL", n, rapid.SliceOfN(name, 0, 2).Draw(rt, "aliases")...))
		}
		l := load(t, "2026-11-22", entries...)
		threshold := rapid.OneOf(rapid.Float64Range(0.01, 1), rapid.Float64Range(0.85, 1)).Draw(rt, "threshold")
		queries := append(rapid.SliceOfN(name, 1, 3).Draw(rt, "queries"), near(rt, rapid.SampledFrom(names).Draw(rt, "near")))
		for _, q := range queries {
			require.Equal(t, screening.FindPlainly(l, q, threshold), screening.Find(l, q, threshold), "%q", q)
		}
	})
}

const result = `{"schema": "weighbridge.screening/1", "service": "Invented Screening", "performed_at": "2026-11-23T09:30:00Z",
 "parties": [{"name": "Fiction Importers Ltd", "hits": [
   {"list": "EL", "id": "e1", "name": "Fiction Importers", "alias": "", "exact": true},
   {"list": "UVL", "id": "u1", "name": "Friction Importers", "alias": "Fric Imp", "score": 0.95}]},
  {"name": "Honest Gardens", "hits": []}]}`

func TestLoadResult(t *testing.T) {
	t.Parallel()
	r, err := screening.LoadResult(strings.NewReader(result), "result.json")
	require.NoError(t, err)
	require.Equal(t, &screening.Result{Name: "result.json", Digest: pipeline.DigestBytes([]byte(result)), Service: "Invented Screening", Performed: at("2026-11-23T09:30:00Z"),
		Parties: []screening.Screened{{Name: "Fiction Importers Ltd", Hits: []pipeline.ScreeningHit{
			{List: "EL", ID: "e1", Name: "Fiction Importers", Alias: "Fiction Importers", Score: 1, Exact: true},
			{List: "UVL", ID: "u1", Name: "Friction Importers", Alias: "Fric Imp", Score: 0.95}}}, {Name: "Honest Gardens"}}}, r)

	for _, change := range [][2]string{
		{"weighbridge.screening/1", "weighbridge.screening/2"}, {`"Invented Screening"`, `" "`}, {"2026-11-23T09:30:00Z", "today"},
		{`"score": 0.95`, `"score": 1.5`}, {`"score": 0.95`, `"score": -1`}, {`"score": 0.95`, `"exact": false`}, {`"id": "e1"`, `"id": ""`},
		{`"hits": []`, `"hits": null`}, {`"hits": []`, `"found": []`}, {`"Honest Gardens"`, `""`}, {`"Honest Gardens"`, `"` + strings.Repeat("x", 1001) + `"`},
		{`"parties"`, `"names"`}, {`"service"`, `"Service"`}, {`{"schema"`, `[{"schema"`}, {`"id": "e1"`, `"id": "e1", "id": "e2"`},
	} {
		text := strings.Replace(result, change[0], change[1], 1)
		require.NotEqual(t, result, text)
		_, err := screening.LoadResult(strings.NewReader(text), "result.json")
		require.ErrorIs(t, err, pipeline.ErrInvalid, change[1])
	}
	_, err = screening.LoadResult(strings.NewReader(strings.Repeat(" ", 16<<20+1)), "result.json")
	require.ErrorIs(t, err, pipeline.ErrOverLimit)
	_, err = screening.LoadResult(broken{}, "result.json")
	require.ErrorIs(t, err, errBroken)
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(`{"total": 1, "results": [{"id": 1, "source": "Entity List (EL)", "name": "a b Ltd", "alt_names": ["é", null, 3], "x": [{"y": 1}]}], "sources_used": [{"source_last_updated": "2026-11-20T00:00:00+00:00"}]}`))
	f.Add([]byte(`{"results": [{"name": "虚构有限公司"}, {"name": "㈱"}], "search_performed_at": "2026-11-20"}`))
	f.Add([]byte(`{"results": [{"name": "\ud800"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := screening.Load(bytes.NewReader(text), "list.json", at("2026-11-22"))
		if err != nil {
			var own *pipeline.Error
			require.ErrorAs(t, err, &own)
			return
		}
		require.NotEmpty(t, l.Entries)
		for _, e := range l.Entries {
			require.NotEmpty(t, e.Name)
			if n := screening.Normalise(e.Name); n != "" {
				require.NotEmpty(t, screening.Find(l, e.Name, 1), "%q", e.Name)
			}
		}
	})
}

func FuzzLoadResult(f *testing.F) {
	f.Add([]byte(result))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := screening.LoadResult(bytes.NewReader(text), "result.json")
		if err != nil {
			var own *pipeline.Error
			require.ErrorAs(t, err, &own)
			return
		}
		for _, p := range r.Parties {
			require.NotEmpty(t, p.Name)
			for _, h := range p.Hits {
				require.True(t, h.Score >= 0 && h.Score <= 1)
			}
		}
	})
}
