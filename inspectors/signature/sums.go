package signature

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"weighbridge/pipeline"
)

// sum is one line of a list: the digest of one file.
type sum struct {
	// path is from the list's folder.
	path   string
	digest pipeline.Digest
}

// The lines that lists have: those of sha256sum (GNU coreutils), "DIGEST  NAME" or "DIGEST
// *NAME", and those of BSD, "SHA256 (NAME) = DIGEST".
var (
	gnuLine  = regexp.MustCompile(`^(\\?)([0-9A-Fa-f]{64})(?:[ \t][ *\t]?(.+))?$`)
	bsdLine  = regexp.MustCompile(`^SHA256 \((.+)\) ?= ?([0-9A-Fa-f]{64})$`)
	anyOther = regexp.MustCompile(`^\\?([0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{56}|[0-9A-Fa-f]{96}|[0-9A-Fa-f]{128})[ \t]|^(MD5|SHA1|SHA224|SHA384|SHA512|BLAKE2b) ?\(`)
)

// parseSums reads a list. other counts lines of other hashes, odd those that are not
// understood; wrong says what makes the list false, "" where nothing does. A list for one
// object may give the digest alone: then it is for the name that its own is made from.
func parseSums(list pipeline.DigestList) (sums []sum, other, odd int, wrong string) {
	own := ""
	if base := path.Base(list.Object); list.Kind == KindSum {
		own = base[:len(base)-len(".sha256")]
	}
	seen := map[string]pipeline.Digest{}
	for line := range strings.Lines(string(list.Text)) {
		line = strings.TrimRight(line, "\r\n")
		if trimmed := strings.TrimSpace(line); trimmed == "" || trimmed[0] == '#' {
			continue
		}
		name, digest, ok := sumLine(line, own)
		if !ok {
			if anyOther.MatchString(line) {
				other++
			} else {
				odd++
			}
			continue
		}
		name = strings.TrimPrefix(name, "./")
		if why := unsafe(name); why != "" {
			if wrong == "" {
				wrong = fmt.Sprintf("the name %s %s", quote(name), why)
			}
			continue
		}
		if before, twice := seen[name]; twice {
			if before != digest && wrong == "" {
				wrong = fmt.Sprintf("it has two digests of %s", quote(name))
			}
			continue
		}
		seen[name] = digest
		sums = append(sums, sum{name, digest})
	}
	return sums, other, odd, wrong
}

// sumLine reads one line. own is the name that a digest without one is for.
func sumLine(line, own string) (name string, digest pipeline.Digest, ok bool) {
	if m := bsdLine.FindStringSubmatch(line); m != nil {
		return m[1], pipeline.Digest("sha256:" + strings.ToLower(m[2])), true
	}
	m := gnuLine.FindStringSubmatch(strings.TrimRight(line, " \t"))
	if m == nil {
		return "", "", false
	}
	name = m[3]
	if m[1] != "" {
		name = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r").Replace(name)
	}
	if name == "" {
		name = own
	}
	return name, pipeline.Digest("sha256:" + strings.ToLower(m[2])), name != ""
}
