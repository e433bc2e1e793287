package pipeline

// ONNX is what the ONNX models of an artifact say of themselves. A nil value is unknown;
// counts are zero where there is no such file.
type ONNX struct {
	// Files counts the ONNX models that could be read.
	Files *int64 `json:"files"`
	// External counts tensors whose data lie in other objects.
	External *int64 `json:"external"`
	// ExternalMissing counts objects to which tensors refer and that are not there;
	// ExternalMissingNames lists the first of them.
	ExternalMissing      *int64   `json:"external_missing"`
	ExternalMissingNames []string `json:"external_missing_names"`
	// TypesUnknown counts tensors of a type that is not known; each of their bytes is
	// counted as eight parameters.
	TypesUnknown *int64 `json:"types_unknown"`
	// Producer is the tool that the first model names as its writer.
	Producer *string `json:"producer"`
}
