package pipeline

// Submission is what the submitter declares about a transfer. Its field names are
// fact names, so that a rule that asks for destination.country is answered by that
// key. Nothing in it overrides what was measured. A nil value was not stated.
//
// Tags say what a value may be, for the check of submissions, for their JSON Schema
// and for the page of facts:
//
//   - values:"a,b" lists the words that a text, or each text of a list, may be;
//   - is:"country" is an ISO 3166-1 alpha-2 code, is:"place" a country or
//     "worldwide", is:"date" a day as YYYY-MM-DD, is:"url" a web address or "none",
//     is:"digest" a SHA-256 as "sha256:" and 64 hexadecimal digits;
//   - unit:"tokens" names the unit of a number, max:"1" its largest value. No number
//     is negative.
type Submission struct {
	Model          Model        `json:"model" yaml:"model"`
	License        License      `json:"license" yaml:"license"`
	Destination    Destination  `json:"destination" yaml:"destination"`
	Recipient      Party        `json:"recipient" yaml:"recipient"`           // Recipient is who gets the weights.
	EndUser        Party        `json:"end_user" yaml:"end_user"`             // EndUser is who will use them, where that is somebody else.
	Intermediaries []Party      `json:"intermediaries" yaml:"intermediaries"` // Intermediaries are those between the exporter and the end user.
	Developer      Party        `json:"developer" yaml:"developer"`           // Developer is who made the model.
	Exporter       Party        `json:"exporter" yaml:"exporter"`             // Exporter is who sends the weights.
	Ownership      Ownership    `json:"ownership" yaml:"ownership"`
	Org            Organisation `json:"org" yaml:"org"`
	Transfer       Transfer     `json:"transfer" yaml:"transfer"`
	Grantee        Grantee      `json:"grantee" yaml:"grantee"`
	Hosting        Hosting      `json:"hosting" yaml:"hosting"`
	Weights        Weights      `json:"weights" yaml:"weights"`
	Publication    Publication  `json:"publication" yaml:"publication"`
	EndUse         EndUse       `json:"end_use" yaml:"end_use"`
	Market         Market       `json:"market" yaml:"market"`
	Training       Training     `json:"training" yaml:"training"`
	Finetune       Finetune     `json:"finetune" yaml:"finetune"`
	Bases          []Base       `json:"bases" yaml:"bases"`
	Copyright      Copyright    `json:"copyright" yaml:"copyright"`
	Data           Data         `json:"data" yaml:"data"`
	Datasets       []Dataset    `json:"datasets" yaml:"datasets"`
	Claims         Claims       `json:"claims" yaml:"claims"`
	Documents      []Document   `json:"documents" yaml:"documents"`
}

// Model is what the submitter says of the model itself.
type Model struct {
	// ID is the name by which the model is published, such as "example/model-7b".
	ID *string `json:"id" yaml:"id"`
	// Name is the model's name without its owner.
	Name    *string `json:"name" yaml:"name"`
	Version *string `json:"version" yaml:"version"`
	// Parameters is the number of parameters that the submitter states. It is held
	// against what the headers show and never takes its place.
	Parameters *int64 `json:"parameters" yaml:"parameters" unit:"parameters" max:"1e18"`
	// ModalityIn is what the model takes, ModalityOut what it makes.
	ModalityIn  []string `json:"modality_in" yaml:"modality_in" values:"text,image,audio,video,code,other"`
	ModalityOut []string `json:"modality_out" yaml:"modality_out" values:"text,image,audio,video,code,embedding,other"`
	// ContextLength is the longest input, in tokens.
	ContextLength *int64 `json:"context_length" yaml:"context_length" unit:"tokens" max:"1e18"`
	// Capabilities is what the model was made for, in the words of the catalogues
	// that rules refer to.
	Capabilities []string `json:"capabilities" yaml:"capabilities" values:"speech_synthesis,ai_interactive_interface,personalised_push,speech_evaluation,automated_marking,general,other"`
	// Memorises is true where tests showed that training data can be drawn out of
	// the model.
	Memorises *bool `json:"memorises" yaml:"memorises"`
	// AnonymityAssessed is true where it was assessed that extraction and queries
	// are unlikely to yield personal data.
	AnonymityAssessed *bool `json:"anonymity_assessed" yaml:"anonymity_assessed"`
	// SyntheticMedia is true where the model makes synthetic text, pictures, sound
	// or video for people; Watermark where that output is marked as such.
	SyntheticMedia *bool `json:"synthetic_media" yaml:"synthetic_media"`
	Watermark      *bool `json:"watermark" yaml:"watermark"`
	// StateOfTheArt and WideImpact are the two further conditions of the Korean
	// decree beside training compute.
	StateOfTheArt *bool `json:"state_of_the_art" yaml:"state_of_the_art"`
	WideImpact    *bool `json:"wide_impact" yaml:"wide_impact"`
	// Attributions lists the statements that the model's page shows, such as "Built
	// with Llama".
	Attributions []string `json:"attributions" yaml:"attributions"`
	// NoticeFile is true where the notice that a licence asks for lies with the
	// model.
	NoticeFile *bool `json:"notice_file" yaml:"notice_file"`
	// UsageDocumented is true where information on the model's use is public.
	UsageDocumented *bool `json:"usage_documented" yaml:"usage_documented"`
	// ArchitectureDocumented is true where information on its architecture is.
	ArchitectureDocumented *bool `json:"architecture_documented" yaml:"architecture_documented"`
}

// License is the licence under which the model itself is given on.
type License struct {
	// Declared is the licence as it was stated: an SPDX expression, or a model hub's
	// word such as "llama3.1" or "other".
	Declared *string `json:"declared" yaml:"declared"`
	// Name and Link complete "other".
	Name *string `json:"name" yaml:"name"`
	Link *string `json:"link" yaml:"link" is:"url"`
}

// Destination is where the weights go.
type Destination struct {
	// Country is where the weights go, or "worldwide".
	Country *string `json:"country" yaml:"country" is:"place"`
	// Region is a part of a country that rules name by itself.
	Region *string `json:"region" yaml:"region" values:"crimea,donetsk,luhansk,other"`
	// StorageCountry is where the weights will be stored.
	StorageCountry *string `json:"storage_country" yaml:"storage_country" is:"place"`
	// Onward lists the countries to which the recipient will pass the weights on.
	Onward []string `json:"onward" yaml:"onward" is:"place"`
}

// Party is a person or organisation that takes part in a transfer.
type Party struct {
	// Name is the party's name, or "public".
	Name *string `json:"name" yaml:"name"`
	// Aliases lists other names that the party is known by.
	Aliases []string `json:"aliases" yaml:"aliases"`
	// Address and Website say where the party can be found.
	Address *string `json:"address" yaml:"address"`
	Website *string `json:"website" yaml:"website" is:"url"`
	// Kind is what the party is.
	Kind *string `json:"kind" yaml:"kind" values:"person,company,university,government,military,other"`
	// Country is where the party is, HQCountry where its headquarters are.
	Country   *string `json:"country" yaml:"country" is:"country"`
	HQCountry *string `json:"hq_country" yaml:"hq_country" is:"country"`
	// Parent is the ultimate parent's name, ParentHQCountry where its headquarters
	// are; the party's own where it has no parent.
	Parent          *string `json:"parent" yaml:"parent"`
	ParentHQCountry *string `json:"parent_hq_country" yaml:"parent_hq_country" is:"country"`
	// USPerson is true for a person of the United States in the sense of 15 CFR 772.1.
	USPerson *bool `json:"us_person" yaml:"us_person"`
	// CoveredPerson is true for a covered person in the sense of 28 CFR 202.211.
	CoveredPerson *bool `json:"covered_person" yaml:"covered_person"`
	// CIIO is true for an operator of critical information infrastructure in China.
	CIIO *bool `json:"ciio" yaml:"ciio"`
	// DataFramework is true where the party is certified under the EU-US Data
	// Privacy Framework or its extension to the United Kingdom.
	DataFramework *bool `json:"data_framework" yaml:"data_framework"`
	// TeamCountry is where the team was before it moved; the party's own country where
	// it did not move.
	TeamCountry *string `json:"team_country" yaml:"team_country" is:"country"`
	// EURepresentative is true where a representative in the Union has a mandate.
	EURepresentative *bool `json:"eu_representative" yaml:"eu_representative"`
}

// Ownership is who owns the recipient.
type Ownership struct {
	// ListedPercent is the share, in percent, that parties on restricted lists own
	// together, directly or indirectly.
	ListedPercent *float64 `json:"listed_percent" yaml:"listed_percent" unit:"percent" max:"100"`
	// ListedOwner is true where a party on a restricted list owns any share.
	ListedOwner *bool `json:"listed_owner" yaml:"listed_owner"`
	// Chain says where the ownership is documented.
	Chain *string `json:"chain" yaml:"chain"`
}

// Organisation is the size of whoever gives the model on or uses it, as licences and
// statutes measure it.
type Organisation struct {
	// MonthlyUsers is the number of monthly active users, DailyUsers that of a day.
	MonthlyUsers *int64 `json:"monthly_users" yaml:"monthly_users" unit:"persons"`
	DailyUsers   *int64 `json:"daily_users" yaml:"daily_users" unit:"persons"`
	// RevenueUSD is the revenue of a year in US dollars, MonthlyRevenueUSD that of a
	// month.
	RevenueUSD        *int64 `json:"revenue_usd" yaml:"revenue_usd" unit:"US dollars"`
	MonthlyRevenueUSD *int64 `json:"monthly_revenue_usd" yaml:"monthly_revenue_usd" unit:"US dollars"`
	// TurnoverKRW and AISalesKRW are those of the year before, in Korean won.
	TurnoverKRW *int64 `json:"turnover_krw" yaml:"turnover_krw" unit:"Korean won"`
	AISalesKRW  *int64 `json:"ai_sales_krw" yaml:"ai_sales_krw" unit:"Korean won"`
	// SignificantFiduciary is true for a significant data fiduciary in India.
	SignificantFiduciary *bool `json:"significant_fiduciary" yaml:"significant_fiduciary"`
}

// Transfer is how the weights move.
type Transfer struct {
	// Kind is how the recipient gets them.
	Kind *string `json:"kind" yaml:"kind" values:"file,mirror,hosted_api,iaas,hosted_training,access_grant"`
	// Purpose is what hosted compute is used for.
	Purpose *string `json:"purpose" yaml:"purpose" values:"train,finetune,inference,other"`
	// Content is what an access grant shows.
	Content *string `json:"content" yaml:"content" values:"weights,source,both,api_only"`
	// IntermediaryCount is the number of parties between exporter and end user.
	IntermediaryCount *int64 `json:"intermediary_count" yaml:"intermediary_count" unit:"parties"`
	// RedFlags is true where something suggests a diversion to another use or user.
	RedFlags *bool `json:"red_flags" yaml:"red_flags"`
	// USPersonSupport is true where a person of the United States takes part.
	USPersonSupport *bool `json:"us_person_support" yaml:"us_person_support"`
	// HandledIn lists the countries in which equipment or hosting is handled.
	HandledIn []string `json:"handled_in" yaml:"handled_in" is:"country"`
	// USNexus is true where the law of the United States may reach the transfer: the
	// weights come from there or leave from there, or a person of the United States
	// takes part.
	USNexus *bool `json:"us_nexus" yaml:"us_nexus"`
	// FromEU is true where the weights leave the customs territory of the Union.
	FromEU *bool `json:"from_eu" yaml:"from_eu"`
	// FromUK and FromJP are the same for the United Kingdom and Japan.
	FromUK *bool `json:"from_uk" yaml:"from_uk"`
	FromJP *bool `json:"from_jp" yaml:"from_jp"`
	// FromCN is true where they leave mainland China.
	FromCN *bool `json:"from_cn" yaml:"from_cn"`
}

// Grantee is who is let in by an access grant. It holds answers, never documents.
type Grantee struct {
	// ForeignPerson is true for a foreign person in the sense of 15 CFR 772.1.
	ForeignPerson *bool `json:"foreign_person" yaml:"foreign_person"`
	// Location is where the person is.
	Location *string `json:"location" yaml:"location" is:"country"`
}

// Hosting is where and how the weights are stored on the way.
type Hosting struct {
	Country *string `json:"country" yaml:"country" is:"country"`
	// Encrypted is true where they are encrypted from end to end, FIPS140 where by
	// means certified under FIPS 140.
	Encrypted *bool `json:"encrypted" yaml:"encrypted"`
	FIPS140   *bool `json:"fips140" yaml:"fips140"`
}

// Weights is who can get the weights.
type Weights struct {
	// Access is published, gated, partner or closed.
	Access *string `json:"access" yaml:"access" values:"published,gated,partner,closed"`
}

// Publication is where the weights were made public.
type Publication struct {
	// URL is where they can be got, Date the first day on which they could.
	URL  *string `json:"url" yaml:"url" is:"url"`
	Date *string `json:"date" yaml:"date" is:"date"`
	// Gated is true where a click, an account or an approval stands before them.
	Gated *bool `json:"gated" yaml:"gated"`
	// GeoBlocked is true where some countries are refused.
	GeoBlocked *bool `json:"geo_blocked" yaml:"geo_blocked"`
	// DigestEqual is true where the published files were compared and are the same.
	DigestEqual *bool `json:"digest_equal" yaml:"digest_equal"`
}

// EndUse is what the recipient will do with the model.
type EndUse struct {
	// Text says it in a sentence.
	Text *string `json:"text" yaml:"text"`
	// Commercial, Research and Military say whether it is such a use.
	Commercial *bool `json:"commercial" yaml:"commercial"`
	Research   *bool `json:"research" yaml:"research"`
	Military   *bool `json:"military" yaml:"military"`
	// MilitaryIntelligence and WMD (weapons of mass destruction) are the end uses of
	// 15 CFR 744.
	MilitaryIntelligence *bool `json:"military_intelligence" yaml:"military_intelligence"`
	WMD                  *bool `json:"wmd" yaml:"wmd"`
	// CyberSurveillance is true for the end uses of Article 5 of Regulation (EU) 2021/821.
	CyberSurveillance *bool `json:"cyber_surveillance" yaml:"cyber_surveillance"`
	// HighRisk is true for a use of Annex III of Regulation (EU) 2024/1689.
	HighRisk *bool `json:"high_risk" yaml:"high_risk"`
}

// Market is where the model, or a service built on it, is offered.
type Market struct {
	// EU, UK, US, California, NewYork, KR and CN are true where it is offered there.
	EU         *bool `json:"eu" yaml:"eu"`
	UK         *bool `json:"uk" yaml:"uk"`
	US         *bool `json:"us" yaml:"us"`
	California *bool `json:"california" yaml:"california"`
	NewYork    *bool `json:"new_york" yaml:"new_york"`
	KR         *bool `json:"kr" yaml:"kr"`
	CN         *bool `json:"cn" yaml:"cn"`
	// EUSince is the day the model was placed on the market of the Union.
	EUSince *string `json:"eu_since" yaml:"eu_since" is:"date"`
}

// Training is how the model came about.
type Training struct {
	// Flops is the number of operations used in training, those of its bases
	// included.
	Flops Interval `json:"flops" yaml:"flops" unit:"operations" max:"1e40"`
	// Tokens is the number of different tokens the model was trained on, Epochs how
	// often each was seen.
	Tokens *int64   `json:"tokens" yaml:"tokens" unit:"tokens" max:"1e18"`
	Epochs *float64 `json:"epochs" yaml:"epochs" unit:"passes" max:"1e18"`
	// Hardware lists what the training ran on.
	Hardware []Hardware `json:"hardware" yaml:"hardware"`
	// Countries lists where it ran.
	Countries []string `json:"countries" yaml:"countries" is:"country"`
	// Start and End are its first and its last day.
	Start *string `json:"start" yaml:"start" is:"date"`
	End   *string `json:"end" yaml:"end" is:"date"`
	// EnergyKWh is the energy that it took, CostUSD what it cost.
	EnergyKWh *float64 `json:"energy_kwh" yaml:"energy_kwh" unit:"kilowatt-hours"`
	CostUSD   *float64 `json:"cost_usd" yaml:"cost_usd" unit:"US dollars"`
	// Optimizer is the algorithm, Method the kind of training, such as pre-training, Objective
	// what was optimised.
	Optimizer *string `json:"optimizer" yaml:"optimizer"`
	Method    *string `json:"method" yaml:"method"`
	Objective *string `json:"objective" yaml:"objective"`
	// SummaryURL is where the public summary of the training content stands, on the
	// template of the AI Office.
	SummaryURL *string `json:"summary_url" yaml:"summary_url" is:"url"`
	// OutputsUsed is true where outputs of another model were training data.
	OutputsUsed *bool `json:"outputs_used" yaml:"outputs_used"`
}

// Hardware is one kind of accelerator that a training ran on.
type Hardware struct {
	// Model is its name, such as "H100 SXM".
	Model *string `json:"model" yaml:"model"`
	// Count is how many there were, Hours for how long each of them ran.
	Count *int64   `json:"count" yaml:"count" unit:"accelerators" max:"1e9"`
	Hours *float64 `json:"hours" yaml:"hours" unit:"hours" max:"1e12"`
	// PeakTFLOPS is its dense peak at the precision of the training, in 10^12
	// operations a second.
	PeakTFLOPS *float64 `json:"peak_tflops" yaml:"peak_tflops" unit:"10^12 operations a second"`
	// Utilisation is the share of the peak that was reached.
	Utilisation *float64 `json:"utilisation" yaml:"utilisation" unit:"share from 0 to 1" max:"1"`
	// TPP is the total processing performance of ECCN 3A090: twice the multiply-
	// accumulate operations in 10^12 a second, times their bit length, the largest
	// over all precisions.
	TPP *float64 `json:"tpp" yaml:"tpp" unit:"TPP of ECCN 3A090"`
	// PerformanceDensity is TPP by the applicable die area in square millimetres.
	PerformanceDensity *float64 `json:"performance_density" yaml:"performance_density" unit:"TPP a square millimetre"`
	// TFLOPSAnyPrecision is the largest peak at any precision.
	TFLOPSAnyPrecision *float64 `json:"tflops_any_precision" yaml:"tflops_any_precision" unit:"10^12 operations a second"`
	// VendorCountry is where its vendor has its headquarters, Location where it
	// stood.
	VendorCountry *string `json:"vendor_country" yaml:"vendor_country" is:"country"`
	Location      *string `json:"location" yaml:"location" is:"country"`
}

// Finetune is the training that was added to a base.
type Finetune struct {
	Flops Interval `json:"flops" yaml:"flops" unit:"operations" max:"1e40"`
	// Tokens is the number of different tokens of that training.
	Tokens *int64 `json:"tokens" yaml:"tokens" unit:"tokens" max:"1e18"`
}

// Interval is a quantity known between two ends.
type Interval struct {
	// Lower is the least that it can be, Estimate the most likely, Upper the most.
	Lower    *float64 `json:"lower" yaml:"lower"`
	Estimate *float64 `json:"estimate" yaml:"estimate"`
	Upper    *float64 `json:"upper" yaml:"upper"`
}

// Base is a model from which this one was made, directly or through others.
type Base struct {
	// ID is its name, such as "example/base-7b", Digest names its bytes.
	ID     *string `json:"id" yaml:"id"`
	Digest *string `json:"digest" yaml:"digest" is:"digest"`
	// Relation is how this model was made from it.
	Relation *string `json:"relation" yaml:"relation" values:"adapter,merge,quantized,finetune,distillation,synthetic_data"`
	// License is its licence, as stated.
	License *string `json:"license" yaml:"license"`
	// Access is who can get its weights.
	Access *string `json:"access" yaml:"access" values:"published,gated,partner,closed"`
	// Flops is the operations of its own training.
	Flops Interval `json:"flops" yaml:"flops" unit:"operations" max:"1e40"`
	// FlopsKnown is true where those operations are known, and false where they
	// could not be found out, so that rules go by a third of a threshold in place of
	// a third of them.
	FlopsKnown *bool `json:"flops_known" yaml:"flops_known"`
	// Systemic is true for a model with systemic risk under Article 51 of Regulation
	// (EU) 2024/1689.
	Systemic *bool `json:"systemic" yaml:"systemic"`
	// DatasetsKnown is true where the datasets of this submission hold its own too.
	DatasetsKnown *bool `json:"datasets_known" yaml:"datasets_known"`
	// Inventoried is true where it is on record with whoever submits.
	Inventoried *bool `json:"inventoried" yaml:"inventoried"`
}

// Copyright is how rights in the training data were respected.
type Copyright struct {
	// TDMOptOut is true where a policy identifies and follows reservations under
	// Article 4(3) of Directive (EU) 2019/790.
	TDMOptOut *bool `json:"tdm_opt_out" yaml:"tdm_opt_out"`
	// PolicyURL is where that policy stands, Crawlers lists the names of the crawlers used.
	PolicyURL *string  `json:"policy_url" yaml:"policy_url" is:"url"`
	Crawlers  []string `json:"crawlers" yaml:"crawlers"`
}

// Data is the training data as a whole.
type Data struct {
	// Personal is true where any of it is personal data. It follows from the
	// datasets where it is not stated.
	Personal *bool `json:"personal" yaml:"personal"`
	// SpecialCategory is true where any of it is sensitive.
	SpecialCategory *bool `json:"special_category" yaml:"special_category"`
	// Crawled is true where any of it was collected from the web by crawling.
	Crawled *bool `json:"crawled" yaml:"crawled"`
	// Lawfulness is what is known of the lawfulness of its collection.
	Lawfulness *string `json:"lawfulness" yaml:"lawfulness" values:"lawful,unlawful,unknown"`
	// LegalBasis is the legal basis for processing personal data.
	LegalBasis *string `json:"legal_basis" yaml:"legal_basis" values:"consent,contract,legal_obligation,vital_interests,public_task,legitimate_interests,none"`
	// ImportantCN is true where any of it is important data under Chinese law.
	ImportantCN *bool `json:"important_cn" yaml:"important_cn"`
	// PersonsCN and SensitivePersonsCN count the persons in China whose personal, or
	// sensitive personal, information the exporter has provided abroad since 1 January,
	// this transfer included.
	PersonsCN          *int64 `json:"persons_cn" yaml:"persons_cn" unit:"persons"`
	SensitivePersonsCN *int64 `json:"sensitive_persons_cn" yaml:"sensitive_persons_cn" unit:"persons"`
	// TransitCN is true where it was collected abroad, processed in China, and no
	// domestic personal information or important data was added.
	TransitCN *bool `json:"transit_cn" yaml:"transit_cn"`
	// CertifiedCN is true where the transfer has a certification for the export of
	// personal information.
	CertifiedCN *bool `json:"certified_cn" yaml:"certified_cn"`
	// USBulk counts persons or devices of the United States by category of 28 CFR 202.
	USBulk USBulk `json:"us_bulk" yaml:"us_bulk"`
	// SafeguardSA is true where a transfer from Saudi Arabia rests on a safeguard.
	SafeguardSA *bool `json:"safeguard_sa" yaml:"safeguard_sa"`
	// Continuous is true where sensitive data is transferred continuously or widely.
	Continuous *bool `json:"continuous" yaml:"continuous"`
}

// USBulk counts persons or devices of the United States by category of bulk
// sensitive personal data (28 CFR 202.205).
type USBulk struct {
	// Any is true where the data holds anything of these categories about persons or
	// devices of the United States, in however small a number, and in whatever form:
	// anonymised data counts.
	Any *bool `json:"any" yaml:"any"`
	// Each counts those whose data of that category the model was trained on.
	HumanGenomic       *int64 `json:"human_genomic" yaml:"human_genomic" unit:"persons"`
	OtherOmic          *int64 `json:"other_omic" yaml:"other_omic" unit:"persons"`
	Biometric          *int64 `json:"biometric" yaml:"biometric" unit:"persons"`
	Geolocation        *int64 `json:"geolocation" yaml:"geolocation" unit:"devices"`
	Health             *int64 `json:"health" yaml:"health" unit:"persons"`
	Financial          *int64 `json:"financial" yaml:"financial" unit:"persons"`
	CoveredIdentifiers *int64 `json:"covered_identifiers" yaml:"covered_identifiers" unit:"persons"`
}

// Dataset is one set of data that the model was trained on.
type Dataset struct {
	// ID is the name by which the set is published, Name what people call it.
	ID   *string `json:"id" yaml:"id"`
	Name *string `json:"name" yaml:"name"`
	// License is an SPDX id or a LicenseRef.
	License *string `json:"license" yaml:"license"`
	// OriginCountry is where the data comes from.
	OriginCountry *string `json:"origin_country" yaml:"origin_country" is:"country"`
	// Collection is how it was collected.
	Collection *string `json:"collection" yaml:"collection" values:"crawl,licensed,user,synthetic,public,other"`
	Modality   *string `json:"modality" yaml:"modality" values:"text,image,audio,video,code,tabular,other"`
	// Records is the number of its records.
	Records *int64 `json:"records" yaml:"records" unit:"records"`
	// Personal says whether the set holds personal data, Sensitive whether any of
	// that is sensitive.
	Personal  *bool `json:"personal" yaml:"personal"`
	Sensitive *bool `json:"sensitive" yaml:"sensitive"`
	// Categories lists the kinds of personal data in the set, in the words of the lists
	// that rules name, such as those of data that must stay in a country.
	Categories []string `json:"categories" yaml:"categories"`
	// Consent points to the record of consent or permission.
	Consent *string `json:"consent" yaml:"consent"`
	// Live is true where the set still grows.
	Live *bool `json:"live" yaml:"live"`
	// ProcessingIncluded and ProcessingExcluded list the places where it may, and may
	// not, be processed; StorageAllowed and StorageForbidden the same for storing.
	ProcessingIncluded []string `json:"processing_included" yaml:"processing_included" is:"place"`
	ProcessingExcluded []string `json:"processing_excluded" yaml:"processing_excluded" is:"place"`
	StorageAllowed     []string `json:"storage_allowed" yaml:"storage_allowed" is:"place"`
	StorageForbidden   []string `json:"storage_forbidden" yaml:"storage_forbidden" is:"place"`
	Digest             *string  `json:"digest" yaml:"digest" is:"digest"`
}

// Claims is what the submitter claims where a rule has an exception.
type Claims struct {
	// Decontrol is the ground on which the weights are said to be outside a control.
	Decontrol *string `json:"decontrol" yaml:"decontrol" values:"no_more_capable_than_published,none"`
	// FrontierModel is true where the developer calls the model a covered frontier
	// model.
	FrontierModel *bool `json:"frontier_model" yaml:"frontier_model"`
	// FrameworkURL is where the developer's published safety framework stands.
	FrameworkURL *string `json:"framework_url" yaml:"framework_url" is:"url"`
	// RetentionYears is for how long the record of decisions is kept.
	RetentionYears *int64 `json:"retention_years" yaml:"retention_years" unit:"years" max:"1000"`
}

// Document is a piece of evidence that lies elsewhere.
type Document struct {
	// Kind is what it is evidence of.
	Kind *string `json:"kind" yaml:"kind" values:"licence,compute_statement,end_use_statement,ownership_enquiry,kyc,benchmark,classification,technical_documentation,systemic_risk_notification,systemic_risk_evaluation,copyright_policy,security_assessment,standard_contract,certification,transfer_assessment,risk_assessment,generation_safety,mofcom_licence,other"`
	URI  *string `json:"uri" yaml:"uri"`
	// Digest names its bytes.
	Digest  *string `json:"digest" yaml:"digest" is:"digest"`
	Issued  *string `json:"issued" yaml:"issued" is:"date"`
	Expires *string `json:"expires" yaml:"expires" is:"date"`
}
