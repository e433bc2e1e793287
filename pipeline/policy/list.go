package policy

import (
	"bytes"
	"io"
	"io/fs"
	"maps"
	"os"
	slashpath "path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	yaml "go.yaml.in/yaml/v4"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy/document"
)

const (
	listHint = "Correct the file at the places named. A list has the keys list, title, as_of, source, verified_by, review_by and members."
	// maxMembers bounds the members of one list.
	maxMembers = 10_000
)

// List is a dated set of words that rules test membership in: country groups,
// adequacy decisions, embargoes. Lists change without the rules that use them, so
// that they are data of their own. A List does not change after loading.
type List struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	// AsOf is the day the list was true, as YYYY-MM-DD.
	AsOf string `json:"as_of"`
	// Source says where it comes from.
	Source pipeline.Citation `json:"source"`
	// VerifiedBy is who held it against the source, "" where nobody has.
	VerifiedBy string `json:"verified_by"`
	// ReviewBy is the last day on which "is not on the list" is taken as it stands.
	ReviewBy string   `json:"review_by"`
	Members  []Member `json:"members"`
	// Digest is the SHA-256 of the file.
	Digest pipeline.Digest `json:"digest"`

	spans map[string][]Member
}

// Member is a word of a list with the first and the last day on which it is on it,
// "" where there is no such day.
type Member struct {
	ID   string `json:"id" yaml:"id"`
	From string `json:"from" yaml:"from"`
	To   string `json:"to" yaml:"to"`
}

// Holds tells whether a word is on the list on a day.
func (l *List) Holds(id, on string) bool {
	return slices.ContainsFunc(l.spans[id], func(m Member) bool {
		return (m.From == "" || m.From <= on) && (m.To == "" || on <= m.To)
	})
}

// listFile is the format of a list. A member is a word, or a word with dates.
type listFile struct {
	List       string      `yaml:"list"`
	Title      string      `yaml:"title"`
	AsOf       string      `yaml:"as_of"`
	Source     citeFile    `yaml:"source"`
	VerifiedBy string      `yaml:"verified_by"`
	ReviewBy   string      `yaml:"review_by"`
	Members    []yaml.Node `yaml:"members"`
}

// LoadList reads a list of at most 1 MiB from r and checks all of it. name is the
// file's name, for messages. Errors are those of [Load].
func LoadList(r io.Reader, name string) (*List, error) {
	doc, err := document.Read(r, name, listHint)
	if err != nil {
		return nil, err
	}
	l := &loader{doc: doc, problems: &document.Problems{Name: name, Hint: listHint}}
	list := l.namedList()
	if err := l.problems.Err(); err != nil {
		return nil, err
	}
	list.Digest = pipeline.DigestBytes(doc.Source)
	return list, nil
}

func (l *loader) namedList() *List {
	var file listFile
	root := l.doc.Root
	document.Decode(root, &file, l.problems)
	list := &List{Name: file.List, Title: file.Title, VerifiedBy: file.VerifiedBy, Members: []Member{}, spans: map[string][]Member{}}
	if l.need(root, "the list", "list", file.List) && !packName.MatchString(file.List) {
		l.problems.Add(document.Child(root, "list"), "the name of a list is lower-case letters, digits and hyphens, at most 64")
	}
	l.need(root, "the list", "title", file.Title)
	if l.need(root, "the list", "as_of", file.AsOf) {
		list.AsOf = l.date(root, "as_of", file.AsOf)
	}
	if l.need(root, "the list", "review_by", file.ReviewBy) {
		list.ReviewBy = l.date(root, "review_by", file.ReviewBy)
	}
	if at := document.Child(root, "source"); at == nil {
		l.problems.Add(root, "the list has no %q", "source")
	} else {
		list.Source = l.citation(at, file.Source)
	}
	members := document.Child(root, "members")
	switch {
	case members == nil || members.Kind != yaml.SequenceNode:
		l.problems.Add(root, "the list has no %q", "members")
	case len(file.Members) > maxMembers:
		l.problems.Add(members, "a list holds at most %d members", maxMembers)
		return list
	}
	for i := range file.Members {
		node := &file.Members[i]
		var m Member
		if node.Kind == yaml.ScalarNode {
			document.Decode(node, &m.ID, l.problems)
		} else {
			document.Decode(node, &m, l.problems)
			m.From, m.To = l.date(node, "from", m.From), l.date(node, "to", m.To)
			if m.From != "" && m.To != "" && m.To < m.From {
				l.problems.Add(node, "the member ends on %s, before it starts on %s", m.To, m.From)
			}
		}
		if m.ID == "" || strings.TrimSpace(m.ID) != m.ID {
			l.problems.Add(node, "a member is a word without spaces around it, or has one under \"id\"")
		}
		list.Members = append(list.Members, m)
		list.spans[m.ID] = append(list.spans[m.ID], m)
	}
	return list
}

// Library is what packs are loaded with: the lists that their rules may name. It does
// not change and is safe for concurrent use.
type Library struct {
	lists map[string]*List
	// envs are the environments that rules are compiled in, by the type of "it". They
	// are the same for all packs that bring no lists of their own.
	envs *environments
	// shipped loads each pack that ships once.
	shipped map[string]func() (*Pack, error)
}

var shippedLists = sync.OnceValues(func() (map[string]*List, error) {
	lists := map[string]*List{}
	entries, err := packs.ReadDir("packs/lists")
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		text, err := packs.ReadFile("packs/lists/" + entry.Name())
		if err != nil {
			return nil, err
		}
		list, err := LoadList(bytes.NewReader(text), entry.Name())
		if err != nil {
			return nil, err
		}
		lists[list.Name] = list
	}
	return lists, nil
})

// NewLibrary returns the lists that ship, with those given in place of the ones of
// the same name.
func NewLibrary(replace ...*List) (*Library, error) {
	if len(replace) == 0 {
		return shippedLibrary()
	}
	return newLibrary(replace)
}

// shippedLibrary is what nearly every caller asks for. A program that judges many cases
// reads and compiles the packs that ship once.
var shippedLibrary = sync.OnceValues(func() (*Library, error) { return newLibrary(nil) })

func newLibrary(replace []*List) (*Library, error) {
	shipped, err := shippedLists()
	if err != nil {
		return nil, err
	}
	lists := maps.Clone(shipped)
	for _, list := range replace {
		lists[list.Name] = list
	}
	lib := &Library{lists: lists, envs: newEnvironments(lists), shipped: map[string]func() (*Pack, error){}}
	for _, name := range EmbeddedNames() {
		lib.shipped[name] = sync.OnceValues(func() (*Pack, error) { return lib.loadEmbedded(name) })
	}
	return lib, nil
}

// Lists returns all lists in order of name.
func (lib *Library) Lists() []*List {
	out := make([]*List, 0, len(lib.lists))
	for _, name := range slices.Sorted(maps.Keys(lib.lists)) {
		out = append(out, lib.lists[name])
	}
	return out
}

// LoadListFile loads the list in a file. Errors are those of [LoadFile].
func LoadListFile(file string) (*List, error) {
	f, err := openFile(file, "the list")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return LoadList(f, filepath.Base(file))
}

// include reads the files that a pack names beside itself.
type include struct {
	// open opens a file by its path from the folder of the pack; nil where the pack
	// does not lie in a folder.
	open func(name string) (io.ReadCloser, error)
	// open files, outermost first, for finding a cycle.
	stack []string
	// files counts what the outermost pack has brought along.
	files *int
}

// within returns a way to open files below the folder of a pack.
func within(folder string) func(string) (io.ReadCloser, error) {
	return func(name string) (io.ReadCloser, error) {
		root, err := os.OpenRoot(folder)
		if err != nil {
			return nil, err
		}
		defer func() { _ = root.Close() }()
		if info, err := root.Stat(name); err != nil || !info.Mode().IsRegular() {
			return nil, fs.ErrInvalid
		}
		return root.Open(name)
	}
}

// validPath tells whether a name may be opened from the folder of a pack: a plain
// path below it.
func validPath(name string) bool {
	return name != "" && !slashpath.IsAbs(name) && slashpath.Clean(name) == name && name != ".." && !strings.HasPrefix(name, "../") && !strings.Contains(name, `\`)
}
