package onnx

import "weighbridge/pipeline"

// element is an element type of ONNX. bits is the size of one element, pack how many
// entries of a table it makes, typed the field that may hold its numbers one by one, and
// share how many elements such a number holds.
type element struct {
	dtype       pipeline.DType
	bits        uint64
	pack, share uint64
	typed       uint64
}

// The fields of a tensor that hold its numbers one by one (onnx.proto, TensorProto).
const (
	floatData  = 4
	int32Data  = 5
	stringData = 6
	int64Data  = 7
	doubleData = 10
	uint64Data = 11

	typeString = 8
)

// elements are the element types by their number (onnx.proto, TensorProto.DataType, up to
// IR version 14).
var elements = map[uint64]element{
	1:  {pipeline.F32, 32, 1, 1, floatData},
	2:  {pipeline.U8, 8, 1, 1, int32Data},
	3:  {pipeline.I8, 8, 1, 1, int32Data},
	4:  {pipeline.U16, 16, 1, 1, int32Data},
	5:  {pipeline.I16, 16, 1, 1, int32Data},
	6:  {pipeline.I32, 32, 1, 1, int32Data},
	7:  {pipeline.I64, 64, 1, 1, int64Data},
	9:  {pipeline.BOOL, 8, 1, 1, int32Data},
	10: {pipeline.F16, 16, 1, 1, int32Data},
	11: {pipeline.F64, 64, 1, 1, doubleData},
	12: {pipeline.U32, 32, 1, 1, uint64Data},
	13: {pipeline.U64, 64, 1, 1, uint64Data},
	14: {pipeline.C64, 64, 1, 1, floatData},
	15: {pipeline.F64, 128, 2, 1, doubleData},
	16: {pipeline.BF16, 16, 1, 1, int32Data},
	17: {pipeline.F8E4M3, 8, 1, 1, int32Data},
	18: {pipeline.F8E4M3FNUZ, 8, 1, 1, int32Data},
	19: {pipeline.F8E5M2, 8, 1, 1, int32Data},
	20: {pipeline.F8E5M2FNUZ, 8, 1, 1, int32Data},
	21: {pipeline.I4, 4, 1, 2, int32Data},
	22: {pipeline.I4, 4, 1, 2, int32Data},
	23: {pipeline.F4, 4, 1, 2, int32Data},
	24: {pipeline.F8E8M0, 8, 1, 1, int32Data},
	25: {pipeline.I2, 2, 1, 4, int32Data},
	26: {pipeline.I2, 2, 1, 4, int32Data},
	27: {pipeline.F6E2M3, 6, 1, 1, int32Data},
	28: {pipeline.F6E3M2, 6, 1, 1, int32Data},
}
