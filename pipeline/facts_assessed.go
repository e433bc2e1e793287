package pipeline

// Compute is what the number of training operations rests on.
type Compute struct {
	// Method names what training.flops was established by: "tokens" (six operations a
	// parameter and token), "hardware", "bases" (the operations of the bases and of the
	// fine-tuning added up), "declared", or several joined by "+".
	Method *string `json:"method"`
	// Active is the number of parameters that one token passes through, as used for
	// the estimate.
	Active Interval `json:"active" unit:"parameters"`
	// Crossings says for each threshold that rules know with how many tokens training
	// would reach it.
	Crossings []Crossing `json:"crossings"`
	// Declared and FinetuneDeclared keep what the submission states of training.flops
	// and finetune.flops, where an estimate may stand.
	Declared         Interval `json:"declared" unit:"operations"`
	FinetuneDeclared Interval `json:"finetune_declared" unit:"operations"`
}

// Crossing is a threshold of training operations with the tokens that reach it.
type Crossing struct {
	// Operations is the threshold, Tokens how many tokens reach it at six operations
	// a parameter and token, rounded up.
	Operations float64 `json:"operations" unit:"operations"`
	Tokens     int64   `json:"tokens" unit:"tokens"`
}

// Licensed is one model of the chain, the artifact itself first, with the terms of its
// licence.
type Licensed struct {
	// Of is "this model", or the id of a base.
	Of string `json:"of"`
	// Relation is "self", or how this model was made from the base.
	Relation *string `json:"relation" values:"self,adapter,merge,quantized,finetune,distillation,synthetic_data"`
	// Declared is the licence as it was stated.
	Declared *string `json:"declared"`
	// ID is its SPDX id or LicenseRef, known where the table of licences has it.
	ID *string `json:"id"`
	// Terms are what its licence says, known where the table of licences has it.
	Terms Terms `json:"terms"`
}

// Terms is what a licence says, as far as a rule can test it. The licence's own text
// holds.
type Terms struct {
	// Redistribution and Commercial say whether the licence lets the model be passed
	// on, and used commercially.
	Redistribution *bool `json:"redistribution"`
	Commercial     *bool `json:"commercial"`
	// Derivatives is false where changed versions may not be passed on.
	Derivatives *bool `json:"derivatives"`
	// ResearchOnly is true where only research is licensed.
	ResearchOnly *bool `json:"research_only"`
	// FOSS is true for free and open-source licences without restrictions of use.
	FOSS *bool `json:"foss"`
	// MonthlyUsersCap and RevenueCapUSD are sizes of the licensee above which another
	// licence is needed, 0 where there is none.
	MonthlyUsersCap *int64 `json:"monthly_users_cap" unit:"persons"`
	RevenueCapUSD   *int64 `json:"revenue_cap_usd" unit:"US dollars"`
	// ExcludedCountries lists where the licence does not hold.
	ExcludedCountries []string `json:"excluded_countries" is:"country"`
	// MultimodalExcluded lists the countries whose licensees get no right to models
	// that take more than text.
	MultimodalExcluded []string `json:"multimodal_excluded" is:"country"`
	// NamePrefix must begin the name of a model made from this one, "" for none.
	NamePrefix *string `json:"name_prefix"`
	// Attribution must be shown, "" for none.
	Attribution *string `json:"attribution"`
	// Notice is true where a notice file must go along.
	Notice *bool `json:"notice"`
	// FlowDown is true where restrictions of use must be passed on.
	FlowDown *bool `json:"flow_down"`
	// OutputsBan is true where outputs may not be used to improve other models.
	OutputsBan *bool `json:"outputs_ban"`
	// MilitaryBan and TradeCompliance say whether the text itself bars military use,
	// and asks for compliance with trade law.
	MilitaryBan     *bool `json:"military_ban"`
	TradeCompliance *bool `json:"trade_compliance"`
	// ShareAlike is true where changed versions must carry the same licence.
	ShareAlike *bool `json:"share_alike"`
}

// Licensing is what the licences of the chain come to together.
type Licensing struct {
	// Own are the terms of the artifact's own licence.
	Own Terms `json:"own"`
	// ID is the SPDX id or LicenseRef of the artifact's own licence, where the table
	// of licences has it.
	ID *string `json:"id"`
	// Conflicts says which licences of the chain cannot be kept together, and why.
	Conflicts []string `json:"conflicts"`
}

// Screening is what holding the parties against restricted lists gave. That there is
// no hit clears nobody.
type Screening struct {
	// Source is "list", or the name of the service that the operator asked.
	Source *string `json:"source"`
	// ListDigest names the file, ListUpdated the day it was made.
	ListDigest  *string `json:"list_digest" is:"digest"`
	ListUpdated *string `json:"list_updated" is:"date"`
	// AgeHours is how old the list was on the day of the check.
	AgeHours *int64 `json:"age_hours" unit:"hours"`
	// Parties lists the names that were held against it.
	Parties []string `json:"parties"`
	// Hits lists the entries that were found, the best first.
	Hits []ScreeningHit `json:"hits"`
}

// ScreeningHit is an entry of a restricted list that a party's name resembles.
type ScreeningHit struct {
	// Party is the name of the party as submitted, and Role what it is to the transfer.
	Party string `json:"party"`
	Role  string `json:"role" values:"recipient,end_user,intermediary,developer,exporter,parent"`
	// List is the list's code, ID the entry's id, Name its name and Alias the one of
	// its names that matched.
	List  string `json:"list"`
	ID    string `json:"id"`
	Name  string `json:"name"`
	Alias string `json:"alias"`
	// Score is the Jaro-Winkler similarity of the normalised names, from 0 to 1.
	Score float64 `json:"score" unit:"share from 0 to 1" max:"1"`
	// Exact is true where the normalised names are the same.
	Exact bool `json:"exact"`
}

// Directives is what the operator's own list of directives says of this artifact. It
// is unknown where the operator gave no such list.
type Directives struct {
	// Matches lists the directives that name it and have not expired.
	Matches []Directive `json:"matches"`
}

// Directive is an instruction that the operator received.
type Directive struct {
	// ID is the operator's name for it.
	ID string `json:"id"`
	// Field is what matched: "model", "digest", "developer" or "recipient"; Pattern what
	// it was held against.
	Field   string `json:"field"`
	Pattern string `json:"pattern"`
	// Expires is its last day, "" for none.
	Expires string `json:"expires"`
	// Note says where the instruction is kept.
	Note string `json:"note"`
}
