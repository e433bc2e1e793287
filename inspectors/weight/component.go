package weight

import (
	"bytes"
	"strings"

	"weighbridge/pipeline"
)

// The components that parameters are counted by.
const (
	embeddingPart = "embedding"
	attentionPart = "attention"
	mlpPart       = "mlp"
	expertsPart   = "experts"
	routerPart    = "router"
	normPart      = "norm"
	headPart      = "head"
	furtherPart   = "mtp"
	visionPart    = "vision"
	audioPart     = "audio"
	adapterPart   = "adapter"
	otherPart     = "other"
)

// parts lists pieces of names that tell a component; the first that a pattern holds
// decides. A piece is matched between dots, "~" before it matches anywhere.
var parts = []struct {
	component string
	pieces    []string
}{
	{adapterPart, []string{"~lora_", "lora", "~hada_w", "~lokr_w", "~ia3_l", "~vera_", "~dora_scale", "~oft_r", "~boft_", "~vblora_", "~fourierft_", "~randlora_", "prompt_embeddings"}},
	{furtherPart, []string{"mtp", "mtp_layers", "mtp_block", "~mtp."}},
	{visionPart, []string{"~vision_", "visual", "multi_modal_projector", "mm_projector", "image_newline"}},
	{audioPart, []string{"~audio_"}},
	{routerPart, []string{"router", "~e_score_correction", "ffn_gate_inp", "~.mlp.gate.", "~block_sparse_moe.gate.", "~ffn.gate.", "shared_expert_gate", "~moe.gate."}},
	{expertsPart, []string{"~_exps", "~_shexp", "experts", "shared_expert", "shared_experts", "shared_mlp"}},
	{normPart, []string{"~norm", "ln_1", "ln_2", "ln_f", "ln_attn", "ln_mlp"}},
	{headPart, []string{"lm_head", "embed_out", "unembedding", "output", "classifier"}},
	{embeddingPart, []string{"~embed", "~embd", "wte", "wpe"}},
	{attentionPart, []string{"~attn", "~attention", "mixer"}},
	{mlpPart, []string{"~mlp", "~ffn_", "ffn", "feed_forward", "fc1", "fc2", "~dense_h", "~dense_4h"}},
}

// componentOf returns the component of a tensor by its pattern. further says that its
// layer predicts further tokens.
func componentOf(pattern []byte, further bool) string {
	if further {
		return furtherPart
	}
	for _, p := range parts {
		for _, piece := range p.pieces {
			if holds(pattern, piece) {
				return p.component
			}
		}
	}
	return otherPart
}

// holds reports whether a pattern holds a piece between dots, or anywhere with "~".
func holds(pattern []byte, piece string) bool {
	if loose, ok := strings.CutPrefix(piece, "~"); ok {
		return bytes.Contains(pattern, []byte(loose))
	}
	for at := 0; ; {
		i := bytes.Index(pattern[at:], []byte(piece))
		if i < 0 {
			return false
		}
		start, end := at+i, at+i+len(piece)
		if (start == 0 || pattern[start-1] == '.') && (end == len(pattern) || pattern[end] == '.') {
			return true
		}
		at = end
	}
}

// layerPrefix returns a name up to its first number.
func layerPrefix(name string) string {
	for start := 0; start < len(name); {
		end := len(name)
		if dot := strings.IndexByte(name[start:], '.'); dot >= 0 {
			end = start + dot
		}
		if name[start] >= '0' && name[start] <= '9' {
			return name[:end]
		}
		start = end + 1
	}
	return ""
}

// furtherLayers finds the layers that predict further tokens: those that hold a
// projection of two hidden states, eh_proj (counting.md section 3, DeepSeek-V3).
func furtherLayers(tables []*pipeline.Table) map[string]bool {
	found := map[string]bool{}
	for _, t := range tables {
		for i := range t.Len() {
			if name := t.At(i).Name; strings.HasSuffix(name, ".eh_proj.weight") {
				found[layerPrefix(name)] = true
			}
		}
	}
	return found
}
