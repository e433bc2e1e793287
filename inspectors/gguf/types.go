package gguf

import "weighbridge/pipeline"

// types maps the numbers of ggml_type to element types (ggml.h). The numbers 4 and 5
// were dropped before GGUF existed. What is missing here is unknown, never an error:
// ggml goes on adding types.
var types = map[uint32]pipeline.DType{
	0:  pipeline.F32,
	1:  pipeline.F16,
	2:  pipeline.Q4_0,
	3:  pipeline.Q4_1,
	6:  pipeline.Q5_0,
	7:  pipeline.Q5_1,
	8:  pipeline.Q8_0,
	9:  pipeline.Q8_1,
	10: pipeline.Q2_K,
	11: pipeline.Q3_K,
	12: pipeline.Q4_K,
	13: pipeline.Q5_K,
	14: pipeline.Q6_K,
	15: pipeline.Q8_K,
	16: pipeline.IQ2_XXS,
	17: pipeline.IQ2_XS,
	18: pipeline.IQ3_XXS,
	19: pipeline.IQ1_S,
	20: pipeline.IQ4_NL,
	21: pipeline.IQ3_S,
	22: pipeline.IQ2_S,
	23: pipeline.IQ4_XS,
	24: pipeline.I8,
	25: pipeline.I16,
	26: pipeline.I32,
	27: pipeline.I64,
	28: pipeline.F64,
	29: pipeline.IQ1_M,
	30: pipeline.BF16,
	31: pipeline.Q4_0_4_4,
	32: pipeline.Q4_0_4_8,
	33: pipeline.Q4_0_8_8,
	34: pipeline.TQ1_0,
	35: pipeline.TQ2_0,
	36: pipeline.IQ4_NL_4_4,
	37: pipeline.IQ4_NL_4_8,
	38: pipeline.IQ4_NL_8_8,
	39: pipeline.MXFP4,
	40: pipeline.NVFP4,
	41: pipeline.Q1_0,
	42: pipeline.Q2_0,
}

// TypeOf returns the element type that ggml numbers so; ok is false where the number
// is not known.
func TypeOf(number uint32) (d pipeline.DType, ok bool) {
	d, ok = types[number]
	return d, ok
}
