// Package document reads the YAML that people write for Weighbridge: rule packs and
// submissions. A document is bounded in size and depth, is a single one, holds no
// aliases and no merge keys, and every fault in it is reported with line and column.
package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	yaml "go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"

	"weighbridge/pipeline"
)

const (
	// MaxBytes is the size of the largest document that is read.
	MaxBytes = 1 << 20
	// maxDepth bounds how deep lists and mappings may lie in each other. Neither
	// kind of document needs more than ten levels.
	maxDepth = 64
)

// Document is one parsed YAML document.
type Document struct {
	// Name is the file's name, used in messages only.
	Name string
	// Source is the bytes as they were read.
	Source []byte
	// Root is the mapping that the document consists of.
	Root *yaml.Node
}

// Read parses the document in r. name is used in messages. It returns a
// [pipeline.Error] with [pipeline.CodeOverLimit] where the document is larger than
// [MaxBytes], with [pipeline.CodeInvalid] where it is no usable YAML, and the
// reader's own error where reading fails. hint is what to do about a document that
// is empty or wrong.
func Read(r io.Reader, name, hint string) (*Document, error) {
	source, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(source) > MaxBytes {
		return nil, &pipeline.Error{
			Code: pipeline.CodeOverLimit,
			Message: fmt.Sprintf("%s:%d:1: the file is larger than 1 MiB and is not read further than this line",
				name, 1+bytes.Count(source[:MaxBytes], []byte{'\n'})),
			Hint: "Split the file into smaller ones.",
		}
	}
	problems := &Problems{Name: name, Hint: hint}
	if len(bytes.TrimSpace(source)) == 0 {
		problems.AddAt(1, 1, "the file is empty")
		return nil, problems.Err()
	}
	var root yaml.Node
	limits := loaderlimits.New(loaderlimits.DepthValue(maxDepth), loaderlimits.AliasValue(0))
	if err := yaml.Load(source, &root, yaml.WithPlugin(limits)); err != nil {
		problems.addYAML(err)
		return nil, problems.Err()
	}
	if len(root.Content) != 1 || root.Content[0].Kind != yaml.MappingNode {
		problems.AddAt(max(root.Line, 1), max(root.Column, 1), "the file must hold keys with values, as in \"key: value\"")
		return nil, problems.Err()
	}
	doc := &Document{Name: name, Source: source, Root: root.Content[0]}
	refuseShortcuts(doc.Root, problems)
	return doc, problems.Err()
}

// refuseShortcuts reports aliases and merge keys: they make a document mean more
// than a reader sees, and they are how a small file becomes a huge one. It reports empty
// elements of lists too, which make it mean less.
func refuseShortcuts(node *yaml.Node, problems *Problems) {
	if node.Kind == yaml.AliasNode {
		problems.Add(node, "aliases are not used here: write the value out")
		return
	}
	for i, child := range node.Content {
		if node.Kind == yaml.MappingNode && i%2 == 0 && child.Value == "<<" {
			problems.Add(child, "merge keys are not used here: write the values out")
		}
		if node.Kind == yaml.SequenceNode && child.Kind == yaml.ScalarNode && child.ShortTag() == "!!null" {
			// The decoder would drop it, and an empty list would be an answer.
			problems.Add(child, "this element of a list is empty: fill it in, or take it out")
		}
		refuseShortcuts(child, problems)
	}
}

// Decode stores node into out, a pointer to a struct with yaml tags, and reports
// unknown keys, keys given twice and values of the wrong type.
func Decode(node *yaml.Node, out any, problems *Problems) {
	if err := node.Load(out, yaml.WithKnownFields()); err != nil {
		problems.addYAML(err)
	}
}

// Child returns the value of a key below a mapping, or nil where there is none.
func Child(node *yaml.Node, key string) *yaml.Node {
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

var (
	unknownField   = regexp.MustCompile(`^field (.*) not found in type .*$`)
	wrongType      = regexp.MustCompile("^cannot construct !!(\\w+)(?: `(.*)`)? into (.*)$")
	duplicateKey   = regexp.MustCompile(`^mapping key (".*") already defined at line (\d+)$`)
	plainYAMLNames = map[string]string{
		"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false",
		"seq": "a list", "map": "keys with values", "null": "nothing", "timestamp": "a date",
	}
	plainGoNames = map[string]string{
		"string": "text is", "int64": "a whole number is", "float64": "a number is", "bool": "true or false is",
	}
)

// addYAML puts the YAML library's errors into words for people who write packs and
// submissions, not Go.
func (p *Problems) addYAML(err error) {
	var many *yaml.LoadErrors
	if errors.As(err, &many) {
		for _, one := range many.Errors {
			p.AddAt(one.Mark.Line, one.Mark.Column, "%s", inPlainWords(one.Message))
		}
		return
	}
	var one *yaml.LoadError
	if errors.As(err, &one) {
		message := inPlainWords(one.Message)
		if one.ContextMsg != "" {
			message = one.ContextMsg + ": " + message
		}
		p.AddAt(one.Mark.Line, one.Mark.Column, "%s", message)
		return
	}
	p.AddAt(1, 1, "%s", inPlainWords(err.Error()))
}

func inPlainWords(message string) string {
	message = strings.TrimPrefix(message, "yaml: ")
	if m := unknownField.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("unknown key %q", m[1])
	}
	if m := duplicateKey.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("the key %s is given twice; the first is on line %s", m[1], m[2])
	}
	if m := wrongType.FindStringSubmatch(message); m != nil {
		got, want := plainYAMLNames[m[1]], plainGoNames[m[3]]
		if got == "" {
			got = m[1]
		}
		switch {
		case want != "":
		case strings.HasPrefix(m[3], "[]"):
			want = "a list is"
		default:
			want = "keys with values are"
		}
		if m[2] != "" {
			got += " (" + m[2] + ")"
		}
		return fmt.Sprintf("%s needed here, not %s", want, got)
	}
	switch message {
	case "no documents in stream":
		return "the file is empty: it holds nothing but comments"
	case "expected single document, found multiple":
		return "the file holds more than one document: take out the line \"---\" between them"
	}
	return message
}
