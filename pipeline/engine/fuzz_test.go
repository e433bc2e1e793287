package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/engine"
)

// FuzzSniff tells what any bytes are. An object ends as exactly one of what was
// understood, what was not, and a pointer; the run itself never fails.
func FuzzSniff(f *testing.F) {
	for _, seed := range []string{"", "words", "{}", "\x89PNG\r\n\x1a\n", "RIFF....WEBP", pieces("a", "b", "c", "d"), zipEnd,
		"version https://git-lfs.github.com/spec/v1\nsize 12\n", "# xet version 0\nfilesize = 12\n", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		m, s := store()
		m.Put("o", content)
		r := run(t, engine.Engine{Derivers: []pipeline.Deriver{weighs(1)}}, s)
		require.Len(t, status(r, "o"), 1)
		o := object(t, r, "o")
		switch status(r, "o")[0] {
		case "sniff ok":
			require.NotEqual(t, "unknown", o.Format)
			require.Equal(t, pipeline.VerdictClear, r.Verdict)
		case "sniff skipped":
			require.Equal(t, "unknown", o.Format)
			require.Equal(t, pipeline.RoleUnknown, o.Role)
		case "sniff malformed":
			require.Equal(t, pipeline.RolePointer, o.Role)
			require.Equal(t, pipeline.VerdictInconclusive, r.Verdict)
		default:
			require.Fail(t, status(r, "o")[0])
		}
	})
}
