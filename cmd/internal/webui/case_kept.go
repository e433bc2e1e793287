package webui

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"

	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
)

const (
	// mostKept bounds what is unpacked of what was read of one object, in bytes.
	mostKept = 32 << 20
	// keptPage is how many lines a page of it has.
	keptPage = 400
	// mostKeptLine bounds one line, in bytes.
	mostKeptLine = 600
	// hexRow is how many bytes a line of bytes shows.
	hexRow = 16
	// mostKeptDepth bounds how deep JSON is followed: it is written by the artifact.
	mostKeptDepth = 200
	// plainArray is how long a list of plain values may be to stand on one line, in bytes.
	plainArray = 120
)

// keptKind is how what was read of an object is shown.
type keptKind string

// The ways to show it.
const (
	keptJSON  keptKind = "json"
	keptText  keptKind = "text"
	keptBytes keptKind = "bytes"
)

// keptLine is one line of it.
type keptLine struct {
	// N counts from 1. Label is N, or for bytes the offset.
	N     int
	Label string
	Text  string
	// Marked is true where the evidence stands in it.
	Marked bool
}

// keptView is a page of what was read of an object.
type keptView struct {
	Kind  keptKind
	Lines []keptLine
	// Page counts from 1.
	Page, Pages int
	Total       int
	// Marked counts the marked lines of all pages, FirstMark is the first of them.
	Marked, FirstMark int
	// Prefix is the length of a header as its first eight bytes state it, nil where there
	// are none such.
	Prefix *int64
	// Whole is true where the evidence is all that was read.
	Whole bool
	// Cut is true where it is longer than what is shown.
	Cut bool
}

// unpack unpacks what was kept; cut is true where there is more than is unpacked.
func unpack(k pipeline.Kept) (raw []byte, cut bool, err error) {
	z, err := gzip.NewReader(bytes.NewReader(k.Gzip))
	if err != nil {
		return nil, false, &pipeline.Error{Code: pipeline.CodeTampered, Message: "what was kept of this object cannot be unpacked", Err: err, Hint: "verify the audit log, and compare the database with a backup"}
	}
	raw, err = io.ReadAll(io.LimitReader(z, mostKept+1))
	if err != nil {
		return nil, false, &pipeline.Error{Code: pipeline.CodeTampered, Message: "what was kept of this object cannot be unpacked", Err: err, Hint: "verify the audit log, and compare the database with a backup"}
	}
	if len(raw) > mostKept {
		return raw[:mostKept], true, nil
	}
	return raw, false, nil
}

// viewKept shows a page of what was read. where is a place as evidence names it, and find
// a text to mark; page 0 is the page of the first mark.
func viewKept(raw []byte, cut bool, where, find string, page int) keptView {
	v := keptView{Cut: cut}
	lines := v.choose(raw, where)
	at := marker{where: where, find: strings.ToLower(find)}
	if from, to, ok := byteRange(where); ok {
		at.from, at.to, at.bytes = from, to, true
		v.Whole = from == 0 && to >= int64(len(raw))-1
		at.bytes = !v.Whole
	}
	lines(func(l rawLine) bool {
		v.Total++
		if at.marks(l) {
			v.Marked++
			if v.FirstMark == 0 {
				v.FirstMark = v.Total
			}
		}
		return true
	})
	v.Pages = max(1, (v.Total+keptPage-1)/keptPage)
	v.Page = page
	if page < 1 || page > v.Pages {
		v.Page = 1
		if v.FirstMark > 0 {
			v.Page = (v.FirstMark-1)/keptPage + 1
		}
	}
	first, n := (v.Page-1)*keptPage+1, 0
	lines(func(l rawLine) bool {
		n++
		if n < first {
			return true
		}
		one := keptLine{N: n, Label: strconv.Itoa(n), Text: report.Shown(l.text, mostKeptLine), Marked: at.marks(l)}
		if v.Kind != keptBytes {
			one.Text = indented(l.text)
		} else {
			one.Label = fmt.Sprintf("%08x", l.from)
		}
		v.Lines = append(v.Lines, one)
		return len(v.Lines) < keptPage
	})
	return v
}

// indented keeps the spaces that a line begins with.
func indented(text string) string {
	rest := strings.TrimLeft(text, " ")
	pad := min(len(text)-len(rest), 80)
	return text[:pad] + report.Shown(rest, mostKeptLine)
}

// rawLine is a line before it is shown: path is where it stands in a document, from and to
// which bytes it covers, the last one included; to is -1 where that is not known.
type rawLine struct {
	text, path string
	from, to   int64
}

// lineSource calls each with the lines, one by one, until it returns false.
type lineSource func(each func(rawLine) bool)

// choose tells what the bytes are.
func (v *keptView) choose(raw []byte, where string) lineSource {
	body := raw
	if n, ok := headerLength(raw); ok {
		v.Prefix, body = &n, raw[8:]
	}
	if looksJSON(body) {
		if err := writeJSON(body, func(rawLine) bool { return true }); err == nil {
			v.Kind = keptJSON
			return func(each func(rawLine) bool) { _ = writeJSON(body, each) }
		}
	}
	v.Prefix = nil
	if isText(raw) {
		v.Kind = keptText
		spots := yamlLines(raw, where)
		return func(each func(rawLine) bool) { textLines(raw, spots, where, each) }
	}
	v.Kind = keptBytes
	return func(each func(rawLine) bool) { byteLines(raw, each) }
}

// headerLength tells the length that a safetensors file states before its header
// (little-endian, 8 bytes).
func headerLength(raw []byte) (int64, bool) {
	if len(raw) < 10 || raw[8] != '{' {
		return 0, false
	}
	n := binary.LittleEndian.Uint64(raw)
	return int64(n), n >= 2 && n <= 1<<40
}

func looksJSON(b []byte) bool {
	b = bytes.TrimLeft(b, " \t\r\n")
	return len(b) > 0 && (b[0] == '{' || b[0] == '[')
}

// isText tells text from other bytes. The last character may be cut in two.
func isText(b []byte) bool {
	for i := 0; i < utf8.UTFMax && len(b) > 0 && !utf8.Valid(b); i++ {
		b = b[:len(b)-1]
	}
	if !utf8.Valid(b) {
		return false
	}
	return bytes.IndexFunc(b, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' && r != '\f' && r != '\x1b' }) < 0
}

// marker decides which lines are marked.
type marker struct {
	where, find string
	bytes       bool
	from, to    int64
}

func (m marker) marks(l rawLine) bool {
	switch {
	case m.find != "" && strings.Contains(strings.ToLower(l.text), m.find):
		return true
	case m.bytes:
		return l.to >= 0 && l.from <= m.to && l.to >= m.from
	case m.where == "" || m.where == "$" || l.path == "":
		return false
	}
	return l.path == m.where || strings.HasPrefix(l.path, m.where) && strings.ContainsRune(".[", rune(l.path[len(m.where)]))
}

// byteRange reads a place such as bytes=0-9143.
func byteRange(where string) (from, to int64, ok bool) {
	text, is := strings.CutPrefix(where, "bytes=")
	a, b, two := strings.Cut(text, "-")
	if !is || !two {
		return 0, 0, false
	}
	from, err := strconv.ParseInt(a, 10, 64)
	if err != nil {
		return 0, 0, false
	}
	to, err = strconv.ParseInt(b, 10, 64)
	return from, to, err == nil && from >= 0 && to >= from
}

// textLines cuts a text into lines. spots are the lines that a place in its YAML means.
func textLines(raw []byte, spots map[int]bool, where string, each func(rawLine) bool) {
	at := int64(0)
	for n := 1; len(raw) > 0; n++ {
		end := bytes.IndexByte(raw, '\n') + 1
		if end == 0 {
			end = len(raw)
		}
		l := rawLine{text: strings.TrimRight(string(raw[:min(end, 4*mostKeptLine)]), "\r\n"), from: at, to: at + int64(end) - 1}
		l.text = strings.ReplaceAll(l.text, "\t", "    ")
		if spots[n] {
			l.path = where
		}
		if !each(l) {
			return
		}
		raw, at = raw[end:], at+int64(end)
	}
}

// byteLines shows bytes as numbers and as the characters that they are.
func byteLines(raw []byte, each func(rawLine) bool) {
	for at := 0; at < len(raw); at += hexRow {
		row := raw[at:min(at+hexRow, len(raw))]
		var b strings.Builder
		for i := range hexRow {
			if i < len(row) {
				fmt.Fprintf(&b, "%02x ", row[i])
			} else {
				b.WriteString("   ")
			}
		}
		b.WriteByte(' ')
		for _, c := range row {
			if c < ' ' || c > '~' {
				c = '.'
			}
			b.WriteByte(c)
		}
		if !each(rawLine{text: b.String(), from: int64(at), to: int64(at + len(row) - 1)}) {
			return
		}
	}
}

// mostYAML bounds the YAML in which a place is looked up, in bytes.
const mostYAML = 256 << 10

// yamlLines finds the lines that a place such as $.license means in a YAML file or in the
// front matter of a text.
func yamlLines(raw []byte, where string) map[int]bool {
	path, ok := strings.CutPrefix(where, "$.")
	if !ok {
		return nil
	}
	doc, before := raw, 0
	if rest, front := bytes.CutPrefix(raw, []byte("---\n")); front {
		end := bytes.Index(rest, []byte("\n---"))
		if end < 0 {
			return nil
		}
		doc, before = rest[:end+1], 1
	}
	if len(doc) > mostYAML {
		return nil
	}
	var root yaml.Node
	if err := yaml.Unmarshal(doc, &root); err != nil || len(root.Content) != 1 {
		return nil
	}
	key, node := root.Content[0], root.Content[0]
	for part := range strings.SplitSeq(strings.ReplaceAll(path, "[", ".["), ".") {
		if key, node = childOf(node, part); node == nil {
			return nil
		}
	}
	out := map[int]bool{}
	for n := key.Line; n <= lastLine(node, 0); n++ {
		out[n+before] = true
	}
	return out
}

// childOf returns what lies below a key, or an index such as [2].
func childOf(node *yaml.Node, part string) (key, value *yaml.Node) {
	if text, ok := strings.CutPrefix(part, "["); ok && node.Kind == yaml.SequenceNode {
		i, err := strconv.Atoi(strings.TrimSuffix(text, "]"))
		if err == nil && i >= 0 && i < len(node.Content) {
			return node.Content[i], node.Content[i]
		}
		return nil, nil
	}
	if node.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == part {
			return node.Content[i], node.Content[i+1]
		}
	}
	return nil, nil
}

func lastLine(node *yaml.Node, depth int) int {
	last := node.Line
	if depth > mostKeptDepth {
		return last
	}
	for _, child := range node.Content {
		last = max(last, lastLine(child, depth+1))
	}
	return last
}

// errStop ends the writing of a document early.
var errStop = errors.New("enough lines")

// writeJSON writes JSON as lines, two spaces a level; short lists of plain values stand on
// one line. Keys are written in the order in which they stand there, those that come twice
// too. An error says that it is no JSON.
func writeJSON(raw []byte, each func(rawLine) bool) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	w := &jsonWriter{decoder: d, each: each}
	err := w.value(0, "", "$")
	if err == nil {
		if rest := bytes.TrimSpace(raw[d.InputOffset():]); len(bytes.Trim(rest, "\x00")) > 0 {
			return errors.New("something follows the document")
		}
		err = w.flush()
	}
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}

type jsonWriter struct {
	decoder *json.Decoder
	each    func(rawLine) bool
	// pending is the line that may still get a comma.
	pending *rawLine
}

func (w *jsonWriter) flush() error {
	if w.pending == nil {
		return nil
	}
	l := *w.pending
	w.pending = nil
	if !w.each(l) {
		return errStop
	}
	return nil
}

func (w *jsonWriter) line(depth int, text, path string) error {
	if err := w.flush(); err != nil {
		return err
	}
	w.pending = &rawLine{text: strings.Repeat("  ", min(depth, 40)) + text, path: path, to: -1}
	return nil
}

func (w *jsonWriter) comma() {
	if w.decoder.More() && w.pending != nil {
		w.pending.text += ","
	}
}

func (w *jsonWriter) value(depth int, before, path string) error {
	token, err := w.decoder.Token()
	if err != nil {
		return err
	}
	return w.started(token, depth, before, path)
}

// started writes a value whose first token was read.
func (w *jsonWriter) started(token json.Token, depth int, before, path string) error {
	if depth > mostKeptDepth {
		return errors.New("the document is nested too deeply")
	}
	switch token {
	case json.Delim('{'):
		return w.object(depth, before, path)
	case json.Delim('['):
		return w.array(depth, before, path)
	}
	return w.line(depth, before+plainJSON(token), path)
}

func (w *jsonWriter) object(depth int, before, path string) error {
	if !w.decoder.More() {
		if _, err := w.decoder.Token(); err != nil {
			return err
		}
		return w.line(depth, before+"{}", path)
	}
	if err := w.line(depth, before+"{", path); err != nil {
		return err
	}
	for w.decoder.More() {
		key, err := w.decoder.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		if err := w.value(depth+1, plainJSON(name)+": ", path+"."+name); err != nil {
			return err
		}
		w.comma()
	}
	if _, err := w.decoder.Token(); err != nil {
		return err
	}
	return w.line(depth, "}", path)
}

func (w *jsonWriter) array(depth int, before, path string) error {
	// Plain values are gathered as long as they may all stand on one line.
	var plain []string
	length, open := len(before), false
	begin := func() error {
		open = true
		if err := w.line(depth, before+"[", path); err != nil {
			return err
		}
		for i, text := range plain {
			if err := w.line(depth+1, text+",", fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
		return nil
	}
	for i := 0; w.decoder.More(); i++ {
		token, err := w.decoder.Token()
		if err != nil {
			return err
		}
		_, nested := token.(json.Delim)
		if !open && !nested {
			text := plainJSON(token)
			plain = append(plain, text)
			if length += len(text) + 2; length <= plainArray {
				continue
			}
			if err := begin(); err != nil {
				return err
			}
			// The last one gets its comma only where another follows.
			w.pending.text = strings.TrimSuffix(w.pending.text, ",")
			w.comma()
			continue
		}
		if !open {
			if err := begin(); err != nil {
				return err
			}
		}
		if err := w.started(token, depth+1, "", fmt.Sprintf("%s[%d]", path, i)); err != nil {
			return err
		}
		w.comma()
	}
	if _, err := w.decoder.Token(); err != nil {
		return err
	}
	if !open {
		return w.line(depth, before+"["+strings.Join(plain, ", ")+"]", path)
	}
	return w.line(depth, "]", path)
}

// plainJSON writes a plain value as JSON does, without escaping what only pages need.
func plainJSON(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "?"
	}
	return strings.TrimSuffix(b.String(), "\n")
}
