package safetensors

import (
	"io"
	"path"
	"strings"

	"weighbridge/pipeline"
)

// Limits of an index. The largest real one has 497,000 tensors in 60 MB.
const (
	// MaxIndex is the largest index in bytes.
	MaxIndex = 256 << 20
	// MaxShards is the largest number of shards that one index may name.
	MaxShards = 100_000
)

// Index is a safetensors index: which tensor lies in which shard.
type Index struct {
	// Object is the path of the index, Dir its folder with a slash at the end, or
	// "" for the root.
	Object, Dir string
	// Shards are the file names that the index names, in order of first mention,
	// relative to Dir and exactly as written.
	Shards []string
	// TotalSize is metadata.total_size; TotalSizeState says what it was: ok,
	// absent, zero or not_an_integer. Whether it is true is seen later.
	TotalSize      uint64
	TotalSizeState string
	// Trailing is true where text follows the document.
	Trailing bool

	position   map[string]uint32 // of a shard in Shards
	names      pipeline.Table    // names only
	shardOf    []uint32
	set        *nameSet
	shardBytes []int64 // of the header each shard will have, estimated from names
}

// Len returns the number of tensors that the index lists.
func (x *Index) Len() int { return x.names.Len() }

// At returns the name of tensor i and the position of its shard in Shards.
func (x *Index) At(i int) (name string, shard int) { return x.names.At(i).Name, int(x.shardOf[i]) }

func (x *Index) name(i int) string { return x.names.At(i).Name }

// Find returns the position of a tensor, or -1.
func (x *Index) Find(name string) int { return x.set.find(name, x.name) }

// escapes reports whether a shard's name leaves the folder of the index.
func escapes(name string) bool {
	if name == "" || strings.HasPrefix(name, "/") || strings.Contains(name, "://") || strings.Contains(name, `\`) {
		return true
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return true
		}
	}
	return false
}

// DecodeIndex reads an index of n bytes as it arrives. Tensors that are listed twice
// are malformed: two loaders would look in two places.
//
// Errors match [pipeline.ErrMalformed], or are those of r.
func DecodeIndex(r io.Reader, n int64, object string) (*Index, error) {
	dir, _ := path.Split(object)
	d := &indexDecoder{
		scanner: newScanner(r, n),
		index: &Index{Object: object, Dir: dir, TotalSizeState: "absent",
			position: map[string]uint32{}, set: newNameSet(int(min(n/100, 1<<16)))},
	}
	if err := d.document(); err != nil {
		return nil, err
	}
	return d.index, nil
}

type indexDecoder struct {
	*scanner
	index *Index
}

func (d *indexDecoder) document() error {
	var seenMap, seenMetadata bool
	err := d.object("the index", func(key string) error {
		switch key {
		case "metadata":
			if seenMetadata {
				return d.malformed("metadata is stated twice")
			}
			seenMetadata = true
			return d.metadata()
		case "weight_map":
			if seenMap {
				return d.malformed("weight_map is stated twice")
			}
			seenMap = true
			return d.weightMap()
		}
		return d.atom(func() error { return d.skip(0) })
	})
	if err != nil {
		return err
	}
	if !seenMap {
		return &pipeline.Error{Code: pipeline.CodeMalformed, Message: "the index has no weight_map"}
	}
	// Real indexes with a second document behind the first exist; what loaders
	// read is the first.
	d.index.Trailing = d.end() != nil
	return nil
}

// object scans an object, calling value behind each key.
func (d *indexDecoder) object(what string, value func(key string) error) error {
	if err := d.atom(func() error { return d.expect('{', "at the start of "+what) }); err != nil {
		return err
	}
	for first := true; ; first = false {
		if err := d.outerSpace(); err != nil {
			return err
		}
		var key string
		done := false
		err := d.atom(func() error {
			c, err := d.peek()
			if err != nil {
				return err
			}
			if c == '}' {
				d.pos++
				done = true
				return nil
			}
			if !first {
				if err := d.expect(',', "between the entries of "+what); err != nil {
					return err
				}
			}
			text, err := d.text("a key of " + what)
			if err != nil {
				return err
			}
			key = string(text)
			return d.expect(':', "after a key of "+what)
		})
		if err != nil || done {
			return err
		}
		if err := value(key); err != nil {
			return err
		}
	}
}

// metadata scans the metadata for total_size; anything else in it is passed over. It
// may be any value: null occurs.
func (d *indexDecoder) metadata() error {
	isObject := false
	err := d.atom(func() error {
		c, err := d.peek()
		isObject = c == '{'
		if err == nil && !isObject {
			return d.skip(0)
		}
		return err
	})
	if err != nil || !isObject {
		return err
	}
	return d.object("the metadata", func(key string) error {
		if key != "total_size" {
			return d.atom(func() error { return d.skip(0) })
		}
		return d.atom(d.totalSize)
	})
}

func (d *indexDecoder) totalSize() error {
	mark := d.pos
	v, err := d.number("total_size")
	if err == nil {
		d.index.TotalSize, d.index.TotalSizeState = v, "ok"
		if v == 0 {
			d.index.TotalSizeState = "zero"
		}
		return nil
	}
	if err == errShort { //nolint:errorlint // never wrapped
		return err
	}
	d.pos = mark
	d.index.TotalSizeState = "not_an_integer"
	return d.skip(0)
}

func (d *indexDecoder) weightMap() error {
	if err := d.atom(func() error { return d.expect('{', "at the start of weight_map") }); err != nil {
		return err
	}
	for first := true; ; first = false {
		if err := d.outerSpace(); err != nil {
			return err
		}
		done := false
		err := d.atom(func() error {
			var err error
			done, err = d.mapping(first)
			return err
		})
		if err != nil || done {
			return err
		}
	}
}

// mapping scans one "tensor": "shard" entry.
func (d *indexDecoder) mapping(first bool) (done bool, err error) {
	c, err := d.peek()
	if err != nil {
		return false, err
	}
	if c == '}' {
		d.pos++
		return true, nil
	}
	if !first {
		if err := d.expect(',', "between tensors"); err != nil {
			return false, err
		}
	}
	text, err := d.text("a tensor's name")
	if err != nil {
		return false, err
	}
	// A name in the window stays valid while the value behind it is scanned; one
	// that was unescaped must be copied first.
	if len(d.scratch) > 0 && len(text) > 0 && &text[0] == &d.scratch[0] {
		text = append([]byte(nil), text...)
	}
	if len(text) > MaxName {
		return false, d.malformed("a tensor's name has %d bytes; at most %d are allowed", len(text), MaxName)
	}
	if err := d.expect(':', "after a tensor's name"); err != nil {
		return false, err
	}
	file, err := d.text("the shard of a tensor")
	if err != nil {
		return false, err
	}
	i := d.index.Len()
	if i == MaxTensors {
		return false, d.malformed("the index lists more than %d tensors", MaxTensors)
	}
	if d.index.set.insert(text, i, d.index.name) >= 0 {
		return false, d.malformed("tensor %s is listed twice", quote(text))
	}
	shard, ok := d.index.position[string(file)]
	if !ok {
		if len(d.index.position) == MaxShards || len(file) > MaxName {
			return false, d.malformed("the index names more than %d shards, or one with a name above %d bytes", MaxShards, MaxName)
		}
		shard = uint32(len(d.index.position))
		d.index.position[string(file)] = shard
		d.index.Shards = append(d.index.Shards, string(file))
		d.index.shardBytes = append(d.index.shardBytes, headerRoom)
	}
	d.index.names.Append(text, pipeline.DTypeUnknown, nil, 0)
	d.index.shardOf = append(d.index.shardOf, shard)
	d.index.shardBytes[shard] += int64(len(text)) + tensorRoom
	return false, nil
}

// What a header takes beside the names: its length and metadata, and for each tensor
// the keys, the type, a shape and two offsets of eleven digits. Real headers take a
// little less, so that one read is enough.
const (
	headerRoom = 512
	tensorRoom = 98
)

// HeaderBytes estimates how many bytes from the start of a shard hold its header.
// ok is false where the index does not name the shard.
func (x *Index) HeaderBytes(object string) (n int64, ok bool) {
	rest, inside := strings.CutPrefix(object, x.Dir)
	if !inside {
		return 0, false
	}
	i, ok := x.position[rest]
	if !ok {
		return 0, false
	}
	return x.shardBytes[i], true
}
