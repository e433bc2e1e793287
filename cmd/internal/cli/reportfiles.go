package cli

import (
	"bytes"
	"errors"
	"strings"

	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
)

// reportFiles is a flag that may be repeated: files to write a report to, beside standard
// output, each in a form of its own.
type reportFiles []reportFile

type reportFile struct {
	format report.Format
	path   string
}

// String returns what was given, parted by commas.
func (r *reportFiles) String() string {
	var all []string
	for _, f := range *r {
		all = append(all, f.format.Name+"="+f.path)
	}
	return strings.Join(all, ",")
}

// Type names the flag's type in help texts.
func (r *reportFiles) Type() string { return "format=file" }

// Set takes one more file.
func (r *reportFiles) Set(v string) error {
	name, path, _ := strings.Cut(v, "=")
	format, ok := report.FormatNamed(name)
	if !ok || path == "" {
		return errors.New("use FORMAT=FILE, where FORMAT is " + choice(report.FormatNames()))
	}
	*r = append(*r, reportFile{format, path})
	return nil
}

// write writes the files, each whole or not at all.
func (r *reportFiles) write(of *pipeline.Report) error {
	for _, f := range *r {
		var b bytes.Buffer
		err := f.format.Write(&b, of)
		if err == nil {
			err = replace(f.path, b.Bytes())
		}
		if err != nil {
			return &pipeline.Error{Code: pipeline.CodeInternal, Message: "the report could not be written to " + f.path, Err: err,
				Hint: "name a file in a folder that exists and can be written to"}
		}
	}
	return nil
}
