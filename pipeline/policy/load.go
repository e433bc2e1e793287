package policy

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy/document"
)

// maxRules bounds the rules of one pack.
const maxRules = 500

const loadHint = "Correct the file at the places named. \"weighbridge rules show seed-article\" shows a pack that loads."

// packFile and ruleFile are the pack format.
type packFile struct {
	Pack    string      `yaml:"pack"`
	Version string      `yaml:"version"`
	Title   string      `yaml:"title"`
	Applies string      `yaml:"applies"`
	Include []string    `yaml:"include"`
	Lists   []string    `yaml:"lists"`
	Rules   []yaml.Node `yaml:"rules"`
}

type citeFile struct {
	Title    string `yaml:"title"`
	URL      string `yaml:"url"`
	Accessed string `yaml:"accessed"`
	Mark     string `yaml:"mark"`
}

type ruleFile struct {
	ID           string `yaml:"id"`
	Title        string `yaml:"title"`
	Jurisdiction string `yaml:"jurisdiction"`
	Status       string `yaml:"status"`
	Effective    struct {
		From string `yaml:"from"`
		To   string `yaml:"to"`
	} `yaml:"effective"`
	For      string       `yaml:"for"`
	When     string       `yaml:"when"`
	Effect   string       `yaml:"effect"`
	Quorum   string       `yaml:"quorum"`
	Accept   string       `yaml:"accept"`
	Message  string       `yaml:"message"`
	Ask      []string     `yaml:"ask"`
	Cite     []citeFile   `yaml:"cite"`
	Offices  []string     `yaml:"offices"`
	ReviewBy string       `yaml:"review_by"`
	Examples examplesFile `yaml:"examples"`
}

// LoadFile loads the pack in a file, with the lists that ship. A file that does not
// exist matches [pipeline.ErrNotFound]; see [Load] for the other errors.
func LoadFile(file string) (*Pack, error) {
	lib, err := NewLibrary()
	if err != nil {
		return nil, err
	}
	return lib.LoadFile(file)
}

// LoadFile loads the pack in a file. Files that it includes lie in its folder or
// below. Errors are those of [LoadFile].
func (lib *Library) LoadFile(file string) (*Pack, error) {
	f, err := openFile(file, "the rule pack")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	name := filepath.Base(file)
	return lib.load(f, name, include{open: within(filepath.Dir(file)), stack: []string{name}, files: new(int)}, false)
}

func openFile(file, what string) (*os.File, error) {
	// A pipe would wait for a writer.
	if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: what + " is no file", Hint: "Name one that ships, or the path of a file."}
	}
	f, err := os.Open(file)
	if err != nil {
		code := pipeline.CodeUsage
		if errors.Is(err, fs.ErrNotExist) {
			code = pipeline.CodeNotFound
		}
		return nil, &pipeline.Error{Code: code, Message: what + " cannot be opened", Hint: "Name one that ships, or the path of a file.", Err: err}
	}
	return f, nil
}

// Load reads a pack of at most 1 MiB from r, checks all of it and compiles its
// expressions with the lists that ship. name is the file's name, for messages. An
// error matches [pipeline.ErrInvalid], and names every fault as "name:line:column: what
// is wrong", or [pipeline.ErrOverLimit] for a pack that is too large.
func Load(r io.Reader, name string) (*Pack, error) {
	lib, err := NewLibrary()
	if err != nil {
		return nil, err
	}
	return lib.Load(r, name)
}

// Load is the function [Load] with these lists. A pack from a reader includes no files.
func (lib *Library) Load(r io.Reader, name string) (*Pack, error) {
	return lib.load(r, name, include{stack: []string{name}}, false)
}

// load loads a pack. The rules of one that is tried are compiled when they are needed.
func (lib *Library) load(r io.Reader, name string, from include, tried bool) (*Pack, error) {
	doc, err := document.Read(r, name, loadHint)
	if err != nil {
		return nil, err
	}
	l := &loader{
		doc:      doc,
		problems: &document.Problems{Name: name, Hint: loadHint},
		library:  lib,
		include:  from,
		tried:    tried,
		digests:  []pipeline.Digest{pipeline.DigestBytes(doc.Source)},
	}
	l.compiler = newCompiler(doc, l.problems, lib.envs)
	pack := l.pack()
	if err := l.problems.Err(); err != nil {
		return nil, err
	}
	pack.Digest = l.digests[0]
	if len(l.digests) > 1 {
		// What is included belongs to the pack: the digest is over all its files.
		var all strings.Builder
		for _, d := range l.digests {
			all.WriteString(string(d) + "\n")
		}
		pack.Digest = pipeline.DigestBytes([]byte(all.String()))
	}
	return pack, nil
}

// loader turns one document into a pack and collects what is wrong with it.
type loader struct {
	doc      *document.Document
	problems *document.Problems
	library  *Library
	include  include
	tried    bool
	digests  []pipeline.Digest
	compiler compiler
}

var (
	packName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)
	ruleName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
)

func (l *loader) pack() *Pack {
	var file packFile
	document.Decode(l.doc.Root, &file, l.problems)
	root := l.doc.Root
	pack := &Pack{Name: file.Pack, Version: file.Version, Title: file.Title, Applies: file.Applies}
	if l.need(root, "the pack", "pack", file.Pack) && !packName.MatchString(file.Pack) {
		l.problems.Add(document.Child(root, "pack"), "the name of a pack is lower-case letters, digits and hyphens, at most 64")
	}
	l.need(root, "the pack", "version", file.Version)
	l.need(root, "the pack", "title", file.Title)
	l.ownLists(root, file.Lists)
	if node := document.Child(root, "applies"); node != nil {
		pack.applies = l.compiler.compile(node, nil, nil)
	}
	switch {
	case len(file.Rules) == 0 && len(file.Include) == 0:
		l.problems.Add(root, "the pack has no rules")
	case len(file.Rules) > maxRules:
		l.problems.Add(&file.Rules[maxRules], "a pack holds at most %d rules", maxRules)
		return pack
	}
	lines := map[string]string{}
	for _, rule := range l.included(root, file.Include) {
		if first, given := lines[rule.ID]; given {
			l.problems.Add(document.Child(root, "include"), "the rule id %q is given twice among the included packs; the first is in %s", rule.ID, first)
		}
		lines[rule.ID] = "an included pack"
		pack.Rules = append(pack.Rules, rule)
	}
	for i := range file.Rules {
		rule := l.rule(&file.Rules[i])
		if first, given := lines[rule.ID]; given && rule.ID != "" {
			l.problems.Add(document.Child(&file.Rules[i], "id"), "the rule id %q is given twice; the first is %s", rule.ID, first)
		}
		lines[rule.ID] = fmt.Sprintf("on line %d", rule.Line)
		pack.Rules = append(pack.Rules, rule)
	}
	return pack
}

// maxIncluded bounds how deep packs include each other, mostIncluded how many files one
// pack brings along.
const (
	maxIncluded  = 8
	mostIncluded = 64
)

// included loads the packs that this one includes and returns their rules in order.
// What the included pack says of where it applies is the including pack's to say.
func (l *loader) included(root *yaml.Node, names []string) []Rule {
	var rules []Rule
	at := document.Child(root, "include")
	for i, name := range names {
		item := at.Content[i]
		if slices.Contains(names[:i], name) {
			l.problems.Add(item, "%q is included twice", name)
			continue
		}
		f, ok := l.beside(item, name)
		if !ok {
			continue
		}
		if slices.Contains(l.include.stack, name) {
			l.problems.Add(item, "the packs include each other in a circle: %s", strings.Join(append(slices.Clone(l.include.stack), name), ", then "))
			_ = f.Close()
			continue
		}
		if len(l.include.stack) >= maxIncluded {
			l.problems.Add(item, "packs include each other at most %d deep", maxIncluded)
			_ = f.Close()
			continue
		}
		if *l.include.files++; *l.include.files > mostIncluded {
			l.problems.Add(item, "a pack brings at most %d files along", mostIncluded)
			_ = f.Close()
			return rules
		}
		inner := include{open: l.include.open, stack: append(slices.Clone(l.include.stack), name), files: l.include.files}
		pack, err := l.library.load(f, name, inner, false)
		_ = f.Close()
		if err != nil {
			first, _, _ := strings.Cut(err.Error(), "\n")
			l.problems.Add(item, "the included pack does not load: %s", first)
			continue
		}
		l.digests = append(l.digests, pack.Digest)
		rules = append(rules, pack.Rules...)
	}
	return rules
}

// ownLists loads the lists that the pack brings along; they take the place of those of
// the same name.
func (l *loader) ownLists(root *yaml.Node, names []string) {
	at := document.Child(root, "lists")
	for i, name := range names {
		item := at.Content[i]
		f, ok := l.beside(item, name)
		if !ok {
			continue
		}
		list, err := LoadList(f, name)
		_ = f.Close()
		if err != nil {
			l.problems.Add(item, "the list does not load: %v", err)
			continue
		}
		l.digests = append(l.digests, list.Digest)
		lists := maps.Clone(l.compiler.envs.lists)
		lists[list.Name] = list
		l.compiler.envs = newEnvironments(lists)
	}
}

// beside opens a file that the pack names.
func (l *loader) beside(item *yaml.Node, name string) (io.ReadCloser, bool) {
	if l.include.open == nil {
		l.problems.Add(item, "a pack that is not a file of its own brings no other files along")
		return nil, false
	}
	if !validPath(name) {
		l.problems.Add(item, "%q is no path below the folder of the pack", name)
		return nil, false
	}
	f, err := l.include.open(name)
	if err != nil {
		l.problems.Add(item, "%q cannot be opened: it must lie in the folder of the pack, or below", name)
		return nil, false
	}
	return f, true
}

// need reports a key that is absent or empty.
func (l *loader) need(node *yaml.Node, what, key, value string) bool {
	if value != "" {
		return true
	}
	if at := document.Child(node, key); at != nil {
		node = at
	}
	l.problems.Add(node, "%s has no %q", what, key)
	return false
}

// choose returns the value of key where it is one of all, and otherwise where the
// key is absent.
func choose[T ~string](l *loader, node *yaml.Node, key string, value string, all []T, otherwise T) T {
	if value == "" && document.Child(node, key) == nil {
		return otherwise
	}
	for _, one := range all {
		if string(one) == value {
			return one
		}
	}
	l.problems.Add(document.Child(node, key), "%q is no %s: it is one of %s", value, key, join(all))
	return otherwise
}

func join[T ~string](all []T) string {
	var out string
	for i, one := range all {
		if i > 0 {
			out += ", "
		}
		out += string(one)
	}
	return out
}

func (l *loader) rule(node *yaml.Node) Rule {
	var file ruleFile
	document.Decode(node, &file, l.problems)
	rule := Rule{
		ID: file.ID, Title: file.Title, Jurisdiction: file.Jurisdiction,
		For: file.For, When: file.When, Message: file.Message, Ask: append([]string{}, file.Ask...),
		Line: node.Line,
	}
	what := "the rule"
	if l.need(node, what, "id", file.ID) {
		what = "rule " + file.ID
		if !ruleName.MatchString(file.ID) {
			l.problems.Add(document.Child(node, "id"), "the id of a rule is letters, digits, dots, hyphens and underscores, at most 64")
		}
	}
	l.need(node, what, "title", file.Title)

	l.need(node, what, "status", file.Status)
	rule.Status = choose(l, node, "status", file.Status, statuses, StatusInForce)
	l.need(node, what, "effect", file.Effect)
	rule.Effect = choose(l, node, "effect", file.Effect, effects, pipeline.EffectReview)
	if most := rule.Status.strongest(); rankOf(effects, rule.Effect) < rankOf(effects, most) {
		l.problems.Add(document.Child(node, "effect"), "a rule that is %s is at most %s", rule.Status, most)
	}
	quorum := pipeline.QuorumOne
	if rule.Effect == pipeline.EffectBlock {
		quorum = pipeline.QuorumTwo
	}
	rule.Quorum = choose(l, node, "quorum", file.Quorum, quorums, quorum)
	rule.Accept = choose(l, node, "accept", file.Accept, accepts, pipeline.BasisMeasured)

	l.dates(node, file, &rule)
	l.cite(node, what, file, &rule)
	l.offices(node, file, &rule)
	rule.compiled = &compiled{}
	if l.tried {
		l.later(node, what, file, &rule)
		return rule
	}
	l.compile(node, what, file, &rule, &rule.compiled.body)
	if when := rule.compiled.body.when; when != nil {
		rule.uses(when.lists)
	}
	return rule
}

// compile makes the body of a rule.
func (l *loader) compile(node *yaml.Node, what string, file ruleFile, rule *Rule, into *body) {
	l.expression(node, what, rule, into)
	l.words(node, what, rule, into)
	l.examples(node, what, file.Examples, into)
}

// uses records the lists that a rule looks into.
func (r *Rule) uses(lists []*List) {
	r.Lists = append([]*List{}, lists...)
	for _, list := range lists {
		r.Unverified = r.Unverified || list.VerifiedBy == ""
	}
}

// listedIn finds the names of lists in the text of an expression.
var listedIn = regexp.MustCompile(`listed\([^"]*"([^"]+)"\)`)

// later has a rule compiled when it is first needed. What it says of lists is known
// before, from its text.
func (l *loader) later(node *yaml.Node, what string, file ruleFile, rule *Rule) {
	names := map[string]bool{}
	for _, m := range listedIn.FindAllStringSubmatch(rule.When, -1) {
		names[m[1]] = true
	}
	var lists []*List
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if list, ok := l.compiler.envs.lists[name]; ok {
			lists = append(lists, list)
		}
	}
	rule.uses(lists)
	texts := *rule
	rule.compiled.make = func(into *body) {
		// Each has problems of its own, because rules can be needed side by side.
		alone := *l
		alone.problems = &document.Problems{Name: l.doc.Name, Hint: loadHint}
		alone.compiler.problems = alone.problems
		alone.compile(node, what, file, &texts, into)
		if alone.problems.Len() > 0 {
			into.when = nil
		}
	}
}

// expression compiles "for" and "when".
func (l *loader) expression(node *yaml.Node, what string, rule *Rule, into *body) {
	if at := document.Child(node, "for"); at != nil {
		p, t, err := resolve(rule.For, nil)
		switch {
		case err != nil:
			l.problems.Add(at, "%v", err)
			return
		case t.Kind() != reflect.Slice:
			l.problems.Add(at, "%q is not a list, so a rule cannot look at its elements one by one", rule.For)
			return
		}
		into.list, into.elem = p, t.Elem()
	}
	if !l.need(node, what, "when", rule.When) {
		return
	}
	into.when = l.compiler.compile(document.Child(node, "when"), into.elem, into.list)
	if into.when != nil && into.list != nil && !into.when.usesElement {
		l.problems.Add(document.Child(node, "when"), "%s is evaluated for every element of %s and never looks at %q", what, rule.For, element)
	}
}

func rankOf[T comparable](all []T, one T) int {
	for i, other := range all {
		if other == one {
			return i
		}
	}
	return len(all)
}

// strongest returns the stronger of two values of a list that is in order of
// strength.
func strongest[T comparable](all []T, a, b T) T {
	if rankOf(all, b) < rankOf(all, a) {
		return b
	}
	return a
}
