package pipeline

// Basis says what a fact rests on. The weaker it is, the less a rule may build on it.
type Basis string

// The bases of facts, strongest first.
const (
	// BasisMeasured: computed from the tensor tables or the listing.
	BasisMeasured Basis = "measured"
	// BasisAttested: stated in a signature that was verified.
	BasisAttested Basis = "attested"
	// BasisParsed: read from a file that tools, not people, act on.
	BasisParsed Basis = "parsed"
	// BasisEstimated: computed from declared or partial values.
	BasisEstimated Basis = "estimated"
	// BasisDeclared: stated by somebody, in a card or a submission.
	BasisDeclared Basis = "declared"
)

// Evidence says where a fact came from.
type Evidence struct {
	// Object is a path under the source, or "submission".
	Object string `json:"object"`
	// Where is a byte range such as "bytes=0-9143", or a JSON path such as
	// "$.hidden_size". It may be empty for the whole object.
	Where string `json:"where,omitempty"`
}

// FactEntry says on what one known fact rests. A fact without an entry is unknown.
type FactEntry struct {
	// Name is the path of the fact, such as "params.lower" or
	// "datasets[0].license".
	Name     string     `json:"name"`
	Basis    Basis      `json:"basis"`
	Evidence []Evidence `json:"evidence"`
}

// Facts is everything that can be known of an artifact and its submission: the one
// vocabulary of inspectors, rule packs, submissions and reports. A nil value is
// unknown, never zero. Values are set through a [FactSet], which keeps the basis
// beside them.
//
// Counts are numbers of parameters and sizes are bytes, unless a field says
// otherwise.
type Facts struct {
	Params       Params       `json:"params"`
	Architecture Architecture `json:"architecture"`
	Quantization Quantization `json:"quantization"`
	// Adapter is nil where the artifact is no adapter.
	Adapter *Adapter `json:"adapter"`
	Index   Index    `json:"index"`
	Shards  Shards   `json:"shards"`
	Headers Headers  `json:"headers"`
	GGUF    GGUF     `json:"gguf"`
	Pickle  Pickle   `json:"pickle"`
	ONNX    ONNX     `json:"onnx"`
	Objects Objects  `json:"objects"`

	// The groups below are what the artifact itself says of where it came from.
	Card         CardFacts    `json:"card"`
	LicenseFound LicenseFound `json:"license_found"`
	Lineage      Lineage      `json:"lineage"`
	DataRecords  DataRecords  `json:"data_records"`
	Contents     Contents     `json:"contents"`
	Signature    Signature    `json:"signature"`

	// The groups below are stated by a submission: see [Submission].
	Submission     SubmissionState `json:"submission"`
	Model          Model           `json:"model"`
	License        License         `json:"license"`
	Destination    Destination     `json:"destination"`
	Recipient      Party           `json:"recipient"`
	EndUser        Party           `json:"end_user"`
	Intermediaries []Party         `json:"intermediaries"`
	Developer      Party           `json:"developer"`
	Exporter       Party           `json:"exporter"`
	Ownership      Ownership       `json:"ownership"`
	Org            Organisation    `json:"org"`
	Transfer       Transfer        `json:"transfer"`
	Grantee        Grantee         `json:"grantee"`
	Hosting        Hosting         `json:"hosting"`
	Weights        Weights         `json:"weights"`
	Publication    Publication     `json:"publication"`
	EndUse         EndUse          `json:"end_use"`
	Market         Market          `json:"market"`
	Training       Training        `json:"training"`
	Finetune       Finetune        `json:"finetune"`
	Bases          []Base          `json:"bases"`
	Copyright      Copyright       `json:"copyright"`
	Data           Data            `json:"data"`
	Datasets       []Dataset       `json:"datasets"`
	Claims         Claims          `json:"claims"`
	Documents      []Document      `json:"documents"`

	// The groups below are computed by an [Assessor] from the facts above and from
	// lists that the operator keeps.
	Compute    Compute    `json:"compute"`
	Licenses   []Licensed `json:"licenses"`
	Licensing  Licensing  `json:"licensing"`
	Screening  Screening  `json:"screening"`
	Directives Directives `json:"directives"`
}

// Params is the weight of the artifact: the parameter count as an interval, in
// parameters. What is packed counts as what it unpacks to.
type Params struct {
	// Lower is what the headers prove, Estimate the most likely count, Upper
	// what the bytes could hold at most under the rules of the scale.
	Lower    *int64 `json:"lower" unit:"parameters"`
	Estimate *int64 `json:"estimate" unit:"parameters"`
	Upper    *int64 `json:"upper" unit:"parameters"`
	// The effective interval is the model's own, unless the artifact is an
	// adapter; then it is its base's, unknown where that cannot be bounded.
	EffectiveLower    *int64 `json:"effective_lower" unit:"parameters"`
	EffectiveEstimate *int64 `json:"effective_estimate" unit:"parameters"`
	EffectiveUpper    *int64 `json:"effective_upper" unit:"parameters"`
	// Active is the number of parameters that one token passes through, known
	// only with the experts per token that a config declares.
	Active *int64 `json:"active" unit:"parameters"`
	// StoredElements is the plain sum of the shapes: what a counter that knows
	// no packing would say.
	StoredElements *int64 `json:"stored_elements" unit:"elements"`
	// Declared is the largest count that the artifact states of itself.
	Declared *int64 `json:"declared" unit:"parameters"`
	// Contradictions says where Declared is more than two in a hundred off what the
	// tensors hold: above Upper, or below every way of counting them.
	Contradictions []string `json:"contradictions"`
	// ByDType and ByComponent each sum to Estimate.
	ByDType     map[string]int64 `json:"by_dtype" unit:"parameters"`
	ByComponent map[string]int64 `json:"by_component" unit:"parameters"`
	// ByLayer tells in which layers the parameters lie, as runs of layers that follow
	// each other and hold as many each. Over all runs, the layers times what each holds
	// sum to the estimate. The heaviest stack of layers comes first, all else last: what is
	// in no layer, what missing files would hold, and the layers of stacks beyond the
	// 64 heaviest or with more than two thousand runs.
	ByLayer []LayerRun `json:"by_layer"`
	// SetAside lists what was stored and not counted, with the reason.
	SetAside []Aside `json:"set_aside"`
	// WidenedBy lists what keeps the three ends of the interval apart.
	WidenedBy []Widening `json:"widened_by"`
	// Sets lists the sets of files that hold weights, the largest first. Sets of the
	// same structure are copies or slices of one model: lower counts such a group
	// once, estimate and upper count all.
	Sets []WeightSet `json:"sets"`
	// LargestSet is the estimate of the largest set; Estimate is that of all.
	LargestSet *int64 `json:"largest_set" unit:"parameters"`
	// Whole estimates the whole model where the artifact is a part of one.
	Whole *int64 `json:"whole" unit:"parameters"`
}

// LayerRun is layers of one stack that follow each other and hold the same number of
// parameters each.
type LayerRun struct {
	// Set is the name of the set of files that they lie in, as in sets, Stack what the
	// names of their tensors begin with, such as "model.layers". Both are "" for all
	// that lies elsewhere, which is one run of one.
	Set   string `json:"set"`
	Stack string `json:"stack"`
	// First and Last are the numbers of the layers, as the names of the tensors have
	// them. Each is the estimate of one layer.
	First int64 `json:"first"`
	Last  int64 `json:"last"`
	Each  int64 `json:"each" unit:"parameters"`
}

// WeightSet is the files that belong to one copy, variant or component of a model.
type WeightSet struct {
	// Name is the path that the files share, with {} for the numbers of shards.
	Name string `json:"name"`
	// Files counts the members that are there, Missing those that are not.
	Files   int64 `json:"files" unit:"files"`
	Missing int64 `json:"missing" unit:"files"`
	// Estimate is the number of parameters in the files that are there.
	Estimate int64 `json:"estimate" unit:"parameters"`
	// Kind is model, optimizer or ema.
	Kind string `json:"kind"`
	// SameAs names the set that has the same structure, "" for none.
	SameAs string `json:"same_as"`
}

// Aside is a group of tensors that are stored and are no parameters.
type Aside struct {
	// Name is the tensors' name with numbers replaced by {}.
	Name string `json:"name"`
	// Tensors and Elements count the group.
	Tensors  int64  `json:"tensors" unit:"tensors"`
	Elements int64  `json:"elements" unit:"elements"`
	Reason   string `json:"reason"`
}

// Widening is a group of tensors, or an object, that adds to one end of the
// interval more than to another.
type Widening struct {
	// Name is the tensors' name with numbers replaced by {}, or an object's path.
	Name string `json:"name"`
	// Lower, Estimate and Upper are what the group adds to each end.
	Lower    int64  `json:"lower" unit:"parameters"`
	Estimate int64  `json:"estimate" unit:"parameters"`
	Upper    int64  `json:"upper" unit:"parameters"`
	Reason   string `json:"reason"`
}

// Architecture is what the model is, found in the tensors and held against what the
// config declares.
type Architecture struct {
	// Family is the layout's name in lower case: models that share a layout
	// share the family.
	Family *string `json:"family"`
	// Variant is the way in which the names follow the layout, such as "gguf" or
	// "native"; "" for the way that the loader class uses.
	Variant *string `json:"variant"`
	// Class is the loader class that the tensors fit.
	Class *string `json:"class"`
	// Declared is the class that the config names.
	Declared *string `json:"declared"`
	// Agrees is false where the config declares another layout, or sizes that
	// the shapes contradict.
	Agrees *bool `json:"agrees"`
	// Contradictions says in what the config and the tensors differ.
	Contradictions []string `json:"contradictions"`
	// Confidence is "names+shapes+config", two of the three, one, or "none".
	Confidence *string `json:"confidence"`
	Layers     *int64  `json:"layers" unit:"layers"`
	HiddenSize *int64  `json:"hidden_size"`
	VocabSize  *int64  `json:"vocab_size"`
	// Experts is the number of routed experts in a layer, 0 for a dense model.
	Experts *int64 `json:"experts" unit:"experts"`
	// ExpertsPerToken can only be declared: no shape shows it.
	ExpertsPerToken *int64 `json:"experts_per_token" unit:"experts"`
	// Fingerprint names the structure by dtypes and shapes: it survives renaming,
	// resharding and reordering.
	Fingerprint *string `json:"fingerprint"`
	// MatrixFingerprint names it by the parameters of each matrix: it survives
	// requantising too.
	MatrixFingerprint *string `json:"matrix_fingerprint"`
	// Shape is the family that the shapes alone tell.
	Shape *string `json:"shape"`
	// Partial is true where the tensors are a part of a model: layers are missing,
	// or the embedding and the head.
	Partial *bool `json:"partial"`
	// LayerSpan is how many layers the whole model has, by the largest number.
	LayerSpan *int64 `json:"layer_span" unit:"layers"`
}

// Quantization is how the weights are packed.
type Quantization struct {
	// Scheme is "none" for plain floating point, or the packing's name.
	Scheme *string `json:"scheme"`
	// Bits is the size of one stored parameter in bits.
	Bits *int64 `json:"bits" unit:"bits"`
	// Declared is the method that the config names.
	Declared *string `json:"declared"`
	// Contradictions says in what the config and the tensors differ.
	Contradictions []string `json:"contradictions"`
}

// Adapter is a set of weights that changes another model.
type Adapter struct {
	// Kind is the method, such as "lora".
	Kind *string `json:"kind"`
	// Modules counts the matrices of the base that the adapter changes.
	Modules *int64 `json:"modules" unit:"matrices"`
	// Full counts the parameters of whole matrices that the adapter stores.
	Full *int64 `json:"full" unit:"parameters"`
	// Base is the model that the adapter's config names.
	Base *string `json:"base"`
}

// Index is what the safetensors index says, held against the shards.
type Index struct {
	Present *bool `json:"present"`
	// TensorsAbsent counts tensors that the index lists and no shard holds.
	TensorsAbsent *int64 `json:"tensors_absent" unit:"tensors"`
	// TensorsUnlisted counts tensors that shards of the set hold and the index
	// does not list.
	TensorsUnlisted *int64 `json:"tensors_unlisted" unit:"tensors"`
	// TensorsMisplaced counts tensors that lie in another shard than listed.
	TensorsMisplaced *int64 `json:"tensors_misplaced" unit:"tensors"`
	// ShardsAbsent counts shards that the index names and the source lacks.
	ShardsAbsent *int64 `json:"shards_absent" unit:"shards"`
	// ShardsUnlisted counts safetensors objects beside the index that it does
	// not name.
	ShardsUnlisted *int64 `json:"shards_unlisted" unit:"shards"`
	// PathsEscaping counts shard names that leave the index's folder.
	PathsEscaping *int64 `json:"paths_escaping"`
	// TotalSize is the declared total, where it is a whole number.
	TotalSize *int64 `json:"total_size" unit:"bytes"`
	// TotalSizeState is ok, absent, zero, not_an_integer or mismatch.
	TotalSizeState *string `json:"total_size_state"`
	// Problems says each disagreement in words, the first of each kind by name.
	Problems []string `json:"problems"`
}

// Shards is what the names of the form i-of-n say about the set.
type Shards struct {
	// Missing counts members of a numbered set that are not there.
	Missing *int64 `json:"missing" unit:"files"`
	// MissingNames lists the first of them.
	MissingNames []string `json:"missing_names"`
}

// Headers is what was odd about headers that could be read, and what was not.
type Headers struct {
	// Malformed counts objects whose header broke the rules of its format.
	Malformed *int64 `json:"malformed"`
	// Pointers counts objects that are Git LFS or Xet pointers in place of weights.
	Pointers *int64 `json:"pointers"`
	// NamesEmpty counts tensors with an empty name.
	NamesEmpty *int64 `json:"names_empty"`
	// NamesAlike counts tensors whose name equals another's after Unicode
	// normalisation and case folding.
	NamesAlike *int64 `json:"names_alike"`
	// EmptyHuge counts tensors without elements that name a dimension above 2^32.
	EmptyHuge *int64 `json:"empty_huge"`
}

// Objects is what the listing and the sniffing showed.
type Objects struct {
	// Unpinned counts objects that have neither an ETag nor a version id.
	Unpinned *int64 `json:"unpinned" unit:"objects"`
	// UnknownBytes is the size of all objects that were not understood.
	UnknownBytes *int64 `json:"unknown_bytes" unit:"bytes"`
	// Skipped counts names in the listing that are not part of the artifact.
	Skipped *int64 `json:"skipped"`
	// Unread counts names that lead to something and were not followed: links that leave
	// the source or lead to a folder, devices. A program that publishes the source could
	// follow them.
	Unread *int64 `json:"unread" unit:"names"`
	// Twofold counts objects that two formats explain at once, so that two programs
	// can see two models in one.
	Twofold *int64 `json:"twofold" unit:"objects"`
}

// SubmissionState says whether the submitter declared anything.
type SubmissionState struct {
	Present *bool `json:"present"`
	// Contradictions says in what the submission and the artifact differ. What was
	// declared then has no effect.
	Contradictions []string `json:"contradictions"`
}
