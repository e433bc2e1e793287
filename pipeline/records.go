package pipeline

// What the artifact says of itself reaches the derivers as records: each is one statement
// in one place, as it stands there. Any reader may add some; the deriver of a subject
// gathers those of all readers, holds them against each other and sets the facts. So no
// reader needs to know the others, and where something was stated is never lost.

// RecordKind says in what kind of place a record stands.
type RecordKind string

// The kinds of places.
const (
	// RecordCard is the front matter, or the prose, of a README.
	RecordCard RecordKind = "card"
	// RecordText is a licence, notice or policy file, identified by its words.
	RecordText RecordKind = "text"
	// RecordHeader is the metadata in the header of a weight file.
	RecordHeader RecordKind = "header"
	// RecordConfig is a configuration file of the model or of an adapter.
	RecordConfig RecordKind = "config"
	// RecordRecipe is a file that a merge or a training was run from.
	RecordRecipe RecordKind = "recipe"
	// RecordManifest is the manifest of a package.
	RecordManifest RecordKind = "manifest"
	// RecordBOM is a bill of materials.
	RecordBOM RecordKind = "bom"
	// RecordCroissant is a Croissant description of a data set.
	RecordCroissant RecordKind = "croissant"
	// RecordProvenance is a data provenance record.
	RecordProvenance RecordKind = "provenance"
)

// LicenseRecord is one place that says under which licence something is.
type LicenseRecord struct {
	At   Evidence
	Kind RecordKind
	// Declared is the licence as it is written there: an SPDX expression, a model hub's
	// word, or free text; "" where only Name, Link or Expression is known.
	Declared string
	// Name and Link complete a licence that is called "other".
	Name, Link string
	// Expression is the SPDX expression that a text was identified as, "" where it was
	// not. Share is how much of the text that explains, from 0 to 1.
	Expression string
	Share      float64
	// Covers is what is licensed: "model", "part" for what lies in a folder of the
	// artifact, "code", "use" for a policy of use, "notice" for a notice file, "data"; ""
	// where it is not said, which stands for the model.
	Covers string
	// Problem says in a sentence what is odd about the place: a text that is no licence that
	// is known, or goes on beyond one; "" for nothing.
	Problem string
}

// BaseRecord is one place that names a model from which this one was made.
type BaseRecord struct {
	At    Evidence
	Kind  RecordKind
	Basis Basis
	// Base is the model as the place states it: its id may be an address or a path, and
	// its relation any word.
	Base Base
	// Revision is the version of the base that is named, "" for none.
	Revision string
}

// DatasetRecord is one place that describes a set of data.
type DatasetRecord struct {
	At    Evidence
	Kind  RecordKind
	Basis Basis
	// Trained is false where the place describes the set and does not say that this model
	// was trained on it.
	Trained bool
	Dataset Dataset
	// Aliases lists other names and addresses of the set, by which it is found again.
	Aliases []string
	// Origins lists the countries that the data comes from where the place names several,
	// as ISO 3166-1 alpha-2 codes; Dataset.OriginCountry is nil then.
	Origins []string
	// UseLimits lists what the place says of the uses that the set is given out for, and
	// DerivedFrom the sets that it was made from, each in a few words.
	UseLimits   []string
	DerivedFrom []string
	// Problems says in sentences what the place states and does not fit. A record with
	// problems alone is a place that could not be read.
	Problems []string
}

// CountRecord is one place that states a number of parameters.
type CountRecord struct {
	At   Evidence
	Kind RecordKind
	// Count is the number; Within is how far the true number may lie from it because it
	// was rounded, as a share of Count: "7B" is within 0.08 of what it means.
	Count  int64
	Within float64
	// Active is true where the place speaks of the parameters that a token passes through.
	Active bool
}

// Card is a README, with its front matter parsed.
type Card struct {
	Object string
	// Dataset is true for the card of a data set, false for that of a model.
	Dataset bool
	// Values is the front matter, nil where there is none. Numbers are json.Number, times
	// are text as written.
	Values map[string]any
	// Body is the prose behind the front matter, as far as it was read.
	Body string
	// Problems says in sentences what was odd about the front matter.
	Problems []string
}

// CodeRecord is one object that discloses more than weights, or would run.
type CodeRecord struct {
	At Evidence
	// Side is what it discloses, in the words of [Disclosure]; "" where nothing shows
	// which side that is: program text then counts as structure.
	Side string
	// What says in a few words what it is.
	What string
	// Code is true where the object holds program text or machine code.
	Code bool
	// Class is a class or module that a loader would take from the artifact and run, ""
	// for none.
	Class string
	// Unseen is true where the object is of a kind that may say such things, and could
	// not be looked into.
	Unseen bool
}

// DigestList is a signature, or a list of digests, that lies with the weights.
type DigestList struct {
	// Object is its path; Kind is "oms" for an OpenSSF Model Signing bundle, "sums" for a
	// list of digests, "sum" for the digest of one object.
	Object, Kind string
	// Text is the whole of it.
	Text []byte
	// Problem says in a sentence why it was not read, "" where it was.
	Problem string
}
