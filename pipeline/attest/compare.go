package attest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"weighbridge/pipeline"
)

// DifferenceKind is how an object differs from what was approved.
type DifferenceKind string

// The kinds of differences.
const (
	// DifferenceChanged: the path is there with other bytes.
	DifferenceChanged DifferenceKind = "changed"
	// DifferenceAdded: nothing of that path was approved.
	DifferenceAdded DifferenceKind = "added"
	// DifferenceRemoved: the path is missing.
	DifferenceRemoved DifferenceKind = "removed"
	// DifferenceRenamed: the bytes are there under another path.
	DifferenceRenamed DifferenceKind = "renamed"
)

// Difference is one object that differs from what was approved.
type Difference struct {
	Kind DifferenceKind `json:"kind"`
	// Path is the path that was approved; of what was added it is the one found.
	Path string `json:"path"`
	// Found is the path of renamed bytes, else "".
	Found string `json:"found,omitempty"`
}

// String says in words what differs.
func (d Difference) String() string {
	switch d.Kind {
	case DifferenceChanged:
		return fmt.Sprintf("%q was changed", d.Path)
	case DifferenceAdded:
		return fmt.Sprintf("%q was added", d.Path)
	case DifferenceRemoved:
		return fmt.Sprintf("%q is missing", d.Path)
	default:
		return fmt.Sprintf("%q is now %q", d.Path, d.Found)
	}
}

// beside tells whether an object is no part of an artifact: see [pipeline.Object.Apart].
func beside(path string, size int64) bool { return pipeline.Object{Path: path, Size: size}.Apart() }

// Compare names every object that differs from what was approved, in byte order of path:
// changed, added, removed, or renamed where an approved object is missing and one with its
// digest and size was added. Two files at the root are left out, because they are never
// part of a model: [pipeline.ApprovalName] and [pipeline.SubmissionName], unless they are larger
// than such a file can be. What was approved is compared by path, size and digest.
//
// objects may be in any order and needs a SHA-256 for each. An error matches
// [ErrStoreBound] where the approval has no digests, and [pipeline.ErrUsage] where an
// object has none or a path is there twice.
func Compare(a *Approval, objects []Object) ([]Difference, error) {
	if a.Binding != pipeline.BoundContent {
		return nil, refuse(CodeStoreBound, "have the source hashed and approved again",
			"the approval is bound to the pins of one store, and holds no digests to compare bytes with")
	}
	found, err := byPath(objects)
	if err != nil {
		return nil, err
	}
	var out []Difference
	var missing []Object
	for _, want := range a.Artifact.Objects {
		got, ok := found[want.Path]
		delete(found, want.Path)
		switch {
		case beside(want.Path, want.Size):
		case !ok:
			missing = append(missing, want)
		case got.Size != want.Size || got.SHA256 != want.SHA256:
			out = append(out, Difference{Kind: DifferenceChanged, Path: want.Path})
		}
	}
	out = append(out, renamed(missing, found)...)
	slices.SortFunc(out, func(a, b Difference) int { return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Kind, b.Kind)) })
	return out, nil
}

// ComparePins is [Compare] by the pins of one store, for an approval that is bound to them:
// what was written again shows as changed, and what was renamed as removed and added. It
// says nothing where the source is another one. An error matches [pipeline.ErrUsage] where
// the approval holds digests of bytes instead, or a path is there twice.
func ComparePins(a *Approval, objects []Object) ([]Difference, error) {
	if a.Binding != pipeline.BoundStore {
		return nil, refuse(pipeline.CodeUsage, "compare by the digests", "the approval holds no pins")
	}
	found := make(map[string]Object, len(objects))
	for _, o := range objects {
		if _, twice := found[o.Path]; twice {
			return nil, refuse(pipeline.CodeUsage, "", "the object %q is listed twice", short(o.Path))
		}
		if !beside(o.Path, o.Size) {
			found[o.Path] = o
		}
	}
	var out []Difference
	for _, want := range a.Artifact.Objects {
		got, ok := found[want.Path]
		delete(found, want.Path)
		switch {
		case !ok:
			out = append(out, Difference{Kind: DifferenceRemoved, Path: want.Path})
		case got.Size != want.Size || got.ETag != want.ETag || got.VersionID != want.VersionID:
			out = append(out, Difference{Kind: DifferenceChanged, Path: want.Path})
		}
	}
	for path := range found {
		out = append(out, Difference{Kind: DifferenceAdded, Path: path})
	}
	slices.SortFunc(out, func(a, b Difference) int { return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Kind, b.Kind)) })
	return out, nil
}

func byPath(objects []Object) (map[string]Object, error) {
	found := make(map[string]Object, len(objects))
	for _, o := range objects {
		if _, twice := found[o.Path]; twice {
			return nil, refuse(pipeline.CodeUsage, "", "the object %q is listed twice", short(o.Path))
		}
		if beside(o.Path, o.Size) {
			continue
		}
		if !isHex(o.SHA256) {
			return nil, refuse(pipeline.CodeUsage, "hash every object", "there is no SHA-256 of %q", short(o.Path))
		}
		found[o.Path] = o
	}
	return found, nil
}

// renamed pairs what is missing with what was added. Of several objects with the same
// bytes the first paths are paired.
func renamed(missing []Object, added map[string]Object) []Difference {
	paths := make([]string, 0, len(added))
	for path := range added {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	type bytes struct {
		sum  string
		size int64
	}
	same := map[bytes][]string{}
	for _, path := range paths {
		key := bytes{added[path].SHA256, added[path].Size}
		same[key] = append(same[key], path)
	}
	var out []Difference
	for _, o := range missing {
		key := bytes{o.SHA256, o.Size}
		if len(same[key]) == 0 {
			out = append(out, Difference{Kind: DifferenceRemoved, Path: o.Path})
			continue
		}
		out = append(out, Difference{Kind: DifferenceRenamed, Path: o.Path, Found: same[key][0]})
		delete(added, same[key][0])
		same[key] = same[key][1:]
	}
	for _, path := range paths {
		if _, left := added[path]; left {
			out = append(out, Difference{Kind: DifferenceAdded, Path: path})
		}
	}
	return out
}

// mostNamed is how many differences a message names.
const mostNamed = 5

// Differs returns nil where there is no difference, else an error that matches
// [ErrOtherBytes] and names the first five.
func Differs(differences []Difference) error {
	if len(differences) == 0 {
		return nil
	}
	var names []string
	for i, d := range differences {
		if i == mostNamed {
			names = append(names, fmt.Sprintf("and %d more", len(differences)-mostNamed))
			break
		}
		names = append(names, d.String())
	}
	return refuse(CodeOtherBytes, "use the objects that were approved, or have these checked", "the objects are not those that were approved: %s", strings.Join(names, ", "))
}
