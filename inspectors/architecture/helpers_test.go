package architecture_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/fixtures"
	"weighbridge/inspectors/architecture"
	"weighbridge/pipeline"
)

// deriver has no state of its own.
var deriver = architecture.New()

// derive runs the deriver over tables and returns what it says.
func derive(t testing.TB, tables []*pipeline.Table, configs ...pipeline.Config) pipeline.Architecture {
	t.Helper()
	var facts pipeline.FactSet
	require.NoError(t, deriver.Derive(t.Context(), &pipeline.Readings{Tables: tables, Configs: configs}, &facts))
	return facts.Facts.Architecture
}

// config parses a configuration.
func config(t testing.TB, object, text string) pipeline.Config {
	t.Helper()
	c := pipeline.Config{Object: object}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	require.NoError(t, d.Decode(&c.Values))
	return c
}

// tensors is a model in the making.
type tensors []pipeline.Tensor

func (ts tensors) table(object string) *pipeline.Table {
	t := &pipeline.Table{Object: object, HeaderEnd: 8}
	for _, x := range ts {
		t.Append([]byte(x.Name), x.DType, x.Shape, 0)
	}
	return t
}

// build makes a model from lines "name dim dim": in a name, {a,b} stands for each of the
// words and {0-3} for each of the numbers.
func build(text string) tensors {
	var out tensors
	for row := range strings.Lines(text) {
		fields := strings.Fields(row)
		if len(fields) == 0 {
			continue
		}
		shape := []uint64{}
		for _, f := range fields[1:] {
			n, err := strconv.ParseUint(f, 10, 64)
			if err != nil {
				panic(fmt.Sprintf("%q: %v", row, err))
			}
			shape = append(shape, n)
		}
		for _, name := range expand(fields[0]) {
			out = append(out, pipeline.Tensor{Name: name, DType: pipeline.BF16, Shape: shape})
		}
	}
	return out
}

func expand(name string) []string {
	before, rest, ok := strings.Cut(name, "{")
	if !ok {
		return []string{name}
	}
	inside, after, _ := strings.Cut(rest, "}")
	words := strings.Split(inside, ",")
	if from, to, isRange := strings.Cut(inside, "-"); isRange && len(words) == 1 {
		a, errA := strconv.Atoi(from)
		b, errB := strconv.Atoi(to)
		if errA == nil && errB == nil {
			words = nil
			for i := a; i <= b; i++ {
				words = append(words, strconv.Itoa(i))
			}
		}
	}
	var out []string
	for _, w := range words {
		for _, tail := range expand(after) {
			out = append(out, before+w+tail)
		}
	}
	return out
}

// tables returns the tables of a model from the fixtures.
func tables(m fixtures.Model) []*pipeline.Table {
	var out []*pipeline.Table
	for _, f := range m.Files {
		out = append(out, tensors(f.Tensors).table(f.Name))
	}
	return out
}

func load(t testing.TB, name string) fixtures.Model {
	t.Helper()
	m, err := fixtures.Load(name)
	require.NoError(t, err)
	return m
}
