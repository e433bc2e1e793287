package safetensors

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"weighbridge/pipeline"
)

// mostNamed is how many names of one kind of problem are spelled out.
const mostNamed = 20

// Finish hands over the tables in order of path and holds indexes, shards and shard
// names against each other.
func (r *run) Finish(readings *pipeline.Readings, facts *pipeline.FactSet) {
	for _, p := range slices.Sorted(maps.Keys(r.headers)) {
		readings.Tables = append(readings.Tables, r.headers[p].Table)
	}
	r.headerFacts(facts)
	r.indexFacts(facts)
	r.shardFacts(facts)
	r.indexes, r.headers = nil, nil // the derivers that follow need the room
}

func (r *run) headerFacts(facts *pipeline.FactSet) {
	var empty, alike, huge int64
	var evidence []pipeline.Evidence
	for _, p := range slices.Sorted(maps.Keys(r.headers)) {
		h := r.headers[p]
		empty, alike, huge = empty+h.NamesEmpty, alike+h.NamesAlike, huge+h.EmptyHuge
		if h.NamesEmpty+h.NamesAlike+h.EmptyHuge > 0 {
			evidence = append(evidence, pipeline.Evidence{Object: p})
		}
	}
	facts.Set("headers.malformed", r.broken, pipeline.BasisMeasured)
	facts.Set("headers.names_empty", empty, pipeline.BasisMeasured, evidence...)
	facts.Set("headers.names_alike", alike, pipeline.BasisMeasured, evidence...)
	facts.Set("headers.empty_huge", huge, pipeline.BasisMeasured, evidence...)
}

// comparison is what came of holding all indexes against their shards.
type comparison struct {
	absent, unlisted, misplaced, shardsAbsent, shardsUnlisted, escaping int64
	problems                                                            []string
	evidence                                                            []pipeline.Evidence
	named                                                               map[string]int
}

// say adds a sentence about a problem of one kind, the first few of each kind only.
func (c *comparison) say(kind, object, where, sentence string) {
	if c.named == nil {
		c.named = map[string]int{}
	}
	c.named[kind]++
	if c.named[kind] > mostNamed {
		return
	}
	c.problems = append(c.problems, sentence)
	c.evidence = append(c.evidence, pipeline.Evidence{Object: object, Where: where})
}

func (r *run) indexFacts(facts *pipeline.FactSet) {
	facts.Set("index.present", len(r.indexes) > 0, pipeline.BasisMeasured)
	if len(r.indexes) == 0 {
		return
	}
	slices.SortFunc(r.indexes, func(a, b *Index) int { return cmp.Compare(a.Object, b.Object) })
	var c comparison
	named := map[string]bool{}
	for _, x := range r.indexes {
		r.compare(x, &c, named)
	}
	for _, x := range r.indexes {
		for _, o := range r.objects {
			if isShard(o.Path) && path.Dir(o.Path) == path.Dir(x.Object) && !named[o.Path] {
				named[o.Path] = true
				c.shardsUnlisted++
				c.say("shard unlisted", o.Path, "", fmt.Sprintf("%s lies beside the index, which does not name it", o.Path))
			}
		}
	}
	set := func(name string, v int64) { facts.Set(name, v, pipeline.BasisMeasured, c.evidence...) }
	set("index.tensors_absent", c.absent)
	set("index.tensors_unlisted", c.unlisted)
	set("index.tensors_misplaced", c.misplaced)
	set("index.shards_absent", c.shardsAbsent)
	set("index.shards_unlisted", c.shardsUnlisted)
	set("index.paths_escaping", c.escaping)
	r.totalSize(facts, &c)
	facts.Set("index.problems", append([]string{}, c.problems...), pipeline.BasisMeasured, c.evidence...)
}

// compare holds one index against the shards that it names, both ways.
func (r *run) compare(x *Index, c *comparison, named map[string]bool) {
	present := map[string]bool{}
	for _, o := range r.objects {
		present[o.Path] = true
	}
	if x.Trailing {
		c.say("trailing", x.Object, "", x.Object+" holds text behind its document, which loaders do not read")
	}
	headers := make([]*Header, len(x.Shards))
	seen := make([]bool, x.Len())
	for i, name := range x.Shards {
		where := "$.weight_map"
		if escapes(name) {
			c.escaping++
			c.say("escape", x.Object, where, fmt.Sprintf("the index names the shard %s, which leaves its folder", quote([]byte(name))))
			continue
		}
		full := x.Dir + name
		named[full] = true
		if !present[full] {
			c.shardsAbsent++
			c.say("shard absent", x.Object, where, fmt.Sprintf("the index names the shard %s, which is not there", quote([]byte(name))))
			continue
		}
		headers[i] = r.headers[full]
	}
	for i, h := range headers {
		if h == nil {
			continue
		}
		for k := range h.Table.Len() {
			name := h.Table.At(k).Name
			at := x.Find(name)
			switch {
			case at < 0:
				c.unlisted++
				c.say("unlisted", h.Table.Object, "", fmt.Sprintf("%s holds tensor %s, which the index does not list", h.Table.Object, quote([]byte(name))))
			case int(x.shardOf[at]) != i:
				c.misplaced++
				seen[at] = true
				c.say("misplaced", h.Table.Object, "", fmt.Sprintf("tensor %s lies in %s; the index places it in %s", quote([]byte(name)), h.Table.Object, quote([]byte(x.Shards[x.shardOf[at]]))))
			default:
				seen[at] = true
			}
		}
	}
	for i, found := range seen {
		if !found {
			name, shard := x.At(i)
			c.absent++
			c.say("absent", x.Object, "$.weight_map", fmt.Sprintf("the index lists tensor %s in %s, where it is not", quote([]byte(name)), quote([]byte(x.Shards[shard]))))
		}
	}
}

// totalSize holds the declared total of each index against its shards. The worst
// state of all indexes is the fact.
func (r *run) totalSize(facts *pipeline.FactSet, c *comparison) {
	order := []string{"ok", "absent", "zero", "not_an_integer", "mismatch"}
	state := "ok"
	for _, x := range r.indexes {
		var sum uint64
		for _, name := range x.Shards {
			if h := r.headers[x.Dir+name]; h != nil {
				for k := range h.Table.Len() {
					sum += h.Table.At(k).Bytes()
				}
			}
		}
		own := x.TotalSizeState
		if own == "ok" && x.TotalSize != sum {
			own = "mismatch"
		}
		if own != "ok" {
			c.say("total size", x.Object, "$.metadata.total_size", map[string]string{
				"absent":         x.Object + " states no total size",
				"zero":           x.Object + " states a total size of zero",
				"not_an_integer": x.Object + " states a total size that is no whole number",
				"mismatch":       fmt.Sprintf("%s states a total size of %d bytes; the shards that it names hold %d", x.Object, x.TotalSize, sum),
			}[own])
		}
		if slices.Index(order, own) > slices.Index(order, state) {
			state = own
		}
		if x.TotalSizeState == "ok" || x.TotalSizeState == "zero" {
			facts.Set("index.total_size", int64(x.TotalSize), pipeline.BasisDeclared, pipeline.Evidence{Object: x.Object, Where: "$.metadata.total_size"})
		}
	}
	facts.Set("index.total_size_state", state, pipeline.BasisMeasured, pipeline.Evidence{Object: r.indexes[0].Object, Where: "$.metadata.total_size"})
}

// numbered matches the names of shards: i-of-n with five or six digits, parted from
// the stem by a dash or an underscore (counting.md section 1.4).
var numbered = regexp.MustCompile(`^(.*?)[_-](\d{5,6})-of-(\d{5,6})\.safetensors$`)

// shardFacts finds the members of numbered sets that are not there.
func (r *run) shardFacts(facts *pipeline.FactSet) {
	type set struct {
		stem, digits string
		total        int
	}
	sets := map[set]map[int]bool{}
	for _, o := range r.objects {
		m := numbered.FindStringSubmatch(o.Path)
		if m == nil {
			continue
		}
		i, _ := strconv.Atoi(m[2])
		n, _ := strconv.Atoi(m[3])
		key := set{m[1], m[3], n}
		if sets[key] == nil {
			sets[key] = map[int]bool{}
		}
		sets[key][i] = true
	}
	var missing int64
	names := []string{}
	keys := slices.SortedFunc(maps.Keys(sets), func(a, b set) int {
		return cmp.Or(strings.Compare(a.stem, b.stem), cmp.Compare(a.total, b.total))
	})
	for _, key := range keys {
		have := sets[key]
		first, last := 1, key.total
		if have[0] { // sets that count from zero exist
			first, last = 0, key.total-1
		}
		absent := int64(last - first + 1)
		for i := range have {
			if first <= i && i <= last {
				absent--
			}
		}
		missing += absent
		for i := first; i <= last && absent > 0 && len(names) < mostNamed; i++ {
			if !have[i] {
				absent--
				names = append(names, fmt.Sprintf("%s-%0*d-of-%s%s", key.stem, len(key.digits), i, key.digits, extension))
			}
		}
	}
	facts.Set("shards.missing", missing, pipeline.BasisMeasured)
	facts.Set("shards.missing_names", names, pipeline.BasisMeasured)
}
