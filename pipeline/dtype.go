package pipeline

import (
	"math"
	"math/bits"
)

// DType is the element type of a tensor as its header names it.
type DType uint8

// The element types of safetensors (tensor.rs, bitsize). Other formats use the same
// types where they have them.
const (
	DTypeUnknown DType = iota
	BOOL
	U8
	I8
	F8E5M2
	F8E4M3
	F8E8M0
	F8E4M3FNUZ
	F8E5M2FNUZ
	I16
	U16
	F16
	BF16
	I32
	U32
	F32
	I64
	U64
	F64
	C64
	F4
	F6E2M3
	F6E3M2

	// lastNamed is the last type that [ParseDType] knows by name.
	lastNamed = F6E3M2
)

// The block types of ggml, which stand in GGUF files (ggml.h, ggml_type; the sizes of
// their blocks are those of ggml-common.h). Types that ggml has dropped again are here
// too, because files with them still exist.
const (
	Q4_0 DType = iota + lastNamed + 1
	Q4_1
	Q5_0
	Q5_1
	Q8_0
	Q8_1
	Q2_K
	Q3_K
	Q4_K
	Q5_K
	Q6_K
	Q8_K
	IQ2_XXS
	IQ2_XS
	IQ3_XXS
	IQ1_S
	IQ4_NL
	IQ3_S
	IQ2_S
	IQ4_XS
	IQ1_M
	Q4_0_4_4
	Q4_0_4_8
	Q4_0_8_8
	TQ1_0
	TQ2_0
	IQ4_NL_4_4
	IQ4_NL_4_8
	IQ4_NL_8_8
	MXFP4
	NVFP4
	Q1_0
	Q2_0

	// I4 and I2 are the integers of ONNX that are smaller than a byte: dimensions count
	// the integers, so an element is one number of the model.
	I4
	I2
	dtypeCount
)

// DTypeClass says what the elements of a type can stand for.
type DTypeClass uint8

// The classes of element types.
const (
	// ClassFloat: one element is one number of the model.
	ClassFloat DTypeClass = iota + 1
	// ClassComplex: one element is two numbers of the model.
	ClassComplex
	// ClassInteger: an element may be an index, a mask, or a container that
	// packs several numbers.
	ClassInteger
	// ClassScale: an exponent-only type, used for block scales.
	ClassScale
)

// dtypeInfo describes a type. A type that is stored in blocks, as those of GGUF are,
// has the elements and the bits of one block; any other is a block of one.
type dtypeInfo struct {
	name  string
	bits  uint64
	class DTypeClass
	block uint64
}

var dtypes = [dtypeCount]dtypeInfo{
	DTypeUnknown: {"unknown", 0, ClassInteger, 1},
	BOOL:         {"BOOL", 8, ClassInteger, 1},
	U8:           {"U8", 8, ClassInteger, 1},
	I8:           {"I8", 8, ClassInteger, 1},
	F8E5M2:       {"F8_E5M2", 8, ClassFloat, 1},
	F8E4M3:       {"F8_E4M3", 8, ClassFloat, 1},
	F8E8M0:       {"F8_E8M0", 8, ClassScale, 1},
	F8E4M3FNUZ:   {"F8_E4M3FNUZ", 8, ClassFloat, 1},
	F8E5M2FNUZ:   {"F8_E5M2FNUZ", 8, ClassFloat, 1},
	I16:          {"I16", 16, ClassInteger, 1},
	// U16 may hold BF16 in files written by Paddle (counting.md section 1.2).
	U16:    {"U16", 16, ClassInteger, 1},
	F16:    {"F16", 16, ClassFloat, 1},
	BF16:   {"BF16", 16, ClassFloat, 1},
	I32:    {"I32", 32, ClassInteger, 1},
	U32:    {"U32", 32, ClassInteger, 1},
	F32:    {"F32", 32, ClassFloat, 1},
	I64:    {"I64", 64, ClassInteger, 1},
	U64:    {"U64", 64, ClassInteger, 1},
	F64:    {"F64", 64, ClassFloat, 1},
	C64:    {"C64", 64, ClassComplex, 1},
	F4:     {"F4", 4, ClassFloat, 1},
	F6E2M3: {"F6_E2M3", 6, ClassFloat, 1},
	F6E3M2: {"F6_E3M2", 6, ClassFloat, 1},

	Q4_0:       {"Q4_0", 18 * 8, ClassFloat, 32},
	Q4_1:       {"Q4_1", 20 * 8, ClassFloat, 32},
	Q5_0:       {"Q5_0", 22 * 8, ClassFloat, 32},
	Q5_1:       {"Q5_1", 24 * 8, ClassFloat, 32},
	Q8_0:       {"Q8_0", 34 * 8, ClassFloat, 32},
	Q8_1:       {"Q8_1", 36 * 8, ClassFloat, 32},
	Q2_K:       {"Q2_K", 84 * 8, ClassFloat, 256},
	Q3_K:       {"Q3_K", 110 * 8, ClassFloat, 256},
	Q4_K:       {"Q4_K", 144 * 8, ClassFloat, 256},
	Q5_K:       {"Q5_K", 176 * 8, ClassFloat, 256},
	Q6_K:       {"Q6_K", 210 * 8, ClassFloat, 256},
	Q8_K:       {"Q8_K", 292 * 8, ClassFloat, 256},
	IQ2_XXS:    {"IQ2_XXS", 66 * 8, ClassFloat, 256},
	IQ2_XS:     {"IQ2_XS", 74 * 8, ClassFloat, 256},
	IQ3_XXS:    {"IQ3_XXS", 98 * 8, ClassFloat, 256},
	IQ1_S:      {"IQ1_S", 50 * 8, ClassFloat, 256},
	IQ4_NL:     {"IQ4_NL", 18 * 8, ClassFloat, 32},
	IQ3_S:      {"IQ3_S", 110 * 8, ClassFloat, 256},
	IQ2_S:      {"IQ2_S", 82 * 8, ClassFloat, 256},
	IQ4_XS:     {"IQ4_XS", 136 * 8, ClassFloat, 256},
	IQ1_M:      {"IQ1_M", 56 * 8, ClassFloat, 256},
	Q4_0_4_4:   {"Q4_0_4_4", 18 * 8, ClassFloat, 32},
	Q4_0_4_8:   {"Q4_0_4_8", 18 * 8, ClassFloat, 32},
	Q4_0_8_8:   {"Q4_0_8_8", 18 * 8, ClassFloat, 32},
	TQ1_0:      {"TQ1_0", 54 * 8, ClassFloat, 256},
	TQ2_0:      {"TQ2_0", 66 * 8, ClassFloat, 256},
	IQ4_NL_4_4: {"IQ4_NL_4_4", 18 * 8, ClassFloat, 32},
	IQ4_NL_4_8: {"IQ4_NL_4_8", 18 * 8, ClassFloat, 32},
	IQ4_NL_8_8: {"IQ4_NL_8_8", 18 * 8, ClassFloat, 32},
	MXFP4:      {"MXFP4", 17 * 8, ClassFloat, 32},
	NVFP4:      {"NVFP4", 36 * 8, ClassFloat, 64},
	Q1_0:       {"Q1_0", 18 * 8, ClassFloat, 128},
	Q2_0:       {"Q2_0", 18 * 8, ClassFloat, 64},
	I4:         {"I4", 4, ClassFloat, 1},
	I2:         {"I2", 2, ClassFloat, 1},
}

var dtypeByName = func() map[string]DType {
	m := make(map[string]DType, lastNamed)
	for d := DTypeUnknown + 1; d <= lastNamed; d++ {
		m[dtypes[d].name] = d
	}
	return m
}()

// ParseDType returns the type that safetensors calls by exactly this name. Names are
// case-sensitive. The block types of ggml have a number in their files and no name, so
// none is known here.
func ParseDType(name string) (DType, bool) {
	d, ok := dtypeByName[name]
	return d, ok
}

// DTypeOf is [ParseDType] for bytes; it does not allocate.
func DTypeOf(name []byte) (DType, bool) {
	d, ok := dtypeByName[string(name)]
	return d, ok
}

func (d DType) info() dtypeInfo {
	if d >= dtypeCount {
		return dtypes[DTypeUnknown]
	}
	return dtypes[d]
}

// String returns the name that headers use.
func (d DType) String() string { return d.info().name }

// Bits returns the size of one element in bits, rounded up for types that are stored
// in blocks, and 0 for an unknown type.
func (d DType) Bits() uint64 {
	info := d.info()
	if info.block <= 1 {
		return info.bits
	}
	return (info.bits + info.block - 1) / info.block
}

// Block returns the number of elements that are stored together, 1 for most types, and
// the size of such a block in bits.
func (d DType) Block() (elements, bits uint64) {
	info := d.info()
	return max(info.block, 1), info.bits
}

// Size returns the bytes that n elements take. ok is false where they do not fill whole
// blocks and bytes, or the size does not fit 63 bits.
func (d DType) Size(n uint64) (size uint64, ok bool) {
	elements, each := d.Block()
	if n%elements != 0 {
		return 0, false
	}
	hi, total := bits.Mul64(n/elements, each)
	if hi != 0 || total%8 != 0 || total/8 > math.MaxInt64 {
		return 0, false
	}
	return total / 8, true
}

// Class returns what an element can stand for.
func (d DType) Class() DTypeClass { return d.info().class }
