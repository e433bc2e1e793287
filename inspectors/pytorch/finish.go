package pytorch

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"

	"weighbridge/pipeline"
)

// mostNamed is how many names of one kind are listed in a fact.
const mostNamed = 20

// Finish hands over the tables in order of path and says what the pickles import and
// which shards are missing.
func (r *run) Finish(readings *pipeline.Readings, facts *pipeline.FactSet) {
	for _, p := range slices.Sorted(maps.Keys(r.tables)) {
		readings.Tables = append(readings.Tables, r.tables[p])
	}
	slices.SortFunc(r.evidence, func(a, b pipeline.Evidence) int { return cmp.Compare(a.Object, b.Object) })
	set := func(name string, v any) { facts.Set("pickle."+name, v, pipeline.BasisMeasured, r.evidence...) }
	set("files", r.files)
	set("legacy", r.legacy)
	set("scripted", r.scripted)
	set("plain", r.plain)
	set("tied", r.tied)
	set("compressed", r.compressed)
	imports := []pipeline.PickleImport{}
	for _, object := range slices.Sorted(maps.Keys(r.imports)) {
		names := slices.Clone(r.imports[object])
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			imports = append(imports, pipeline.PickleImport{Object: object, Name: name})
		}
	}
	set("imports", imports)
	set("imports_foreign", r.foreign)
	r.shards(facts)
}

// numbered matches the names of shards: i-of-n with five or six digits.
var numbered = regexp.MustCompile(`^(.*?)[_-](\d{5,6})-of-(\d{5,6})(\.(?:bin|pt|pth|ckpt))$`)

// shards finds what is missing: members of numbered sets, and files that an index names.
func (r *run) shards(facts *pipeline.FactSet) {
	type set struct {
		stem, digits, ext string
		total             int
	}
	present := map[string]bool{}
	sets := map[set]map[int]bool{}
	for _, o := range r.objects {
		present[o.Path] = true
		m := numbered.FindStringSubmatch(o.Path)
		if m == nil {
			continue
		}
		i, _ := strconv.Atoi(m[2])
		n, _ := strconv.Atoi(m[3])
		key := set{m[1], m[3], m[4], n}
		if sets[key] == nil {
			sets[key] = map[int]bool{}
		}
		sets[key][i] = true
	}
	names := map[string]bool{}
	var unnamed int64
	for key, have := range sets {
		first, last := 1, key.total
		if have[0] {
			first, last = 0, key.total-1
		}
		absent := int64(last - first + 1)
		for i := range have {
			if first <= i && i <= last {
				absent--
			}
		}
		for i, listed := first, 0; i <= last && absent > 0 && listed < mostNamed; i++ {
			if !have[i] {
				names[fmt.Sprintf("%s-%0*d-of-%s%s", key.stem, len(key.digits), i, key.digits, key.ext)] = true
				absent--
				listed++
			}
		}
		unnamed += absent
	}
	for index, shards := range r.indexes {
		for _, s := range shards {
			if full := path.Join(path.Dir(index), s); !present[full] {
				names[full] = true
			}
		}
	}
	facts.Set("pickle.shards_missing", int64(len(names))+unnamed, pipeline.BasisMeasured)
	listed := slices.Sorted(maps.Keys(names))
	facts.Set("pickle.shards_missing_names", append([]string{}, listed[:min(mostNamed, len(listed))]...), pipeline.BasisMeasured)
}
