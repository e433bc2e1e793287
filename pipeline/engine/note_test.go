package engine_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/engine"
)

func TestRead_NotesAndStatus(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		result pipeline.ReadResult
		status pipeline.InspectionStatus
	}{
		{"a note on what was not understood", pipeline.ReadResult{Format: "f", Note: "why"}, pipeline.InspectionSkipped},
		{"a note beside what was", pipeline.ReadResult{Format: "f", Explained: true, Unexplained: 5, Note: "why"}, pipeline.InspectionOK},
		{"a note on an inert object", pipeline.ReadResult{Format: "f", Inert: true, Note: "why"}, pipeline.InspectionOK},
		{"no note", pipeline.ReadResult{Format: "f"}, pipeline.InspectionOK},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, s := store()
			m.Put("o", []byte("words"))
			reader := fake{sniff: func(pipeline.Object, []byte) bool { return true },
				read: func(context.Context, pipeline.File) (pipeline.ReadResult, error) { return tt.result, nil }}
			r := run(t, engine.Engine{Readers: []pipeline.Reader{reader}, Derivers: []pipeline.Deriver{weighs(1)}}, s)
			require.Len(t, r.Inspections, 2)
			require.Equal(t, tt.status, r.Inspections[0].Status)
			require.Equal(t, tt.result.Note, r.Inspections[0].Reason)
			require.Equal(t, pipeline.VerdictClear, r.Verdict, "a note alone keeps nothing from a verdict")
		})
	}
}

func TestFile_KeepRecordsWhatIsClosed(t *testing.T) {
	t.Parallel()
	for _, closed := range []bool{true, false} {
		m, s := store()
		m.Put("o", []byte("abcdefgh"))
		reader := fake{sniff: func(pipeline.Object, []byte) bool { return true },
			read: func(_ context.Context, f pipeline.File) (pipeline.ReadResult, error) {
				k := f.Keep()
				for _, b := range [][]byte{[]byte("gh"), nil, []byte("abc")} {
					if _, err := k.Write(b); err != nil {
						return pipeline.ReadResult{}, fmt.Errorf("keep: %w", err)
					}
				}
				if closed {
					return pipeline.ReadResult{}, k.Close()
				}
				return pipeline.ReadResult{}, nil
			}}
		e := engine.Engine{Readers: []pipeline.Reader{reader}}
		w, err := e.Run(t.Context(), engine.Request{Store: s, Keep: true})
		require.NoError(t, err)
		if !closed {
			require.Empty(t, w.Kept)
			continue
		}
		require.Len(t, w.Kept, 1)
		require.Equal(t, int64(5), w.Kept[0].Size)
		require.Equal(t, pipeline.DigestBytes([]byte("ghabc")), w.Kept[0].Digest)
	}
}

func TestRead_BesideLeavesTheObjectToItsBytes(t *testing.T) {
	t.Parallel()
	beside := pipeline.ReadResult{Role: pipeline.RoleCard, Beside: true}
	for _, tt := range []struct {
		name   string
		bytes  string
		err    error
		role   pipeline.Role
		format string
		status pipeline.InspectionStatus
	}{
		{"a text", "# words", nil, pipeline.RoleCard, "text", pipeline.InspectionOK},
		{"no text", "\x00\x01\x02\x03", nil, pipeline.RoleUnknown, "unknown", pipeline.InspectionSkipped},
		{"a text that is not understood", "words", &pipeline.Error{Code: pipeline.CodeMalformed, Message: "why"}, pipeline.RoleCard, "text", pipeline.InspectionSkipped},
		{"a text that is too long", "words", &pipeline.Error{Code: pipeline.CodeOverLimit, Message: "why"}, pipeline.RoleCard, "text", pipeline.InspectionSkipped},
		{"a store that fails", "words", &pipeline.Error{Code: pipeline.CodeUnavailable, Message: "why"}, pipeline.RoleCard, "text", pipeline.InspectionFailed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, s := store()
			m.Put("o", []byte(tt.bytes))
			reader := fake{sniff: func(pipeline.Object, []byte) bool { return true },
				read: func(context.Context, pipeline.File) (pipeline.ReadResult, error) { return beside, tt.err }}
			r := run(t, engine.Engine{Readers: []pipeline.Reader{reader}}, s)
			require.Equal(t, tt.role, r.Artifact.Objects[0].Role)
			require.Equal(t, tt.format, r.Artifact.Objects[0].Format)
			require.Equal(t, tt.status, r.Inspections[len(r.Inspections)-1].Status)
		})
	}
}
