package dataset_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/inspectors/dataset"
	"weighbridge/inspectors/inspecttest"
	"weighbridge/pipeline"
	"weighbridge/pipeline/compute"
	"weighbridge/pipeline/engine"
	"weighbridge/storage/object/mem"
)

// says stands for other readers: it adds records and tables.
type says struct {
	records []pipeline.DatasetRecord
	tables  []*pipeline.Table
}

func (says) Name() string { return "says" }

func (s says) Derive(_ context.Context, all *pipeline.Readings, _ *pipeline.FactSet) error {
	all.Datasets = append(all.Datasets, s.records...)
	all.Tables = append(all.Tables, s.tables...)
	return nil
}

func derive(t testing.TB, files inspecttest.Files, sub *pipeline.Submission, others says) pipeline.Report {
	t.Helper()
	files["README.md"] = "# Model"
	return inspecttest.Run{Readers: []pipeline.Reader{dataset.Reader{}}, Derivers: []pipeline.Deriver{others, dataset.New()},
		Assessors: []pipeline.Assessor{compute.Data{}}, Submission: sub}.Inspect(t, files)
}

func ptr[T any](v T) *T { return &v }

func named(id string) pipeline.DatasetRecord {
	return pipeline.DatasetRecord{At: pipeline.Evidence{Object: "README.md", Where: "$.datasets"}, Kind: pipeline.RecordCard, Basis: pipeline.BasisDeclared,
		Trained: true, Dataset: pipeline.Dataset{ID: &id}}
}

func described(r pipeline.DatasetRecord) pipeline.DatasetRecord {
	if r.At.Object == "" {
		r.At.Object = "data.json"
	}
	if r.Kind == "" {
		r.Kind, r.Basis = pipeline.RecordCroissant, pipeline.BasisParsed
	}
	return r
}

func declaredSets(sets ...pipeline.Dataset) *pipeline.Submission {
	return &pipeline.Submission{Datasets: append([]pipeline.Dataset{}, sets...)}
}

func ids(r pipeline.Report) []string {
	out := []string{}
	for _, d := range r.Facts.Datasets {
		out = append(out, word(d.ID))
	}
	return out
}

func TestDerive_NobodyNamesASet(t *testing.T) {
	t.Parallel()
	r := derive(t, inspecttest.Files{}, nil, says{})
	inspecttest.Unknown(t, r, "datasets")
	inspecttest.Unknown(t, r, "data.personal")
	require.False(t, *r.Facts.DataRecords.Named)
	require.Equal(t, pipeline.BasisMeasured, inspecttest.Known(t, r, "data_records.named").Basis)
	require.Equal(t, []pipeline.DatasetSource{}, r.Facts.DataRecords.Sources)
	require.Equal(t, []string{}, r.Facts.DataRecords.Problems)

	// A set that is only described is no training data.
	r = derive(t, inspecttest.Files{}, nil, says{records: []pipeline.DatasetRecord{described(pipeline.DatasetRecord{Dataset: pipeline.Dataset{ID: ptr("a/b")}})}})
	inspecttest.Unknown(t, r, "datasets")
	require.False(t, *r.Facts.DataRecords.Named)
	require.Equal(t, []pipeline.DatasetSource{{Object: "data.json", Kind: "croissant", ID: "a/b"}}, r.Facts.DataRecords.Sources)

	// The submission states that there is none.
	r = derive(t, inspecttest.Files{}, declaredSets(), says{})
	require.Equal(t, []pipeline.Dataset{}, r.Facts.Datasets)
	inspecttest.Known(t, r, "datasets")
	require.False(t, *r.Facts.DataRecords.Named)
}

func TestDerive_OneListOfAll(t *testing.T) {
	t.Parallel()
	r := derive(t, inspecttest.Files{"data/croissant.json": croissant(`, "url": "https://huggingface.co/datasets/acme/tickets", "license": "https://creativecommons.org/licenses/by/4.0/", "countryOfOrigin": "Germany", "rai:personalSensitiveInformation": "None", "rai:dataCollectionType": "Surveys"`)},
		declaredSets(pipeline.Dataset{ID: ptr("house/letters"), Personal: ptr(false), Collection: ptr("user")}, pipeline.Dataset{Name: ptr("Tickets")}),
		says{records: []pipeline.DatasetRecord{named("acme/tickets"), named("other/books")}})
	require.Equal(t, []string{"house/letters", "acme/tickets", "other/books"}, ids(r), "the submission's places stay")
	d := r.Facts.Datasets[1]
	require.Equal(t, "Tickets", *d.Name, "what the submission calls it stays")
	require.Equal(t, "CC-BY-4.0", *d.License)
	require.Equal(t, "DE", *d.OriginCountry)
	require.False(t, *d.Personal)
	for name, basis := range map[string]pipeline.Basis{"datasets": "declared", "datasets[0].id": "declared", "datasets[1].name": "declared", "datasets[1].license": "parsed",
		"datasets[1].personal": "parsed", "datasets[2].id": "declared", "data_records.named": "declared", "data_records.sources": "parsed"} {
		require.Equal(t, basis, inspecttest.Known(t, r, name).Basis, name)
	}
	require.Equal(t, "data/croissant.json", inspecttest.Known(t, r, "datasets[1].license").Evidence[0].Object)
	inspecttest.Unknown(t, r, "datasets[2].license")
	require.Empty(t, r.Facts.Submission.Contradictions)
	require.Equal(t, []string{`README.md names the data set "other/books", which the submission does not list.`}, r.Facts.DataRecords.Problems)
	inspecttest.Unknown(t, r, "data.personal") // nobody answers for the books
}

func TestDerive_Contradictions(t *testing.T) {
	t.Parallel()
	sub := declaredSets(pipeline.Dataset{ID: ptr("a/b"), License: ptr("mit"), Personal: ptr(false), Sensitive: ptr(true), Records: ptr(int64(5)), OriginCountry: ptr("US"),
		StorageForbidden: []string{"CN"}, StorageAllowed: []string{"US"}})
	r := derive(t, inspecttest.Files{}, sub, says{records: []pipeline.DatasetRecord{
		described(pipeline.DatasetRecord{Dataset: pipeline.Dataset{ID: ptr("a/b"), License: ptr("CC-BY-NC-4.0"), Personal: ptr(true), Sensitive: ptr(false), Records: ptr(int64(7000)), OriginCountry: ptr("DE"),
			StorageForbidden: []string{"RU"}, StorageAllowed: []string{"DE"}}}),
		named("a/b"),
		{At: pipeline.Evidence{Object: "b.json"}, Kind: pipeline.RecordCard, Basis: pipeline.BasisDeclared, Dataset: pipeline.Dataset{ID: ptr("a/b"), License: ptr("gpl-3.0"), Records: ptr(int64(7000))}},
	}})
	require.Len(t, r.Facts.Datasets, 1)
	d := r.Facts.Datasets[0]
	require.Equal(t, "CC-BY-NC-4.0", *d.License)
	require.Equal(t, int64(7000), *d.Records)
	require.Equal(t, "DE", *d.OriginCountry)
	require.True(t, *d.Personal, "what raises a question stands")
	require.True(t, *d.Sensitive, "whoever says so")
	require.Equal(t, []string{"CN", "RU"}, d.StorageForbidden)
	require.Equal(t, []string{"DE"}, d.StorageAllowed)
	require.Equal(t, pipeline.BasisDeclared, inspecttest.Known(t, r, "datasets[0].storage_forbidden").Basis)
	require.Equal(t, pipeline.BasisParsed, inspecttest.Known(t, r, "datasets[0].license").Basis)
	require.Equal(t, []string{
		`data set "a/b", the licence: the submission says "mit", and data.json says "CC-BY-NC-4.0".`,
		`data set "a/b", the country of origin: the submission says "US", and data.json says "DE".`,
		`data set "a/b", the number of records: the submission says 5, and data.json says 7,000.`,
		`data set "a/b", whether it holds personal data: the submission says false, and data.json says true.`,
		`data set "a/b", whether it holds sensitive data: the submission says true, and data.json says false.`,
		`data set "a/b", the places of storage: the submission says "US", and data.json says "DE".`,
		`data set "a/b", the licence: data.json says "CC-BY-NC-4.0", and b.json says "gpl-3.0".`,
	}, r.Facts.DataRecords.Problems)
	require.Len(t, r.Facts.Submission.Contradictions, 6)
	require.Contains(t, strings.Join(r.Facts.Submission.Contradictions, "\n"), `datasets[0].license: the submission states "mit", and "CC-BY-NC-4.0" was found (parsed).`)
	require.True(t, *r.Facts.Data.Personal)
}

func TestDerive_Identity(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		first, second string
		want          int
	}{
		{"a/b", "A/B", 1}, {"a/b", "https://huggingface.co/datasets/a/b", 1}, {"a/b", "https://huggingface.co/datasets/a/b/tree/main", 1}, {"b", "a/b", 1},
		{"a/squad_v2", "squad-v2", 1}, {"a/b", "c/b", 2}, {"a/b", "a/b-2", 2}, {"https://example.org/x/", "http://www.example.org/x", 1},
		{"https://example.org/x", "https://example.com/x", 2}, {"wikipedia", "Wikipedia", 1}, {"日本語/本", "本", 1},
	} {
		r := derive(t, inspecttest.Files{}, nil, says{records: []pipeline.DatasetRecord{named(tc.first), named(tc.second)}})
		require.Len(t, r.Facts.Datasets, tc.want, "%s and %s", tc.first, tc.second)
	}
	// A short name that two sets have is neither of them.
	r := derive(t, inspecttest.Files{}, nil, says{records: []pipeline.DatasetRecord{named("a/b"), named("c/b"), named("b")}})
	require.Equal(t, []string{"a/b", "c/b", "b"}, ids(r))
	// Aliases find a set too.
	r = derive(t, inspecttest.Files{}, nil, says{records: []pipeline.DatasetRecord{named("a/b"),
		described(pipeline.DatasetRecord{Dataset: pipeline.Dataset{ID: ptr("doi:1"), License: ptr("MIT")}, Aliases: []string{"a/b"}})}})
	require.Equal(t, []string{"a/b"}, ids(r))
	require.Equal(t, "MIT", *r.Facts.Datasets[0].License)
}

func TestDerive_SeveralCountries(t *testing.T) {
	t.Parallel()
	record := described(pipeline.DatasetRecord{Trained: true, Dataset: pipeline.Dataset{ID: ptr("a/b"), License: ptr("MIT")}, Origins: []string{"CN", "DE", "US"}})
	r := derive(t, inspecttest.Files{}, nil, says{records: []pipeline.DatasetRecord{record, named("c/d")}})
	require.Equal(t, []string{"a/b", "c/d", "a/b", "a/b"}, ids(r))
	for i, want := range []string{"CN", "", "DE", "US"} {
		require.Equal(t, want, word(r.Facts.Datasets[i].OriginCountry))
	}
	require.Equal(t, "MIT", *r.Facts.Datasets[3].License)
	require.Equal(t, pipeline.BasisParsed, inspecttest.Known(t, r, "datasets[2].origin_country").Basis)
	require.Equal(t, pipeline.BasisParsed, inspecttest.Known(t, r, "datasets[3].license").Basis)

	r = derive(t, inspecttest.Files{}, declaredSets(pipeline.Dataset{ID: ptr("a/b"), OriginCountry: ptr("US")}), says{records: []pipeline.DatasetRecord{record}})
	require.Equal(t, "US", *r.Facts.Datasets[0].OriginCountry)
	require.Len(t, r.Facts.Datasets, 3)
	require.Contains(t, r.Facts.DataRecords.Problems[0], "all count")
}

func TestDerive_Headers(t *testing.T) {
	t.Parallel()
	table := &pipeline.Table{Object: "model.gguf", HeaderEnd: 100, Metadata: map[string]string{
		"general.datasets": "a/b\n\nc/d", "general.dataset.count": "3", "general.dataset.0.name": "B", "general.dataset.0.organization": "A",
		"general.dataset.1.repo_url": "https://huggingface.co/datasets/e/f", "general.dataset.1.name": "F set", "general.dataset.2.doi": "10.5281/x"}}
	r := derive(t, inspecttest.Files{}, nil, says{tables: []*pipeline.Table{table, {Object: "other.gguf", Metadata: map[string]string{"general.dataset.count": "99999999999999999999"}},
		{Object: "more.gguf", Metadata: map[string]string{"general.dataset.count": "-5"}}, {Object: "none.safetensors"}}})
	require.Equal(t, []string{"a/b", "c/d", "e/f", "10.5281/x"}, ids(r))
	require.Equal(t, "F set", *r.Facts.Datasets[2].Name)
	require.Equal(t, []pipeline.Evidence{{Object: "model.gguf", Where: "bytes=0-99"}}, inspecttest.Known(t, r, "datasets[0].id").Evidence)
	require.Equal(t, "header", r.Facts.DataRecords.Sources[0].Kind)
}

func TestDerive_LimitsAndSources(t *testing.T) {
	t.Parallel()
	r := derive(t, inspecttest.Files{}, nil, says{records: []pipeline.DatasetRecord{
		described(pipeline.DatasetRecord{Trained: true, Dataset: pipeline.Dataset{Name: ptr("Letters")}, UseLimits: []string{"ask first"}, DerivedFrom: []string{"raw"}, Problems: []string{"odd"}})}})
	require.Equal(t, []string{"Letters: ask first"}, r.Facts.DataRecords.UseLimits)
	require.Equal(t, []string{"Letters: raw"}, r.Facts.DataRecords.DerivedFrom)
	require.Equal(t, []string{"data.json: odd."}, r.Facts.DataRecords.Problems)
	require.Equal(t, pipeline.BasisParsed, inspecttest.Known(t, r, "datasets").Basis)
	require.True(t, r.Facts.DataRecords.Sources[0].Trained)

	var many []pipeline.DatasetRecord
	for i := range 3000 {
		many = append(many, named(fmt.Sprintf("owner/set-%d", i)))
	}
	r = derive(t, inspecttest.Files{}, nil, says{records: many})
	require.Len(t, r.Facts.Datasets, 1000)
	require.Len(t, r.Facts.DataRecords.Sources, 1000)
	require.Equal(t, []string{"2,000 more data sets are named and were not listed."}, r.Facts.DataRecords.Problems)
}

func TestReader_ThroughTheEngine(t *testing.T) {
	t.Parallel()
	r := derive(t, inspecttest.Files{"a.json": croissant(""), "b.json": "{\"mlcommons.org/croissant\": [", "c.json": provenance("", `"origin-geography": ["FR"]`), "d.json": `{"model_type": "llama"}`,
		"e.jsonld": `{"@type": "Person", "x": "mlcommons.org/croissant"}`, "f.json": "\ufeff \n" + croissant("")}, nil, says{})
	require.Equal(t, []string{"dataset ok"}, inspecttest.Inspections(r, "a.json"))
	require.Equal(t, []string{"dataset ok: the document is no JSON"}, inspecttest.Inspections(r, "b.json"))
	require.Equal(t, []string{"dataset ok"}, inspecttest.Inspections(r, "c.json"))
	require.Equal(t, []string{"sniff ok"}, inspecttest.Inspections(r, "d.json"))
	require.Equal(t, []string{"dataset ok: the document describes no set of data"}, inspecttest.Inspections(r, "e.jsonld"))
	require.Equal(t, []string{"dataset ok"}, inspecttest.Inspections(r, "f.json"))
	require.Equal(t, []string{"b.json: the document is no JSON.", "e.jsonld: the document describes no set of data."}, r.Facts.DataRecords.Problems)
	require.Len(t, r.Facts.DataRecords.Sources, 5)
	for _, o := range r.Artifact.Objects {
		require.NotEqual(t, pipeline.RoleUnknown, o.Role, o.Path)
	}
}

// endless is a document without an end.
type endless string

func (e endless) ReadAt(p []byte, off int64) (int, error) {
	for i := range p {
		p[i] = ' '
		if at := off + int64(i); at < int64(len(e)) {
			p[i] = e[at]
		}
	}
	return len(p), nil
}

func TestReader_LargeDocuments(t *testing.T) {
	t.Parallel()
	run := func(size int64, name string) pipeline.Report {
		source, err := pipeline.ParseSource("s3://test/model/")
		require.NoError(t, err)
		store := mem.New(source)
		store.PutReaderAt(name, endless(croissant(`, "license": "mit"`)), size)
		e := engine.Engine{Readers: []pipeline.Reader{dataset.Reader{}}, Derivers: []pipeline.Deriver{dataset.New()}}
		w, err := e.Run(t.Context(), engine.Request{Source: source, Store: store, AsOf: inspecttest.Day, Keep: true})
		require.NoError(t, err)
		for _, k := range w.Kept {
			require.LessOrEqual(t, k.Size, int64(dataset.MaxDocument))
		}
		return w.Report
	}
	for _, name := range []string{"croissant.json", "metadata.json"} {
		r := run(3<<20, name)
		require.Equal(t, "mit", *r.Facts.Datasets[0].License, name)
		r = run(200<<20, name)
		inspecttest.Unknown(t, r, "datasets")
		require.Contains(t, r.Facts.DataRecords.Problems[0], "the document has 209,715,200 bytes; at most 4,194,304 are read")
	}
}
