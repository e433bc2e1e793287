package modelcard

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	yaml "go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"

	"weighbridge/pipeline"
)

const (
	// maxDepth bounds how deep lists and mappings may lie in each other: model-index, the
	// deepest part of the specification, has eight levels.
	maxDepth = 32
	// maxValues bounds the values of a front matter, those that aliases repeat included.
	maxValues = 20_000
	// mostCuts is how often the end of a front matter without a closing line is looked for.
	mostCuts = 24
)

// Document is a README as it was understood.
type Document struct {
	// Values is the front matter, nil where there is none. A value is a string, a
	// json.Number, a bool, nil, []any or map[string]any. A key that is given twice has a
	// list of what was given.
	Values map[string]any
	// Body is the prose behind the front matter, with LF at the ends of its lines.
	Body string
	// Problems says in sentences what was odd.
	Problems []string
}

// Parse reads a README, which is a Markdown text that may begin with YAML between two lines
// of three hyphens. It never fails: what is not understood is a problem. A byte-order mark,
// white space before the first line, CR LF, tabs in place of spaces and keys that are given
// twice are understood. Without the closing line, the front matter goes as far as it is a
// mapping.
func Parse(text []byte) Document {
	var d Document
	clean := strings.ToValidUTF8(string(text), "\uFFFD")
	clean = strings.TrimPrefix(clean, "\uFEFF")
	clean = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(clean)
	first, rest, _ := strings.Cut(strings.TrimLeft(clean, " \t\n"), "\n")
	if strings.TrimRight(first, " \t") != fence {
		d.Body = clean
		return d
	}
	at, after := closing(rest)
	if at < 0 {
		d.unclosed(rest)
		return d
	}
	matter := rest[:at]
	d.Body = rest[after:]
	root, err := load(matter)
	if err != nil && strings.Contains(matter, "\t") {
		var again error
		if root, again = load(strings.ReplaceAll(matter, "\t", "  ")); again == nil {
			err = nil
			d.problem("the front matter has tabs where YAML asks for spaces")
		}
	}
	if err != nil {
		d.problem("the front matter is no YAML mapping (%s)", reason(err))
		return d
	}
	d.fill(root)
	return d
}

func (d *Document) problem(format string, args ...any) {
	sentence := fmt.Sprintf(format, args...)
	for _, p := range d.Problems {
		if p == sentence {
			return
		}
	}
	if len(d.Problems) < mostProblems {
		d.Problems = append(d.Problems, sentence)
	}
}

const fence = "---"

// closing finds the line that ends the front matter: where it begins, and where the text
// behind it does; -1 where there is none.
func closing(rest string) (at, after int) {
	for line := range strings.Lines(rest) {
		after = at + len(line)
		if end := strings.TrimRight(line, " \t\n"); end == fence || end == "..." {
			return at, after
		}
		at = after
	}
	return -1, -1
}

// unclosed takes as much of a text as is a mapping, line by line from its start. Prose
// that follows gives an error with a line; the text is cut before it and tried again.
func (d *Document) unclosed(text string) {
	lines := strings.SplitAfter(text, "\n")
	keep := untilProse(lines)
	for range mostCuts {
		matter := strings.Join(lines[:keep], "")
		root, err := load(strings.ReplaceAll(matter, "\t", "  "))
		if err == nil {
			d.Body = strings.Join(lines[keep:], "")
			if root != nil && len(root.Content) > 0 {
				d.problem("the front matter has no closing line; it was read as far as it is a mapping")
				d.fill(root)
			}
			return
		}
		keep = min(keep-1, lineOf(err)-1)
		if keep <= 0 {
			break
		}
	}
	d.Body = text
	d.problem("the text begins with --- and no front matter follows")
}

// keyLine is a line that goes on with a mapping behind an empty line.
var keyLine = regexp.MustCompile(`^(?:[\w-]+:(?:\s|$)|[\s-])`)

// untilProse returns how many lines come before the first one that follows an empty line
// and does not begin like a key.
func untilProse(lines []string) int {
	for i := 1; i < len(lines); i++ {
		if strings.TrimSpace(lines[i-1]) == "" && strings.TrimSpace(lines[i]) != "" && !keyLine.MatchString(lines[i]) {
			return i
		}
	}
	return len(lines)
}

// errNoMapping is returned for YAML that is another thing than keys with values.
var errNoMapping = errors.New("it holds no keys with values")

// load parses one mapping; nil without an error where there is nothing but comments.
func load(matter string) (*yaml.Node, error) {
	if strings.TrimSpace(matter) == "" {
		return nil, nil //nolint:nilnil // nothing was written, and that is no fault
	}
	var root yaml.Node
	// Aliases are not followed here but in fill, where they are counted.
	limits := loaderlimits.New(loaderlimits.DepthValue(maxDepth), loaderlimits.AliasNone())
	if err := yaml.Load([]byte(matter), &root, yaml.WithPlugin(limits)); err != nil {
		if strings.Contains(err.Error(), "no documents in stream") {
			return nil, nil //nolint:nilnil // as above
		}
		return nil, err
	}
	if len(root.Content) != 1 || root.Content[0].Kind != yaml.MappingNode {
		return nil, errNoMapping
	}
	return root.Content[0], nil
}

// lineOf returns the line of a fault, or a number beyond every text.
func lineOf(err error) int {
	var many *yaml.LoadErrors
	if errors.As(err, &many) && len(many.Errors) > 0 {
		return max(many.Errors[0].Mark.Line, 1)
	}
	var one *yaml.LoadError
	if errors.As(err, &one) {
		return max(one.Mark.Line, 1)
	}
	return 1 << 30
}

// reason says what is wrong in one line.
func reason(err error) string {
	var one *yaml.LoadError
	if errors.As(err, &one) {
		return fmt.Sprintf("line %d: %s", max(one.Mark.Line, 1)+1, pipeline.PlainText(one.Message, longestShown))
	}
	return pipeline.PlainText(strings.TrimPrefix(err.Error(), "yaml: "), longestShown)
}
