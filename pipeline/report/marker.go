package report

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// The first line of a Markdown report is a comment that readers do not see. By it, whoever
// posts a report finds the one that stands already, and replaces it.
const (
	markerStart = "<!-- weighbridge:report source="
	markerEnd   = " -->"
	// mostMarker bounds what a marker says of the source, in bytes. A longer source is cut,
	// and its digest tells it from others.
	mostMarker = 600
)

// Marker returns the line for a source, without a line feed. What could end a comment, or
// is no plain ASCII, is percent-encoded.
func Marker(source string) string {
	var b strings.Builder
	for i := range len(source) {
		c := source[i]
		if !inMarker(c) || c == '-' && (i == 0 || source[i-1] == '-') {
			const digits = "0123456789ABCDEF"
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
			continue
		}
		b.WriteByte(c)
	}
	text := b.String()
	if len(text) > mostMarker {
		sum := sha256.Sum256([]byte(source))
		text = text[:mostMarker] + ".sha256." + hex.EncodeToString(sum[:16])
	}
	return markerStart + text + markerEnd
}

func inMarker(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~/:", c) >= 0
}

// CutMarker takes the marker off a Markdown report. ok is false where the text does not
// begin with one.
func CutMarker(text string) (marker, rest string, ok bool) {
	line, rest, _ := strings.Cut(text, "\n")
	line = strings.TrimRight(line, "\r")
	if !strings.HasPrefix(line, markerStart) || !strings.HasSuffix(line, markerEnd) || len(line) < len(markerStart)+len(markerEnd) {
		return "", text, false
	}
	return line, rest, true
}

// MarkerBelow returns the marker as seen from a folder: the source of a local model below
// it is named by its path from there, so that the same model in another copy of the
// repository has the same marker. Other markers stay as they are.
func MarkerBelow(marker, folder string) string {
	root := strings.TrimSuffix(strings.TrimPrefix(Marker(strings.TrimRight(folder, "/")), markerStart), markerEnd)
	source := strings.TrimPrefix(marker, markerStart)
	rest, below := strings.CutPrefix(source, root+"/")
	if root == "" || !below {
		return marker
	}
	return markerStart + "./" + rest
}
