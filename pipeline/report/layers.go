package report

import "weighbridge/pipeline"

// layered reports whether runs tell of any layer, and whether these lie in several sets
// of files.
func layered(runs []pipeline.LayerRun) (known, sets bool) {
	for _, r := range runs {
		known = known || r.Stack != ""
		sets = sets || r.Stack != "" && r.Set != runs[0].Set
	}
	return known, sets
}

// numbers names the layers of a run: "0 to 79".
func numbers(r pipeline.LayerRun) string {
	if r.First == r.Last {
		return Count(r.First)
	}
	return Count(r.First) + " to " + Count(r.Last)
}

// together is what the layers of a run hold.
func together(r pipeline.LayerRun) int64 { return (r.Last - r.First + 1) * r.Each }

// layerTable lists the runs of layers, the heaviest stack first.
func layerTable(runs []pipeline.LayerRun) []block {
	known, _ := layered(runs)
	if !known {
		return nil
	}
	var whole int64
	for _, r := range runs {
		whole += together(r)
	}
	return rows("In which layers they lie", columns("Layers of", "In the set", "Layers", "#Parameters in each", "#Parameters", "#Share"), len(runs), "run of layers", func(i int) []cell {
		r, n := runs[i], together(runs[i])
		last := cell{Line: said(share(n, whole)), Number: true, Bar: bar(n, whole)}
		if r.Stack == "" {
			return []cell{textCell(said("outside of these layers")), textCell(nil), textCell(nil), numberCell(""), numberCell(Count(n)), last}
		}
		return []cell{textCell(quoted(r.Stack)), textCell(quoted(r.Set)), textCell(said(numbers(r))), numberCell(Count(r.Each)), numberCell(Count(n)), last}
	})
}

// layers is a row of the summary in Markdown.
func layers(runs []pipeline.LayerRun) string {
	known, sets := layered(runs)
	if !known {
		return ""
	}
	text, rest, told := "", "", 0
	for _, r := range runs {
		if r.Stack == "" {
			rest = "; " + Count(r.Each) + " outside of these layers"
			continue
		}
		if told++; told > mostLines {
			continue
		}
		if told > 1 {
			text += "; "
		}
		text += code(shown(r.Stack, mostCell)) + " " + numbers(r) + ": " + Count(r.Each)
		if r.First != r.Last {
			text += " each"
		}
		if sets {
			text += " in " + code(shown(r.Set, mostCell))
		}
	}
	if told > mostLines {
		text += "; " + plural(int64(told-mostLines), "more run") + " of layers"
	}
	return text + rest
}
