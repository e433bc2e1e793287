package dataset_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/inspectors/dataset"
	"weighbridge/pipeline"
)

var update = flag.Bool("update", false, "write golden files again")

// Each document of testdata/documents has the records that a careful person would take from
// it beside it.
func TestParse_Golden(t *testing.T) {
	t.Parallel()
	for kind, pattern := range map[pipeline.RecordKind]string{pipeline.RecordCroissant: "croissant-*.json", pipeline.RecordProvenance: "provenance-*.json"} {
		documents, err := filepath.Glob(filepath.Join("testdata", "documents", pattern))
		require.NoError(t, err)
		require.NotEmpty(t, documents)
		for _, document := range documents {
			t.Run(filepath.Base(document), func(t *testing.T) {
				t.Parallel()
				text, err := os.ReadFile(document)
				require.NoError(t, err)
				records, err := dataset.Parse(kind, "data.json", text)
				require.NoError(t, err)
				got, err := json.MarshalIndent(records, "", "  ")
				require.NoError(t, err)
				path := strings.TrimSuffix(document, ".json") + ".golden"
				if *update {
					require.NoError(t, os.WriteFile(path, append(got, '\n'), 0o644))
				}
				want, err := os.ReadFile(path)
				require.NoError(t, err)
				require.JSONEq(t, string(want), string(got))
			})
		}
	}
}

func croissant(body string) string {
	return `{"@type": "sc:Dataset", "conformsTo": "http://mlcommons.org/croissant/1.1", "name": "s"` + body + `}`
}

func parse(t *testing.T, kind pipeline.RecordKind, text string) pipeline.DatasetRecord {
	t.Helper()
	records, err := dataset.Parse(kind, "data.json", []byte(text))
	require.NoError(t, err)
	require.Len(t, records, 1)
	return records[0]
}

func word(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func TestCroissant_Licences(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		`"https://creativecommons.org/licenses/by/4.0/"`:                                          "CC-BY-4.0",
		`"http://creativecommons.org/licenses/by-nc-sa/3.0/legalcode"`:                            "CC-BY-NC-SA-3.0",
		`"https://creativecommons.org/publicdomain/zero/1.0/"`:                                    "CC0-1.0",
		`"https://spdx.org/licenses/ODC-By-1.0.html"`:                                             "ODC-By-1.0",
		`"https://choosealicense.com/licenses/mit/"`:                                              "mit",
		`"https://opensource.org/licenses/MIT"`:                                                   "MIT",
		`"cc-by-4.0"`:                                                                             "cc-by-4.0",
		`["mit", "apache-2.0", "mit"]`:                                                            "mit AND apache-2.0",
		`{"@id": "https://spdx.org/licenses/MIT"}`:                                                "MIT",
		`{"@type": "sc:CreativeWork", "name": "House terms", "url": "https://example.org/terms"}`: "https://example.org/terms",
		`[{"name": "House terms"}]`:                                                               "House terms",
		`"https://creativecommons.org/licenses/odd/4.0/"`:                                         "https://creativecommons.org/licenses/odd/4.0/",
		`"https://creativecommons.org"`:                                                           "https://creativecommons.org",
		`"https://spdx.org/licenses/"`:                                                            "https://spdx.org/licenses/",
		`""`:                                                                                      "", `null`: "", `7`: "7", `{}`: "", `[[["mit"]]]`: "",
	} {
		r := parse(t, pipeline.RecordCroissant, croissant(`, "license": `+written))
		require.Equal(t, want, word(r.Dataset.License), written)
	}
}

func TestCroissant_Collection(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`"rai:dataCollectionType": ["Web Scraping", "Surveys"]`:                                "crawl",
		`"rai:dataCollectionType": "Web Scraping"`:                                             "crawl",
		`"rai:dataCollectionType": ["User-generated content data"]`:                            "user",
		`"rai:dataCollectionType": ["Surveys", "Experiments"]`:                                 "other",
		`"rai:dataCollectionType": ["Others"]`:                                                 "other",
		`"prov:wasGeneratedBy": {"@type": "prov:Activity", "prov:label": "Web Crawl 2023-10"}`: "crawl",
		`"prov:wasGeneratedBy": [{"@id": "urn:synthetic-generation"}]`:                         "synthetic",
		`"rai:dataCollection": "Pages were crawled from the web."`:                             "crawl",
		`"rai:dataCollection": "Nothing was crawled, not one page."`:                           "",
		`"rai:dataCollection": "Users of our service wrote the texts."`:                        "",
		`"x": 1`: "",
	} {
		r := parse(t, pipeline.RecordCroissant, croissant(", "+body))
		require.Equal(t, want, word(r.Dataset.Collection), body)
	}
}

func TestCroissant_PersonalData(t *testing.T) {
	t.Parallel()
	show := func(p *bool) string {
		switch {
		case p == nil:
			return "?"
		case *p:
			return "yes"
		}
		return "no"
	}
	for written, want := range map[string]string{
		`"None"`:   "no no",
		`["none"]`: "no no",
		`"No personal or sensitive information."`: "no no",
		`["Gender", "Age"]`:                       "yes ?",
		`["Age", "Health records"]`:               "yes yes",
		`"Ethnicity of the speakers"`:             "yes yes",
		`["none", "Gender"]`:                      "yes ?",
		`"Names were removed"`:                    "? ?",
		`"The texts do not hold names"`:           "? ?",
		`"N/A"`:                                   "? ?",
		`[]`:                                      "? ?",
		`""`:                                      "? ?",
		`{"@value": "Geography"}`:                 "yes ?",
	} {
		r := parse(t, pipeline.RecordCroissant, croissant(`, "rai:personalSensitiveInformation": `+written))
		require.Equal(t, want, show(r.Dataset.Personal)+" "+show(r.Dataset.Sensitive), written)
	}
}

func TestCroissant_UseLimits(t *testing.T) {
	t.Parallel()
	for written, want := range map[string][]string{
		`[{"@type": "DefinedTerm", "name": "General Research Use", "termCode": "DUO_0000042", "url": "duo:0000042"}]`: {"general research use (DUO:0000042)"},
		`{"@type": ["CreativeWork", "odrl:Offer"], "name": "Policy", "odrl:permission": {"odrl:action": {"@id": "duo:0000006"}, "odrl:constraint": [{"name": "x", "odrl:rightOperand": {"@id": "duo:0000018"}}, {"odrl:leftOperand": {"@id": "duo:0000010"}, "odrl:rightOperand": {"@id": "mondo:0005070"}}]}}`: {
			"health, medical or biomedical use (DUO:0000006)", "not for profit, non-commercial use only (DUO:0000018)", "(DUO:0000010): mondo:0005070"},
		`{"odrl:prohibition": {"odrl:action": "commercialize"}}`: {"prohibited: commercialize"},
		`"https://example.org/policy"`:                           {"https://example.org/policy"},
		`{"name": "Ask first", "termCode": "DUO_9999999"}`:       {"Ask first (DUO:9999999)"},
		`null`: nil, `{}`: nil, `[1, [2], {"a": 1}]`: {"1"},
	} {
		r := parse(t, pipeline.RecordCroissant, croissant(`, "usageInfo": `+written))
		require.Equal(t, want, r.UseLimits, written)
	}
}

func TestCroissant_NamesDigestAndPurpose(t *testing.T) {
	t.Parallel()
	sum := strings.Repeat("ab", 32)
	file := `{"@type": "cr:FileObject", "sha256": "` + sum + `"}`
	for body, check := range map[string]func(r pipeline.DatasetRecord){
		`"url": "https://huggingface.co/datasets/acme/tickets", "alternateName": ["acme/tickets"]`: func(r pipeline.DatasetRecord) {
			require.Equal(t, "acme/tickets", *r.Dataset.ID)
			require.Equal(t, []string{"https://huggingface.co/datasets/acme/tickets"}, r.Aliases)
		},
		`"url": "https://example.org/sets/x", "identifier": "doi:10.1/x"`: func(r pipeline.DatasetRecord) {
			require.Equal(t, "https://example.org/sets/x", *r.Dataset.ID)
			require.Equal(t, []string{"doi:10.1/x"}, r.Aliases)
		},
		`"distribution": [` + file + `]`:              func(r pipeline.DatasetRecord) { require.Equal(t, "sha256:"+sum, *r.Dataset.Digest) },
		`"distribution": ` + file:                     func(r pipeline.DatasetRecord) { require.Equal(t, "sha256:"+sum, *r.Dataset.Digest) },
		`"distribution": [` + file + `,` + file + `]`: func(r pipeline.DatasetRecord) { require.Nil(t, r.Dataset.Digest) },
		`"distribution": [{"@type": "cr:FileObject", "sha256": "https://github.com/mlcommons/croissant/issues/80"}]`: func(r pipeline.DatasetRecord) {
			require.Nil(t, r.Dataset.Digest)
		},
		`"distribution": [` + file + `, {"@type": "cr:FileSet"}]`: func(r pipeline.DatasetRecord) { require.Nil(t, r.Dataset.Digest) },
		`"isLiveDataset": true`:                                   func(r pipeline.DatasetRecord) { require.True(t, *r.Dataset.Live) },
		`"cr:isLiveDataset": "False"`:                             func(r pipeline.DatasetRecord) { require.False(t, *r.Dataset.Live) },
		`"isLiveDataset": "perhaps"`:                              func(r pipeline.DatasetRecord) { require.Nil(t, r.Dataset.Live) },
		`"rai:dataUseCases": ["Testing", "Validation"]`:           func(r pipeline.DatasetRecord) { require.False(t, r.Trained) },
		`"rai:dataUseCases": ["Training, Testing"]`:               func(r pipeline.DatasetRecord) { require.True(t, r.Trained) },
		`"x": 1`:                       func(r pipeline.DatasetRecord) { require.True(t, r.Trained) },
		`"countryOfOrigin": "Germany"`: func(r pipeline.DatasetRecord) { require.Equal(t, "DE", *r.Dataset.OriginCountry) },
		`"countryOfOrigin": [{"@type": "Country", "name": "Germany"}, "France"]`: func(r pipeline.DatasetRecord) {
			require.Equal(t, []string{"DE", "FR"}, r.Origins)
			require.Nil(t, r.Dataset.OriginCountry)
		},
		`"countryOfOrigin": "the moon"`: func(r pipeline.DatasetRecord) {
			require.Nil(t, r.Dataset.OriginCountry)
			require.Contains(t, r.Problems[0], "the moon")
		},
		`"prov:wasDerivedFrom": {"@id": "urn:dataset:ImageNet"}`: func(r pipeline.DatasetRecord) {
			require.Equal(t, []string{"urn:dataset:ImageNet"}, r.DerivedFrom)
		},
		`"sdLicense": "mit"`: func(r pipeline.DatasetRecord) { require.Nil(t, r.Dataset.License) },
	} {
		check(parse(t, pipeline.RecordCroissant, croissant(", "+body)))
	}
	require.Contains(t, parse(t, pipeline.RecordCroissant, `{"@type": "Dataset", "name": "s"}`).Problems[0], "no version")
	require.Contains(t, parse(t, pipeline.RecordCroissant, `{"@type": "Dataset", "name": "s", "conformsTo": "http://mlcommons.org/croissant/2.0"}`).Problems[0], "Croissant 2.0")
	require.Contains(t, parse(t, pipeline.RecordCroissant, `{"@type": "Dataset", "conformsTo": ["http://mlcommons.org/croissant/1.0"]}`).Problems[0], "names no set")
	records, err := dataset.Parse(pipeline.RecordCroissant, "o", []byte(`{"@graph": [{"@type": "https://schema.org/Dataset", "name": "a"}, {"@type": "Person"}, {"@type": ["Thing", "schema.org/Dataset"], "name": "b"}]}`))
	require.NoError(t, err)
	require.Len(t, records, 2)
	require.Equal(t, "$.@graph[2]", records[1].At.Where)
}

func provenance(use, from string) string {
	return `{"source": {"title": "s", "id": "1"}, "provenance": {` + from + `}, "use": {` + use + `}}`
}

func TestProvenance_Places(t *testing.T) {
	t.Parallel()
	r := parse(t, pipeline.RecordProvenance, provenance(`"processing-included": [{"country": "United States"}, {"country": "European Union"}], "processing-excluded": [{"country": "China"}, {"country": "Atlantis"}],
		"storage-allowed": ["Germany", {"country": "IE", "state": "x"}], "storage-prohibited": {"country": "Russia"}`, ""))
	require.Len(t, r.Dataset.ProcessingIncluded, 28)
	require.Nil(t, r.Dataset.ProcessingExcluded, "a list without one place would say something else")
	require.Equal(t, []string{"DE", "IE"}, r.Dataset.StorageAllowed)
	require.Equal(t, []string{"RU"}, r.Dataset.StorageForbidden)
	require.Equal(t, []string{`processing-excluded names "Atlantis", which is no place that is known; the list was left out`}, r.Problems)
}

func TestProvenance_OriginAndMethod(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]struct {
		origin     string
		origins    []string
		collection string
		problems   int
	}{
		`"origin-geography": [{"country": "United States", "state": "CA"}], "generation-method": [{"code": "web-scraping-crawling"}]`: {origin: "US", collection: "crawl"},
		`"origin_geography": "DE", "generation_method": "synthetic"`:                                                                  {origin: "DE", collection: "synthetic"},
		`"originGeography": ["Georgia"]`: {problems: 1},
		`"origin-geography": [{"country": "US"}, {"country": "Germany"}], "generation-method": [{"code": "feeds"}, {"code": "primary-user-source"}]`:                                      {origins: []string{"DE", "US"}, collection: "other"},
		`"origin-geography": [{"country": "US"}], "sub-provenance": {"origin-geography": [{"country": "China"}], "generation-method": [{"code": "other", "description": "a web crawl"}]}`: {origins: []string{"CN", "US"}, collection: "crawl"},
		`"origin-geography": [{"country": "US"}], "sub-provenance": [{"origin-geography": [{"country": "European Union"}]}]`:                                                              {problems: 1},
		`"origin-geography": [], "generation-method": []`: {},
	} {
		r := parse(t, pipeline.RecordProvenance, provenance("", from))
		require.Equal(t, want.origin, word(r.Dataset.OriginCountry), from)
		require.Equal(t, want.origins, r.Origins, from)
		require.Equal(t, want.collection, word(r.Dataset.Collection), from)
		require.Len(t, r.Problems, want.problems, from)
	}
}

func TestProvenance_ClassificationAndConsent(t *testing.T) {
	t.Parallel()
	yes := true
	for use, want := range map[string]struct{ personal, sensitive *bool }{
		`"classification": [{"regulation": {"code": "PI"}, "evaluated": true}]`:                                                                {personal: &yes},
		`"classification": [{"regulation": {"code": "phi"}, "evaluated": true}]`:                                                               {&yes, &yes},
		`"classification": [{"regulation": {"code": "PFI"}, "evaluated": "true"}]`:                                                             {personal: &yes},
		`"classification": [{"regulation": {"code": "other", "description": "GDPR Article 9"}, "evaluated": true}]`:                            {&yes, &yes},
		`"classification": [{"regulation": {"code": "PI"}, "evaluated": false}, {"regulation": {"code": "trade secrets"}, "evaluated": true}]`: {},
		`"classification": "PI"`: {},
	} {
		r := parse(t, pipeline.RecordProvenance, provenance(use, ""))
		require.Equal(t, want.personal, r.Dataset.Personal, use)
		require.Equal(t, want.sensitive, r.Dataset.Sensitive, use)
	}
	r := parse(t, pipeline.RecordProvenance, provenance(`"consents": ["https://example.org/a", "https://example.org/b"], "license": ["CC-BY-4.0"], "intended-purpose": [{"code": "evaluation", "description": "x"}]`, ""))
	require.Equal(t, "https://example.org/a; https://example.org/b", *r.Dataset.Consent)
	require.Equal(t, "CC-BY-4.0", *r.Dataset.License)
	require.False(t, r.Trained)
	require.True(t, parse(t, pipeline.RecordProvenance, provenance(`"intended-purpose": [{"code": "evaluation"}, {"code": "pre-training"}]`, "")).Trained)
}

func TestParse_Refuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		want error
	}{
		"no JSON":          {"{", pipeline.ErrMalformed},
		"empty":            {"", pipeline.ErrMalformed},
		"two":              {"{} {}", pipeline.ErrMalformed},
		"no set":           {`{"@type": "Person"}`, pipeline.ErrMalformed},
		"null":             {"null", pipeline.ErrMalformed},
		"deep lists":       {strings.Repeat("[", 1<<20), pipeline.ErrOverLimit},
		"deep objects":     {strings.Repeat(`{"@graph":`, 100) + "1" + strings.Repeat("}", 100), pipeline.ErrOverLimit},
		"brackets in text": {`"` + strings.Repeat("[", 1000) + `\"[["`, pipeline.ErrMalformed},
	} {
		for _, kind := range []pipeline.RecordKind{pipeline.RecordCroissant, pipeline.RecordProvenance} {
			_, err := dataset.Parse(kind, "o", []byte(tc.text))
			require.ErrorIs(t, err, tc.want, name)
		}
	}
	many := `[` + strings.TrimSuffix(strings.Repeat(croissant("")+",", 500), ",") + `]`
	records, err := dataset.Parse(pipeline.RecordCroissant, "o", []byte(many))
	require.NoError(t, err)
	require.Len(t, records, 100)
}

func fuzz(f *testing.F, kind pipeline.RecordKind) {
	documents, err := filepath.Glob(filepath.Join("testdata", "documents", string(kind)+"-*.json"))
	require.NoError(f, err)
	for _, document := range documents {
		text, err := os.ReadFile(document)
		require.NoError(f, err)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		records, err := dataset.Parse(kind, "o", text)
		if err != nil {
			var e *pipeline.Error
			require.ErrorAs(t, err, &e)
			return
		}
		require.NotEmpty(t, records)
		for _, r := range records {
			require.LessOrEqual(t, len(r.Problems), 20)
			written, err := json.Marshal(r)
			require.NoError(t, err)
			require.NotContains(t, string(written), "\u202e")
			for _, code := range append(r.Dataset.StorageForbidden, r.Origins...) {
				_, ok := pipeline.PlaceCodes(code)
				require.True(t, ok, code)
			}
		}
	})
}

// FuzzCroissant: whatever the bytes are, there are bounded records or an error with a
// reason.
func FuzzCroissant(f *testing.F) { fuzz(f, pipeline.RecordCroissant) }

// FuzzProvenance: the same for data provenance records.
func FuzzProvenance(f *testing.F) { fuzz(f, pipeline.RecordProvenance) }
