package cli_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"weighbridge/fixtures"
	"weighbridge/pipeline"
)

// twin NAME FOLDER renamed lays a model out again in one file, backwards, under names
// that say nothing and without its config.
// twin NAME FOLDER unpacked lays a model packed by GPTQ out as it was before.
func twin(ts *testscript.TestScript, _ bool, args []string) {
	m, err := fixtures.Load(args[0])
	must(ts, err)
	switch args[2] {
	case "renamed":
		m = renamed(m)
	case "unpacked":
		m = unpacked(ts, m)
	default:
		ts.Fatalf("there is no twin %s", args[2])
	}
	must(ts, m.Write(ts.MkAbs(args[1])))
}

func renamed(m fixtures.Model) fixtures.Model {
	var all []pipeline.Tensor
	for _, f := range m.Files {
		all = append(all, f.Tensors...)
	}
	slices.Reverse(all)
	for i := range all {
		all[i].Name = fmt.Sprintf("blob.%d", i)
	}
	m.Files = []fixtures.File{{Name: "data.safetensors", Tensors: all}}
	m.Config, m.AdapterConfig, m.Card = nil, nil, ""
	return m
}

// unpacked puts a matrix of 16 bits in the place of every packed one. GPTQ packs eight
// numbers of 4 bits, of consecutive inputs, into one of 32, with the outputs in columns.
func unpacked(ts *testscript.TestScript, m fixtures.Model) fixtures.Model {
	m = m.Clone()
	for i, f := range m.Files {
		var plain []pipeline.Tensor
		for _, t := range f.Tensors {
			name, isPacked := strings.CutSuffix(t.Name, ".qweight")
			switch {
			case isPacked:
				plain = append(plain, pipeline.Tensor{Name: name + ".weight", DType: pipeline.F16, Shape: []uint64{t.Shape[1], 8 * t.Shape[0]}})
			case strings.HasSuffix(t.Name, ".weight"):
				plain = append(plain, t)
			}
		}
		m.Files[i].Tensors = plain
	}
	var config map[string]any
	must(ts, json.Unmarshal(m.Config, &config))
	delete(config, "quantization_config")
	var err error
	m.Config, err = json.Marshal(config)
	must(ts, err)
	return m
}
