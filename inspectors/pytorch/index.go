package pytorch

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"weighbridge/pipeline"
)

// MaxShards is the largest number of shards that one index may name.
const MaxShards = 100_000

// readIndex reads which shards an index names. What it says of tensors is not used: it
// could only lower a count.
func (r *run) readIndex(ctx context.Context, f pipeline.File) (pipeline.ReadResult, error) {
	o := f.Object()
	result := pipeline.ReadResult{Format: FormatIndex, Role: pipeline.RoleIndex}
	if o.Size > MaxIndex {
		return result, overLimit("the index has %d bytes; at most %d are read", o.Size, int64(MaxIndex))
	}
	if o.Size == 0 {
		return result, malformed("the index is empty")
	}
	body, err := f.Header(ctx, o.Size)
	if err != nil {
		return result, err
	}
	defer func() { _ = body.Close() }()
	shards, err := DecodeIndex(body)
	if err != nil {
		return result, err
	}
	if _, err := io.Copy(io.Discard, body); err != nil {
		return result, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.indexes[o.Path] = shards
	result.Explained, result.Inert = true, true
	return result, nil
}

// DecodeIndex returns the names of the files that the weight_map of an index names, each
// once, in order of first mention. Repeated keys all count. Errors match
// [pipeline.ErrMalformed] or [pipeline.ErrOverLimit], or are those of r.
func DecodeIndex(r io.Reader) ([]string, error) {
	d := json.NewDecoder(r)
	d.UseNumber() // numbers are not used, and may be larger than any type
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, brokenIndex(err)
	}
	var shards []string
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, brokenIndex(err)
		}
		if key != "weight_map" {
			var other json.RawMessage
			if err := d.Decode(&other); err != nil {
				return nil, brokenIndex(err)
			}
			continue
		}
		if shards, err = weightMap(d, shards); err != nil {
			return nil, err
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, brokenIndex(err)
	}
	if shards == nil {
		return nil, malformed("the index has no weight_map")
	}
	return shards, nil
}

func weightMap(d *json.Decoder, shards []string) ([]string, error) {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, brokenIndex(err)
	}
	known := map[string]bool{}
	for _, s := range shards {
		known[s] = true
	}
	if shards == nil {
		shards = []string{}
	}
	for d.More() {
		if _, err := d.Token(); err != nil {
			return nil, brokenIndex(err)
		}
		v, err := d.Token()
		name, ok := v.(string)
		if err != nil || !ok {
			return nil, brokenIndex(err)
		}
		if known[name] {
			continue
		}
		if len(shards) == MaxShards {
			return nil, overLimit("the index names more than %d files", MaxShards)
		}
		known[name] = true
		shards = append(shards, name)
	}
	_, err := d.Token()
	if err != nil {
		return nil, brokenIndex(err)
	}
	return shards, nil
}

func brokenIndex(err error) error {
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return malformed("the index has another form than such files have")
	case errors.As(err, &syntax), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return malformedBy(err, "the index is no JSON")
	}
	return err
}
