// Package submission reads what a submitter declares about a transfer: a YAML file
// whose keys are the names of facts.
package submission

import (
	"io"
	"math"
	"reflect"
	"slices"
	"strings"
	"unicode"

	yaml "go.yaml.in/yaml/v4"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy/document"
)

const (
	hint = "Write at least one key that is known, such as \"destination: {country: DE}\", and leave out what is not known."

	// Worldwide is the destination of weights that anybody anywhere can get.
	Worldwide = "worldwide"

	maxText = 10_000 // characters
)

// accesses are the values of weights.access.
var accesses = []string{"published", "gated", "partner", "closed"}

// Load reads a submission of at most 1 MiB from r. name is the file's name, for
// messages. A key without a value, or with the value null, states nothing.
//
// An error matches [pipeline.ErrInvalid], and names every fault as
// "name:line:column: what is wrong", or [pipeline.ErrOverLimit] where the file is
// too large. A file that states nothing at all is an error too: leaving the
// submission out says the same and is not mistaken for an answer.
func Load(r io.Reader, name string) (*pipeline.Submission, error) {
	doc, err := document.Read(r, name, hint)
	if err != nil {
		return nil, err
	}
	problems := &document.Problems{Name: name, Hint: hint}
	sub := &pipeline.Submission{}
	document.Decode(doc.Root, sub, problems)
	if problems.Len() == 0 {
		c := &checker{problems: problems}
		c.check(sub, doc.Root)
	}
	if problems.Len() == 0 && reflect.DeepEqual(*sub, pipeline.Submission{}) {
		problems.Add(doc.Root, "the submission states nothing")
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return sub, nil
}

// checker looks at the values of a submission that decoded.
type checker struct {
	problems *document.Problems
}

func (c *checker) check(sub *pipeline.Submission, root *yaml.Node) {
	c.texts(root)

	destination := document.Child(root, "destination")
	if country := sub.Destination.Country; country == nil || *country != Worldwide {
		c.country(country, document.Child(destination, "country"), ", or \"worldwide\"")
	}
	c.country(sub.Recipient.Country, document.Child(document.Child(root, "recipient"), "country"), "")
	c.access(sub.Weights.Access, document.Child(document.Child(root, "weights"), "access"))

	training := document.Child(root, "training")
	if tokens := sub.Training.Tokens; tokens != nil && *tokens < 0 {
		c.problems.Add(document.Child(training, "tokens"), "a number of tokens is not negative")
	}
	c.interval(sub.Training.Flops, document.Child(training, "flops"))

	datasets := document.Child(root, "datasets")
	for i, dataset := range sub.Datasets {
		c.country(dataset.OriginCountry, document.Child(datasets.Content[i], "origin_country"), "")
	}
}

// texts refuses texts that are blank, too long or hold control characters other
// than line breaks and tabs, anywhere in the file.
func (c *checker) texts(node *yaml.Node) {
	if node.Kind == yaml.ScalarNode && node.ShortTag() != "!!null" {
		switch {
		case strings.TrimSpace(node.Value) == "":
			c.problems.Add(node, "this text is empty: leave the key out where the answer is not known")
		case len([]rune(node.Value)) > maxText:
			c.problems.Add(node, "this text is longer than 10,000 characters")
		case strings.ContainsFunc(node.Value, isControl):
			c.problems.Add(node, "this text holds a control character")
		}
	}
	for _, child := range node.Content {
		c.texts(child)
	}
}

func isControl(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }

func (c *checker) country(code *string, node *yaml.Node, or string) {
	if code == nil || IsCountry(*code) {
		return
	}
	if upper := strings.ToUpper(*code); IsCountry(upper) {
		c.problems.Add(node, "%q is no country code: write %s", *code, upper)
		return
	}
	c.problems.Add(node, "%q is no country code: use the two letters of ISO 3166-1, as in DE%s", *code, or)
}

func (c *checker) access(access *string, node *yaml.Node) {
	if access != nil && !slices.Contains(accesses, *access) {
		c.problems.Add(node, "%q is no kind of access: it is one of %s", *access, strings.Join(accesses, ", "))
	}
}

// interval checks that the ends are numbers from zero, in order.
func (c *checker) interval(interval pipeline.Interval, node *yaml.Node) {
	var before *float64
	var beforeName string
	for _, end := range []struct {
		name  string
		value *float64
	}{{"lower", interval.Lower}, {"estimate", interval.Estimate}, {"upper", interval.Upper}} {
		if end.value == nil {
			continue
		}
		at := document.Child(node, end.name)
		switch value := *end.value; {
		case math.IsNaN(value) || math.IsInf(value, 0):
			c.problems.Add(at, "%s is no number that can be compared", end.name)
		case value < 0:
			c.problems.Add(at, "a number of operations is not negative")
		case before != nil && value < *before:
			c.problems.Add(at, "%s is below %s", end.name, beforeName)
		}
		before, beforeName = end.value, end.name
	}
}
