package gguf

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"weighbridge/pipeline"
)

// mostNamed is how many names and problems are spelled out.
const mostNamed = 20

// part is what the name of a part of a split model says (llama.cpp,
// llama_split_path: "%s-%05d-of-%05d.gguf").
type part struct {
	stem          string
	number, total int
}

var numbered = regexp.MustCompile(`(?i)^(.*)-(\d{5})-of-(\d{5})\.gguf$`)

func partOf(object string) (part, bool) {
	m := numbered.FindStringSubmatch(object)
	if m == nil {
		return part{}, false
	}
	i, _ := strconv.Atoi(m[2])
	n, _ := strconv.Atoi(m[3])
	return part{m[1], i, n}, n > 0
}

// split is one split model.
type split struct {
	name    string // what its files share
	named   bool   // the files' names tell their numbers
	total   int
	have    map[int]bool // by number, from 1
	tensors int64        // in all files that were read
	stated  int64        // split.tensors.count, -1 where nobody states it
	unread  bool         // a file is there and could not be read
	files   []string
}

// whole returns a value of a header that is a whole number.
func (h *Header) whole(key string) (int64, bool) {
	n, err := strconv.ParseUint(h.Table.Metadata[key], 10, 64)
	if err != nil {
		return 0, false
	}
	return int64(min(n, math.MaxInt64)), true
}

// Finish hands over the tables in order of path, holds the parts of split models
// against each other, and states what the files declare.
func (r *run) Finish(readings *pipeline.Readings, facts *pipeline.FactSet) {
	splits, problems, evidence := r.splits()
	paths := slices.Sorted(maps.Keys(r.headers))
	for _, p := range paths {
		readings.Tables = append(readings.Tables, r.headers[p].Table)
	}
	var missing, tensors int64
	most := 0
	names := []string{}
	for _, s := range splits {
		most = max(most, s.total)
		absent, absentNames := s.absent()
		missing += absent
		names = append(names, absentNames...)
		if absent == 0 && !s.unread && s.stated >= 0 && s.stated != s.tensors {
			tensors += max(0, s.stated-s.tensors)
			problems = append(problems, fmt.Sprintf("the files of %s declare %d tensors together and hold %d", s.name, s.stated, s.tensors))
		}
	}
	set := func(name string, v any) { facts.Set(name, v, pipeline.BasisMeasured, evidence...) }
	set("gguf.files", int64(len(r.headers)))
	set("gguf.splits", int64(most))
	set("gguf.splits_missing", missing)
	set("gguf.splits_missing_names", names[:min(len(names), mostNamed)])
	set("gguf.tensors_missing", tensors)
	set("gguf.problems", append([]string{}, problems[:min(len(problems), mostNamed)]...))
	r.headerFacts(facts, paths)
	r.declared(facts, paths)
}

func (r *run) headerFacts(facts *pipeline.FactSet, paths []string) {
	version := int64(MaxVersion)
	var unknown int64
	var evidence []pipeline.Evidence
	for _, p := range paths {
		h := r.headers[p]
		version = min(version, int64(h.Version))
		if unknown += h.Unknown; h.Unknown > 0 {
			evidence = append(evidence, h.Table.Evidence())
		}
	}
	if len(paths) > 0 {
		facts.Set("gguf.version", version, pipeline.BasisParsed, pipeline.Evidence{Object: paths[0], Where: "bytes=4-7"})
	}
	facts.Set("gguf.types_unknown", unknown, pipeline.BasisMeasured, evidence...)
}

// declared states what the files say of themselves. Nothing of it lowers a count.
func (r *run) declared(facts *pipeline.FactSet, paths []string) {
	set := func(h *Header, name string, v any) {
		if _, known := facts.Value(name); !known {
			facts.Set(name, v, pipeline.BasisDeclared, h.Table.Evidence())
		}
	}
	var most int64
	var largest *Header
	bases := []string{}
	var based []pipeline.Evidence
	for _, p := range paths {
		h := r.headers[p]
		m := h.Table.Metadata
		for key, fact := range map[string]string{"general.architecture": "gguf.architecture", "general.name": "gguf.name", "general.type": "gguf.type"} {
			if m[key] != "" {
				set(h, fact, m[key])
			}
		}
		if strings.EqualFold(m["general.type"], "adapter") {
			set(h, "gguf.adapter", true)
		}
		for suffix, fact := range map[string]string{"block_count": "gguf.layers", "embedding_length": "gguf.hidden_size", "expert_count": "gguf.experts", "expert_used_count": "gguf.experts_used"} {
			if n, ok := h.whole(m["general.architecture"] + "." + suffix); ok && m["general.architecture"] != "" {
				set(h, fact, n)
			}
		}
		if n, ok := h.whole("general.parameter_count"); ok && n > most {
			most, largest = n, h
		}
		for _, base := range h.bases() {
			if !slices.Contains(bases, base) && len(bases) < mostNamed {
				bases = append(bases, base)
				based = append(based, h.Table.Evidence())
			}
		}
	}
	if len(bases) > 0 {
		facts.Set("gguf.base_models", bases, pipeline.BasisDeclared, based...)
	}
	if largest == nil {
		return
	}
	facts.Set("gguf.parameter_count", most, pipeline.BasisDeclared, largest.Table.Evidence())
	if known, ok := facts.Value("params.declared"); !ok || known.(int64) < most { //nolint:forcetypeassert // the fact's type
		facts.Set("params.declared", most, pipeline.BasisDeclared, largest.Table.Evidence())
	}
}

// bases lists the models that a header names as its base.
func (h *Header) bases() []string {
	var out []string
	n, _ := h.whole("general.base_model.count")
	for i := range min(n, mostNamed) {
		prefix := fmt.Sprintf("general.base_model.%d.", i)
		m := h.Table.Metadata
		name := m[prefix+"repo_url"]
		if name == "" {
			name = strings.TrimPrefix(m[prefix+"organization"]+"/"+m[prefix+"name"], "/")
		}
		if strings.Trim(name, "/") != "" {
			out = append(out, name)
		}
	}
	return out
}

// splits gathers the parts of split models, by their names and by what their headers
// state (split.no, from 0; split.count; split.tensors.count), and says where the two
// disagree.
func (r *run) splits() ([]*split, []string, []pipeline.Evidence) {
	byKey := map[string]*split{}
	var problems []string
	var evidence []pipeline.Evidence
	get := func(key, name string, named bool, total int) *split {
		s := byKey[key]
		if s == nil {
			s = &split{name: name, named: named, total: total, have: map[int]bool{}, stated: -1}
			byKey[key] = s
		}
		return s
	}
	for _, o := range r.objects {
		h := r.headers[o.Path]
		p, named := partOf(o.Path)
		var number, count, stated int64
		var counted bool
		if h != nil {
			number, _ = h.whole("split.no")
			count, counted = h.whole("split.count")
			if n, ok := h.whole("split.tensors.count"); ok {
				stated = n
			} else {
				stated = -1
			}
		}
		var s *split
		switch {
		case named:
			s = get(fmt.Sprintf("%s\x00%d", p.stem, p.total), p.stem, true, p.total)
			s.have[p.number] = true
		case counted && count > 1:
			// A part under another name: those of one folder that state the same belong
			// together.
			total := int(min(count, MaxTensors))
			s = get(fmt.Sprintf("%s\x00\x00%d\x00%d", path.Dir(o.Path), count, stated), path.Join(path.Dir(o.Path), "(split in "+strconv.Itoa(total)+")"), false, total)
			if s.have[int(min(number, MaxTensors))+1] {
				problems = append(problems, fmt.Sprintf("%s says that it is part %d of %d, as another file does", o.Path, number+1, count))
			}
			s.have[int(min(number, MaxTensors))+1] = true
		default:
			continue
		}
		s.files = append(s.files, o.Path)
		evidence = append(evidence, pipeline.Evidence{Object: o.Path})
		if h == nil {
			s.unread = true
			continue
		}
		s.tensors += int64(h.Table.Len())
		s.stated = max(s.stated, stated)
		if named && counted && (count != int64(p.total) || number != int64(p.number)-1) {
			problems = append(problems, fmt.Sprintf("%s says that it is part %d of %d; its name says %d of %d", o.Path, number+1, count, p.number, p.total))
			// A file that was renamed to look complete: the larger number holds.
			s.total = max(s.total, int(min(count, MaxTensors)))
		}
	}
	out := slices.SortedFunc(maps.Values(byKey), func(a, b *split) int {
		return cmp.Or(strings.Compare(a.name, b.name), cmp.Compare(a.total, b.total))
	})
	return out, problems, evidence[:min(len(evidence), mostNamed)]
}

// absent counts the parts that are not there and names the first of them.
func (s *split) absent() (int64, []string) {
	present := 0
	for i := range s.have {
		if 1 <= i && i <= s.total {
			present++
		}
	}
	n := int64(s.total - present)
	var names []string
	for i := 1; i <= s.total && s.named && int64(len(names)) < min(n, mostNamed); i++ {
		if !s.have[i] {
			names = append(names, fmt.Sprintf("%s-%05d-of-%05d%s", s.name, i, s.total, extension))
		}
	}
	return n, names
}
