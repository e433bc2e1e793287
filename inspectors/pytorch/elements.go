package pytorch

import "weighbridge/pipeline"

// element is an element type of PyTorch: what one element of a storage is to a table.
// pack is how many entries of the table one element makes: 2 for complex numbers that
// tables have no type for, and for types that keep two numbers in a byte. bytes is the
// size of one element in the storage. The zero value is an unknown type.
type element struct {
	dtype pipeline.DType
	bytes uint64
	pack  uint64
}

// dtypes are the names of torch's element types (torch/csrc/api and c10 ScalarType.h).
// Types of less than a byte are stored one to a byte, so they are the byte.
var dtypes = map[string]element{
	"float32": {pipeline.F32, 4, 1}, "float": {pipeline.F32, 4, 1},
	"float64": {pipeline.F64, 8, 1}, "double": {pipeline.F64, 8, 1},
	"float16": {pipeline.F16, 2, 1}, "half": {pipeline.F16, 2, 1},
	"bfloat16":  {pipeline.BF16, 2, 1},
	"complex32": {pipeline.F16, 4, 2}, "chalf": {pipeline.F16, 4, 2},
	"complex64": {pipeline.C64, 8, 1}, "cfloat": {pipeline.C64, 8, 1},
	"complex128": {pipeline.F64, 16, 2}, "cdouble": {pipeline.F64, 16, 2},
	"uint8": {pipeline.U8, 1, 1}, "int8": {pipeline.I8, 1, 1},
	"int16": {pipeline.I16, 2, 1}, "short": {pipeline.I16, 2, 1},
	"int32": {pipeline.I32, 4, 1}, "int": {pipeline.I32, 4, 1},
	"int64": {pipeline.I64, 8, 1}, "long": {pipeline.I64, 8, 1},
	"uint16": {pipeline.U16, 2, 1}, "uint32": {pipeline.U32, 4, 1}, "uint64": {pipeline.U64, 8, 1},
	"bool":             {pipeline.BOOL, 1, 1},
	"float8_e4m3fn":    {pipeline.F8E4M3, 1, 1},
	"float8_e5m2":      {pipeline.F8E5M2, 1, 1},
	"float8_e4m3fnuz":  {pipeline.F8E4M3FNUZ, 1, 1},
	"float8_e5m2fnuz":  {pipeline.F8E5M2FNUZ, 1, 1},
	"float8_e8m0fnu":   {pipeline.F8E8M0, 1, 1},
	"float4_e2m1fn_x2": {pipeline.F4, 1, 2},
	"qint8":            {pipeline.I8, 1, 1}, "quint8": {pipeline.U8, 1, 1}, "qint32": {pipeline.I32, 4, 1},
	"bits8": {pipeline.U8, 1, 1}, "bits16": {pipeline.U16, 2, 1},
	"bits1x8": {pipeline.U8, 1, 1}, "bits2x4": {pipeline.U8, 1, 1}, "bits4x2": {pipeline.U8, 1, 1},
	"uint1": {pipeline.U8, 1, 1}, "uint2": {pipeline.U8, 1, 1}, "uint3": {pipeline.U8, 1, 1}, "uint4": {pipeline.U8, 1, 1},
	"uint5": {pipeline.U8, 1, 1}, "uint6": {pipeline.U8, 1, 1}, "uint7": {pipeline.U8, 1, 1},
	"int1": {pipeline.I8, 1, 1}, "int2": {pipeline.I8, 1, 1}, "int3": {pipeline.I8, 1, 1}, "int4": {pipeline.I8, 1, 1},
	"int5": {pipeline.I8, 1, 1}, "int6": {pipeline.I8, 1, 1}, "int7": {pipeline.I8, 1, 1},
	// Two and four numbers share a byte of these storages, whatever their shapes say.
	"quint4x2": {}, "quint2x4": {},
}

// storages are the names of torch's typed storages, without "Storage", and the element
// type of each.
var storages = map[string]string{
	"Float": "float32", "Double": "float64", "Half": "float16", "BFloat16": "bfloat16",
	"ComplexFloat": "complex64", "ComplexDouble": "complex128",
	"Byte": "uint8", "Char": "int8", "Short": "int16", "Int": "int32", "Long": "int64", "Bool": "bool",
	"QInt8": "qint8", "QUInt8": "quint8", "QInt32": "qint32", "QUInt4x2": "quint4x2", "QUInt2x4": "quint2x4",
}
