package modelcard_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/inspectors/modelcard"
	"weighbridge/pipeline"
)

// counts writes what is found in a prose: the number, the share in ten thousand that it was
// rounded by, and "active".
func counts(body string) []string {
	out := []string{}
	for _, r := range modelcard.Counts(&pipeline.Card{Object: "README.md", Body: body}) {
		s := fmt.Sprintf("%d within %.0f", r.Count, r.Within*1e4)
		if r.Active {
			s += " active"
		}
		out = append(out, s)
	}
	return out
}

func TestCounts_Prose(t *testing.T) {
	t.Parallel()
	for body, want := range map[string][]string{
		"A language model with 7B parameters.":                 {"7000000000 within 714"},
		"A 7-billion-parameter model":                          {"7000000000 within 714"},
		"a pretrained text model with 7.24 billion parameters": {"7240000000 within 7"},
		"**Number of parameters:** 405,000,000":                {"405000000 within 12"},
		"- Parameters: 70.6B":                                  {"70600000000 within 7"},
		"Number of parameters: 6,738,415,616":                  {"6738415616 within 0"},
		"It has ~7B parameters":                                {"7000000000 within 1429"},
		"It has more than 1 billion parameters":                {"1000000000 within 10000"},
		"110M params":                                          {"110000000 within 45"},
		"Total Parameters: 671B":                               {"671000000000 within 7"},
		"a strong Mixture-of-Experts (MoE) language model with 671B total parameters with 37B activated for each token": {"671000000000 within 7", "37000000000 within 135 active"},
		"17B active parameters and 109B total parameters":                                                               {"109000000000 within 46", "17000000000 within 294 active"},
		"Number of Activated Parameters: 3.3B":                                                                          {"3300000000 within 152 active"},
		"1 trillion parameters":                                                                                         {"1000000000000 within 5000"},

		"Kimi K2 is a mixture-of-experts (MoE) language model with 32 billion activated parameters and 1 trillion total parameters. Trained with Muon.": {"1000000000000 within 5000", "32000000000 within 156 active"},
		"Pre-trained a 1T parameter MoE model on 15.5T tokens with zero training instability.":                                                          {"1000000000000 within 5000"},

		// Another model, several, or a part of this one.
		"It outperforms models with 13B parameters":                    {},
		"smaller than the 70B parameter model":                         {},
		"distilled from a teacher of 405B parameters":                  {},
		"The family comes in 7B parameters and 13B parameters":         {},
		"sizes of 1B parameters":                                       {},
		"with 7B or 13B parameters":                                    {},
		"from 1B to 7B parameters":                                     {},
		"1-7B parameters":                                              {},
		"up to 7B parameters":                                          {},
		"Number of Parameters (Non-Embedding): 6.53B":                  {},
		"300M embedding parameters":                                    {},
		"trainable params: 4,194,304 || all params: 6,742,609,920":     {},
		"trainable parameters: 4,194,304":                              {},
		"a vision encoder of 400M vision encoder parameters":           {},
		"It takes 2 parameters.":                                       {},
		"the LoRA has 20M parameters":                                  {},
		"hyperparameters: 100000":                                      {},
		"an 8x7B parameters model":                                     {},
		"Llama-2-7B parameters":                                        {},
		"v1.7B parameters":                                             {},
		"> Others have 7B parameters":                                  {},
		"```\nthe 7B parameters\n```":                                  {},
		"<!-- 7B parameters -->":                                       {},
		"<!--\n7B parameters\n--> ":                                    {},
		"7,00,0000 parameters":                                         {},
		"99999999999999999999999999999 parameters":                     {},
		"0B parameters":                                                {},
		"The model has 7B parameters and the old model 6B parameters.": {},
		"no number of parameters":                                      {},
		"":                                                             {},
	} {
		require.Equal(t, want, counts(body), body)
	}
}

func TestCounts_Tables(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body string
		want []string
	}{
		"a row":             {"| | |\n|---|---|\n| Parameters | 70.6B |\n| Layers | 80 |\n", []string{"70600000000 within 7"}},
		"a row in bold":     {"| **Total Parameters** | **1T** |\n| **Activated Parameters** | 32B |\n", []string{"1000000000000 within 5000", "32000000000 within 156 active"}},
		"with the word":     {"| Model size | 7B params |\n", []string{"7000000000 within 714"}},
		"a comparison":      {"| Parameters | 7B | 13B |\n", []string{}},
		"one row of values": {"| Model | #Total Params | #Activated Params | Context |\n|:--|--:|--|--|\n| Example | 671B | 37B | 128K |\n\nwords", []string{"671000000000 within 7", "37000000000 within 135 active"}},
		"two rows":          {"| Model | Params |\n|---|---|\n| A | 7B |\n| B | 13B |\n", []string{}},
		"a part":            {"| Non-embedding parameters | 6.53B |\n| Vision parameters | 400M |\n", []string{}},
		"no number":         {"| Parameters | many |\n| Parameters | |\n|", []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, counts(tc.body))
		})
	}
}

func TestCounts_FrontMatterAndBounds(t *testing.T) {
	t.Parallel()
	got := modelcard.Counts(&pipeline.Card{Object: "README.md", Values: map[string]any{"model_size": "7B", "num_parameters": "ten"}})
	require.Len(t, got, 1)
	require.Equal(t, pipeline.Evidence{Object: "README.md", Where: "$.model_size"}, got[0].At)

	var many strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&many, "It has %d,000,000 parameters.\n", i%900+1)
	}
	require.Len(t, counts(many.String()), 50)
	require.Empty(t, counts(strings.Repeat("7B ", 100_000)+"parameters"), "only the start of a line is looked at")
	require.Empty(t, counts(strings.Repeat("|", 200_000)))
	require.Empty(t, counts(strings.Repeat("9", 200_000)+"B parameters"))
}

// FuzzCounts: what is found lies in the bounds.
func FuzzCounts(f *testing.F) {
	for _, seed := range []string{"A model with 7B parameters.", "| Parameters | 70.6B |", "37B activated parameters", "| M | Params |\n|--|--|\n| a | 7B |", "<!-- a --> 1,234,567 params"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, r := range modelcard.Counts(&pipeline.Card{Object: "README.md", Body: body}) {
			require.Positive(t, r.Count)
			require.LessOrEqual(t, r.Count, int64(1e18))
			require.GreaterOrEqual(t, r.Within, 0.0)
			require.LessOrEqual(t, r.Within, 1.0)
		}
	})
}
