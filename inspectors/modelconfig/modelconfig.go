// Package modelconfig reads the configuration files that lie beside weights: what the
// artifact declares of its own architecture, packing and base. It parses and keeps;
// whether any of it is true is for the derivers to find out.
package modelconfig

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"sync"

	"weighbridge/pipeline"
)

// Name is the inspector's name, and Format its word for what it reads.
const (
	Name   = "modelconfig"
	Format = "config"
)

// MaxConfig is the largest configuration file that is read, in bytes.
const MaxConfig = 4 << 20

// names lists the files that are read, and which of them make an adapter.
var names = map[string]struct{ adapter bool }{
	"config.json":          {},
	"adapter_config.json":  {adapter: true},
	"quantize_config.json": {},
	"hf_quant_config.json": {},
	"params.json":          {},
	"model_index.json":     {},
}

// Reader reads configuration files by their names.
type Reader struct{}

// Name returns "modelconfig".
func (Reader) Name() string { return Name }

// Open begins a run.
func (Reader) Open([]pipeline.Object) pipeline.ReaderRun { return &run{} }

type run struct {
	mu      sync.Mutex
	configs []pipeline.Config
}

// First asks for a configuration file whole.
func (r *run) First(o pipeline.Object, stage pipeline.Stage) (int64, bool) {
	_, ok := names[path.Base(o.Path)]
	return min(o.Size, MaxConfig), ok && stage == pipeline.StageBodies
}

// Sniff goes by the name, because a loader does.
func (r *run) Sniff(o pipeline.Object, _ []byte) bool {
	_, ok := names[path.Base(o.Path)]
	return ok
}

// Read parses one file. It returns an error that matches [pipeline.ErrOverLimit] for a
// file above [MaxConfig], and [pipeline.ErrMalformed] for one that is no JSON object.
func (r *run) Read(ctx context.Context, f pipeline.File) (pipeline.ReadResult, error) {
	o := f.Object()
	result := pipeline.ReadResult{Format: Format, Role: pipeline.RoleConfig}
	if o.Size > MaxConfig {
		return result, &pipeline.Error{Code: pipeline.CodeOverLimit,
			Message: fmt.Sprintf("the file has %d bytes; at most %d are read", o.Size, MaxConfig)}
	}
	if o.Size == 0 {
		return result, &pipeline.Error{Code: pipeline.CodeMalformed, Message: "the file is empty"}
	}
	body, err := f.Header(ctx, o.Size)
	if err != nil {
		return result, err
	}
	defer func() { _ = body.Close() }()
	text, err := io.ReadAll(io.LimitReader(body, MaxConfig))
	if err != nil {
		return result, fmt.Errorf("read the file: %w", err)
	}
	values, err := Parse(text)
	if err != nil {
		return result, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.configs = append(r.configs, pipeline.Config{Object: o.Path, Adapter: names[path.Base(o.Path)].adapter, Values: values})
	result.Explained, result.Inert = true, true
	return result, nil
}

// Parse reads one JSON object. Numbers stay as they are written. The error matches
// [pipeline.ErrMalformed].
func Parse(text []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var values map[string]any
	err := d.Decode(&values)
	if err == nil && values == nil {
		err = errors.New("it is null")
	}
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("text follows the object")
		}
	}
	if err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeMalformed, Message: "the file is no JSON object", Err: err}
	}
	return values, nil
}

// Finish hands over the configurations.
func (r *run) Finish(readings *pipeline.Readings, _ *pipeline.FactSet) {
	readings.Configs = append(readings.Configs, r.configs...)
}
