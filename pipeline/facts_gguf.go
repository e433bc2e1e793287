package pipeline

// GGUF is what the GGUF files of an artifact say of themselves. A nil value is unknown;
// counts are zero, and lists of what was found empty, where there is no such file.
type GGUF struct {
	// Files counts the GGUF files that could be read, Version is the lowest version of
	// the format among them.
	Files   *int64 `json:"files"`
	Version *int64 `json:"version"`
	// Splits is the number of files of the largest split model, as its names or its
	// files state it; 0 where no model is split.
	Splits *int64 `json:"splits"`
	// SplitsMissing counts files of split models that are not there.
	SplitsMissing *int64 `json:"splits_missing"`
	// SplitsMissingNames lists the first of them that the names of the others tell.
	SplitsMissingNames []string `json:"splits_missing_names"`
	// TensorsMissing counts tensors that split models declare and none of their files
	// holds, where no file is missing.
	TensorsMissing *int64 `json:"tensors_missing"`
	// TypesUnknown counts tensors of a type that is not known; each of their bytes is
	// counted as eight parameters.
	TypesUnknown *int64 `json:"types_unknown"`
	// Problems says in words what the files' names, their own words and each other
	// disagree in.
	Problems []string `json:"problems"`

	// Architecture is general.architecture, Name general.name and Type general.type of
	// the first file that states it.
	Architecture *string `json:"architecture"`
	Name         *string `json:"name"`
	Type         *string `json:"type"`
	// Adapter is true where a file says that it is an adapter (general.type).
	Adapter *bool `json:"adapter"`
	// BaseModels lists the models that the files name as their base.
	BaseModels []string `json:"base_models"`
	// ParameterCount is the largest general.parameter_count.
	ParameterCount *int64 `json:"parameter_count"`
	// Layers and HiddenSize are the architecture's block_count and embedding_length of
	// the first file that states them; Experts is its expert_count, ExpertsUsed its
	// expert_used_count.
	Layers      *int64 `json:"layers"`
	HiddenSize  *int64 `json:"hidden_size"`
	Experts     *int64 `json:"experts"`
	ExpertsUsed *int64 `json:"experts_used"`
}
