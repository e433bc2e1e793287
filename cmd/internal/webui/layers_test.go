package webui_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/app"
	"weighbridge/cmd/internal/webui"
	"weighbridge/pipeline"
)

func TestLayers_AreDrawnByTheirNumbers(t *testing.T) {
	t.Parallel()
	run := func(stack string, first, last, each int64) pipeline.LayerRun {
		return pipeline.LayerRun{Set: "m", Stack: stack, First: first, Last: last, Each: each}
	}
	rest := pipeline.LayerRun{Each: 7}
	many := []pipeline.LayerRun{}
	for i := range 20 {
		many = append(many, run(fmt.Sprint("s", i), 0, 1, int64(100-i)))
	}
	tests := []struct {
		name         string
		runs         []pipeline.LayerRun
		stacks, more int
		layers, rest int64
		// bars are those of the first stack, last is the place of the last of them.
		bars int
		last string
	}{
		{"no runs, as in older reports", nil, 0, 0, 0, 0, 0, ""},
		{"no layers", []pipeline.LayerRun{rest}, 0, 0, 0, 0, 0, ""},
		{"a stack", []pipeline.LayerRun{run("l", 0, 2, 5), run("l", 3, 3, 9), rest}, 1, 0, 4, 7, 4, "750.0"},
		{"a gap between", []pipeline.LayerRun{run("l", 10, 11, 5), run("l", 19, 19, 5)}, 1, 0, 3, 0, 3, "900.0"},
		{"one layer", []pipeline.LayerRun{run("l", 4, 4, 5)}, 1, 0, 1, 0, 0, ""},
		{"numbers far apart", []pipeline.LayerRun{run("l", 0, 0, 5), run("l", 16_000, 16_000, 5)}, 1, 0, 2, 0, 0, ""},
		{"the same name in two sets", []pipeline.LayerRun{run("l", 0, 1, 5), {Set: "n", Stack: "l", First: 0, Last: 1, Each: 4}}, 2, 0, 2, 0, 2, "500.0"},
		{"many stacks", many, 12, 8, 2, 0, 2, "500.0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := webui.LayersOf(tt.runs)
			if tt.stacks == 0 {
				require.Nil(t, v)
				return
			}
			require.Len(t, v.Stacks, tt.stacks)
			require.Equal(t, tt.more, v.More)
			require.Equal(t, tt.rest, v.Rest)
			first := v.Stacks[0]
			require.Equal(t, tt.layers, first.Layers)
			require.Len(t, first.Bars, tt.bars)
			if tt.bars > 0 {
				require.Equal(t, tt.last, first.Bars[tt.bars-1].X)
			}
			require.Equal(t, tt.stacks == 2, first.Set != "", "the set is named where there are several")
		})
	}
}

// A packed model is drawn like any other.
func TestCase_LayersOfAPackedModel(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := d.weigh("deepseek-v3", "m", "sue", app.Run{})
	page := d.get(d.person("rita", pipeline.RoleReviewer), casePath(c))
	require.Equal(t, http.StatusOK, page.status)
	for _, want := range []string{"62 layers, from 583,483,392 to 13,463,426,304 parameters.", "3–60 11,507,286,272", "1,853,365,248 parameters lie outside of these layers."} {
		require.Contains(t, page.main(), want)
	}
}
