package licence_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/licence"
)

func TestOfBase(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"meta-llama/Llama-3.1-8B-Instruct":                          "llama3.1",
		"meta-llama/Meta-Llama-3.1-70B":                             "llama3.1",
		"meta-llama/Meta-Llama-3-8B":                                "llama3",
		"https://huggingface.co/meta-llama/Llama-2-7b-hf/tree/main": "llama2",
		"google/gemma-2-9b":                                         "gemma",
		"google/gemma-4-12b":                                        "apache-2.0",
		"Qwen/Qwen2.5-7B":                                           "apache-2.0",
		"Qwen/Qwen2.5-3B-Instruct":                                  "qwen-research",
		"Qwen/Qwen2.5-72B":                                          "qwen",
		"Qwen/Qwen2.5-Math-72B":                                     "qwen",
		"Qwen/Qwen3-30B-A3B":                                        "apache-2.0",
		"deepseek-ai/DeepSeek-V3":                                   "deepseek",
		"deepseek-ai/DeepSeek-V3-0324":                              "mit",
		"deepseek-ai/DeepSeek-R1-Distill-Llama-70B":                 "llama3.3",
		"black-forest-labs/FLUX.1-dev":                              "flux-1-dev-non-commercial-license",
		"black-forest-labs/FLUX.1-schnell":                          "apache-2.0",
		"CohereForAI/aya-101":                                       "apache-2.0",
		"CohereForAI/c4ai-command-r-v01":                            "cc-by-nc-4.0",
		"mistralai/Mistral-7B-v0.3":                                 "apache-2.0",
		"mistralai/Mistral-Large-Instruct-2407":                     "mrl",
		"facebook/opt-125m":                                         "LicenseRef-opt-175b",
		"bigscience/bloom-7b1":                                      "bigscience-bloom-rail-1.0",
		"gpt2":                                                      "mit",
		"unsloth/Llama-3.1-8B":                                      "",
		"acme/own":                                                  "",
		"/data/meta-llama":                                          "",
		"":                                                          "",
	} {
		got, ok := licence.OfBase(id)
		require.Equal(t, want, got.License, id)
		require.Equal(t, want != "", ok, id)
	}
}

// Every entry says how well it is known, is in lower case, and is reached: none lies behind
// one that takes everything of it.
func TestBases_Table(t *testing.T) {
	t.Parallel()
	for _, b := range licence.Bases() {
		require.Contains(t, []pipeline.Mark{"primary", "secondary", "memory"}, b.Mark, b.Pattern)
		require.Equal(t, strings.ToLower(b.Pattern), b.Pattern)
		require.True(t, strings.HasPrefix(b.URL, "https://"), b.Pattern)
		got, ok := licence.OfBase(strings.ReplaceAll(b.Pattern, "*", "1"))
		require.True(t, ok, b.Pattern)
		require.Equal(t, b.Pattern, got.Pattern)
		if _, known := licence.Lookup(b.License, ""); !known {
			require.True(t, strings.HasPrefix(b.License, "LicenseRef-"), "%s: the table of licences does not have %s", b.Pattern, b.License)
		}
	}
}
