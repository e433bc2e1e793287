package pipeline_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

func chain(t *testing.T, n int) []pipeline.AuditEvent {
	t.Helper()
	head := pipeline.AuditGenesis()
	var out []pipeline.AuditEvent
	for i := range n {
		id := uuid.UUID{15: byte(i + 1)}
		e, next, err := head.Append(pipeline.AuditEvent{ID: id, Time: time.Date(2026, 11, 23, 8, 0, i, 1000, time.UTC),
			Actor: pipeline.Actor{Name: "ada", Known: pipeline.KnownAsserted}, Kind: pipeline.EventCommented, Case: &id, Data: json.RawMessage(`{"text":"x"}`)})
		require.NoError(t, err)
		out, head = append(out, e), next
	}
	return out
}

// The hash is a contract: logs that exist must verify for ever.
func TestAuditEvent_Sum_IsFixed(t *testing.T) {
	t.Parallel()
	events := chain(t, 2)
	require.Equal(t, pipeline.Digest("sha256:0000000000000000000000000000000000000000000000000000000000000000"), events[0].Prev)
	require.Equal(t, wantFirst, string(events[0].Hash))
	require.Equal(t, events[0].Hash, events[1].Prev)
}

func TestAuditHead_Check(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(e *pipeline.AuditEvent)
		want   string
	}{
		{"Untouched", func(*pipeline.AuditEvent) {}, ""},
		{"Time", func(e *pipeline.AuditEvent) { e.Time = e.Time.Add(time.Microsecond) }, "event 2: its content"},
		{"Actor", func(e *pipeline.AuditEvent) { e.Actor.Name = "bob" }, "event 2: its content"},
		{"Known", func(e *pipeline.AuditEvent) { e.Actor.Known = "proved" }, "event 2: its content"},
		{"Kind", func(e *pipeline.AuditEvent) { e.Kind = pipeline.EventApproved }, "event 2: its content"},
		{"Case", func(e *pipeline.AuditEvent) { e.Case = nil }, "event 2: its content"},
		{"ID", func(e *pipeline.AuditEvent) { e.ID = uuid.UUID{} }, "event 2: its content"},
		{"Data", func(e *pipeline.AuditEvent) { e.Data = json.RawMessage(`{"text":"y"}`) }, "event 2: its content"},
		{"Prev", func(e *pipeline.AuditEvent) { e.Prev = e.Hash }, "event 2: it does not hold the hash"},
		{"Gap", func(e *pipeline.AuditEvent) { e.Seq = 4 }, "event 2: it is missing: the log goes on with event 4"},
		{"Twice", func(e *pipeline.AuditEvent) { e.Seq = 1 }, "event 1: it is there twice"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			events := chain(t, 3)
			test.change(&events[1])
			head, err := pipeline.AuditGenesis(), error(nil)
			for _, e := range events {
				if head, err = head.Check(e); err != nil {
					break
				}
			}
			if test.want == "" {
				require.NoError(t, err)
				require.Equal(t, pipeline.AuditHead{Count: 3, Hash: events[2].Hash}, head)
				return
			}
			require.ErrorIs(t, err, pipeline.ErrTampered)
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestCanonicalJSON(t *testing.T) {
	t.Parallel()
	got, err := pipeline.CanonicalJSON(map[string]any{"b": struct {
		Z int64 `json:"z"`
		A any   `json:"a"`
	}{9007199254740993, "<&"}, "a": nil})
	require.NoError(t, err)
	require.Equal(t, `{"a":null,"b":{"a":"\u003c\u0026","z":9007199254740993}}`, string(got))
}

func TestActor(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", " ada", "ada ", "a\x00b", "a\u200bb", "a\nb", "\xff", string(make([]byte, 201))} {
		err := pipeline.Actor{Name: name, Known: pipeline.KnownAsserted}.Validate()
		require.ErrorIs(t, err, pipeline.ErrUsage, "%q", name)
	}
	require.NoError(t, pipeline.Actor{Name: "Ada Lovelace", Known: pipeline.KnownAsserted}.Validate())
	require.NoError(t, pipeline.Actor{Name: "李雷", Known: pipeline.KnownAsserted}.Validate())
	require.ErrorIs(t, pipeline.Actor{Name: "ada"}.Validate(), pipeline.ErrUsage)
	require.True(t, pipeline.Actor{Name: "Kim"}.Same(pipeline.Actor{Name: "\u212aIM"})) // the Kelvin sign folds to k
	require.False(t, pipeline.Actor{Name: "kim"}.Same(pipeline.Actor{Name: "tim"}))
}

// Whatever decides what a case allows changes its seal.
func TestCase_Seal(t *testing.T) {
	t.Parallel()
	digest, n, text, when := pipeline.DigestBytes(nil), int64(1), "x", time.Unix(1, 0)
	other := uuid.UUID{1}
	changes := map[string]func(c *pipeline.Case){
		"id": func(c *pipeline.Case) { c.ID = other }, "source": func(c *pipeline.Case) { c.Source = "b" },
		"pins": func(c *pipeline.Case) { c.PinDigest = digest }, "header": func(c *pipeline.Case) { c.HeaderDigest = digest },
		"content": func(c *pipeline.Case) { c.ContentDigest = &digest }, "submission": func(c *pipeline.Case) { c.SubmissionDigest = &digest },
		"state": func(c *pipeline.Case) { c.State = pipeline.StateApproved }, "verdict": func(c *pipeline.Case) { c.Verdict = pipeline.VerdictBlock },
		"quorum": func(c *pipeline.Case) { c.Quorum = pipeline.QuorumTwo }, "lower": func(c *pipeline.Case) { c.Params.Lower = &n },
		"estimate": func(c *pipeline.Case) { c.Params.Estimate = &n }, "upper": func(c *pipeline.Case) { c.Params.Upper = &n },
		"bytes": func(c *pipeline.Case) { c.Bytes = 1 }, "family": func(c *pipeline.Case) { c.Family = &text },
		"fingerprint": func(c *pipeline.Case) { c.Fingerprint = &text }, "submitter": func(c *pipeline.Case) { c.Submitter.Name = "x" },
		"claimant": func(c *pipeline.Case) { c.Claimant = &pipeline.Actor{Name: "x"} }, "version": func(c *pipeline.Case) { c.Version = 2 },
		"round": func(c *pipeline.Case) { c.Round = 2 }, "report": func(c *pipeline.Case) { c.Report = digest },
		"created": func(c *pipeline.Case) { c.CreatedAt = when }, "settled": func(c *pipeline.Case) { c.SettledAt = &when },
		"expires": func(c *pipeline.Case) { c.ExpiresAt = &when }, "superseded": func(c *pipeline.Case) { c.SupersededBy = &other },
	}
	seen := map[pipeline.Digest]string{pipeline.Case{}.Seal(): "nothing"}
	for name, change := range changes {
		var c pipeline.Case
		change(&c)
		before, dup := seen[c.Seal()]
		require.False(t, dup, "%s is sealed like %s", name, before)
		seen[c.Seal()] = name
	}
}

// wantFirst was computed apart from this program, after the rule that [pipeline.AuditEvent.Sum] states.
const wantFirst = "sha256:b3e46be05e1e40367e42124cdc4fb6eb0d182323e1a35a6ba8ab4655468de1bf"
