package report

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"weighbridge/pipeline"
)

// join puts lists of blocks behind each other.
func join(all ...[]block) []block { return slices.Concat(all...) }

func paragraph(l line) []block { return []block{{Text: l}} }

func weightBlocks(r *pipeline.Report) []block {
	p, f := r.Facts.Params, r.Facts
	out := []block{{Text: line{say(capital(weight(p)) + ".")}}}
	if f.Adapter != nil {
		kind := "of an unknown kind"
		if f.Adapter.Kind != nil {
			kind = *f.Adapter.Kind
		}
		out[0].Text = append(out[0].Text, say(" This is an adapter ("+shown(kind, mostCell)+") for "), quotedOr(f.Adapter.Base, "a base that is not named")[0],
			say("; the weight of its base is not in these bytes."))
	}
	if s := scaleOf(f); s != nil {
		out = append(out, block{Scale: s})
	}
	out = join(out, facts(
		worded("Stored", storedIn(r)),
		counted("Sum of the shapes", p.StoredElements, "element"),
		counted("Stated by the artifact itself", p.Declared, "parameter"),
		counted("Active for one token", p.Active, "parameter"),
		counted("Largest set of files", p.LargestSet, "parameter"),
		counted("The whole, of which this is a part", p.Whole, "parameter"),
		named("Packing", f.Quantization.Scheme),
		counted("Size of one stored parameter", f.Quantization.Bits, "bit"),
		named("Packing, by the config", f.Quantization.Declared),
		worded("Training compute", trainedText(f)),
	))
	return join(out,
		shares("What the weights are for", "Component", p.ByComponent),
		shares("In which numbers they are stored", "Type", p.ByDType),
		layerTable(p.ByLayer),
		setTable(p.Sets),
		crossingTable(f),
		wideningTable(p.WidenedBy),
		asideTable(p.SetAside),
		alerts("What the artifact states of its weight and its tensors do not show", p.Contradictions, "contradiction"),
		alerts("What the config states of the packing and the tensors do not show", f.Quantization.Contradictions, "contradiction"),
		alerts("What does not fit between the index and the files", f.Index.Problems, "problem"),
		alerts("Files of a numbered set that are missing", f.Shards.MissingNames, "file"),
	)
}

// storedIn says how many bytes there are in how many objects.
func storedIn(r *pipeline.Report) string {
	var files int64
	for _, o := range r.Artifact.Objects {
		if o.Role == pipeline.RoleWeights {
			files++
		}
	}
	return Size(r.Artifact.Bytes) + " in " + plural(int64(len(r.Artifact.Objects)), "object") + ", " + Count(files) + " with weights"
}

func trainedText(f pipeline.Facts) string {
	told := operations(f.Training.Flops)
	if told == "" {
		return "unknown"
	}
	return told + established(deref(f.Compute.Method))
}

// crossingTable says with how many tokens training would reach the lines that rules draw,
// where the tokens are not known.
func crossingTable(f pipeline.Facts) []block {
	if f.Training.Tokens != nil {
		return nil
	}
	all := f.Compute.Crossings
	return rows("With how many tokens training would reach the lines that rules draw", columns("Line", "#Tokens"), len(all), "line", func(i int) []cell {
		return []cell{textCell(said(power(all[i].Operations) + " operations")), numberCell(Count(all[i].Tokens))}
	})
}

// shares is a table of parts of a whole, the largest first, each with a bar.
func shares(caption, name string, parts map[string]int64) []block {
	var whole int64
	for _, n := range parts {
		whole += n
	}
	names := largestFirst(parts)
	return rows(caption, columns(name, "#Parameters", "#Share"), len(names), "part", func(i int) []cell {
		n := parts[names[i]]
		return []cell{textCell(quoted(names[i])), numberCell(Count(n)), {Line: said(share(n, whole)), Number: true, Bar: bar(n, whole)}}
	})
}

// mostSets is how many sets of files are drawn.
const mostSets = 20

func setTable(sets []pipeline.WeightSet) []block {
	var whole int64
	for _, s := range sets {
		whole = max(whole, s.Estimate)
	}
	return sized("The largest sets of files with weights", columns("Set", "Kind", "#Files", "#Parameters", "#Beside the largest"), len(sets), mostSets, mostPageTable, "set", func(i int) []cell {
		s := sets[i]
		files := Count(s.Files)
		if s.Missing > 0 {
			files += ", " + Count(s.Missing) + " missing"
		}
		kind := said(s.Kind)
		if s.SameAs != "" {
			kind = append(kind, say(", built like "), quote(s.SameAs))
		}
		return []cell{textCell(quoted(s.Name)), textCell(kind), numberCell(files), numberCell(Count(s.Estimate)),
			{Line: said(share(s.Estimate, whole)), Number: true, Bar: bar(s.Estimate, whole)}}
	})
}

func wideningTable(all []pipeline.Widening) []block {
	return rows("What keeps the ends of the interval apart", columns("What", "#Adds at least", "#Most likely", "#At most", "Why"), len(all), "group", func(i int) []cell {
		w := all[i]
		return []cell{textCell(quoted(w.Name)), numberCell(Count(w.Lower)), numberCell(Count(w.Estimate)), numberCell(Count(w.Upper)), textCell(said(w.Reason))}
	})
}

func asideTable(all []pipeline.Aside) []block {
	return rows("Stored, and not counted as parameters", columns("What", "#Tensors", "#Elements", "Why"), len(all), "group", func(i int) []cell {
		a := all[i]
		return []cell{textCell(quoted(a.Name)), numberCell(Count(a.Tensors)), numberCell(Count(a.Elements)), textCell(said(a.Reason))}
	})
}

func architectureBlocks(r *pipeline.Report) []block {
	a := r.Facts.Architecture
	told := confidence[deref(a.Confidence)]
	if told == "" {
		told = "neither its names nor its shapes tell what it is"
	}
	byName := line{say("not told")}
	if a.Family != nil {
		byName = quoted(*a.Family)
		if a.Class != nil && *a.Class != "" {
			byName = append(byName, say(" ("), quote(*a.Class), say(")"))
		}
		if a.Variant != nil && *a.Variant != "" {
			byName = append(byName, say(", names as in "), quote(*a.Variant))
		}
	}
	agrees := "not compared"
	if a.Agrees != nil {
		agrees = map[bool]string{true: "yes", false: "no"}[*a.Agrees]
	}
	kinds := []struct {
		by   string
		what line
	}{
		{"Declared by the config", quotedOr(a.Declared, "nothing declared")},
		{"Identified by the tensors", byName},
		{"By the shapes alone", quotedOr(a.Shape, "not told")},
		{"The config agrees with the tensors", said(agrees)},
	}
	out := rows("What the model is, and who says so", columns("By what", "What"), len(kinds), "way", func(i int) []cell {
		return []cell{textCell(said(kinds[i].by)), textCell(kinds[i].what)}
	})
	experts := a.Experts
	if experts != nil && *experts == 0 {
		experts = nil
	}
	out = join(out, facts(
		worded("Rests on", told),
		counted("Layers", a.Layers, "layer"),
		plainNumber("Hidden size", a.HiddenSize),
		plainNumber("Vocabulary", a.VocabSize),
		counted("Experts in a layer", experts, "expert"),
		counted("Experts for a token, by the config", a.ExpertsPerToken, "expert"),
		yesNo("A part only", a.Partial, "yes, layers or the embedding are missing", "no"),
		named("Structure", a.Fingerprint),
	), alerts("What the config and the tensors contradict each other in", a.Contradictions, "contradiction"))
	if r.Case == nil {
		return out
	}
	like := r.Case.SameStructure
	return join(out, rows("Cases of the same structure or matrices", columns("Case", "Where it stands", "What is the same", "Source"), len(like), "case", func(i int) []cell {
		m := like[i]
		return []cell{textCell(quoted(m.ID.String())), textCell(said(words(m.State))), textCell(said(string(m.Same))), textCell(quoted(m.Source))}
	}))
}

func plainNumber(name string, n *int64) fact {
	if n == nil {
		return fact{}
	}
	return fact{name, said(Count(*n))}
}

func licenceBlocks(f pipeline.Facts) []block {
	found := f.LicenseFound
	var expression fact
	switch e := found.Expression; {
	case e == nil:
	case *e == noAssertion || *e == "":
		expression = worded("Found in the artifact", "no licence that is known")
	default:
		expression = named("Found in the artifact", e)
	}
	out := facts(
		expression,
		named("Declared", f.License.Declared),
		named("Name", f.License.Name),
		named("Link", f.License.Link),
		named("Known as", f.Licensing.ID),
		counted("Licence texts", found.Texts, "file"),
		counted("Policies of use", found.UsePolicies, "file"),
		counted("Notices", found.Notices, "file"),
		worded("What its licence says", strings.Join(terms(f.Licensing.Own), "; ")),
	)
	return join(out,
		alerts("Places that contradict each other", found.Disagreements, "disagreement"),
		alerts("What is missing or names no licence", found.Problems, "problem"),
		alerts("Licences that cannot be kept together", f.Licensing.Conflicts, "conflict"),
		rows("Where the artifact speaks of its licence", columns("Place", "Kind", "Covers", "Written there", "Means"), len(found.Sources), "place", func(i int) []cell {
			s := found.Sources[i]
			means := said("no licence that is known")
			if s.Expression != "" {
				means = quoted(s.Expression)
			}
			written := said("a text")
			if s.Declared != "" {
				written = quoted(s.Declared)
			}
			return []cell{textCell(placed(s.Object, s.Where)), textCell(said(s.Kind)), textCell(said(s.Covers)), textCell(written), textCell(means)}
		}),
		rows("The licences of this model and its bases", columns("Model", "Made how", "Declared", "Known as", "Says"), len(f.Licenses), "model", func(i int) []cell {
			l := f.Licenses[i]
			says := cmp.Or(strings.Join(terms(l.Terms), "; "), "not known")
			how := cmp.Or(plainWords(deref(l.Relation)), "not told")
			if how == "self" {
				how = "the model itself"
			}
			return []cell{textCell(quoted(l.Of)), textCell(said(how)), textCell(quotedOr(l.Declared, "not stated")),
				textCell(quotedOr(l.ID, "not known")), textCell(said(says))}
		}),
	)
}

// placed is a place in an object.
func placed(object, where string) line {
	l := quoted(object)
	if where != "" && where != "$" {
		l = append(l, say(" at "), quote(where))
	}
	return l
}

// plainWords shows a value of a closed list as words.
func plainWords(s string) string { return strings.ReplaceAll(s, "_", " ") }

// terms says what a licence says, in few words each. What it is silent about is left out.
func terms(t pipeline.Terms) []string {
	var out []string
	for _, one := range []struct {
		is      *bool
		yes, no string
	}{
		{t.FOSS, "free and open-source", ""},
		{t.ResearchOnly, "for research only", ""},
		{t.Redistribution, "", "not to be passed on"},
		{t.Commercial, "", "not for commercial use"},
		{t.Derivatives, "", "changed versions not to be passed on"},
		{t.ShareAlike, "changed versions under the same licence", ""},
		{t.Notice, "a notice must go along", ""},
		{t.FlowDown, "restrictions of use to be passed on", ""},
		{t.OutputsBan, "outputs not for improving other models", ""},
		{t.MilitaryBan, "bars military use", ""},
		{t.TradeCompliance, "asks to follow trade law", ""},
	} {
		switch {
		case one.is == nil:
		case *one.is && one.yes != "":
			out = append(out, one.yes)
		case !*one.is && one.no != "":
			out = append(out, one.no)
		}
	}
	if t.NamePrefix != nil && *t.NamePrefix != "" {
		out = append(out, "names begin with "+shown(*t.NamePrefix, mostCell))
	}
	if t.MonthlyUsersCap != nil && *t.MonthlyUsersCap > 0 {
		out = append(out, "another licence above "+Count(*t.MonthlyUsersCap)+" users a month")
	}
	if t.RevenueCapUSD != nil && *t.RevenueCapUSD > 0 {
		out = append(out, "another licence above "+Count(*t.RevenueCapUSD)+" US dollars of revenue")
	}
	if len(t.ExcludedCountries) > 0 {
		out = append(out, "does not hold in "+listedAs(t.ExcludedCountries, mostAlike, func(s string) string { return s }))
	}
	return out
}

// thisModel is the name of the artifact in the facts of its lineage.
const thisModel = "this model"

func lineageBlocks(f pipeline.Facts) []block {
	l := f.Lineage
	var out []block
	switch {
	case len(f.Bases) == 0 && l.Undeclared != nil && *l.Undeclared:
		out = paragraph(said("No base is named, and the structure equals that of a known model."))
	case len(f.Bases) == 0 && len(l.Bases) == 0 && (f.Bases != nil || l.Bases != nil):
		out = paragraph(said("No base is named."))
	}
	if t := treeOf(thisModel, origins(f)); t != nil {
		out = append(out, block{Tree: t})
	}
	out = join(out, facts(yesNo("The chain of bases", l.Complete, "every model of it is on record", "not every model of it is on record")),
		alerts("What does not fit", l.Problems, "problem"),
		alerts("What is wrong with the chain", l.ChainProblems, "problem"))
	if len(l.Chain) > 0 {
		out = join(out, rows("The models behind this one", columns("Model", "Of it was made", "How", "#Steps", "Licence", "On record"), len(l.Chain), "model", func(i int) []cell {
			a := l.Chain[i]
			record := said("no")
			if a.Case != "" {
				record = line{say(plainWords(a.State) + ", case "), quote(a.Case)}
			}
			return []cell{textCell(quoted(a.ID)), textCell(quoted(a.Of)), textCell(said(plainWords(a.Relation))), numberCell(Count(a.Depth)),
				textCell(quotedOr(&a.License, "not stated")), textCell(record)}
		}))
	} else {
		out = join(out, rows("The bases of this model", columns("Base", "How", "Licence"), len(f.Bases), "base", func(i int) []cell {
			b := f.Bases[i]
			return []cell{textCell(quotedOr(b.ID, "without a name")), textCell(said(cmp.Or(plainWords(deref(b.Relation)), "not told"))), textCell(quotedOr(b.License, "not stated"))}
		}))
	}
	return join(out,
		rows("Where the artifact names a base", columns("Place", "Kind", "Base", "How", "Version"), len(l.Bases), "place", func(i int) []cell {
			b := l.Bases[i]
			return []cell{textCell(placed(b.Object, b.Where)), textCell(said(b.Kind)), textCell(quoted(b.ID)), textCell(said(plainWords(b.Relation))), textCell(quotedOr(&b.Revision, "not named"))}
		}),
		rows("Models on record with the same structure", columns("Model", "Case", "Where it stands", "What is the same"), len(l.Known), "model", func(i int) []cell {
			k := l.Known[i]
			return []cell{textCell(quoted(k.ID)), textCell(quoted(k.Case)), textCell(said(plainWords(k.State))), textCell(said(k.Same))}
		}),
		rows("What the licences of its bases ask of this model", columns("Model", "Licence", "What"), len(l.Obligations), "thing", func(i int) []cell {
			o := l.Obligations[i]
			return []cell{textCell(quoted(o.From)), textCell(quoted(o.License)), textCell(said(o.Text))}
		}),
	)
}

// origins gathers what to draw: the chain where it is known, else the bases; and the sets
// of data of the model itself.
func origins(f pipeline.Facts) map[string][]origin {
	behind := map[string][]origin{}
	note := func(relation, licence string) string {
		if licence == "" {
			licence = "no licence stated"
		}
		return cmp.Or(plainWords(relation), "relation not told") + ", " + licence
	}
	for i, a := range f.Lineage.Chain {
		if i == mostPageRows {
			break
		}
		behind[a.Of] = append(behind[a.Of], origin{name: a.ID, note: note(a.Relation, a.License)})
	}
	if len(f.Lineage.Chain) == 0 {
		for i, b := range f.Bases {
			if i == mostPageRows {
				break
			}
			behind[thisModel] = append(behind[thisModel], origin{name: cmp.Or(deref(b.ID), "a base without a name"), note: note(deref(b.Relation), deref(b.License))})
		}
	}
	for i, d := range f.Datasets {
		if i == mostPageRows {
			break
		}
		behind[thisModel] = append(behind[thisModel], origin{name: datasetName(d), note: "set of data, " + cmp.Or(deref(d.License), "no licence stated"), data: true})
	}
	return behind
}

func datasetName(d pipeline.Dataset) string {
	return cmp.Or(deref(d.ID), deref(d.Name), "a set without a name")
}

func dataBlocks(f pipeline.Facts) []block {
	records := f.DataRecords
	var out []block
	if len(f.Datasets) == 0 && records.Named != nil && !*records.Named {
		out = paragraph(said("Nobody names a set of data, which says nothing of what the model was trained on."))
	}
	return join(out,
		rows("Sets of data", columns("Set", "Licence", "From", "Collected", "Kind", "Personal data", "#Records"), len(f.Datasets), "set", func(i int) []cell {
			d := f.Datasets[i]
			personal := "not told"
			if d.Personal != nil {
				personal = map[bool]string{true: "yes", false: "no"}[*d.Personal]
			}
			n := "not told"
			if d.Records != nil {
				n = Count(*d.Records)
			}
			return []cell{textCell(quoted(datasetName(d))), textCell(quotedOr(d.License, "not stated")), textCell(said(cmp.Or(deref(d.OriginCountry), "not told"))),
				textCell(said(cmp.Or(deref(d.Collection), "not told"))), textCell(said(cmp.Or(deref(d.Modality), "not told"))), textCell(said(personal)), numberCell(n)}
		}),
		alerts("What does not fit", records.Problems, "problem"),
		rows("Where the artifact describes its data", columns("Place", "Kind", "Set", "Trained on it"), len(records.Sources), "place", func(i int) []cell {
			s := records.Sources[i]
			return []cell{textCell(placed(s.Object, s.Where)), textCell(said(s.Kind)), textCell(quotedOr(&s.ID, "not named")), textCell(said(map[bool]string{true: "yes", false: "not told"}[s.Trained]))}
		}),
		listing("What the records say a set is given out for", records.UseLimits, "record"),
		listing("What a set was made from", records.DerivedFrom, "record"),
	)
}

func cardBlocks(c pipeline.CardFacts) []block {
	if c.Present == nil {
		return nil
	}
	if !*c.Present && len(c.Counts)+len(c.Problems) == 0 {
		return paragraph(said("There is no card that a program can read."))
	}
	emissions := fact{}
	if c.EmissionsGrams != nil {
		emissions = worded("Emissions of its training", power(*c.EmissionsGrams)+" grams of CO2 equivalent")
	}
	return join(facts(
		named("Name", c.Name), named("Library", c.Library), named("Task", c.Pipeline), worded("Languages", quotedList(c.Languages)), worded("Tags", quotedList(c.Tags)),
		named("Replaced by", c.NewVersion), yesNo("Asks for something before the weights are given out", c.Gated, "yes", "no"),
		yesNo("Refuses the European Union", c.EUDisallowed, "yes", "no"), emissions,
		yesNo("Its numbers of parameters fit the tensors", c.CountsFit, "yes, at least one of them", "no, none of them"),
	),
		alerts("What is odd about the card", c.Problems, "problem"),
		rows("Numbers of parameters that are stated", columns("Place", "#Parameters", "Of what"), len(c.Counts), "number", func(i int) []cell {
			n := c.Counts[i]
			return []cell{textCell(quoted(n.Object)), numberCell(Count(n.Count)), textCell(said(map[bool]string{true: "what one token passes through", false: "the model"}[n.Active]))}
		}),
		rows("Results of tests, as claimed", columns("Set of data", "Task", "Metric", "Value", "Checked by others"), len(c.Results), "result", func(i int) []cell {
			t := c.Results[i]
			return []cell{textCell(quoted(t.Dataset)), textCell(quoted(t.Task)), textCell(quoted(t.Metric)), textCell(quoted(t.Value)),
				textCell(said(map[bool]string{true: "the card says so", false: "no"}[t.Verified]))}
		}),
	)
}

// quotedList shows short names in one line.
func quotedList(all []string) string {
	return listedAs(all, 3*mostLines, func(s string) string { return s })
}

func contentsBlocks(c pipeline.Contents) []block {
	side := func(name string, has *bool) fact { return yesNo(name, has, "disclosed", "nothing found") }
	return join(facts(
		side("Structure", c.Structure), side("Optimizer", c.Optimizer), side("Training process", c.TrainingProcess), side("Generated content", c.GeneratedContent),
		counted("Run as programs when they are loaded", c.Pickles, "object"), counted("With program text or machine code", c.Code, "object"),
		counted("Could not be looked into", c.Unseen, "object"),
	),
		withRest(alerts("A loader would take this from the artifact and run it", c.RemoteCode, "class"), c.RemoteCodeTotal, len(c.RemoteCode)),
		withRest(rows("What discloses more than weights", columns("Object", "Side", "What it is"), len(c.Disclosures), "disclosure", func(i int) []cell {
			d := c.Disclosures[i]
			return []cell{textCell(quoted(d.Object)), textCell(said(plainWords(d.Side))), textCell(said(d.What))}
		}), c.DisclosuresTotal, len(c.Disclosures)),
	)
}

// withRest says how many there are where the facts list the first only.
func withRest(blocks []block, total *int64, listed int) []block {
	if len(blocks) == 0 || total == nil || *total <= int64(listed) {
		return blocks
	}
	return append(blocks, block{Text: said("There are " + Count(*total) + " in all.")})
}

func signatureBlocks(s pipeline.Signature) []block {
	if s.Present == nil && s.RootDigest == nil {
		return nil
	}
	kinds := map[string]string{"oms": "an OpenSSF Model Signing bundle", "sums": "a list of digests, which nobody signs"}
	held := worded("Held against the bytes", "no: the bytes were not read, or no key was given")
	if s.Verified != nil || s.Present == nil || !*s.Present {
		held = yesNo("Held against the bytes", s.Verified, "it fits", "it does not fit")
	}
	return join(facts(
		yesNo("Signature or list of digests", s.Present, "there is one", "none"), worded("Kind", cmp.Or(kinds[deref(s.Kind)], deref(s.Kind))), held,
		named("Signed by", s.Signer), yesNo("The operator trusts the signer", s.Trusted, "yes", "no"),
		counted("Not named by it", s.Unlisted, "object"), counted("Left out of it on purpose", s.Ignored, "object"), named("Digest over all digests", s.RootDigest),
	), alerts("What does not fit", s.Problems, "problem"))
}

func submissionBlocks(r *pipeline.Report) []block {
	if !r.Submission.Present {
		return paragraph(said("None was given: what only the submitter knows is unknown."))
	}
	out := paragraph(said("A submission was given. What it declares never overrides what was measured."))
	if r.Submission.Digest != nil {
		out = facts(named("Digest", (*string)(r.Submission.Digest)))
	}
	return join(out, alerts("Where it and the artifact differ", r.Facts.Submission.Contradictions, "contradiction"))
}

func unreadBlocks(r *pipeline.Report) []block {
	var odd []pipeline.Inspection
	for _, i := range r.Inspections {
		if i.Status != pipeline.InspectionOK {
			odd = append(odd, i)
		}
	}
	if len(odd) == 0 && len(r.Artifact.Skipped) == 0 {
		return nil
	}
	slices.SortStableFunc(odd, func(a, b pipeline.Inspection) int { return cmp.Compare(skippedLast(a), skippedLast(b)) })
	return join(
		rows("Inspections that did not succeed", columns("Object", "Inspection", "Outcome", "Why"), len(odd), "inspection", func(i int) []cell {
			one := odd[i]
			what := said("the whole artifact")
			if one.Object != "" {
				what = quoted(one.Object)
			}
			return []cell{textCell(what), textCell(quoted(one.Inspector)), textCell(said(string(one.Status))), textCell(said(one.Reason))}
		}),
		rows("Names in the listing that are no part of the artifact", columns("Name", "Why"), len(r.Artifact.Skipped), "name", func(i int) []cell {
			s := r.Artifact.Skipped[i]
			return []cell{textCell(quoted(s.Path)), textCell(said(s.Reason))}
		}),
	)
}

func objectBlocks(a pipeline.Artifact) []block {
	if len(a.Objects) == 0 {
		return paragraph(said("There are none under this source."))
	}
	type kind struct{ format, role string }
	count, size := map[kind]int64{}, map[kind]int64{}
	for _, o := range a.Objects {
		k := kind{o.Format, string(o.Role)}
		count[k]++
		size[k] += o.Size
	}
	kinds := slices.SortedFunc(maps.Keys(size), func(a, b kind) int {
		return cmp.Or(cmp.Compare(size[b], size[a]), cmp.Compare(a.format, b.format), cmp.Compare(a.role, b.role))
	})
	out := rows("Objects by format", columns("Format", "Role", "#Objects", "#Size", "#Share of the bytes"), len(kinds), "format", func(i int) []cell {
		k := kinds[i]
		return []cell{textCell(formatLine(k.format)), textCell(said(cmp.Or(k.role, "not told"))), numberCell(Count(count[k])), numberCell(Size(size[k])),
			{Line: said(share(size[k], a.Bytes)), Number: true, Bar: bar(size[k], a.Bytes)}}
	})
	listed := sized("Objects in the order of their names", columns("Path", "Format", "Role", "#Size", "Watched by"), len(a.Objects), mostListedObjects, mostPageObjects, "object", func(i int) []cell {
		o := a.Objects[i]
		watched := "size and time only"
		switch {
		case o.SHA256 != "":
			watched = "its SHA-256"
		case o.Pinned:
			watched = "the store's own mark"
		}
		return []cell{textCell(quoted(o.Path)), textCell(formatLine(o.Format)), textCell(said(string(o.Role))), numberCell(Size(o.Size)), textCell(said(watched))}
	})
	g := listed[0].Table
	if n := len(g.Rows); n < len(a.Objects) {
		var rest int64
		for _, o := range a.Objects[n:] {
			rest += o.Size
		}
		g.Left += ", " + Size(rest)
	}
	summary := "The first " + plural(int64(len(g.Rows)), "object") + " of " + Count(int64(len(a.Objects)))
	if g.Left == "" {
		summary = "Every object by name: " + Count(int64(len(a.Objects)))
	}
	return append(out, block{Fold: &fold{Summary: summary, Blocks: listed}})
}

func formatLine(format string) line {
	if format == "" {
		return said("not read")
	}
	return quoted(format)
}

func runBlocks(r *pipeline.Report) []block {
	out := rows("Packs of rules", columns("Pack", "Version", "Mode", "Digest"), len(r.Packs), "pack", func(i int) []cell {
		p := r.Packs[i]
		mode := "reports, changes no verdict"
		if p.Mode == pipeline.ModeEnforce {
			mode = "enforces"
		}
		return []cell{textCell(quoted(p.Name)), textCell(quoted(p.Version)), textCell(said(mode)), textCell(quoted(string(p.Digest)))}
	})
	type ran struct {
		inspector string
		status    pipeline.InspectionStatus
	}
	count := map[ran]int64{}
	for _, i := range r.Inspections {
		count[ran{i.Inspector, i.Status}]++
	}
	inspections := slices.SortedFunc(maps.Keys(count), func(a, b ran) int {
		return cmp.Or(cmp.Compare(a.inspector, b.inspector), cmp.Compare(a.status, b.status))
	})
	basis := map[string]string{"hashed": "every byte was read", "store": "by the store's word for every object", "hashed+store": "read, and by the store's word for some objects"}
	caseFact := worded("Case", "not queued: no database was named")
	if r.Case != nil {
		caseFact = fact{"Case", line{quote(r.Case.ID.String()), say(", " + words(r.Case.State))}}
	}
	var content fact
	if d := r.Artifact.ContentDigest; d != nil {
		content = fact{"Digest of the bytes", line{quote(string(*d)), say(" (" + cmp.Or(basis[r.Artifact.ContentBasis], "basis not told") + ")")}}
	}
	return join(out,
		rows("What was run", columns("Inspection", "Outcome", "#Objects"), len(inspections), "inspection", func(i int) []cell {
			k := inspections[i]
			return []cell{textCell(quoted(k.inspector)), textCell(said(string(k.status))), numberCell(Count(count[k]))}
		}),
		facts(
			worded("Rules as of", r.AsOf), caseFact, content,
			named("Digest of what was read", (*string)(&r.Artifact.HeaderDigest)), named("Digest of the pins", (*string)(&r.Artifact.PinDigest)),
			worded("Cost", costText(r.Cost)), worded("Made by", r.Tool.Name+" "+r.Tool.Version),
		),
		notesList(r.Notes))
}

func notesList(notes []string) []block {
	list := items("Notes", len(notes), "note", func(i int) line { return said(notes[i]) })
	if list == nil {
		return nil
	}
	return []block{{List: list}}
}
