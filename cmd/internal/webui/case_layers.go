package webui

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/google/uuid"

	"weighbridge/pipeline"
)

const (
	// mostLayers and mostHeaders bound what is drawn by layer: the layers, and the bytes of
	// all headers together.
	mostLayers  = 512
	mostHeaders = 48 << 20
	// layersHeight is the height of the tallest layer, in pixels; layersWidth the width of
	// all, in units of the drawing.
	layersHeight = 90
	layersWidth  = 1000
)

// layerView is the weight of each layer.
type layerView struct {
	Bars []layerBar
	// Rest is what lies in no layer.
	Rest int64
	// Least and Most are the smallest and the largest layer.
	Least, Most int64
	Height      int
	Width       int
}

type layerBar struct {
	Layer         int
	Count         int64
	X, Y, W, High string
}

// layerName finds the number of the layer in a tensor's name. The shape of a name is the
// publisher's; where it shows no number the tensor is outside of the layers.
var layerName = regexp.MustCompile(`(?:^|[._])(?:layers?|h|blocks?|blk)\.(\d{1,4})\.`)

// layerCache remembers the layers by report: what was kept for one never changes.
type layerCache struct {
	mu  sync.Mutex
	all map[pipeline.Digest]*layerView
}

// mostLayerViews is how many the cache holds before it begins anew.
const mostLayerViews = 256

func (c *layerCache) of(report pipeline.Digest, make func() (*layerView, error)) (*layerView, error) {
	c.mu.Lock()
	v, ok := c.all[report]
	c.mu.Unlock()
	if ok {
		return v, nil
	}
	v, err := make()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil || len(c.all) >= mostLayerViews {
		c.all = map[pipeline.Digest]*layerView{}
	}
	c.all[report] = v
	return v, nil
}

var errEnough = errors.New("enough was read")

// layersOf adds up the tensors of each layer from the headers that were kept. It returns
// nil unless their sum is exactly the number of parameters in the report: then nothing is
// packed, left out or counted another way, and a drawing from the headers says what the
// report says.
func layersOf(ctx context.Context, kept pipeline.KeptReader, id uuid.UUID, p pipeline.Params) (*layerView, error) {
	if p.Estimate == nil || p.Lower == nil || p.Upper == nil || *p.Lower != *p.Upper || *p.Lower == 0 {
		return nil, nil //nolint:nilnil // there is nothing to draw
	}
	layers, rest, room := map[int]int64{}, int64(0), int64(mostHeaders)
	err := kept.Kept(ctx, id, func(k pipeline.Kept) error {
		if !strings.HasSuffix(k.Path, ".safetensors") {
			return nil
		}
		if room -= k.Size; room < 0 {
			return errEnough
		}
		raw, cut, err := unpack(k)
		if err != nil || cut {
			return errEnough
		}
		return addLayers(raw, layers, &rest)
	})
	if errors.Is(err, errEnough) {
		return nil, nil //nolint:nilnil // too much, or of another form
	}
	if err != nil {
		return nil, err
	}
	return drawLayers(layers, rest, *p.Estimate), nil
}

// addLayers adds up one header: a length of eight bytes and a JSON object of tensors.
func addLayers(raw []byte, layers map[int]int64, rest *int64) error {
	if len(raw) < 10 || binary.LittleEndian.Uint64(raw) > uint64(len(raw)-8) {
		return errEnough
	}
	var all map[string]struct {
		Shape []int64 `json:"shape"`
	}
	if err := json.Unmarshal(raw[8:8+binary.LittleEndian.Uint64(raw)], &all); err != nil {
		return errEnough
	}
	delete(all, "__metadata__")
	for name, one := range all {
		n, ok := product(one.Shape)
		if !ok {
			return errEnough
		}
		m := layerName.FindStringSubmatch(name)
		if m == nil {
			*rest += n
			continue
		}
		i, _ := strconv.Atoi(m[1])
		layers[i] += n
	}
	if *rest < 0 {
		return errEnough
	}
	return nil
}

func product(shape []int64) (int64, bool) {
	n := int64(1)
	for _, d := range shape {
		if d < 0 || d > 0 && n > math.MaxInt64/4096/d {
			return 0, false
		}
		n *= d
	}
	return n, true
}

// drawLayers draws the layers where they and the rest come to the whole.
func drawLayers(layers map[int]int64, rest, whole int64) *layerView {
	if len(layers) < 2 || len(layers) > mostLayers {
		return nil
	}
	v := &layerView{Rest: rest, Least: math.MaxInt64, Height: layersHeight + 20, Width: layersWidth}
	sum := rest
	for i, n := range layers {
		if i >= len(layers) || n < 0 || sum > math.MaxInt64-n {
			return nil // numbers are missing between: part of a model
		}
		sum += n
		v.Least, v.Most = min(v.Least, n), max(v.Most, n)
	}
	if sum != whole || v.Most == 0 {
		return nil
	}
	step := float64(layersWidth) / float64(len(layers))
	for i := range len(layers) {
		n := layers[i]
		high := layersHeight * float64(n) / float64(v.Most)
		v.Bars = append(v.Bars, layerBar{Layer: i, Count: n, X: place(step * float64(i)), Y: place(layersHeight - high), W: place(max(step*0.82, 0.5)), High: place(high)})
	}
	return v
}

// place writes a length for an attribute.
func place(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }
