package screening

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"weighbridge/pipeline"
)

// Bounds of a list.
const (
	MaxBytes   = 512 << 20 // of the file
	MaxEntries = 2_000_000
	MaxNames   = 4_000_000 // of all entries together
	MaxName    = 1_000     // characters of a name
	maxWord    = 200       // characters of an id or a code
	maxToken   = 8 << 20   // bytes of one text or number in the file
)

// Entry is one party on a list. Nothing personal is kept of it but its names.
type Entry struct {
	ID string
	// List is the code of the list it stands on, such as "EL", or the source's own name
	// where that holds no code that is known.
	List     string
	Name     string
	AltNames []string
}

func (e *Entry) names() []string { return append([]string{e.Name}, e.AltNames...) }

// List is a list of restricted parties. It does not change once loaded, and is safe for
// concurrent use.
type List struct {
	// Name is the file's name, for evidence.
	Name string
	// Digest is over the bytes of the file.
	Digest pipeline.Digest
	// Made is when the list was made, or the start of the day where only that is known.
	Made    time.Time
	Entries []Entry

	index *index
}

const listHint = "give the consolidated screening list as it is published in JSON: an object with the entries under \"results\""

// Load reads a list from r, entry by entry. name is the file's name, without its folder.
// given is when the operator says the list was made, zero where nothing is said.
//
// The time that the file itself states for its making ("search_performed_at", or the
// newest "last_imported" of its sources) comes before given, and given before the newest
// "source_last_updated" of its sources, which only tells when a source last changed.
//
// An error matches [pipeline.ErrInvalid] where the file is no such list or does not say
// when it was made, [pipeline.ErrOverLimit] where it goes over a bound, and is the
// reader's own where reading fails.
func Load(r io.Reader, name string, given time.Time) (*List, error) {
	b := &bounded{r: r, sum: sha256.New()}
	p := &parser{file: name, in: b, dec: jsontext.NewDecoder(b, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))}
	if err := p.document(); err != nil {
		return nil, p.explain(err)
	}
	switch {
	case !p.found:
		return nil, invalid("%s holds no \"results\"", name)
	case len(p.entries) == 0:
		return nil, invalid("%s holds no entries", name)
	case p.total > int64(len(p.entries)):
		return nil, invalid("%s holds %d entries of %d", name, len(p.entries), p.total)
	}
	made := p.made
	if made.IsZero() {
		made = given
	}
	if made.IsZero() {
		made = p.changed
	}
	if made.IsZero() {
		return nil, &pipeline.Error{Code: pipeline.CodeInvalid, Message: name + " does not say when it was made", Hint: "say it with --screening-date"}
	}
	if made.Before(p.changed) && dayOf(made) != dayOf(p.changed) {
		return nil, &pipeline.Error{Code: pipeline.CodeInvalid,
			Message: fmt.Sprintf("%s is said to be of %s, and holds a source of %s", name, dayOf(made), dayOf(p.changed)), Hint: "give the day on which the file was fetched"}
	}
	return &List{Name: name, Digest: pipeline.DigestOf(b.sum.Sum(nil)), Made: made, Entries: p.entries, index: newIndex(p.entries)}, nil
}

func dayOf(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func invalid(format string, args ...any) error {
	return &pipeline.Error{Code: pipeline.CodeInvalid, Message: fmt.Sprintf(format, args...), Hint: listHint}
}

func overLimit(format string, args ...any) error {
	return &pipeline.Error{Code: pipeline.CodeOverLimit, Message: fmt.Sprintf(format, args...)}
}

// bounded hands out what the parser may read, and sums it up.
type bounded struct {
	r       io.Reader
	sum     hash.Hash
	read    int64
	allowed int64 // how far the parser may read for the token at hand
	err     error // what was wrong, kept apart from the parser's words for it
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.err == nil && b.read >= MaxBytes {
		b.err = overLimit("the list is larger than 512 MiB")
	}
	if b.err == nil && b.read >= b.allowed {
		b.err = overLimit("a text in the list is longer than 8 MiB")
	}
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.allowed-b.read, MaxBytes-b.read)])
	b.read += int64(n)
	b.sum.Write(p[:n])
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = fmt.Errorf("read the list: %w", err)
	}
	return n, err
}

// parser walks over the file's tokens.
type parser struct {
	file    string
	in      *bounded
	dec     *jsontext.Decoder
	entries []Entry
	names   int
	total   int64
	found   bool
	// made and changed are the newest times that the file states, see Load.
	made, changed time.Time
}

// explain returns the error that tells an operator what is wrong.
func (p *parser) explain(err error) error {
	var own *pipeline.Error
	switch {
	case p.in.err != nil:
		return p.in.err
	case errors.As(err, &own):
		return err
	}
	return &pipeline.Error{Code: pipeline.CodeInvalid, Message: p.file + " is no JSON of the layout that is known", Hint: listHint, Err: err}
}

func (p *parser) token() (jsontext.Token, error) {
	p.in.allowed = p.in.read + maxToken
	return p.dec.ReadToken()
}

func (p *parser) peek() jsontext.Kind {
	p.in.allowed = p.in.read + maxToken
	return p.dec.PeekKind()
}

// document reads the whole file.
func (p *parser) document() error {
	if err := p.object("the list", p.member); err != nil {
		return err
	}
	if _, err := p.token(); !errors.Is(err, io.EOF) {
		return invalid("%s goes on behind the list", p.file)
	}
	return nil
}

// object reads an object, handing each key to member, which reads the value.
func (p *parser) object(what string, member func(key string) error) error {
	if p.peek() != '{' {
		if _, err := p.token(); err != nil {
			return err
		}
		return invalid("%s: %s is no object", p.file, what)
	}
	if _, err := p.token(); err != nil {
		return err
	}
	for p.peek() != '}' {
		key, err := p.token()
		if err != nil {
			return err
		}
		if err := member(key.String()); err != nil {
			return err
		}
	}
	_, err := p.token()
	return err
}

// array reads a list, calling element for each value.
func (p *parser) array(element func() error) error {
	if _, err := p.token(); err != nil {
		return err
	}
	for p.peek() != ']' {
		if err := element(); err != nil {
			return err
		}
	}
	_, err := p.token()
	return err
}

// skip passes over a value of any size.
func (p *parser) skip() error {
	depth := p.dec.StackDepth()
	for {
		if _, err := p.token(); err != nil {
			return err
		}
		if p.dec.StackDepth() == depth {
			return nil
		}
	}
}

// text reads a value that is a text or a number; anything else is "".
func (p *parser) text() (string, error) {
	switch p.peek() {
	case '"', '0':
		t, err := p.token()
		return t.String(), err
	}
	return "", p.skip()
}

func (p *parser) member(key string) error {
	switch key {
	case "results":
		if p.peek() != '[' {
			return invalid("%s: \"results\" is no list", p.file)
		}
		p.found = true
		return p.array(p.entry)
	case "total":
		text, err := p.text()
		if _, scanned := fmt.Sscan(text, &p.total); scanned != nil {
			p.total = 0
		}
		return err
	case "sources_used":
		if p.peek() != '[' {
			return p.skip()
		}
		return p.array(func() error {
			if p.peek() != '{' {
				return p.skip()
			}
			return p.object("a source", p.stamp)
		})
	}
	return p.stamp(key)
}

// stamp reads the value of a key that may tell a time.
func (p *parser) stamp(key string) error {
	var to *time.Time
	switch key {
	case "search_performed_at", "last_imported":
		to = &p.made
	case "source_last_updated":
		to = &p.changed
	default:
		return p.skip()
	}
	text, err := p.text()
	if t, ok := ParseTime(text); ok && t.After(*to) {
		*to = t
	}
	return err
}

// ParseTime reads a time in the ways in which lists write it, or a day. What has no zone
// is in UTC.
func ParseTime(text string) (t time.Time, ok bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, strings.TrimSpace(text)); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

func (p *parser) entry() error {
	number := len(p.entries) + 1
	if number > MaxEntries {
		return overLimit("%s holds more than 2,000,000 entries", p.file)
	}
	var e Entry
	var names []string
	name := func() error {
		text, err := p.text()
		if err != nil {
			return err
		}
		if text = strings.TrimSpace(text); text == "" {
			return nil
		}
		if utf8.RuneCountInString(text) > MaxName {
			return overLimit("%s: entry %d has a name of more than 1,000 characters", p.file, number)
		}
		if p.names++; p.names > MaxNames {
			return overLimit("%s holds more than 4,000,000 names", p.file)
		}
		names = append(names, text)
		return nil
	}
	word := func(to *string) error {
		text, err := p.text()
		if err != nil {
			return err
		}
		if utf8.RuneCountInString(text) > maxWord {
			return overLimit("%s: entry %d has an id or a source of more than 200 characters", p.file, number)
		}
		*to = text
		return nil
	}
	main := 0
	err := p.object(fmt.Sprintf("entry %d", number), func(key string) error {
		switch key {
		case "id":
			return word(&e.ID)
		case "source":
			return word(&e.List)
		case "name":
			before := len(names)
			if err := name(); err != nil {
				return err
			}
			if len(names) > before {
				main = before
			}
			return nil
		case "alt_names":
			if p.peek() == '[' {
				return p.array(name)
			}
			return name()
		}
		return p.skip()
	})
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return invalid("%s: entry %d has no name", p.file, number)
	}
	e.List = code(e.List)
	e.Name = names[main]
	e.AltNames = slices.Delete(names, main, main+1)
	p.entries = append(p.entries, e)
	return nil
}

// codes lists the lists of which the consolidated one consists.
var codes = []string{"DPL", "EL", "MEU", "UVL", "ISN", "DTC", "CAP", "CMIC", "FSE", "MBS", "PLC", "SSI", "SDN"}

var bracketed = regexp.MustCompile(`\(([^()]*)\)`)

// code returns the code in a source such as "Entity List (EL) - Bureau of Industry and
// Security", or the source itself where it holds none that is known.
func code(source string) string {
	source = strings.TrimSpace(source)
	for _, m := range bracketed.FindAllStringSubmatch(source, -1) {
		for _, word := range strings.FieldsFunc(m[1], func(r rune) bool { return r == ' ' || r == '-' || r == '/' }) {
			if slices.Contains(codes, word) {
				return word
			}
		}
	}
	if source == "" {
		return "unknown"
	}
	return source
}

// Names is how many names the list holds, those counted once that differ only in what
// writers vary.
func (l *List) Names() int { return len(l.index.names) }
