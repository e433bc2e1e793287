package app

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
	"weighbridge/pipeline/submission"
)

// mostConfig bounds a configuration file that is read again from what was kept, in
// bytes.
const mostConfig = 4 << 20

// Draft returns a submission to fill in, with what a source shows of itself; with source
// "" there is nothing of that. No rule is applied, and a submission at the source's root
// is left alone. Errors are those of [App.Weigh].
func (a *App) Draft(ctx context.Context, source string, asOf time.Time) (submission.Template, error) {
	var t submission.Template
	if source == "" {
		return t, nil
	}
	w, err := a.Weigh(ctx, Run{Source: source, AsOf: asOf, NoRules: true, NoSubmission: true, Keep: true})
	if err != nil {
		return t, err
	}
	facts, err := pipeline.FactSetFrom(w.Report.Facts, w.Report.FactsIndex)
	if err != nil {
		return t, err
	}
	t.Known = submission.KnownOf(facts, configs(w.Kept))
	t.About = about(&w.Report)
	return t, nil
}

// configs parses the configuration files among what was kept. What is none is left out:
// the inspectors have reported it.
func configs(kept []pipeline.Kept) []pipeline.Config {
	var out []pipeline.Config
	for _, k := range kept {
		base := path.Base(k.Path)
		if base != "config.json" && base != "params.json" || k.Size > mostConfig {
			continue
		}
		unzipped, err := gzip.NewReader(bytes.NewReader(k.Gzip))
		if err != nil {
			continue
		}
		d := json.NewDecoder(io.LimitReader(unzipped, mostConfig))
		d.UseNumber()
		c := pipeline.Config{Object: k.Path}
		if d.Decode(&c.Values) == nil && c.Values != nil {
			out = append(out, c)
		}
	}
	return out
}

// about says what was found, in sentences.
func about(r *pipeline.Report) []string {
	lines := []string{fmt.Sprintf("What was read is pinned as %s.", r.Artifact.PinDigest)}
	p := r.Facts.Params
	switch {
	case p.Estimate == nil || p.Lower == nil || *p.Estimate == 0:
		lines = append(lines, "No weights were found.")
	case p.Upper != nil && *p.Lower == *p.Upper:
		lines = append(lines, "Parameters: exactly "+report.Count(*p.Estimate)+".")
	case p.Upper != nil:
		lines = append(lines, fmt.Sprintf("Parameters: %s to %s.", report.Count(*p.Lower), report.Count(*p.Upper)))
	default:
		lines = append(lines, fmt.Sprintf("Parameters: at least %s.", report.Count(*p.Lower)))
	}
	if a := r.Facts.Architecture; a.Family != nil && *a.Family != "" {
		text := "Architecture: " + plain(*a.Family)
		if a.Class != nil && *a.Class != "" {
			text += " (" + plain(*a.Class) + ")"
		}
		lines = append(lines, text+".")
	}
	if len(r.Reasons) > 0 {
		lines = append(lines, "Not everything could be read; \"weighbridge inspect\" says what.")
	}
	return lines
}

// plain keeps a word from a file on its line of comment.
func plain(word string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, word)
}

// Drafted is what a submitter needs to know before they declare something.
type Drafted struct {
	Known []submission.Known
	// Source is the source in its one way of writing.
	Source string
	// Questions are what the rules will ask, with a submission that states nothing yet.
	Questions []report.Question
	Report    pipeline.Report
}

// Draft looks at a source and says what it shows of itself and what the configured rules
// will ask. Nothing is recorded. Errors are those of [Service.Ask] and [App.Weigh].
func (s *Service) Draft(ctx context.Context, source string) (Drafted, error) {
	src, err := pipeline.ParseSource(source)
	if err != nil {
		return Drafted{}, err
	}
	if err := s.takes(src); err != nil {
		return Drafted{}, err
	}
	selected, err := s.PacksNamed(nil)
	if err != nil {
		return Drafted{}, err
	}
	// An empty submission is there and states nothing, so that packs apply as they will.
	w, err := s.App.Weigh(ctx, Run{Source: src.String(), Declared: &pipeline.Submission{}, Selected: selected, AsOf: s.Now(), NoSubmission: true, Keep: true})
	if err != nil {
		return Drafted{}, err
	}
	facts, err := pipeline.FactSetFrom(w.Report.Facts, w.Report.FactsIndex)
	if err != nil {
		return Drafted{}, err
	}
	d := Drafted{Source: src.String(), Report: w.Report, Questions: report.Questions(&w.Report)}
	d.Known = submission.KnownOf(facts, configs(w.Kept))
	return d, nil
}
