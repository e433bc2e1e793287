package pipeline_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

func config(t *testing.T, text string) pipeline.Config {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var values map[string]any
	require.NoError(t, d.Decode(&values))
	return pipeline.Config{Object: "config.json", Values: values}
}

func TestConfig_Int(t *testing.T) {
	t.Parallel()
	tests := []struct {
		value string
		want  int64
		ok    bool
	}{
		{"0", 0, true}, {"32", 32, true}, {"32.0", 32, true}, {"3.2e1", 32, true}, {"9007199254740992", 1 << 53, true},
		{"9007199254740994", 0, false}, {"32.5", 0, false}, {"-1", 0, false}, {"1e400", 0, false}, {`"32"`, 0, false},
		{"null", 0, false}, {"true", 0, false}, {"[32]", 0, false},
	}
	for _, tt := range tests {
		c := config(t, `{"n": `+tt.value+`}`)
		v, path, ok := c.Int("absent", "n")
		require.Equal(t, tt.ok, ok, tt.value)
		require.Equal(t, tt.want, v, tt.value)
		if ok {
			require.Equal(t, "n", path)
		}
	}
}

func TestConfig_Accessors(t *testing.T) {
	t.Parallel()
	c := config(t, `{"a": {"b": {"c": 5, "t": "text"}}, "list": ["first", "second"], "none": [], "mixed": [1], "flag": true, "no": false, "text": "x"}`)
	require.Equal(t, json.Number("5"), c.Lookup("a.b.c"))
	for _, path := range []string{"a.x", "a.b.c.d", "", "a.", ".a", "list.0"} {
		require.Nil(t, c.Lookup(path), path)
	}
	v, path, ok := c.Int("text", "a.b.c")
	require.True(t, ok)
	require.Equal(t, int64(5), v)
	require.Equal(t, "a.b.c", path)

	for paths, want := range map[string]string{"text": "x", "list": "first", "none,mixed,flag,a.b.t": "text"} {
		got, _, ok := c.Text(strings.Split(paths, ",")...)
		require.True(t, ok, paths)
		require.Equal(t, want, got)
	}
	_, _, ok = c.Text("none", "mixed", "flag", "a", "absent")
	require.False(t, ok)

	flag, ok := c.Bool("flag")
	require.True(t, ok)
	require.True(t, flag)
	flag, ok = c.Bool("no")
	require.True(t, ok)
	require.False(t, flag)
	_, ok = c.Bool("text")
	require.False(t, ok)
	_, ok = pipeline.Config{}.Bool("flag")
	require.False(t, ok)
}

func TestError_CodesAndSentinels(t *testing.T) {
	t.Parallel()
	sentinels := map[pipeline.Code]error{
		pipeline.CodeUsage: pipeline.ErrUsage, pipeline.CodeNotFound: pipeline.ErrNotFound, pipeline.CodeDenied: pipeline.ErrDenied,
		pipeline.CodeChanged: pipeline.ErrChanged, pipeline.CodeUnavailable: pipeline.ErrUnavailable, pipeline.CodeProtocol: pipeline.ErrProtocol,
		pipeline.CodeMalformed: pipeline.ErrMalformed, pipeline.CodeOverLimit: pipeline.ErrOverLimit, pipeline.CodeInvalid: pipeline.ErrInvalid,
		pipeline.CodeTransition: pipeline.ErrTransition, pipeline.CodeForbidden: pipeline.ErrForbidden, pipeline.CodeConflict: pipeline.ErrConflict,
		pipeline.CodeTampered: pipeline.ErrTampered,
	}
	for code := range sentinels {
		err := fmt.Errorf("around: %w", &pipeline.Error{Code: code, Message: "what", Hint: "do", Err: io.EOF})
		require.Equal(t, code, pipeline.ErrorCode(err))
		require.ErrorIs(t, err, io.EOF)
		for other, target := range sentinels {
			require.Equal(t, code == other, errors.Is(err, target), "%s and %s", code, other)
		}
	}
	require.Empty(t, pipeline.ErrorCode(nil))
	require.Equal(t, pipeline.CodeInternal, pipeline.ErrorCode(io.EOF))
	outer := &pipeline.Error{Code: pipeline.CodeInvalid, Err: &pipeline.Error{Code: pipeline.CodeDenied}}
	require.Equal(t, pipeline.CodeInvalid, pipeline.ErrorCode(outer), "the outermost code counts")
	require.ErrorIs(t, outer, pipeline.ErrDenied)
	require.NotErrorIs(t, outer, &pipeline.Error{Code: pipeline.CodeInvalid, Message: "only sentinels match by code"})

	require.Equal(t, "what: EOF", (&pipeline.Error{Code: pipeline.CodeDenied, Message: "what", Err: io.EOF}).Error())
	require.Equal(t, "denied", pipeline.ErrDenied.Error())
}
