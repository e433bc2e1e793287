package pipeline

import (
	"crypto/sha256"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
)

// BodyDigest is the header digest with every README left out. Licence texts stay
// in. Where it is equal and the pins are not, nothing
// that is run or weighed has another header, size or name; so a review of the one may go
// on with the other. It is over lines in byte order of path, each ended by LF, of path,
// size and the SHA-256 of what was read (empty where nothing was kept), parted by NUL.
// Like the header digest it proves nothing about bytes that were not read.
func BodyDigest(w *Weighing) Digest {
	read := map[string]Digest{}
	for _, k := range w.Kept {
		read[k.Path] = k.Digest
	}
	objects := slices.Clone(w.Report.Artifact.Objects)
	slices.SortFunc(objects, func(a, b ArtifactObject) int { return strings.Compare(a.Path, b.Path) })
	h := sha256.New()
	for _, o := range objects {
		if readme(o.Path) {
			continue
		}
		_, _ = io.WriteString(h, o.Path+"\x00"+strconv.FormatInt(o.Size, 10)+"\x00"+string(read[o.Path])+"\n")
	}
	return DigestOf(h.Sum(nil))
}

// readme tells a README by its name, as README.md and sub/Readme.txt.
func readme(name string) bool {
	base, ext, _ := strings.Cut(strings.ToLower(path.Base(name)), ".")
	return base == "readme" && (ext == "" || ext == "md" || ext == "txt")
}
