package webui

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"html/template"
	"mime"
	"net/http"
	"slices"
	"time"

	"weighbridge/cmd/internal/access"
	"weighbridge/cmd/internal/app"
	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
	"weighbridge/pipeline/review"
)

const (
	// mostFilePlaces bounds the places of evidence in a case file, mostFileLines the lines of
	// each, and mostFileRead the bytes that are unpacked for all of them.
	mostFilePlaces = 60
	mostFileLines  = 40
	mostFileRead   = 64 << 20
)

// caseFile is one page that holds all there is of a case, for people who have no desk.
type caseFile struct {
	app.CaseView
	ID, Name   string
	Why        whyView
	Short      review.Shortfall
	Style      template.CSS
	Policy     string
	Made       time.Time
	Tool       string
	Settled    settledView
	Talk       []talkEntry
	Parts      []report.Part
	Submitted  string
	Places     []filePlace
	MorePlaces int
	Envelope   string
	Events     []trailRow
}

// filePlace is the lines of one place of evidence.
type filePlace struct {
	Object, Where string
	Facts         []string
	Rule          string
	Lines         []keptLine
	More          int
	Whole         bool
	Digest        pipeline.Digest
}

// fileStyle is added to the style of a report for what a report has not.
const fileStyle = `
.talk { list-style: none; padding: 0; } .talk li { border-top: 1px solid var(--line); padding: .5rem 0; }
.soft { color: var(--soft); }
blockquote { margin: .3rem 0 0; border-left: .2rem solid var(--line); padding-left: .75rem; }
pre.lines { white-space: pre-wrap; }
.digests { display: grid; grid-template-columns: 1fr; }
`

// showFile hands out the case file: one page without script that loads nothing, so that it
// opens anywhere and can be printed.
func (s *Site) showFile(w http.ResponseWriter, r *http.Request) error {
	c, err := s.visible(r)
	if err != nil {
		return err
	}
	v, err := s.service.View(r.Context(), c.ID)
	if err != nil {
		return err
	}
	f, err := s.caseFileOf(r.Context(), v, access.Of(r.Context()))
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Security-Policy", f.Policy+"; sandbox allow-popups; frame-ancestors 'none'")
	h.Set("Content-Disposition", mime.FormatMediaType("inline", map[string]string{"filename": "case-" + f.ID + ".html"}))
	return s.fragment(w, r, "case_file", "file", f)
}

func (s *Site) caseFileOf(ctx context.Context, v app.CaseView, who access.Identity) (*caseFile, error) {
	if !who.Sees() {
		app.WithoutOthers(&v.Report)
	}
	style := report.Style() + fileStyle
	sum := sha256.Sum256([]byte(style))
	f := &caseFile{CaseView: v, ID: v.Case.ID.String(), Name: lastPart(v.Case.Source), Why: whyOf(&v.Report), Short: review.ShortfallOf(v.CaseFile, s.now()), Style: template.CSS(style), //nolint:gosec // our own style
		Policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'",
		Made:   s.now(), Tool: v.Report.Tool.Version, Settled: settledOf(v, s.now()), Talk: talkOf(v.CaseHistory)}
	var err error
	if f.Parts, err = report.Parts(&v.Report); err != nil {
		return nil, err
	}
	f.Submitted = submissionText(nil, v.Submission, nil)
	for _, e := range v.Events {
		f.Events = append(f.Events, trailRow{e, readableJSON(e.Data)})
	}
	if v.Attestation != nil {
		f.Envelope = envelopeText(v.Attestation.Envelope)
	}
	return f, s.filePlaces(ctx, f)
}

// envelopeText writes an envelope on lines. It is the same envelope: white space between
// the parts of JSON means nothing.
func envelopeText(envelope []byte) string {
	var b bytes.Buffer
	if err := json.Indent(&b, envelope, "", "  "); err != nil {
		return string(envelope)
	}
	return b.String()
}

// filePlaces gathers the lines that the evidence of enforced rules stands in.
func (s *Site) filePlaces(ctx context.Context, f *caseFile) error {
	at := placesOf(f.ID, &f.Report)
	type key struct{ object, where string }
	known, read := map[key]int{}, map[string][]byte{}
	digests := map[string]pipeline.Digest{}
	room := int64(mostFileRead)
	for _, finding := range f.Report.Findings {
		if finding.Mode != pipeline.ModeEnforce || finding.Outcome == pipeline.OutcomeNotMatched {
			continue
		}
		for _, e := range finding.Evidence {
			for _, one := range at.entries[e.Fact].Evidence {
				k := key{one.Object, one.Where}
				if i, ok := known[k]; ok {
					if i >= 0 && len(f.Places[i].Facts) < mostRows && !slices.Contains(f.Places[i].Facts, e.Fact) {
						f.Places[i].Facts = append(f.Places[i].Facts, e.Fact)
					}
					continue
				}
				known[k] = -1
				if !at.objects[one.Object] {
					continue
				}
				raw, ok := read[one.Object]
				if !ok {
					kept, err := s.service.Queue.DB.KeptObject(ctx, f.Case.ID, one.Object)
					if errors.Is(err, pipeline.ErrNotFound) {
						continue
					}
					if err != nil {
						return err
					}
					if room -= kept.Size; room < 0 || len(f.Places) == mostFilePlaces {
						f.MorePlaces++
						continue
					}
					if raw, _, err = unpack(kept); err != nil {
						return err
					}
					read[one.Object], digests[one.Object] = raw, kept.Digest
				}
				if len(f.Places) == mostFilePlaces {
					f.MorePlaces++
					continue
				}
				known[k] = len(f.Places)
				place := linesOf(raw, one.Where)
				place.Object, place.Where, place.Rule, place.Digest = report.Shown(one.Object, 400), report.Shown(one.Where, 200), finding.Rule, digests[one.Object]
				place.Facts = []string{e.Fact}
				f.Places = append(f.Places, place)
			}
		}
	}
	return nil
}

// linesOf returns the marked lines of a place; where all that was read is the evidence, or
// the place is not found, the lines that it begins with.
func linesOf(raw []byte, where string) filePlace {
	v := viewKept(raw, false, where, "", 0)
	p := filePlace{Whole: v.Marked == 0}
	for _, l := range v.Lines {
		if !p.Whole && !l.Marked {
			continue
		}
		if len(p.Lines) == mostFileLines {
			break
		}
		p.Lines = append(p.Lines, l)
	}
	p.More = max(v.Marked, len(p.Lines)) - len(p.Lines)
	if p.Whole {
		p.More = v.Total - len(p.Lines)
	}
	return p
}
