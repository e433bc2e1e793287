package pipeline

// CardFacts is what the model's card, a README with front matter, says of the model, and
// whether it can be true. A nil value is unknown.
type CardFacts struct {
	// Present is true where the README of the source has front matter.
	Present *bool `json:"present"`
	// Problems says in sentences what was odd about it.
	Problems []string `json:"problems"`
	// Name is the name of the model, where the card states one.
	Name *string `json:"name"`
	// Library, Pipeline and Languages are library_name, pipeline_tag and language; Tags
	// its tags.
	Library   *string  `json:"library"`
	Pipeline  *string  `json:"pipeline"`
	Languages []string `json:"languages"`
	Tags      []string `json:"tags"`
	// NewVersion names the model that replaces this one, Gated is true where the card
	// asks for something before the weights are given out, EUDisallowed where it refuses
	// the European Union.
	NewVersion   *string `json:"new_version"`
	Gated        *bool   `json:"gated"`
	EUDisallowed *bool   `json:"eu_disallowed"`
	// Counts lists the numbers of parameters that the card and the bills of materials
	// state; CountsFit is false where none of them fits the tensors.
	Counts    []StatedCount `json:"counts"`
	CountsFit *bool         `json:"counts_fit"`
	// Results lists the results of tests that the card claims (model-index).
	Results []CardResult `json:"results"`
	// EmissionsGrams is co2_eq_emissions in grams.
	EmissionsGrams *float64 `json:"emissions_grams" unit:"grams of CO2 equivalent"`
}

// StatedCount is a number of parameters that is stated somewhere.
type StatedCount struct {
	// Object is where it stands.
	Object string `json:"object"`
	Count  int64  `json:"count" unit:"parameters"`
	// Active is true where it counts what one token passes through.
	Active bool `json:"active"`
}

// CardResult is the result of a test, as claimed.
type CardResult struct {
	Task    string `json:"task"`
	Dataset string `json:"dataset"`
	Metric  string `json:"metric"`
	// Value is as it is written.
	Value string `json:"value"`
	// Verified is true where the card says that somebody else checked it.
	Verified bool `json:"verified"`
}

// LicenseFound is what the artifact itself says of its licence, in all places.
type LicenseFound struct {
	// Expression is the SPDX expression over all that was found of the model itself, where
	// places that differ are joined with AND, the stricter reading; "NOASSERTION" where it
	// was looked for and nothing says which licence it is.
	Expression *string `json:"expression"`
	// Sources lists every place that says something of the licence.
	Sources []LicenseSource `json:"sources"`
	// Disagreements says in sentences which two places that cover the same mean different
	// licences.
	Disagreements []string `json:"disagreements"`
	// Problems says in sentences what is missing or names no licence: "other" without a
	// text, the name of a family in place of a licence, a text that nobody knows, one that
	// goes on beyond its licence.
	Problems []string `json:"problems"`
	// Texts counts licence files, UsePolicies files with a policy of use, Notices notice
	// files.
	Texts       *int64 `json:"texts" unit:"files"`
	UsePolicies *int64 `json:"use_policies" unit:"files"`
	Notices     *int64 `json:"notices" unit:"files"`
}

// LicenseSource is one place that says something of the licence.
type LicenseSource struct {
	// Object and Where are the place, Kind what kind of place it is.
	Object string `json:"object"`
	Where  string `json:"where"`
	Kind   string `json:"kind" values:"card,text,header,config,recipe,manifest,bom,croissant,provenance"`
	// Declared is what is written there; Expression the SPDX expression that it means,
	// "" where it names none.
	Declared   string `json:"declared"`
	Expression string `json:"expression"`
	// Covers is what is licensed: the model, a part of it that lies in a folder of its own,
	// code, use (a policy of use), notice or data.
	Covers string `json:"covers" values:"model,part,code,use,notice,data"`
	// Share is how much of a text its licence explains, 0 where the place is no text or
	// nothing does.
	Share float64 `json:"share" unit:"share from 0 to 1" max:"1"`
}

// Lineage is from which models this one was made, as far as the artifact, the submission
// and earlier cases tell.
type Lineage struct {
	// Bases lists every place of the artifact that names a base.
	Bases []BaseSource `json:"bases"`
	// Problems says in sentences what does not fit: places that name different bases, a
	// relation that the files do not show, a base that names no model.
	Problems []string `json:"problems"`
	// Known lists models of the same structure that are known, from earlier cases.
	Known []KnownStructure `json:"known"`
	// Undeclared is true where the structure equals that of a known model of another name
	// and no base is named.
	Undeclared *bool `json:"undeclared"`
	// Chain lists the bases and the models behind them, as far as earlier cases name them,
	// the nearest first and each once.
	Chain []Ancestor `json:"chain"`
	// ChainProblems says in sentences what is wrong with the chain: it goes in a circle or
	// on without end, a model of it was rejected, its licence is not the one that it is
	// known for.
	ChainProblems []string `json:"chain_problems"`
	// Complete is true where the bases are known and every model of the chain is on record
	// with all of its own, or with none.
	Complete *bool `json:"complete"`
	// Obligations lists what the licences of the chain ask of this model.
	Obligations []Obligation `json:"obligations"`
}

// BaseSource is one place that names a base.
type BaseSource struct {
	Object   string `json:"object"`
	Where    string `json:"where"`
	Kind     string `json:"kind" values:"card,header,config,recipe,bom"`
	ID       string `json:"id"`
	Relation string `json:"relation" values:"adapter,merge,quantized,finetune,distillation,synthetic_data,unknown"`
	// Revision is the version of the base that is named, "" for none.
	Revision string `json:"revision"`
}

// KnownStructure is a model that is on record and has the structure of this one.
type KnownStructure struct {
	// ID is its name, or its source where it has none; Case is the case it was reviewed
	// in, State where that stands.
	ID    string `json:"id"`
	Case  string `json:"case"`
	State string `json:"state"`
	// Same is "structure", or "matrices" where only the sizes of the matrices agree, as
	// after another packing.
	Same string `json:"same" values:"structure,matrices"`
}

// Ancestor is a base, or a model behind one.
type Ancestor struct {
	ID string `json:"id"`
	// Of is the model that was made from it, "this model" for that of a base, Relation
	// how; Depth counts the steps from this model: a base has depth 1.
	Of       string `json:"of"`
	Relation string `json:"relation" values:"adapter,merge,quantized,finetune,distillation,synthetic_data,unknown"`
	Depth    int64  `json:"depth" unit:"steps"`
	// License is its licence, "" where nobody states it.
	License string `json:"license"`
	// Case is the case in which it is on record, and State where that stands; both are ""
	// where it is not.
	Case  string `json:"case"`
	State string `json:"state"`
}

// Obligation is something that a licence of the chain asks of this model.
type Obligation struct {
	// From is the model whose licence asks, License that licence.
	From    string `json:"from"`
	License string `json:"license"`
	Kind    string `json:"kind" values:"name,attribution,notice,use_restrictions,non_commercial,research_only,share_alike,no_derivatives,users_cap,revenue_cap,territory,outputs"`
	// Text says it in a sentence.
	Text string `json:"text"`
}

// DataRecords is what the artifact says of its training data as a whole.
type DataRecords struct {
	// Sources lists every place of the artifact that describes a set of data.
	Sources []DatasetSource `json:"sources"`
	// Problems says in sentences what does not fit: records that contradict each other, a
	// record that could not be read.
	Problems []string `json:"problems"`
	// Named is true where the artifact or the submission names a set of data. Where
	// nobody names one it is false, which says nothing about what the model was trained on.
	Named *bool `json:"named"`
	// UseLimits lists what the records say of the uses that a set is given out for, and
	// DerivedFrom what a set was made from, each as "set: words".
	UseLimits   []string `json:"use_limits"`
	DerivedFrom []string `json:"derived_from"`
}

// DatasetSource is one place that describes a set of data.
type DatasetSource struct {
	Object string `json:"object"`
	Where  string `json:"where"`
	Kind   string `json:"kind" values:"card,header,bom,croissant,provenance,recipe"`
	// ID is the name that stands there, "" where the place names none.
	ID string `json:"id"`
	// Trained is true where the place says, or stands for it, that this model was trained
	// on the set.
	Trained bool `json:"trained"`
}

// Contents is what the artifact holds beside the weights, told by names, bytes and parsed
// configs; nothing of it is run. What was found is certain. That nothing was found is
// known only where every object could be looked at: where Unseen is not zero, a side that
// shows nowhere and a count of nothing stay unknown.
type Contents struct {
	// Structure is true where the artifact discloses how the model is built, beyond what
	// the headers of all weights and a config of a library's class show: program text,
	// machine code, classes of its own, a graph of operations.
	Structure *bool `json:"structure"`
	// Optimizer is true where there is state of an optimizer, a scheduler or of random
	// numbers, or a checkpoint of the kinds that hold it.
	Optimizer *bool `json:"optimizer"`
	// TrainingProcess is true where there is the state, the arguments, the log, the recipe
	// or the program of a training, a merge or the preparation of its data.
	TrainingProcess *bool `json:"training_process"`
	// GeneratedContent is true where there is something about what the model puts out:
	// results of evaluations, reports on safety, samples of its outputs.
	GeneratedContent *bool `json:"generated_content"`
	// Pickles counts objects that a loader would run as a program while it reads them.
	Pickles *int64 `json:"pickles" unit:"objects"`
	// Code counts objects that hold program text or machine code.
	Code *int64 `json:"code" unit:"objects"`
	// RemoteCode lists the classes and modules that a loader would take from the artifact,
	// or from where the artifact says, and run, as "object: class"; and templates that
	// reach beyond what a template is for. RemoteCodeTotal counts them all: at most a
	// hundred are listed.
	RemoteCode      []string `json:"remote_code"`
	RemoteCodeTotal *int64   `json:"remote_code_total"`
	// Disclosures lists what discloses more than weights: an object once for each side.
	// DisclosuresTotal counts them all: at most two hundred are listed.
	Disclosures      []Disclosure `json:"disclosures"`
	DisclosuresTotal *int64       `json:"disclosures_total"`
	// Unseen counts objects that could not be looked into: archives and encrypted files,
	// which are not unpacked, pointers, links that were not followed, and what failed to
	// be read.
	Unseen *int64 `json:"unseen" unit:"objects"`
}

// Disclosure is an object that discloses a side of an algorithm.
type Disclosure struct {
	Object string `json:"object"`
	// Side is the side; "execution" stands for what would run where the model is loaded
	// and discloses no side of its algorithm.
	Side string `json:"side" values:"structure,optimizer,training_process,generated_content,execution"`
	// What says in a few words what it is.
	What string `json:"what"`
}

// Signature is what signatures and lists of digests beside the weights say. A nil value is
// unknown.
type Signature struct {
	// Present is true where there is a signature or a list of digests.
	Present *bool `json:"present"`
	// Kind is "oms" for an OpenSSF Model Signing bundle, "sums" for a list of digests.
	Kind *string `json:"kind" values:"oms,sums"`
	// Verified is true where it was held against the bytes and fits, false where something
	// does not fit: a digest, a signature, a name that is missing or not listed. Unknown
	// where the bytes were not hashed or no key was given; problems says which.
	Verified *bool `json:"verified"`
	// Unlisted counts objects that it does not name.
	Unlisted *int64 `json:"unlisted" unit:"objects"`
	// Ignored counts objects that it does not cover because it leaves their paths out:
	// those of Git, and those that whoever signed named.
	Ignored *int64 `json:"ignored" unit:"objects"`
	// Signer is who signed, as the key or the certificate says; Trusted is true where
	// the operator trusts that signer. Nobody signs a list of digests.
	Signer  *string `json:"signer"`
	Trusted *bool   `json:"trusted"`
	// RootDigest is the digest over the digests of all signed objects in order of name,
	// as OpenSSF Model Signing defines it. Where the bytes were hashed and nothing is
	// signed, it is the one that a signature of all of them would have.
	RootDigest *string `json:"root_digest" is:"digest"`
	// Problems says in sentences what does not fit, the object by name.
	Problems []string `json:"problems"`
}
