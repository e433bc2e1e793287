package document

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"weighbridge/pipeline"
)

// maxReported bounds how many faults one error message lists.
const maxReported = 20

// problem is one fault of a document. Its place counts from 1, in lines and
// characters.
type problem struct {
	line, column int
	message      string
}

// Problems collects the faults of a document, so that its author sees all of them
// at once.
type Problems struct {
	// Name is the document's name.
	Name string
	// Hint is what the author can do about them.
	Hint string
	list []problem
}

// Add records a fault at the place of node. The message is one sentence without
// its full stop.
func (p *Problems) Add(node *yaml.Node, format string, args ...any) {
	if node == nil {
		p.AddAt(1, 1, format, args...)
		return
	}
	p.AddAt(node.Line, node.Column, format, args...)
}

// AddAt records a fault at a line and column. A place that is not known is the
// start of the document.
func (p *Problems) AddAt(line, column int, format string, args ...any) {
	p.list = append(p.list, problem{line: max(line, 1), column: max(column, 1), message: fmt.Sprintf(format, args...)})
}

// Len is the number of faults recorded so far.
func (p *Problems) Len() int { return len(p.list) }

// Err returns nil where no fault was recorded, else a [pipeline.Error] with
// [pipeline.CodeInvalid] whose message lists the faults in order of place as
// "name:line:column: what is wrong".
func (p *Problems) Err() error {
	if len(p.list) == 0 {
		return nil
	}
	slices.SortStableFunc(p.list, func(a, b problem) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column))
	})
	p.list = slices.Compact(p.list)
	var lines []string
	for i, one := range p.list {
		if i == maxReported {
			lines = append(lines, fmt.Sprintf("and %d more", len(p.list)-maxReported))
			break
		}
		lines = append(lines, fmt.Sprintf("%s:%d:%d: %s", p.Name, one.line, one.column, one.message))
	}
	return &pipeline.Error{Code: pipeline.CodeInvalid, Message: strings.Join(lines, "\n"), Hint: p.Hint}
}
