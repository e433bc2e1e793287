package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/uuid"

	"weighbridge/pipeline"
)

// Bounds of a bill of materials. What is left out is counted in a property.
const (
	mostAncestors = 1_000
	mostSteps     = 10 // ancestors stand inside each other
	mostDataSets  = 2_000
	mostFiles     = 10_000
	mostMetrics   = 500
	mostBOMText   = 1_000 // characters
)

// properties of bills of materials begin with this.
const namespace = "weighbridge:"

// modelRef is the reference of the model in its bill of materials.
const modelRef = "model"

// CycloneDX writes a report as a machine-learning bill of materials: CycloneDX 1.6 in JSON
// (ECMA-424, 1st edition, June 2024; schema bom-1.6.schema.json), indented, ended by a line
// feed. The same report gives the same bytes, the serial number included.
//
// The model is metadata.component. Its modelCard holds the task, the architecture, the data
// sets and the results that the card claims; considerations are left to people. The models
// that it was made from are pedigree.ancestors, each with those behind it; sets of data are
// components of type "data". A licence is written as an id only where the SPDX list of the
// schema has it, as an expression where it is one, and else by its name. A package URL is
// written only where somebody stated an address on Hugging Face: an id alone does not say
// on which hub it is. SHA-256 is written where bytes were hashed; the model has one of its
// own where it is one file. No references are made up.
//
// What CycloneDX has no field for stands in properties that begin with "weighbridge:":
//
//	of the model   name.basis ("place" where nobody states a name and that of its folder stands for it), params.lower, params.estimate, params.upper, params.active, params.stored_elements,
//	               architecture.fingerprint, architecture.matrix_fingerprint, quantization.scheme,
//	               pin_digest, header_digest, content_digest, bytes, objects, lineage.left_out,
//	               datasets.left_out, files.left_out
//	of the run     verdict, as_of, pack:NAME (version, digest and mode), findings, findings.MODE.OUTCOME.EFFECT
//	               (left out where there are none), case, case.state, disclaimer (all in metadata)
//	of a base      base.id, base.relation, base.depth, base.access
//	of a data set  dataset.id and the other fields of the fact "datasets" by their names
//
// Numbers are whole and without separators: they are for programs. Where the model lies is not
// written, because a bill of materials goes along with it.
//
// All texts are one line of at most 1,000 characters; what cannot be seen is replaced. There
// are at most 1,000 ancestors, 2,000 sets of data and 10,000 files.
func CycloneDX(w io.Writer, r *pipeline.Report) error {
	bom, err := billOf(r)
	if err != nil {
		return err
	}
	if err := encodeBOM(w, bom); err != nil {
		return fmt.Errorf("write CycloneDX: %w", err)
	}
	return nil
}

func encodeBOM(w io.Writer, bom *cdx.BOM) error {
	return cdx.NewBOMEncoder(w, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).EncodeVersion(bom, cdx.SpecVersion1_6)
}

// billOf makes the bill. Its serial number is a UUID of version 5 of everything else in it.
func billOf(r *pipeline.Report) (*cdx.BOM, error) {
	m := &bill{report: r}
	model := m.model()
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{
		Timestamp: midnight(r.AsOf),
		Tools: &cdx.ToolsChoice{Components: &[]cdx.Component{{Type: cdx.ComponentTypeApplication,
			Name: cmp.Or(bomText(r.Tool.Name), "weighbridge"), Version: bomText(r.Tool.Version)}}},
		Component:  &model,
		Properties: someOf(m.run()),
	}
	bom.Components = someOf(m.data)
	if len(m.refs) > 0 {
		bom.Dependencies = &[]cdx.Dependency{{Ref: modelRef, Dependencies: &m.refs}}
	}
	var all bytes.Buffer
	if err := encodeBOM(&all, bom); err != nil {
		return nil, fmt.Errorf("encode CycloneDX: %w", err)
	}
	bom.SerialNumber = uuid.NewSHA1(uuid.NameSpaceURL, all.Bytes()).URN()
	return bom, nil
}

// midnight is the day of a report as a time, "" where it is no day.
func midnight(day string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return ""
	}
	return t.Format(time.RFC3339)
}

// bill is a bill of materials in the making.
type bill struct {
	report *pipeline.Report
	// data are the components of the sets, refs their references.
	data []cdx.Component
	refs []string
}

// bomText is a text from elsewhere as it stands in a bill.
func bomText(s string) string { return pipeline.PlainText(s, mostBOMText) }

func bomTextOf(s *string) string {
	if s == nil {
		return ""
	}
	return bomText(*s)
}

// someOf is a list as the library wants it: nil where it is empty.
func someOf[T any](list []T) *[]T {
	if len(list) == 0 {
		return nil
	}
	return &list
}

// properties gathers properties in order; what is not known is left out.
type properties []cdx.Property

func (p *properties) text(name, value string) {
	if value = bomText(value); value != "" {
		*p = append(*p, cdx.Property{Name: namespace + name, Value: value})
	}
}

func (p *properties) known(name string, value *string) {
	if value != nil {
		p.text(name, *value)
	}
}

func (p *properties) number(name string, value *int64) {
	if value != nil {
		p.text(name, strconv.FormatInt(*value, 10))
	}
}

func (p *properties) count(name string, value int) {
	if value > 0 {
		p.text(name, strconv.Itoa(value))
	}
}

func (p *properties) flag(name string, value *bool) {
	if value != nil {
		p.text(name, strconv.FormatBool(*value))
	}
}

func (p *properties) list(name string, values []string) {
	if values != nil {
		p.text(name, cmp.Or(strings.Join(values, ", "), "none"))
	}
}

// model makes the component that stands for the model.
func (m *bill) model() cdx.Component {
	f := &m.report.Facts
	group, name, stated := m.names()
	c := cdx.Component{
		BOMRef: modelRef, Type: cdx.ComponentTypeMachineLearningModel,
		Group: group, Name: name, Version: bomTextOf(f.Model.Version),
		Licenses:   licences(m.licence()),
		PackageURL: cmp.Or(hubURL(f.Publication.URL, ""), hubURL(f.Model.ID, "")),
		Hashes:     m.hash(),
	}
	var p properties
	if !stated {
		p.text("name.basis", "place")
	}
	p.number("params.lower", f.Params.Lower)
	p.number("params.estimate", f.Params.Estimate)
	p.number("params.upper", f.Params.Upper)
	p.number("params.active", f.Params.Active)
	p.number("params.stored_elements", f.Params.StoredElements)
	p.known("architecture.fingerprint", f.Architecture.Fingerprint)
	p.known("architecture.matrix_fingerprint", f.Architecture.MatrixFingerprint)
	p.known("quantization.scheme", f.Quantization.Scheme)
	a := &m.report.Artifact
	p.text("pin_digest", string(a.PinDigest))
	p.text("header_digest", string(a.HeaderDigest))
	if a.ContentDigest != nil {
		p.text("content_digest", string(*a.ContentDigest))
	}
	p.number("bytes", &a.Bytes)
	p.text("objects", strconv.Itoa(len(a.Objects)))
	ancestors, left := ancestorsOf(f)
	if len(ancestors) > 0 {
		c.Pedigree = &cdx.Pedigree{Ancestors: &ancestors}
	}
	p.count("lineage.left_out", left)
	p.count("datasets.left_out", m.datasets())
	files, left := m.files()
	c.Components = someOf(files)
	p.count("files.left_out", left)
	c.Properties = someOf(p)
	c.ModelCard = m.card()
	return c
}

// names returns owner and name of the model: as stated, else the last part of its place.
func (m *bill) names() (group, name string, stated bool) {
	f := &m.report.Facts
	if f.Model.ID != nil {
		if id, ok := pipeline.ModelID(*f.Model.ID); ok {
			group, name = ownerAndName(id)
			return group, name, true
		}
	}
	for _, text := range []*string{f.Model.Name, f.Card.Name, f.Model.ID} {
		if id := bomTextOf(text); id != "" {
			group, name = ownerAndName(id)
			return group, name, true
		}
	}
	place := strings.TrimRight(m.report.Artifact.Source, `/\`)
	return "", cmp.Or(bomText(place[strings.LastIndexAny(place, `/\`)+1:]), "model"), false
}

// ownerAndName parts an id of the form owner/name; what has another form is a name.
func ownerAndName(id string) (group, name string) {
	group, name, ok := strings.Cut(id, "/")
	if !ok || group == "" || name == "" || strings.ContainsAny(group, ": ") || strings.Contains(name, "/") {
		return "", id
	}
	return group, name
}

// licence returns the licence of the model: what the artifact itself says where that names
// one, else what was declared.
func (m *bill) licence() (declared, name, link string) {
	f := &m.report.Facts
	declared, name, link = bomTextOf(f.License.Declared), bomTextOf(f.License.Name), ""
	if f.License.Link != nil {
		link = *f.License.Link
	}
	found := bomTextOf(f.LicenseFound.Expression)
	lone := strings.HasPrefix(found, "LicenseRef-") && !strings.Contains(found, " ")
	if found == "" || found == noAssertion || lone && declared != "" {
		return declared, name, link
	}
	return found, "", link
}

// hash is the digest of the one file with weights that the model consists of.
func (m *bill) hash() *[]cdx.Hash {
	var only *pipeline.ArtifactObject
	for i := range m.report.Artifact.Objects {
		o := &m.report.Artifact.Objects[i]
		if o.Role != pipeline.RoleWeights {
			continue
		}
		if only != nil {
			return nil
		}
		only = o
	}
	if only == nil {
		return nil
	}
	return hashes(string(only.SHA256))
}

// hashes writes a digest; what is no SHA-256 is left out.
func hashes(digest string) *[]cdx.Hash {
	sum, ok := strings.CutPrefix(digest, "sha256:")
	if !ok || len(sum) != 64 || strings.Trim(sum, "0123456789abcdef") != "" {
		return nil
	}
	return &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: sum}}
}

// files lists the files whose digests are known.
func (m *bill) files() (files []cdx.Component, left int) {
	for i := range m.report.Artifact.Objects {
		o := &m.report.Artifact.Objects[i]
		sum := hashes(string(o.SHA256))
		switch {
		case sum == nil:
		case len(files) == mostFiles:
			left++
		default:
			var p properties
			p.number("bytes", &o.Size)
			p.text("role", string(o.Role))
			p.text("format", o.Format)
			files = append(files, cdx.Component{BOMRef: "file-" + strconv.Itoa(len(files)+1), Type: cdx.ComponentTypeFile,
				Name: cmp.Or(bomText(o.Path), "file"), Hashes: sum, Properties: someOf(p)})
		}
	}
	return files, left
}

func (m *bill) card() *cdx.MLModelCard {
	f := &m.report.Facts
	p := cdx.MLModelParameters{Task: bomTextOf(f.Card.Pipeline), ArchitectureFamily: bomTextOf(f.Architecture.Family),
		ModelArchitecture: bomTextOf(f.Architecture.Class), Inputs: formats(f.Model.ModalityIn), Outputs: formats(f.Model.ModalityOut)}
	for _, ref := range m.refs {
		if p.Datasets == nil {
			p.Datasets = &[]cdx.MLDatasetChoice{}
		}
		*p.Datasets = append(*p.Datasets, cdx.MLDatasetChoice{Ref: ref})
	}
	card := &cdx.MLModelCard{}
	if p != (cdx.MLModelParameters{}) {
		card.ModelParameters = &p
	}
	var metrics []cdx.MLPerformanceMetric
	for _, one := range f.Card.Results[:min(len(f.Card.Results), mostMetrics)] {
		metric := cdx.MLPerformanceMetric{Type: bomText(one.Metric), Value: bomText(one.Value), Slice: bomText(one.Dataset)}
		if metric != (cdx.MLPerformanceMetric{}) {
			metrics = append(metrics, metric)
		}
	}
	if len(metrics) > 0 {
		card.QuantitativeAnalysis = &cdx.MLQuantitativeAnalysis{PerformanceMetrics: &metrics}
	}
	if *card == (cdx.MLModelCard{}) {
		return nil
	}
	return card
}

func formats(words []string) *[]cdx.MLInputOutputParameters {
	var out []cdx.MLInputOutputParameters
	for _, w := range words {
		if w = bomText(w); w != "" {
			out = append(out, cdx.MLInputOutputParameters{Format: w})
		}
	}
	return someOf(out)
}

// datasets makes a component of each set, and returns how many are left out.
func (m *bill) datasets() (left int) {
	for i := range m.report.Facts.Datasets {
		d := &m.report.Facts.Datasets[i]
		id := cmp.Or(bomTextOf(d.ID), bomTextOf(d.Name))
		if id == "" || len(m.data) == mostDataSets {
			left++
			continue
		}
		group, name := ownerAndName(id)
		ref := "dataset-" + strconv.Itoa(len(m.data)+1)
		m.refs = append(m.refs, ref)
		set := cdx.ComponentData{Type: cdx.ComponentDataTypeDataset, Name: bomTextOf(d.Name), Classification: classification(d)}
		if d.Sensitive != nil && *d.Sensitive {
			var kinds []string
			for _, kind := range d.Categories {
				if kind = bomText(kind); kind != "" {
					kinds = append(kinds, kind)
				}
			}
			set.SensitiveData = someOf(kinds)
		}
		c := cdx.Component{BOMRef: ref, Type: cdx.ComponentTypeData, Group: group, Name: name, Licenses: licences(bomTextOf(d.License), "", ""),
			Data: &[]cdx.ComponentData{set}, Properties: someOf(propertiesOf(d))}
		if d.Digest != nil {
			c.Hashes = hashes(*d.Digest)
		}
		m.data = append(m.data, c)
	}
	return left
}

func classification(d *pipeline.Dataset) string {
	switch {
	case d.Sensitive != nil && *d.Sensitive:
		return "sensitive personal data"
	case d.Personal != nil && *d.Personal:
		return "personal data"
	case d.Personal != nil:
		return "no personal data"
	}
	return ""
}

func propertiesOf(d *pipeline.Dataset) properties {
	var p properties
	p.known("dataset.id", d.ID)
	p.known("dataset.origin_country", d.OriginCountry)
	p.known("dataset.collection", d.Collection)
	p.known("dataset.modality", d.Modality)
	p.number("dataset.records", d.Records)
	p.flag("dataset.personal", d.Personal)
	p.flag("dataset.sensitive", d.Sensitive)
	p.list("dataset.categories", d.Categories)
	p.known("dataset.consent", d.Consent)
	p.flag("dataset.live", d.Live)
	p.list("dataset.processing_included", d.ProcessingIncluded)
	p.list("dataset.processing_excluded", d.ProcessingExcluded)
	p.list("dataset.storage_allowed", d.StorageAllowed)
	p.list("dataset.storage_forbidden", d.StorageForbidden)
	return p
}

// run says what the check came to.
func (m *bill) run() properties {
	r := m.report
	var p properties
	p.text("verdict", string(r.Verdict))
	p.text("as_of", r.AsOf)
	for _, pack := range r.Packs {
		p.text("pack:"+bomText(pack.Name), strings.Join(strings.Fields(pack.Version+" "+string(pack.Digest)+" "+string(pack.Mode)), " "))
	}
	p.text("findings", strconv.Itoa(len(r.Findings)))
	counts := map[string]int{}
	for i := range r.Findings {
		f := &r.Findings[i]
		counts[fmt.Sprintf("findings.%s.%s.%s", f.Mode, f.Outcome, f.Effect)]++
	}
	for _, mode := range []pipeline.Mode{pipeline.ModeEnforce, pipeline.ModeReport} {
		for _, outcome := range []pipeline.Outcome{pipeline.OutcomeMatched, pipeline.OutcomeUndetermined, pipeline.OutcomeNotMatched} {
			for _, effect := range []pipeline.Effect{pipeline.EffectBlock, pipeline.EffectReview, pipeline.EffectWarn, pipeline.EffectInfo} {
				name := fmt.Sprintf("findings.%s.%s.%s", mode, outcome, effect)
				p.count(name, counts[name])
			}
		}
	}
	if r.Case != nil {
		p.text("case", r.Case.ID.String())
		p.text("case.state", string(r.Case.State))
	}
	p.text("disclaimer", r.Disclaimer)
	return p
}

// ancestor is a model that this one was made from, with those behind it.
type ancestor struct {
	component cdx.Component
	behind    []*ancestor
	depth     int
}

// ancestorsOf lists the bases, each with the models behind it as far as earlier cases name
// them. A model of the chain stands in that which was made from it; one whose place is not
// known, or that lies more than ten steps back, is left out and counted.
func ancestorsOf(f *pipeline.Facts) (list []cdx.Component, left int) {
	revisions := map[string]string{}
	for _, place := range f.Lineage.Bases {
		if key := pipeline.ModelKey(place.ID); revisions[key] == "" {
			revisions[key] = place.Revision
		}
	}
	known := map[string]*ancestor{}
	var nearest []*ancestor
	total := 0
	add := func(id, relation, licence, revision string, into *[]*ancestor, depth int) *ancestor {
		key := cmp.Or(pipeline.ModelKey(id), id)
		if known[key] != nil {
			return nil
		}
		if bomText(id) == "" || total == mostAncestors || depth > mostSteps {
			left++
			return nil
		}
		total++
		a := &ancestor{component: baseComponent(id, relation, licence, revision, depth), depth: depth}
		a.component.BOMRef = "base-" + strconv.Itoa(total)
		known[key] = a
		*into = append(*into, a)
		return a
	}
	for i := range f.Bases {
		b := &f.Bases[i]
		id := bomTextOf(b.ID)
		a := add(id, bomTextOf(b.Relation), bomTextOf(b.License), revisions[pipeline.ModelKey(id)], &nearest, 1)
		if a == nil {
			continue
		}
		if b.Digest != nil {
			a.component.Hashes = hashes(*b.Digest)
		}
		if b.Access != nil {
			*a.component.Properties = append(*a.component.Properties, cdx.Property{Name: namespace + "base.access", Value: bomText(*b.Access)})
		}
	}
	for _, one := range f.Lineage.Chain {
		parent := known[cmp.Or(pipeline.ModelKey(one.Of), one.Of)]
		switch {
		case one.Depth <= 1:
			add(one.ID, one.Relation, one.License, "", &nearest, 1)
		case parent == nil:
			left++
		default:
			add(one.ID, one.Relation, one.License, "", &parent.behind, parent.depth+1)
		}
	}
	return componentsOf(nearest), left
}

// componentsOf puts ancestors into each other; there are at most mostSteps levels.
func componentsOf(list []*ancestor) []cdx.Component {
	var out []cdx.Component
	for _, a := range list {
		if behind := componentsOf(a.behind); len(behind) > 0 {
			a.component.Pedigree = &cdx.Pedigree{Ancestors: &behind}
		}
		out = append(out, a.component)
	}
	return out
}

func baseComponent(id, relation, licence, revision string, depth int) cdx.Component {
	id = bomText(id)
	c := cdx.Component{Type: cdx.ComponentTypeMachineLearningModel, Version: bomText(revision), Licenses: licences(licence, "", ""), PackageURL: hubURL(&id, revision)}
	c.Group, c.Name = ownerAndName(id)
	if plain, ok := pipeline.ModelID(id); ok {
		c.Group, c.Name = ownerAndName(plain)
	}
	var p properties
	p.text("base.id", id)
	p.text("base.relation", relation)
	p.text("base.depth", strconv.Itoa(depth))
	c.Properties = someOf(p)
	return c
}

// hubURL returns the package URL of a model whose address on Hugging Face is stated
// (purl-spec, type "huggingface": the version is the hash of a commit), "" where it is not.
func hubURL(stated *string, revision string) string {
	if stated == nil {
		return ""
	}
	u, err := url.Parse(strings.TrimSpace(*stated))
	if err != nil {
		return ""
	}
	switch host := strings.ToLower(u.Hostname()); {
	case u.Scheme == "hf":
	case u.Scheme != "https" && u.Scheme != "http", !slices.Contains([]string{"huggingface.co", "www.huggingface.co", "hf.co"}, host):
		return ""
	}
	id, ok := pipeline.ModelID(*stated)
	owner, name := ownerAndName(id)
	if !ok || owner == "" {
		return ""
	}
	// An id has no characters that a package URL would have to escape.
	purl := "pkg:huggingface/" + owner + "/" + name
	if revision = strings.ToLower(revision); len(revision) == 40 && strings.Trim(revision, "0123456789abcdef") == "" {
		purl += "@" + revision
	}
	return purl
}
