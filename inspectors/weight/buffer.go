package weight

import (
	"strings"

	"weighbridge/pipeline"
)

// buffers lists what loaders store beside the weights and do not train, by the end of
// the name and the shape (counting.md section 3).
var buffers = []struct {
	ends   []string
	shaped func(pipeline.Tensor) bool
	reason string
}{
	{[]string{"attn.bias", "attention.bias"}, causalMask, "a causal mask, one for each layer"},
	{[]string{"attn.masked_bias", "attention.masked_bias"}, atMost(1), "the value that a causal mask writes"},
	{[]string{"rotary_emb.inv_freq", "rotary_pos_emb.inv_freq"}, vector(1 << 12), "the frequencies of rotary positions, which are computed"},
	{[]string{"position_ids"}, counter, "a list of positions, which is computed"},
	{[]string{"num_batches_tracked"}, atMost(1), "a counter of training batches"},
	{[]string{"pos_embed.pos_embed"}, positions, "a table of positions, which is computed"},
	{[]string{"tid2eid"}, counter, "the experts of each token, which are looked up"},
	{[]string{"running_mean", "running_var"}, vector(1 << 16), "statistics that training collected"},
}

// bufferNamed returns the position in buffers of what a pattern is named like, or -1.
func bufferNamed(pattern string) int {
	for i, b := range buffers {
		for _, end := range b.ends {
			if strings.HasSuffix(pattern, end) && (len(pattern) == len(end) || pattern[len(pattern)-len(end)-1] == '.') {
				return i
			}
		}
	}
	return -1
}

// bufferReason returns why a tensor of the group is no parameter, or "".
func (g *group) bufferReason(t pipeline.Tensor) string {
	if g.namedLike < 0 || !buffers[g.namedLike].shaped(t) {
		return ""
	}
	return buffers[g.namedLike].reason
}

// causalMask accepts [1,1,n,n] only.
func causalMask(t pipeline.Tensor) bool {
	return len(t.Shape) == 4 && t.Shape[0] == 1 && t.Shape[1] == 1 && t.Shape[2] == t.Shape[3]
}

// counter accepts at most a million integers in one or two dimensions.
func counter(t pipeline.Tensor) bool {
	return t.DType.Class() == pipeline.ClassInteger && len(t.Shape) <= 2 && product(t.Shape) <= 1<<20
}

// positions accepts [1,n,h].
func positions(t pipeline.Tensor) bool { return len(t.Shape) == 3 && t.Shape[0] == 1 }

func atMost(n uint64) func(pipeline.Tensor) bool {
	return func(t pipeline.Tensor) bool { return product(t.Shape) <= n }
}

func vector(n uint64) func(pipeline.Tensor) bool {
	return func(t pipeline.Tensor) bool { return len(t.Shape) == 1 && t.Shape[0] <= n }
}
