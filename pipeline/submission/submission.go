// Package submission reads what a submitter declares about a transfer: a YAML file
// whose keys are the names of facts.
package submission

import (
	"io"
	"reflect"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy/document"
)

const (
	hint = "Answer at least one key, such as \"destination: {country: DE}\", and leave out what is not known; " +
		"\"weighbridge submission init\" writes a file with every key."

	// Worldwide is the destination of weights that anybody anywhere can get.
	Worldwide = "worldwide"
)

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
		c.texts(doc.Root)
		c.group(reflect.ValueOf(*sub), doc.Root, "")
		c.consistent(sub, doc.Root)
	}
	if problems.Len() == 0 && reflect.DeepEqual(*sub, pipeline.Submission{}) {
		problems.Add(doc.Root, "the submission states nothing: fill in at least one key, or leave the submission out")
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return sub, nil
}

// Answers counts what a submission states: every value, every list of texts, and every
// list that is stated to be empty.
func Answers(sub *pipeline.Submission) int {
	if sub == nil {
		return 0
	}
	return answers(reflect.ValueOf(*sub))
}

func answers(v reflect.Value) int {
	n := 0
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			n += answers(v.Field(i))
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Struct && v.Len() > 0 {
			for i := range v.Len() {
				n += answers(v.Index(i))
			}
			return n
		}
		if !v.IsNil() {
			n = 1
		}
	case reflect.Pointer:
		if !v.IsNil() {
			n = 1
		}
	}
	return n
}
