package modelcard_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/inspectors/modelcard"
	"weighbridge/pipeline"
	"weighbridge/pipeline/engine"
	"weighbridge/storage/object/mem"

	"weighbridge/inspectors/inspecttest"
)

// endless is a text that repeats, of any length.
type endless string

func (e endless) ReadAt(p []byte, off int64) (int, error) {
	for i := range p {
		p[i] = e[(off+int64(i))%int64(len(e))]
	}
	return len(p), nil
}

func TestReader_HugeCards(t *testing.T) {
	t.Parallel()
	const huge = int64(200 << 20)
	for name, tc := range map[string]struct {
		text    endless
		problem string
		role    pipeline.Role
	}{
		"prose without an end":        {"words and more words\n", "the first 262,144 were read", pipeline.RoleCard},
		"front matter without an end": {"---\nlicense: mit\ntags: [a, b]\nx: y\n", "the first 262,144 were read", pipeline.RoleCard},
		"runes that the cut parts":    {"日本語のモデル\n", "were read", pipeline.RoleCard},
		"no text":                     {"a\x00b", "the README is no text", pipeline.RoleUnknown},
		"one line":                    {"a", "were read", pipeline.RoleCard},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source, err := pipeline.ParseSource("s3://test/model/")
			require.NoError(t, err)
			store := mem.New(source)
			store.PutReaderAt("README.md", tc.text, huge/int64(len(tc.text))*int64(len(tc.text)))
			e := engine.Engine{Readers: []pipeline.Reader{modelcard.Reader{}}}
			w, err := e.Run(t.Context(), engine.Request{Source: source, Store: store, AsOf: inspecttest.Day, Keep: true})
			require.NoError(t, err)
			require.Contains(t, w.Report.Facts.Card.Problems[len(w.Report.Facts.Card.Problems)-1], tc.problem)
			require.Equal(t, tc.role, w.Report.Artifact.Objects[0].Role)
			for _, k := range w.Kept {
				require.LessOrEqual(t, k.Size, int64(modelcard.MaxCard), "what was read is kept, and no more")
			}
			require.Equal(t, tc.role == pipeline.RoleCard, len(w.Kept) == 1)
		})
	}
}

func TestReader_HostileText(t *testing.T) {
	t.Parallel()
	report, found := inspect(t, inspecttest.Files{"README.md": card(`license: "<script>alert(1)</script>"
license_link: http://169.254.169.254/latest/meta-data/
base_model: "a/\u202Eb"
datasets: ["http://localhost:8080/x", "file:///etc/passwd", "\u0000"]
library_name: "\e[2Jtransformers"
`, "![x](http://10.0.0.1/pixel.png) <script>alert(1)</script>\n")}, nil, nil)
	require.Len(t, found.Licenses, 1)
	require.Equal(t, "http://169.254.169.254/latest/meta-data/", found.Licenses[0].Link, "a link is a text")
	require.Equal(t, "a/\uFFFDb", *found.Bases[0].Base.ID)
	require.Equal(t, "\uFFFD[2Jtransformers", *report.Facts.Card.Library)
	require.Len(t, found.Datasets, 3)
	require.Contains(t, report.Facts.Card.Problems[0], "cannot be seen")
}
