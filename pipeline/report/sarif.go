package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"weighbridge/pipeline"
)

// Bounds of a SARIF report.
const (
	// MostResults is how many results a SARIF report holds; GitHub shows no more of one
	// run. What is left out is counted in a notification.
	MostResults = 5_000

	mostLocations     = 20
	mostNotifications = 200
	mostSARIFText     = 2_000 // bytes
)

// sarifSchema is where the schema of what is written stands: SARIF 2.1.0 with Errata 01,
// OASIS Standard, 28 August 2023.
const sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

// inconclusive is the id of the result that stands for a verdict that no rule gave.
const inconclusive = "weighbridge/inconclusive"

// SARIF writes a report in SARIF 2.1.0. There is one result for each rule that matched or
// could not be decided, never one for each tensor or object; at most [MostResults].
//
// The level follows from mode and effect, the kind from the outcome:
//
//	outcome                       mode     effect   kind    level
//	matched                       enforce  block    fail    error
//	matched                       enforce  review   fail    warning
//	matched                       enforce  warn     fail    warning
//	matched                       enforce  info     fail    note
//	matched                       report   block    fail    warning
//	matched                       report   others   fail    note
//	could not be decided          any      any      open    none
//	not matched, past its review  any      any      review  none
//
// SARIF demands the level "none" of every kind but "fail". An inconclusive verdict that
// rests on what could not be read is a result too, of kind "fail" and level "error", so
// that it never looks like a run in which nothing was found.
//
// The fingerprint "weighbridgeRule/v1" is the SHA-256 of the pack's name and the rule's id,
// parted and ended by NUL bytes, in hexadecimal. It holds no version, count, path or date,
// so that a result stays the same one in other runs, on other machines and with newer packs
// until it is settled. Which model it is about is told by automationDetails, whose id is
// "weighbridge/" and the source's marker; for a local folder its last element only.
//
// Locations are the objects that the facts rest on, as relative URIs below the source, and
// the object with weights that comes first where a finding rests on none. Nothing is
// suppressed: a decision about a case does not change what was found.
func SARIF(w io.Writer, r *pipeline.Report) error {
	return JSON(w, sarifOf(r))
}

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool              sarifTool         `json:"tool"`
	AutomationDetails sarifID           `json:"automationDetails"`
	Invocations       []sarifInvocation `json:"invocations"`
	Results           []sarifResult     `json:"results"`
	Properties        sarifRunNotes     `json:"properties"`
}

type sarifRunNotes struct {
	Source     string           `json:"source"`
	AsOf       string           `json:"asOf"`
	Verdict    pipeline.Verdict `json:"verdict"`
	PinDigest  pipeline.Digest  `json:"pinDigest,omitempty"`
	Case       string           `json:"case,omitempty"`
	Approval   string           `json:"approval,omitempty"`
	LeftOut    int              `json:"resultsLeftOut"`
	Disclaimer string           `json:"disclaimer"`
}

type sarifID struct {
	ID string `json:"id"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version,omitempty"`
	Rules   []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID                   string          `json:"id"`
	ShortDescription     sarifText       `json:"shortDescription"`
	FullDescription      sarifText       `json:"fullDescription"`
	Help                 sarifText       `json:"help"`
	HelpURI              string          `json:"helpUri,omitempty"`
	DefaultConfiguration sarifConfigured `json:"defaultConfiguration"`
	Properties           sarifRuleNotes  `json:"properties"`
}

type sarifRuleNotes struct {
	Tags []string `json:"tags"`
}

type sarifConfigured struct {
	Level string `json:"level"`
}

type sarifText struct {
	Text     string `json:"text"`
	Markdown string `json:"markdown,omitempty"`
}

type sarifInvocation struct {
	ExitCode            int                 `json:"exitCode"`
	ExecutionSuccessful bool                `json:"executionSuccessful"`
	ExecutionNotices    []sarifNotification `json:"toolExecutionNotifications"`
}

type sarifNotification struct {
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations,omitempty"`
}

type sarifResult struct {
	RuleID              string            `json:"ruleId"`
	RuleIndex           int               `json:"ruleIndex"`
	Kind                string            `json:"kind"`
	Level               string            `json:"level"`
	Message             sarifText         `json:"message"`
	Locations           []sarifLocation   `json:"locations,omitempty"`
	OccurrenceCount     int               `json:"occurrenceCount"`
	PartialFingerprints map[string]string `json:"partialFingerprints"`
	Properties          sarifResultNotes  `json:"properties"`
}

type sarifResultNotes struct {
	Mode       pipeline.Mode    `json:"mode,omitempty"`
	Effect     pipeline.Effect  `json:"effect,omitempty"`
	Outcome    pipeline.Outcome `json:"outcome,omitempty"`
	Quorum     pipeline.Quorum  `json:"quorum,omitempty"`
	Stale      bool             `json:"stale"`
	Unverified bool             `json:"sourceNotVerified"`
	Missing    []string         `json:"missing,omitempty"`
	ReliedOn   []string         `json:"reliedOn,omitempty"`
}

type sarifLocation struct {
	Physical *sarifPhysical `json:"physicalLocation,omitempty"`
	Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	Message  *sarifText     `json:"message,omitempty"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   *sarifRegion  `json:"region,omitempty"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifRegion struct {
	ByteOffset int64 `json:"byteOffset"`
	ByteLength int64 `json:"byteLength"`
}

type sarifLogical struct {
	Name string `json:"name"`
}

func sarifOf(r *pipeline.Report) sarifLog {
	s := &sarifMaker{report: r, evidence: evidenceOf(r.FactsIndex), rules: []sarifRule{}, results: []sarifResult{}}
	rules := byRule(r.Findings)
	slices.SortStableFunc(rules, func(a, b ruled) int { return weightier(a.lead(), b.lead()) })
	s.unreadable()
	left := 0
	for i, one := range rules {
		if len(s.results) == MostResults {
			left = len(rules) - i
			break
		}
		s.add(one)
	}
	whole := !slices.ContainsFunc(r.Inspections, func(i pipeline.Inspection) bool { return i.Status == pipeline.InspectionFailed })
	notes := sarifRunNotes{Source: Clean(r.Artifact.Source), AsOf: r.AsOf, Verdict: r.Verdict, PinDigest: r.Artifact.PinDigest, LeftOut: left, Disclaimer: r.Disclaimer}
	if r.Case != nil {
		notes.Case, notes.Approval = r.Case.ID.String(), bound(r.Case)
	}
	return sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{{
		Tool:              sarifTool{sarifDriver{Name: cmp.Or(r.Tool.Name, "weighbridge"), Version: r.Tool.Version, Rules: s.rules}},
		AutomationDetails: sarifID{"weighbridge/" + automation(r.Artifact.Source)},
		Invocations: []sarifInvocation{{ExitCode: ExitStatus(r.Verdict), ExecutionSuccessful: whole,
			ExecutionNotices: s.notifications(left)}},
		Results: s.results, Properties: notes,
	}}}
}

// automation names the source in a way that is the same on every machine.
func automation(source string) string {
	if !strings.Contains(source, "://") {
		source = source[strings.LastIndexByte(strings.TrimRight(source, "/"), '/')+1:]
	}
	return strings.TrimSuffix(strings.TrimPrefix(Marker(strings.TrimRight(source, "/")), markerStart), markerEnd) + "/"
}

// sarifMaker gathers rules and results.
type sarifMaker struct {
	report   *pipeline.Report
	evidence factPlaces
	rules    []sarifRule
	results  []sarifResult
}

// add adds a rule and its result.
func (s *sarifMaker) add(one ruled) {
	f := one.lead()
	kind, level := gradeOf(f)
	message := plain(f.Message)
	if n := len(one.findings) - 1; n > 0 {
		message += " There " + isAre(n) + " " + plural(int64(n), "more finding") + " of this rule."
	}
	if message == "" {
		message = plain(cmp.Or(f.Title, nameOf(f)))
	}
	if f.Stale {
		message += " The rule is past the day by which it was to be reviewed."
	}
	if f.Unverified {
		message += " Its source was not verified."
	}
	if f.Mode != pipeline.ModeEnforce {
		message = "Reported only, changes no verdict: " + message
	}
	s.rules = append(s.rules, ruleOf(f))
	s.results = append(s.results, sarifResult{
		RuleID: id(f), RuleIndex: len(s.rules) - 1, Kind: kind, Level: level, Message: sarifText{Text: message},
		Locations: s.locations(one), OccurrenceCount: len(one.findings), PartialFingerprints: fingerprint(f.Pack, f.Rule),
		Properties: sarifResultNotes{Mode: f.Mode, Effect: f.Effect, Outcome: f.Outcome, Quorum: f.Quorum, Stale: f.Stale, Unverified: f.Unverified,
			Missing: cleaned(f.Missing), ReliedOn: cleaned(f.ReliedOn)},
	})
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// id is the id of a rule, which no other rule has.
func id(f *pipeline.Finding) string { return shown(nameOf(f), mostCell) }

// fingerprint is what a result is known by.
func fingerprint(pack, rule string) map[string]string {
	sum := sha256.Sum256([]byte(pack + "\x00" + rule + "\x00"))
	return map[string]string{"weighbridgeRule/v1": hex.EncodeToString(sum[:])}
}

// gradeOf returns kind and level of a finding, by the table at [SARIF].
func gradeOf(f *pipeline.Finding) (kind, level string) {
	switch f.Outcome {
	case pipeline.OutcomeMatched:
		return "fail", levelOf(f.Mode, f.Effect)
	case pipeline.OutcomeUndetermined:
		return "open", "none"
	}
	return "review", "none"
}

func levelOf(mode pipeline.Mode, effect pipeline.Effect) string {
	strength := weightOf(effect) // 0 for block
	if mode != pipeline.ModeEnforce {
		strength++
	}
	switch {
	case strength == 0:
		return "error"
	case mode == pipeline.ModeEnforce && effect != pipeline.EffectInfo, strength == 1:
		return "warning"
	}
	return "note"
}

// ruleOf describes a rule as far as a finding tells.
func ruleOf(f *pipeline.Finding) sarifRule {
	title := plain(cmp.Or(f.Title, nameOf(f)))
	var help, marked strings.Builder
	help.WriteString(title + ".")
	marked.WriteString(prose(shown(cmp.Or(f.Title, nameOf(f)), mostMessage)) + ".")
	rule := sarifRule{ID: id(f), ShortDescription: sarifText{Text: title}, FullDescription: sarifText{Text: title + " (rule pack " + plain(f.Pack) + ")"},
		DefaultConfiguration: sarifConfigured{levelOf(f.Mode, f.Effect)}}
	for i, c := range f.Cite {
		if i == mostLines {
			break
		}
		help.WriteString(" Source: " + plain(c.Title) + mark(c.Mark))
		marked.WriteString("\n\nSource: " + link(shown(c.Title, mostMessage), c.URL) + mark(c.Mark))
		if address, ok := webAddress(c.URL); ok {
			help.WriteString(", " + address)
			rule.HelpURI = cmp.Or(rule.HelpURI, address)
		}
		help.WriteString(".")
	}
	help.WriteString(" " + pipeline.Disclaimer)
	marked.WriteString("\n\n" + pipeline.Disclaimer)
	rule.Help = sarifText{Text: help.String(), Markdown: marked.String()}
	rule.Properties.Tags = []string{"pack:" + shown(f.Pack, mostCell), "effect:" + string(f.Effect), "mode:" + string(f.Mode)}
	if f.Unverified {
		rule.Properties.Tags = append(rule.Properties.Tags, "source-not-verified")
	}
	return rule
}

// unreadable adds a result where the verdict is inconclusive: what could not be read leaves
// no finding, and must not look like nothing.
func (s *sarifMaker) unreadable() {
	r := s.report
	if r.Verdict != pipeline.VerdictInconclusive {
		return
	}
	const title = "Something could not be read or weighed"
	message := title + "."
	for i, reason := range r.Reasons {
		if i == mostLines {
			message += " There are more reasons."
			break
		}
		message += " " + plain(reason)
	}
	var locations []sarifLocation
	for _, i := range r.Inspections {
		if unsound(i) && i.Object != "" && len(locations) < mostLocations {
			locations = append(locations, place(i.Object, ""))
		}
	}
	if len(locations) == 0 {
		locations = s.fallback()
	}
	s.rules = append(s.rules, sarifRule{ID: inconclusive, ShortDescription: sarifText{Text: title}, FullDescription: sarifText{Text: title},
		Help:                 sarifText{Text: "What could not be read, or not bounded, is never clear. " + pipeline.Disclaimer},
		DefaultConfiguration: sarifConfigured{"error"}, Properties: sarifRuleNotes{Tags: []string{"inconclusive"}}})
	s.results = append(s.results, sarifResult{RuleID: inconclusive, RuleIndex: len(s.rules) - 1, Kind: "fail", Level: "error", Message: sarifText{Text: message},
		Locations: locations, OccurrenceCount: 1, PartialFingerprints: fingerprint("", inconclusive)})
}

func unsound(i pipeline.Inspection) bool {
	return i.Status == pipeline.InspectionFailed || i.Status == pipeline.InspectionMalformed
}

// notifications tells of inspections that did not succeed, what was left out, and notes.
func (s *sarifMaker) notifications(left int) []sarifNotification {
	out := []sarifNotification{}
	more := 0
	for _, i := range s.report.Inspections {
		level := "error"
		switch {
		case i.Status == pipeline.InspectionSkipped:
			level = "note"
		case !unsound(i):
			continue
		}
		if len(out) == mostNotifications {
			more++
			continue
		}
		n := sarifNotification{Level: level, Message: sarifText{Text: plain(i.Inspector + ": " + string(i.Status) + ": " + cut(i.Reason, mostSARIFText))}}
		if i.Object != "" {
			n.Locations = []sarifLocation{place(i.Object, "")}
		}
		out = append(out, n)
	}
	say := func(level, text string) {
		out = append(out, sarifNotification{Level: level, Message: sarifText{Text: text}})
	}
	if more > 0 {
		say("error", plural(int64(more), "more inspection")+" did not succeed.")
	}
	if left > 0 {
		say("warning", plural(int64(left), "result")+" of the least weight were left out, so that "+Count(MostResults)+" remain.")
	}
	for i, note := range s.report.Notes {
		if i == mostLocations {
			break
		}
		say("note", plain(note))
	}
	return out
}

// locations are the objects that the facts of a rule's findings rest on.
func (s *sarifMaker) locations(one ruled) []sarifLocation {
	var out []sarifLocation
	seen := map[pipeline.Evidence]bool{}
	physical := false
	for _, f := range one.findings {
		for _, fact := range f.Evidence {
			for _, at := range s.evidence.of(fact.Fact) {
				if len(out) == mostLocations {
					return out
				}
				if seen[at] {
					continue
				}
				seen[at] = true
				location := place(at.Object, at.Where)
				physical = physical || location.Physical != nil
				out = append(out, location)
			}
		}
	}
	if !physical {
		out = append(s.fallback(), out...)
	}
	return out
}

// fallback is where a finding is shown that rests on no object: the first object with
// weights, else the first of all. It is nil where there is no object.
func (s *sarifMaker) fallback() []sarifLocation {
	objects := s.report.Artifact.Objects
	if len(objects) == 0 {
		return nil
	}
	i := max(0, slices.IndexFunc(objects, func(o pipeline.ArtifactObject) bool { return o.Role == pipeline.RoleWeights }))
	return []sarifLocation{place(objects[i].Path, "")}
}

// byteRange matches where a fact stands in the bytes of an object, both ends included.
var byteRange = regexp.MustCompile(`^bytes=([0-9]{1,18})-([0-9]{1,18})$`)

// place is a location in an object, or in what the submitter declared.
func place(object, where string) sarifLocation {
	var l sarifLocation
	if object == "submission" {
		l.Logical = []sarifLogical{{Name: shown("submission"+strings.TrimPrefix(where, "$"), mostCell)}}
		return l
	}
	l.Physical = &sarifPhysical{Artifact: sarifArtifact{relative(object)}}
	if m := byteRange.FindStringSubmatch(where); m != nil {
		from, _ := strconv.ParseInt(m[1], 10, 64)
		to, _ := strconv.ParseInt(m[2], 10, 64)
		if to >= from {
			l.Physical.Region = &sarifRegion{ByteOffset: from, ByteLength: to - from + 1}
		}
	} else if where != "" {
		l.Message = &sarifText{Text: plain(where)}
	}
	return l
}

// relative writes a path below the source as a relative URI. What would lead elsewhere (a
// slash or a scheme at the start, a step up) is encoded.
func relative(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		switch part {
		case ".", "..":
			parts[i] = strings.ReplaceAll(part, ".", "%2E")
		default:
			parts[i] = strings.ReplaceAll(url.PathEscape(part), ":", "%3A")
		}
	}
	text := strings.Join(parts, "/")
	rest := strings.TrimLeft(text, "/")
	return strings.Repeat("%2F", len(text)-len(rest)) + rest
}

// factPlaces finds the evidence of facts by name.
type factPlaces struct {
	names []string
	at    map[string][]pipeline.Evidence
}

func evidenceOf(index []pipeline.FactEntry) factPlaces {
	p := factPlaces{at: map[string][]pipeline.Evidence{}}
	for _, entry := range index {
		p.names = append(p.names, entry.Name)
		p.at[entry.Name] = append(p.at[entry.Name], entry.Evidence...)
	}
	slices.Sort(p.names)
	return p
}

// of returns the evidence of a fact, else that of the facts below it, else that of the
// list or group that it is in.
func (p factPlaces) of(name string) []pipeline.Evidence {
	if found, ok := p.at[name]; ok {
		return found
	}
	var out []pipeline.Evidence
	i, _ := slices.BinarySearch(p.names, name)
	for ; i < len(p.names) && strings.HasPrefix(p.names[i], name) && len(out) < mostLocations; i++ {
		if rest := p.names[i][len(name):]; rest[0] == '.' || rest[0] == '[' {
			out = append(out, p.at[p.names[i]]...)
		}
	}
	for len(out) == 0 {
		at := strings.LastIndexAny(name, ".[")
		if at < 0 {
			break
		}
		name = name[:at]
		out = p.at[name]
	}
	return out
}

// embedded matches the middle of a link and placeholders, which messages of SARIF may hold
// (sections 3.11.5 and 3.11.6).
var (
	embeddedLink = regexp.MustCompile(`\]\(`)
	placeholder  = regexp.MustCompile(`\{([0-9]+)\}`)
)

// plain is a text from elsewhere as the text of a message: it holds no link and no
// placeholder, and is cut where it is long.
func plain(s string) string {
	s = embeddedLink.ReplaceAllString(shown(s, mostSARIFText), "] (")
	return placeholder.ReplaceAllString(s, "{{$1}}")
}

func cleaned(all []string) []string {
	var out []string
	for i, s := range all {
		if i == mostLocations {
			break
		}
		out = append(out, shown(s, mostCell))
	}
	return out
}
