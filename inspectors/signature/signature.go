// Package signature reads what lies beside weights to prove that they are the ones that
// somebody meant: OpenSSF Model Signing bundles, and lists of SHA-256 sums. Its deriver
// holds them against the bytes that a run hashed, offline, with the keys and certificates
// that the operator gives.
//
// Bundles follow the OpenSSF Model Signing specification 1.0 (2026-05-14): a Sigstore
// bundle v0.3 with a DSSE envelope (DSSE 1.0) around an in-toto Statement v1 whose
// predicate lists a digest for every file, or for every shard of one. What the reference
// implementation does otherwise (model-signing 1.1.1, looked at in November 2026) is taken
// where it is harmless: it orders names part by part where the specification orders whole
// names, so both orders are; it writes "sha256-sharded-SIZE" for the algorithm of shards.
// Where it is laxer it is not followed: it looks at the first signature only and a second
// one is refused here; it holds a certificate to its own first day, here it must be valid
// on the day of the check, as section 8.2 says, because no time in a bundle can be trusted
// offline; it takes resources in any order, a name that is listed twice and names such as
// "./a", which the specification forbids. It refuses a key whose hint is not the SHA-256 of
// its PEM form; the hint is not signed and others write it otherwise, so here it only names
// the key. It cannot verify the shards that it signs, because of that size of 64.0; here they
// verify. Bundles of versions before 1.0 are not read.
//
// Which way a fact falls:
//
//   - verified is false where a signature or a list contradicts what lies there: a wrong
//     signature, a certificate that may not sign or is out of date, a name that is missing
//     or not listed, a digest that differs, a bundle that cannot be parsed, and a key bundle
//     that none of the operator's keys verifies. Names show that without hashing.
//   - verified is true where everything named was hashed and fits, and every signature is
//     one by the key that it names. It says nothing of who that is.
//   - verified is unknown otherwise, and a problem says why: not hashed, no key given, a
//     hash that is not computed here.
//   - trusted is true only where the operator gave the key, or a certificate that the
//     signer's leads to. An operator that gave none trusts nobody.
//
// A list of sums is no signature: nobody signed it, so signer stays unknown and trusted is
// false.
package signature

import (
	"context"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"

	"weighbridge/pipeline"
)

// Name is the inspector's name.
const Name = "signature"

// MaxText is the largest signature or list that is read, in bytes. A list of 30,000 files
// fits.
const MaxText = 4 << 20

// The kinds of [pipeline.DigestList].
const (
	KindOMS  = "oms"
	KindSums = "sums"
	KindSum  = "sum"
)

// kindOf tells by its name what an object may be, "" for none of them. A verifier is told
// a name too.
func kindOf(p string) string {
	base := strings.ToLower(path.Base(p))
	switch base {
	case "sha256sums", "sha256sums.txt", "sha256sum.txt", "checksums.txt", "checksums.sha256", "checksum.sha256":
		return KindSums
	}
	for _, suffix := range []string{".sig", ".sigstore.json", ".sigstore", ".oms.json"} {
		if strings.HasSuffix(base, suffix) && base != suffix {
			return KindOMS
		}
	}
	if strings.HasSuffix(base, ".sha256") && base != ".sha256" {
		return KindSum
	}
	return ""
}

// Reader keeps signatures and lists of sums for the deriver.
type Reader struct{}

// Name returns "signature".
func (Reader) Name() string { return Name }

// Open begins a run.
func (Reader) Open(objects []pipeline.Object) pipeline.ReaderRun {
	return &run{objects: objects, pieces: map[string][]int64{}}
}

type run struct {
	objects []pipeline.Object

	mu     sync.Mutex
	lists  []pipeline.DigestList
	pieces map[string][]int64 // the sizes of shards by path
}

var _ pipeline.PieceWisher = (*run)(nil)

// First asks for the whole text.
func (r *run) First(o pipeline.Object, stage pipeline.Stage) (int64, bool) {
	return min(o.Size, MaxText), stage == pipeline.StageBodies && kindOf(o.Path) != ""
}

// Sniff goes by the name.
func (r *run) Sniff(o pipeline.Object, _ []byte) bool { return kindOf(o.Path) != "" }

// Read keeps the text. What the object is, its bytes tell.
func (r *run) Read(ctx context.Context, f pipeline.File) (pipeline.ReadResult, error) {
	o := f.Object()
	result := pipeline.ReadResult{Beside: true, Role: pipeline.RoleText}
	list := pipeline.DigestList{Object: o.Path, Kind: kindOf(o.Path)}
	switch {
	case o.Size > MaxText:
		list.Problem = fmt.Sprintf("it is longer than the %d MiB that are read", MaxText>>20)
		result.Note = list.Problem
	case o.Size > 0:
		text, err := whole(ctx, f)
		if err != nil {
			return result, err
		}
		list.Text = text
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lists = append(r.lists, list)
	r.wish(list)
	return result, nil
}

// whole returns all bytes of an object of at most [MaxText].
func whole(ctx context.Context, f pipeline.File) ([]byte, error) {
	if head := f.Head(); int64(len(head)) == f.Object().Size {
		return append([]byte{}, head...), nil
	}
	body, err := f.Range(ctx, 0, f.Object().Size)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	return io.ReadAll(io.LimitReader(body, MaxText))
}

// wish notes the shards that a bundle states digests of.
func (r *run) wish(list pipeline.DigestList) {
	if list.Kind != KindOMS {
		return
	}
	b, err := Parse(list.Text)
	if err != nil || b.Method != methodShards || b.HashType != hashSHA256 {
		return
	}
	sizes := map[string]int64{}
	for _, o := range r.objects {
		sizes[o.Path] = o.Size
	}
	base := b.base(list.Object, func(p string) bool { _, ok := sizes[p]; return ok })
	stated := map[string]int64{}
	for _, res := range b.Resources {
		stated[base+res.Path]++
	}
	for p, n := range stated {
		// As many shards as are stated, so that no bundle asks for more digests than it has
		// lines.
		if size, ok := sizes[p]; ok && n == shardsOf(size, b.ShardSize) {
			r.pieces[p] = append(r.pieces[p], b.ShardSize)
		}
	}
}

// shardsOf returns how many shards an object has.
func shardsOf(size, shard int64) int64 {
	n := size / shard
	if size%shard > 0 {
		n++
	}
	return n
}

// Pieces implements [pipeline.PieceWisher]: the shards that bundles state digests of.
func (r *run) Pieces(o pipeline.Object) []int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]int64(nil), r.pieces[o.Path]...)
}

// Finish hands over what was read.
func (r *run) Finish(readings *pipeline.Readings, _ *pipeline.FactSet) {
	readings.DigestLists = append(readings.DigestLists, r.lists...)
}
