package attest_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
)

// exported is an export of a log of three events, from one on.
func exported(t testing.TB, from int64) (lines []string, head pipeline.AuditHead) {
	t.Helper()
	head = pipeline.AuditGenesis()
	said, err := pipeline.CanonicalJSON(map[string]string{"text": "<a>"})
	require.NoError(t, err)
	for i := range 3 {
		e, next, err := head.Append(pipeline.AuditEvent{ID: uuid.UUID{byte(i + 1)}, Time: time.Date(2026, 11, 23, 9, i, 0, 0, time.UTC),
			Actor: pipeline.Actor{Name: "ada", Known: pipeline.KnownAsserted}, Kind: pipeline.EventCommented, Data: said})
		require.NoError(t, err)
		head = next
		text, err := json.Marshal(e)
		require.NoError(t, err)
		if e.Seq >= from {
			lines = append(lines, string(text))
		}
	}
	return append(lines, ended(t, head, nil)), head
}

func ended(t testing.TB, head pipeline.AuditHead, e *attest.Envelope) string {
	t.Helper()
	end, err := attest.EndOf(attest.CheckpointOf(head, time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)), e)
	require.NoError(t, err)
	text, err := json.Marshal(end)
	require.NoError(t, err)
	return string(text)
}

func TestReadHead(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 11, 0, 0, 0, time.UTC)
	key := fixed(t)
	trust, err := attest.TrustKeys(attest.TrustedKey{Name: "k", Key: key.Public()})
	require.NoError(t, err)
	lines, head := exported(t, 1)
	part, _ := exported(t, 3)
	signed, err := attest.CheckpointOf(head, now).Sign(t.Context(), key)
	require.NoError(t, err)
	plain, err := json.Marshal(head)
	require.NoError(t, err)
	without := func(i int) string {
		return strings.Join(append(append([]string{}, lines[:i]...), lines[i+1:]...), "\n")
	}
	tests := map[string]struct {
		text  string
		trust *attest.Trust
		err   error
		says  string
	}{
		"Plain":              {string(plain), nil, nil, ""},
		"Checkpoint":         {string(signed.JSON()), trust, nil, ""},
		"Export":             {strings.Join(lines, "\n") + "\n", nil, nil, ""},
		"PartOfAnExport":     {strings.Join(part, "\n"), nil, nil, ""},
		"ExportOfNothing":    {lines[3], nil, nil, ""},
		"SignedExport":       {strings.Join(append(lines[:3:3], ended(t, head, signed)), "\n"), trust, nil, ""},
		"NobodyTrusted":      {string(signed.JSON()), nil, pipeline.ErrUsage, "no key is trusted"},
		"ExportNotTrusted":   {strings.Join(append(lines[:3:3], ended(t, head, signed)), "\n"), nil, pipeline.ErrUsage, "no key is trusted"},
		"Stranger":           {string(signed.JSON()), &attest.Trust{}, attest.ErrUnknownKey, ""},
		"Empty":              {"", nil, pipeline.ErrUsage, "holds no head"},
		"NoHash":             {`{"count":3}`, nil, pipeline.ErrUsage, "holds no head"},
		"FirstEventGone":     {without(0), nil, nil, ""}, // an export from 2 on
		"EventGone":          {without(1), nil, pipeline.ErrTampered, "broken at event 2"},
		"LastEventGone":      {without(2), nil, pipeline.ErrTampered, "not that of its last event"},
		"CheckpointGone":     {without(3), nil, pipeline.ErrTampered, "no checkpoint at its end"},
		"EventChanged":       {strings.Replace(strings.Join(lines, "\n"), "ada", "eve", 1), nil, pipeline.ErrTampered, "broken at event 1"},
		"SomethingFollows":   {strings.Join(append(lines[:4:4], "{}"), "\n"), nil, pipeline.ErrTampered, "something follows"},
		"NoEvent":            {lines[0] + "\n{", nil, pipeline.ErrTampered, "line 2 is no event"},
		"LineWithoutEnd":     {lines[0] + "\n" + strings.Repeat("x", 2<<20), nil, pipeline.ErrTampered, "longer than 1 MiB"},
		"BrokenCheckpoint":   {`{"checkpoint":`, nil, pipeline.ErrTampered, "its last line cannot be read"},
		"CheckpointWithNone": {`{"checkpoint":null}`, nil, pipeline.ErrUsage, "holds no head"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := attest.ReadHead(t.Context(), strings.NewReader(test.text), test.trust, now)
			if test.err != nil {
				require.ErrorIs(t, err, test.err)
				require.ErrorContains(t, err, test.says)
				return
			}
			require.NoError(t, err)
			require.Equal(t, head, got)
		})
	}
}

// Whatever is read as a head, nothing that is not a head comes out of it.
func FuzzReadHead(f *testing.F) {
	lines, head := exported(f, 1)
	plain, err := json.Marshal(head)
	require.NoError(f, err)
	for _, text := range []string{string(plain), strings.Join(lines, "\n"), lines[3], `{"payloadType":"a","payload":"","signatures":[]}`, `{"seq":-9223372036854775808}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		head, err := attest.ReadHead(t.Context(), bytes.NewReader(text), &attest.Trust{}, time.Date(2026, 11, 23, 11, 0, 0, 0, time.UTC))
		if err != nil {
			require.NotEmpty(t, pipeline.ErrorCode(err))
			return
		}
		require.GreaterOrEqual(t, head.Count, int64(0))
		require.Len(t, string(head.Hash), len("sha256:")+64)
	})
}
