package signature

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"weighbridge/pipeline"
)

// mostNamed is how many objects of one kind of problem are named one by one.
const mostNamed = 5

// mostProblems is how many problems are told.
const mostProblems = 50

// alwaysIgnored are left out of every signature, at the root of the model only.
var alwaysIgnored = []string{".git", ".gitattributes", ".github", ".gitignore"}

// Deriver holds signatures and lists of sums against what lies there.
type Deriver struct{ trust Trust }

// New returns the deriver with whom the operator trusts.
func New(trust Trust) Deriver { return Deriver{trust} }

// Name returns "signature".
func (Deriver) Name() string { return Name }

// Derive sets the facts of the group signature.
func (d Deriver) Derive(_ context.Context, readings *pipeline.Readings, facts *pipeline.FactSet) error {
	lists := slices.Clone(readings.DigestLists)
	// Signatures come first: what they cover is of more weight than what a list does.
	slices.SortFunc(lists, func(a, b pipeline.DigestList) int {
		if (a.Kind == KindOMS) != (b.Kind == KindOMS) {
			return map[bool]int{true: -1, false: 1}[a.Kind == KindOMS]
		}
		return strings.Compare(a.Object, b.Object)
	})
	h := &held{trust: d.trust, objects: map[string]*pipeline.ObjectReading{}, named: map[string]bool{}, ignored: map[string]bool{}, proofs: map[string]bool{}}
	for i := range readings.Objects {
		o := &readings.Objects[i]
		h.objects[o.Path] = o
		h.paths = append(h.paths, o.Path)
	}
	if unread, ok := facts.Value("objects.unread"); ok {
		h.unread, _ = unread.(int64)
	}
	for _, list := range lists {
		h.evidence = append(h.evidence, pipeline.Evidence{Object: list.Object})
		if list.Kind == KindOMS {
			h.bundle(list)
		} else {
			h.sums(list)
		}
	}
	h.set(facts)
	return nil
}

// held is what the lists of one artifact came to.
type held struct {
	trust   Trust
	objects map[string]*pipeline.ObjectReading
	paths   []string
	// unread counts names that were not followed.
	unread int64

	evidence []pipeline.Evidence
	problems []string
	// bundles and lists count what was understood as a signature or a list of sums, or was
	// meant to be one.
	bundles, lists int
	// wrong is true where something does not fit, open where something cannot be told.
	wrong, open bool
	// stored is true where a digest that fits is the store's word.
	stored bool
	// named are the objects that signatures name, or lists where there are no signatures;
	// ignored those that signatures leave out, but for themselves.
	named, ignored map[string]bool
	// signers are in the order of their bundles; trusted is false where one is not.
	signers   []string
	untrusted bool
	// ours is the last bundle that was understood, and proofs are the signatures and lists
	// that were.
	ours   *Bundle
	proofs map[string]bool
}

// say adds a problem of one list.
func (h *held) say(list pipeline.DigestList, format string, args ...any) {
	h.problems = append(h.problems, quote(list.Object)+": "+fmt.Sprintf(format, args...)+".")
}

// bundle holds one signature against the objects.
func (h *held) bundle(list pipeline.DigestList) {
	if list.Problem != "" {
		h.bundles++
		h.open = true
		h.untrusted = true
		h.say(list, "%s", list.Problem)
		return
	}
	b, err := Parse(list.Text)
	switch {
	case isForeign(err):
		h.say(list, "%s; it was not verified", err.(*pipeline.Error).Message) //nolint:errorlint,forcetypeassert // Parse returns no other
		return
	case err != nil:
		h.bundles++
		h.wrong, h.untrusted = true, true
		h.say(list, "%s", err.(*pipeline.Error).Message) //nolint:errorlint,forcetypeassert // as above
		return
	}
	h.bundles++
	h.ours = b
	h.proofs[list.Object] = true
	h.signature(list, b)
	base := b.base(list.Object, func(p string) bool { return h.objects[p] != nil })
	fit := h.names(list, b, base)
	fit.against(h, list, b, base)
}

// signature verifies who signed.
func (h *held) signature(list pipeline.DigestList, b *Bundle) {
	a := h.trust.check(b)
	if a.signer != "" && !a.wrong {
		h.signers = append(h.signers, a.signer)
	}
	if !a.trusted {
		h.untrusted = true
	}
	h.wrong = h.wrong || a.wrong
	h.open = h.open || !a.wrong && !a.genuine
	if h.trust.Empty() && a.genuine {
		a.why = "no keys or certificates of signers were given, so its signer is not trusted"
	}
	if a.why != "" {
		h.say(list, "%s", a.why)
	}
}

// fitting gathers names by what is odd about them.
type fitting struct {
	missing, sizes, differ, unhashed []string
	// cut are the objects of sizes.
	cut map[string]bool
}

// names finds what a bundle names and what it does not.
func (h *held) names(list pipeline.DigestList, b *Bundle, base string) *fitting {
	f := &fitting{cut: map[string]bool{}}
	ranges := map[string]int64{}
	for _, r := range b.Resources {
		p := base + r.Path
		o := h.objects[p]
		if _, seen := ranges[p]; !seen && o == nil {
			f.missing = append(f.missing, p)
		}
		h.named[p] = true
		ranges[p]++
	}
	for p, n := range ranges {
		if o := h.objects[p]; o != nil && b.Method == methodShards && n != shardsOf(o.Size, b.ShardSize) {
			f.sizes, f.cut[p] = append(f.sizes, p), true
		}
	}
	slices.Sort(f.sizes)
	var unlisted, left []string
	git, will := setOf(alwaysIgnored), setOf(b.Ignored)
	for _, p := range h.paths {
		rel, below := strings.CutPrefix(p, base)
		if !below || p == list.Object || h.objects[p].Apart() || ranges[p] > 0 {
			continue
		}
		switch {
		case under(rel, git):
			h.ignored[p] = true
		case under(rel, will):
			h.ignored[p] = true
			left = append(left, p)
		case b.Method == methodShards && h.objects[p].Size == 0:
			h.named[p] = true // a file without bytes has no shard
		default:
			unlisted = append(unlisted, p)
		}
	}
	h.tell(list, unlisted, true, "it does not list")
	h.tell(list, f.missing, true, "it lists what is not there")
	h.tell(list, f.sizes, true, "its shards do not make up the size of")
	h.tell(list, left, false, "it leaves out, by the will of whoever signed,")
	if h.unread > 0 {
		h.wrong = true
		h.say(list, "names that were not followed (%d) cannot be among what was signed", h.unread)
	}
	return f
}

func setOf(paths []string) map[string]bool {
	set := map[string]bool{}
	for _, p := range paths {
		set[p] = true
	}
	return set
}

// under tells whether a path is one of some, or lies below one.
func under(p string, some map[string]bool) bool {
	for i := range len(p) {
		if p[i] == '/' && some[p[:i]] {
			return true
		}
	}
	return some[p]
}

// against holds the digests of a bundle against those of the objects.
func (f *fitting) against(h *held, list pipeline.DigestList, b *Bundle, base string) {
	if b.HashType != hashSHA256 {
		h.open = true
		h.say(list, "it was hashed by %s, which is not computed here, so the bytes cannot be held against it", quote(b.HashType))
		return
	}
	for _, r := range b.Resources {
		p := base + r.Path
		o := h.objects[p]
		if o == nil || f.cut[p] {
			continue
		}
		switch got := digestOf(o, b, r); {
		case got == "":
			f.unhashed = append(f.unhashed, p)
		case got != r.Digest:
			f.differ = append(f.differ, p)
		case o.Stored:
			h.stored = true
		}
	}
	h.tell(list, slices.Compact(f.differ), true, "the bytes are not those that were signed of")
	h.unhashed(list, slices.Compact(f.unhashed))
}

// noShard is in the place of a digest where no shard of an object ends where it should.
const noShard pipeline.Digest = "none"

// digestOf returns the digest of a resource as it lies there, "" where it was not hashed.
func digestOf(o *pipeline.ObjectReading, b *Bundle, r Resource) pipeline.Digest {
	if b.Method == methodFiles || r.Start == 0 && r.End == o.Size {
		return o.SHA256
	}
	pieces := o.Pieces[b.ShardSize]
	if i := r.Start / b.ShardSize; i < int64(len(pieces)) && r.End == min(r.Start+b.ShardSize, o.Size) {
		return pieces[i]
	}
	if pieces != nil {
		return noShard
	}
	return ""
}

// tell adds a problem that concerns some objects, and keeps that something is wrong.
func (h *held) tell(list pipeline.DigestList, paths []string, wrong bool, what string) {
	if len(paths) == 0 {
		return
	}
	h.wrong = h.wrong || wrong
	h.say(list, "%s %s", what, enumerate(paths))
}

// enumerate names some objects and counts the others.
func enumerate(paths []string) string {
	var b strings.Builder
	for i, p := range paths[:min(len(paths), mostNamed)] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quote(p))
	}
	if more := len(paths) - mostNamed; more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}

// unhashed says that some objects could not be held against a list.
func (h *held) unhashed(list pipeline.DigestList, paths []string) {
	if len(paths) == 0 {
		return
	}
	h.open = true
	h.say(list, "the bytes of %d of the objects that it names were not hashed; run with --hash", len(paths))
}

// sums holds one list of sums against the objects.
func (h *held) sums(list pipeline.DigestList) {
	if list.Problem != "" {
		h.lists++
		h.open = true
		h.say(list, "%s", list.Problem)
		return
	}
	sums, other, odd, wrong := parseSums(list)
	if wrong != "" {
		h.wrong = true
		h.say(list, "%s", wrong)
	}
	if other > 0 {
		h.say(list, "lines of other hashes than SHA-256 (%d) are not computed here", other)
	}
	if odd > 0 {
		h.say(list, "lines that are not understood: %d", odd)
	}
	if len(sums) == 0 && wrong == "" {
		h.open = true
		h.say(list, "it holds no SHA-256, so nothing was held against it")
		return
	}
	h.lists++
	if h.bundles == 0 {
		h.proofs[list.Object] = true
	}
	base := ""
	if i := strings.LastIndexByte(list.Object, '/'); i >= 0 {
		base = list.Object[:i+1]
	}
	var missing, differ, unhashed []string
	for _, s := range sums {
		p := base + s.path
		o := h.objects[p]
		switch {
		case o == nil:
			missing = append(missing, p)
		case o.SHA256 == "":
			unhashed = append(unhashed, p)
		case o.SHA256 != s.digest:
			differ = append(differ, p)
		case o.Stored:
			h.stored = true
		}
		if h.bundles == 0 {
			h.named[p] = true
		}
	}
	h.tell(list, missing, true, "it lists what is not there")
	h.tell(list, differ, true, "the bytes do not have the digest that it gives of")
	h.unhashed(list, unhashed)
}

// set writes the facts.
func (h *held) set(facts *pipeline.FactSet) {
	present := h.bundles+h.lists > 0
	facts.Set("signature.present", present, pipeline.BasisMeasured, h.evidence...)
	if present {
		h.outcome(facts)
	}
	h.root(facts)
	if h.problems == nil {
		h.problems = []string{}
	}
	if more := len(h.problems) - mostProblems; more > 0 {
		h.problems = append(h.problems[:mostProblems], fmt.Sprintf("Problems that are not told: %d.", more))
	}
	facts.Set("signature.problems", h.problems, pipeline.BasisParsed, h.evidence...)
}

// outcome writes what came out where there is a signature or a list.
func (h *held) outcome(facts *pipeline.FactSet) {
	kind := KindSums
	if h.bundles > 0 {
		kind = KindOMS
	}
	facts.Set("signature.kind", kind, pipeline.BasisParsed, h.evidence...)
	h.unlisted(facts)
	basis := pipeline.BasisMeasured
	if h.stored {
		basis = pipeline.BasisAttested
	}
	switch {
	case h.wrong:
		facts.Set("signature.verified", false, pipeline.BasisMeasured, h.evidence...)
	case !h.open:
		facts.Set("signature.verified", true, basis, h.evidence...)
	}
	trusted := h.bundles > 0 && !h.untrusted
	facts.Set("signature.trusted", trusted, pipeline.BasisMeasured, h.evidence...)
	if len(h.signers) > 0 {
		facts.Set("signature.signer", strings.Join(slices.Compact(h.signers), ", "), pipeline.BasisParsed, h.evidence...)
	}
}

// unlisted counts what nothing names. A signature that lies in a folder leaves what is
// beside that folder unsigned, which makes it false for the artifact.
func (h *held) unlisted(facts *pipeline.FactSet) {
	if h.bundles > 0 && h.ours == nil {
		return // no signature could be read, so what it covers is not known
	}
	var beside []pipeline.Evidence
	var names []string
	for _, p := range h.paths {
		if !h.objects[p].Apart() && !h.named[p] && !h.ignored[p] && !h.proofs[p] {
			names = append(names, p)
			if len(beside) < mostNamed {
				beside = append(beside, pipeline.Evidence{Object: p})
			}
		}
	}
	facts.Set("signature.unlisted", int64(len(names)), pipeline.BasisMeasured, beside...)
	var left []pipeline.Evidence
	for _, p := range h.paths {
		if h.ignored[p] && len(left) < mostNamed {
			left = append(left, pipeline.Evidence{Object: p})
		}
	}
	facts.Set("signature.ignored", int64(len(h.ignored)), pipeline.BasisMeasured, left...)
	if h.bundles > 0 && len(names) > 0 && !h.wrong {
		h.wrong = true
		h.problems = append(h.problems, "No signature covers "+enumerate(names)+".")
	}
}

// root writes the root digest: that of the bytes where they were hashed, else the one that
// the only signature states. Without a signature it covers what a signature by the
// reference implementation would cover with its defaults, in order of name.
func (h *held) root(facts *pipeline.FactSet) {
	if h.bundles == 1 && h.ours != nil && !h.wrong {
		basis := pipeline.BasisParsed
		if !h.open {
			basis = pipeline.BasisMeasured
		}
		facts.Set("signature.root_digest", string(h.ours.Root), basis, h.evidence...)
		return
	}
	if h.bundles > 0 {
		return // which of them it would be of is not said
	}
	sums := sha256.New()
	n := 0
	git := setOf(alwaysIgnored)
	for _, p := range h.paths {
		o := h.objects[p]
		if o.Apart() || under(p, git) {
			continue
		}
		raw, err := hex.DecodeString(strings.TrimPrefix(string(o.SHA256), "sha256:"))
		if err != nil || len(raw) != sha256.Size {
			return
		}
		sums.Write(raw)
		n++
	}
	if n > 0 {
		facts.Set("signature.root_digest", string(pipeline.DigestOf(sums.Sum(nil))), pipeline.BasisMeasured)
	}
}
