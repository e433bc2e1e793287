package webui

import (
	"weighbridge/cmd/internal/app"
	"weighbridge/pipeline"
)

// KeptPage is what tests look at of a page of what was read.
type KeptPage struct {
	Kind          string
	Lines, Marked []string
	Page, Pages   int
	Whole         bool
	Prefix        *int64
}

// ViewKept shows bytes as the page of an object does.
func ViewKept(raw []byte, where, find string, page int) KeptPage {
	v := viewKept(raw, false, where, find, page)
	out := KeptPage{Kind: string(v.Kind), Page: v.Page, Pages: v.Pages, Whole: v.Whole, Prefix: v.Prefix}
	for _, l := range v.Lines {
		out.Lines = append(out.Lines, l.Text)
		if l.Marked {
			out.Marked = append(out.Marked, l.Text)
		}
	}
	return out
}

// SubmissionText and FormText write submissions.
func SubmissionText(stated *pipeline.Submission, asked []string) string {
	return submissionText(nil, stated, asked)
}

// FormText writes what was typed into a form.
func FormText(typed map[string][]string) (string, map[string]int) { return formText(typed) }

// LayersOf is the drawing of the weight by layer.
var LayersOf = layersOf

// LineLabel is the label of a line of rules in the drawing of the weight, by lines of text.
func LineLabel(at int64, rules ...string) []string {
	return labelOf(app.WeightLine{At: at, Rules: rules})
}
