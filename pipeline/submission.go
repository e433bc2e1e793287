package pipeline

// Submission is what the submitter declares about a transfer. Its field names are
// fact names, so that a rule that asks for destination.country is answered by that
// key. Nothing in it overrides what was measured. A nil value was not stated.
type Submission struct {
	Destination Destination `json:"destination" yaml:"destination"`
	Recipient   Party       `json:"recipient" yaml:"recipient"`
	Weights     Weights     `json:"weights" yaml:"weights"`
	EndUse      EndUse      `json:"end_use" yaml:"end_use"`
	Training    Training    `json:"training" yaml:"training"`
	Datasets    []Dataset   `json:"datasets" yaml:"datasets"`
}

// Destination is where the weights go.
type Destination struct {
	// Country is an ISO 3166-1 alpha-2 code, or "worldwide".
	Country *string `json:"country" yaml:"country"`
}

// Party is a person or organisation that takes part in a transfer.
type Party struct {
	// Name is the party's name, or "public".
	Name *string `json:"name" yaml:"name"`
	// Country is an ISO 3166-1 alpha-2 code.
	Country *string `json:"country" yaml:"country"`
}

// Weights is who can get the weights.
type Weights struct {
	// Access is published, gated, partner or closed.
	Access *string `json:"access" yaml:"access"`
}

// EndUse is what the recipient will do with the model.
type EndUse struct {
	Text       *string `json:"text" yaml:"text"`
	Commercial *bool   `json:"commercial" yaml:"commercial"`
	Military   *bool   `json:"military" yaml:"military"`
}

// Training is how the model came about.
type Training struct {
	// Flops is the number of operations used in training.
	Flops Interval `json:"flops" yaml:"flops"`
	// Tokens is the number of tokens the model was trained on.
	Tokens *int64 `json:"tokens" yaml:"tokens"`
}

// Interval is a quantity known between two ends.
type Interval struct {
	Lower    *float64 `json:"lower" yaml:"lower"`
	Estimate *float64 `json:"estimate" yaml:"estimate"`
	Upper    *float64 `json:"upper" yaml:"upper"`
}

// Dataset is one set of data that the model was trained on.
type Dataset struct {
	ID *string `json:"id" yaml:"id"`
	// License is an SPDX id or a LicenseRef.
	License *string `json:"license" yaml:"license"`
	// OriginCountry is an ISO 3166-1 alpha-2 code.
	OriginCountry *string `json:"origin_country" yaml:"origin_country"`
	// Personal says whether the set holds personal data.
	Personal *bool `json:"personal" yaml:"personal"`
}
