package pipeline

// Pickle is what the PyTorch checkpoints and other pickles of an artifact are. A nil
// value is unknown; counts are zero where there is no such file.
type Pickle struct {
	// Files counts checkpoints in the zip form, Legacy those in the older forms,
	// Scripted TorchScript archives, and Plain pickles that are no checkpoint.
	Files    *int64 `json:"files"`
	Legacy   *int64 `json:"legacy"`
	Scripted *int64 `json:"scripted"`
	Plain    *int64 `json:"plain"`
	// Imports lists what the pickles import beyond the names that a checkpoint needs:
	// loading such a file with Python's own loader runs that code. At most a thousand
	// for each pickle; ImportsForeign counts all.
	Imports        []PickleImport `json:"imports"`
	ImportsForeign *int64         `json:"imports_foreign"`
	// Tied counts tensors whose elements are those of another tensor of the same file.
	Tied *int64 `json:"tied"`
	// Compressed counts storages that are compressed, which PyTorch does not write.
	Compressed *int64 `json:"compressed"`
	// ShardsMissing counts files that the numbers of the others, or an index, call for
	// and that are not there; ShardsMissingNames lists the first of them.
	ShardsMissing      *int64   `json:"shards_missing"`
	ShardsMissingNames []string `json:"shards_missing_names"`
}

// PickleImport is a name that a pickle imports, such as os.system.
type PickleImport struct {
	Object string `json:"object"`
	Name   string `json:"name"`
}
