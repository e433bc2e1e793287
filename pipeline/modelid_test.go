package pipeline_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

func TestModelID(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"meta-llama/Llama-3.1-8B":   "meta-llama/Llama-3.1-8B",
		" meta-llama/Llama-3.1-8B/": "meta-llama/Llama-3.1-8B",
		"gpt2":                      "gpt2",
		"https://huggingface.co/meta-llama/Llama-3.1-8B": "meta-llama/Llama-3.1-8B",
		"http://www.huggingface.co/a/b/tree/main?x=1#y":  "a/b",
		"https://hf.co/a/b.git":                          "a/b",
		"huggingface.co/a/b":                             "a/b",
		"hf://a/b@main":                                  "a/b",
		"https://modelscope.cn/models/a/b/summary":       "a/b",
		"https://www.modelscope.cn/a/b":                  "",
		"https://huggingface.co/gpt2":                    "gpt2",
		"https://huggingface.co/datasets/a/b":            "",
		"https://example.org/a/b":                        "",
		"ftp://huggingface.co/a/b":                       "",
		"a/b@0123abc":                                    "a/b",
		"/root/.cache/huggingface/hub/models--meta-llama--Llama-2-7b-hf/snapshots/1": "meta-llama/Llama-2-7b-hf",
		`C:\cache\models--gpt2\snapshots`:                                            "gpt2",
		"/data/ckpt":                                                                 "",
		"./llama":                                                                    "",
		"../llama":                                                                   "",
		"~/llama":                                                                    "",
		`C:\models\x`:                                                                "",
		"a/b/c":                                                                      "",
		"outputs/llama":                                                              "",
		"model":                                                                      "",
		"acme/checkpoint-500":                                                        "",
		"acme/checkpoint-x":                                                          "acme/checkpoint-x",
		"acme/model.safetensors":                                                     "",
		"Llama 3.1 8B":                                                               "",
		"a//b":                                                                       "",
		"":                                                                           "",
		"/":                                                                          "",
		"a/b\u202e":                                                                  "",
		"a/b\nc":                                                                     "",
		"a/" + strings.Repeat("x", 200):                                              "",
		"https://" + strings.Repeat("x", 1<<20):                                      "",
		"%zz://":                                                                     "",
		"huggingface.co/%zz":                                                         "",
	} {
		id, ok := pipeline.ModelID(text)
		require.Equal(t, want, id, text)
		require.Equal(t, want != "", ok, text)
	}
	require.Equal(t, "meta-llama/llama-3.1-8b", pipeline.ModelKey("https://hf.co/Meta-Llama/LLAMA-3.1-8B"))
	require.Empty(t, pipeline.ModelKey("/data"))
}

func FuzzModelID(f *testing.F) {
	for _, text := range []string{"a/b", "https://hf.co/a/b", "/x/models--a--b/y", "a/b@c"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, ok := pipeline.ModelID(text)
		require.Equal(t, ok, id != "")
		if ok {
			again, still := pipeline.ModelID(id)
			require.True(t, still, id)
			require.Equal(t, id, again)
		}
	})
}
