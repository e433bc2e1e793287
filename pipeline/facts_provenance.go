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
	// relation that the files do not show, a chain that does not end.
	Problems []string `json:"problems"`
	// Known lists models of the same structure that are known, from earlier cases.
	Known []KnownStructure `json:"known"`
	// Undeclared is true where the structure equals that of a known model of another name
	// and no base is named.
	Undeclared *bool `json:"undeclared"`
	// Chain lists the models behind the bases, as far as earlier cases name them, the
	// nearest first.
	Chain []Ancestor `json:"chain"`
	// Complete is true where every model of the chain is one that is known to have no
	// base, or whose bases are all known.
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

// Ancestor is a model behind a base.
type Ancestor struct {
	ID string `json:"id"`
	// Of is the model that was made from it, Relation how; Depth counts the steps from
	// this model: a base has depth 1.
	Of       string `json:"of"`
	Relation string `json:"relation" values:"adapter,merge,quantized,finetune,distillation,synthetic_data,unknown"`
	Depth    int64  `json:"depth" unit:"steps"`
	// License is its licence, "" where nobody states it.
	License string `json:"license"`
	// Case is the case that names it, and State where that stands.
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
}

// DatasetSource is one place that describes a set of data.
type DatasetSource struct {
	Object string `json:"object"`
	Where  string `json:"where"`
	Kind   string `json:"kind" values:"card,header,bom,croissant,provenance,recipe"`
	ID     string `json:"id"`
}

// Contents is what the artifact holds beside the weights. A nil value was not looked
// for.
type Contents struct {
	// Structure, Optimizer, TrainingProcess and GeneratedContent say which sides of an
	// algorithm the artifact discloses.
	Structure        *bool `json:"structure"`
	Optimizer        *bool `json:"optimizer"`
	TrainingProcess  *bool `json:"training_process"`
	GeneratedContent *bool `json:"generated_content"`
	// Pickles counts objects that a loader would run as a program while it reads them.
	Pickles *int64 `json:"pickles" unit:"objects"`
	// Code counts objects that hold program text or machine code.
	Code *int64 `json:"code" unit:"objects"`
	// RemoteCode lists the classes that a loader would take from the artifact and run
	// (auto_map, custom tokenizers), as "object: class".
	RemoteCode []string `json:"remote_code"`
	// Disclosures lists what discloses more than weights, one object a line.
	Disclosures []Disclosure `json:"disclosures"`
}

// Disclosure is an object that discloses a side of an algorithm.
type Disclosure struct {
	Object string `json:"object"`
	Side   string `json:"side" values:"structure,optimizer,training_process,generated_content"`
	// What says in a few words what it is.
	What string `json:"what"`
}

// Signature is what signatures and lists of digests beside the weights say.
type Signature struct {
	// Present is true where there is a signature or a list of digests.
	Present *bool `json:"present"`
	// Verified is true where it was held against the bytes and fits.
	Verified *bool `json:"verified"`
	// Unlisted counts objects that it does not name.
	Unlisted *int64 `json:"unlisted" unit:"objects"`
	// Signer is who signed, as the key or the certificate says; Trusted is true where
	// the operator trusts that signer.
	Signer  *string `json:"signer"`
	Trusted *bool   `json:"trusted"`
	// Kind is "oms" for an OpenSSF Model Signing bundle, "sums" for a list of digests.
	Kind *string `json:"kind" values:"oms,sums"`
	// RootDigest is the digest over the digests of all signed objects in order of name,
	// as OpenSSF Model Signing defines it.
	RootDigest *string `json:"root_digest" is:"digest"`
	// Problems says in sentences what does not fit, the object by name.
	Problems []string `json:"problems"`
}
