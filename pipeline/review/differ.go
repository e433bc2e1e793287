package review

import (
	"slices"
	"strings"

	"weighbridge/pipeline"
)

// Difference is how one report differs from an earlier one of the same source.
type Difference struct {
	// Added, Removed and Changed name objects, in byte order of path. An object is changed
	// where its size differs, or its SHA-256, or where none is known its pin.
	Added, Removed, Changed []string
	// Renamed objects are the same bytes by SHA-256 under another path.
	Renamed []Rename
	// Same counts the objects that are as they were.
	Same int
	// ParamsBefore and ParamsAfter are the estimated numbers of parameters, nil for unknown.
	ParamsBefore, ParamsAfter *int64
	// FamilyBefore and FamilyAfter are "" for unknown.
	FamilyBefore, FamilyAfter string
	VerdictBefore             pipeline.Verdict
	VerdictAfter              pipeline.Verdict
	// NewFindings and GoneFindings are matched or undecided enforced ones.
	NewFindings, GoneFindings []pipeline.Finding
}

// Rename is an object under another path.
type Rename struct{ From, To string }

// Nothing reports whether the two say the same of the same objects.
func (d Difference) Nothing() bool {
	return len(d.Added)+len(d.Removed)+len(d.Changed)+len(d.Renamed)+len(d.NewFindings)+len(d.GoneFindings) == 0 &&
		d.VerdictBefore == d.VerdictAfter && same(d.ParamsBefore, d.ParamsAfter) && d.FamilyBefore == d.FamilyAfter
}

func same(a, b *int64) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// Differ compares two reports of one source.
func Differ(was, is *pipeline.Report) Difference {
	d := Difference{VerdictBefore: was.Verdict, VerdictAfter: is.Verdict,
		ParamsBefore: was.Facts.Params.Estimate, ParamsAfter: is.Facts.Params.Estimate}
	if f := was.Facts.Architecture.Family; f != nil {
		d.FamilyBefore = *f
	}
	if f := is.Facts.Architecture.Family; f != nil {
		d.FamilyAfter = *f
	}
	d.objects(was.Artifact.Objects, is.Artifact.Objects)
	d.NewFindings = without(is.Findings, was.Findings)
	d.GoneFindings = without(was.Findings, is.Findings)
	return d
}

func (d *Difference) objects(was, is []pipeline.ArtifactObject) {
	before := map[string]pipeline.ArtifactObject{}
	for _, o := range was {
		before[o.Path] = o
	}
	var added []pipeline.ArtifactObject
	for _, o := range is {
		old, known := before[o.Path]
		delete(before, o.Path)
		switch {
		case !known:
			added = append(added, o)
		case alike(old, o):
			d.Same++
		default:
			d.Changed = append(d.Changed, o.Path)
		}
	}
	gone := map[pipeline.Digest]string{}
	for path, o := range before {
		if o.SHA256 != "" && (gone[o.SHA256] == "" || path < gone[o.SHA256]) {
			gone[o.SHA256] = path
		}
	}
	for _, o := range added {
		if from := gone[o.SHA256]; o.SHA256 != "" && from != "" {
			d.Renamed = append(d.Renamed, Rename{From: from, To: o.Path})
			delete(before, from)
			delete(gone, o.SHA256)
			continue
		}
		d.Added = append(d.Added, o.Path)
	}
	for path := range before {
		d.Removed = append(d.Removed, path)
	}
	slices.Sort(d.Added)
	slices.Sort(d.Removed)
	slices.Sort(d.Changed)
	slices.SortFunc(d.Renamed, func(a, b Rename) int { return strings.Compare(a.To, b.To) })
}

// alike tells whether an object is as it was, as far as is known.
func alike(a, b pipeline.ArtifactObject) bool {
	if a.Size != b.Size {
		return false
	}
	if a.SHA256 != "" && b.SHA256 != "" {
		return a.SHA256 == b.SHA256
	}
	return a.ETag != "" && a.ETag == b.ETag
}

// without returns the enforced findings of one list that another does not have, by rule
// and outcome.
func without(list, other []pipeline.Finding) []pipeline.Finding {
	var out []pipeline.Finding
	for _, f := range list {
		if !bears(f) {
			continue
		}
		if !slices.ContainsFunc(other, func(o pipeline.Finding) bool {
			return o.Pack == f.Pack && o.Rule == f.Rule && o.Outcome == f.Outcome && o.Mode == f.Mode
		}) {
			out = append(out, f)
		}
	}
	return out
}
