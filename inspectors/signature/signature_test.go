package signature_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/inspectors/inspecttest"
	"weighbridge/inspectors/signature"
	"weighbridge/pipeline"
)

// model returns the files of the model that the reference implementation signed.
func model(t testing.TB) inspecttest.Files {
	t.Helper()
	files := inspecttest.Files{}
	root := filepath.Join("testdata", "model")
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		rel, _ := filepath.Rel(root, path)
		files[filepath.ToSlash(rel)] = string(text)
		return err
	}))
	require.Len(t, files, 8)
	return files
}

func bundle(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "bundles", name+".sig"))
	require.NoError(t, err)
	return string(text)
}

func key(name string) string { return filepath.Join("testdata", "keys", "test-only-"+name) }

func trust(t testing.TB, files ...string) signature.Trust {
	t.Helper()
	for i, f := range files {
		files[i] = key(f)
	}
	out, err := signature.LoadTrust(files, inspecttest.Day)
	require.NoError(t, err)
	return out
}

func inspect(t testing.TB, files inspecttest.Files, hash bool, by signature.Trust) pipeline.Signature {
	t.Helper()
	r := inspecttest.Run{Readers: []pipeline.Reader{signature.Reader{}}, Derivers: []pipeline.Deriver{signature.New(by)}, Hash: hash}.Inspect(t, files)
	for _, i := range r.Inspections {
		require.NotEqual(t, pipeline.InspectionFailed, i.Status, "%s", i.Reason)
	}
	return r.Facts.Signature
}

// with returns the files with some in their place.
func with(files inspecttest.Files, changes inspecttest.Files) inspecttest.Files {
	out := maps.Clone(files)
	maps.Copy(out, changes)
	return out
}

func without(files inspecttest.Files, path string) inspecttest.Files {
	out := maps.Clone(files)
	delete(out, path)
	return out
}

func word(b *bool) string {
	if b == nil {
		return "unknown"
	}
	return fmt.Sprint(*b)
}

func TestSignature_OfTheReferenceImplementation(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bundle, trust string
		signer        string
	}{
		"P-256":         {"p256", "p256.pub", "key sha256:"},
		"P-384":         {"p384", "p384.pub", "key sha256:"},
		"P-521":         {"p521", "p521.pub", "key sha256:"},
		"shards":        {"shards", "p256.pub", "key sha256:"},
		"certificate":   {"leaf", "root.pem", "release@model.example"},
		"a leaf itself": {"leaf", "leaf.pem", "release@model.example"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := with(model(t), inspecttest.Files{"model.sig": bundle(t, c.bundle)})
			s := inspect(t, files, true, trust(t, c.trust))
			require.Empty(t, s.Problems)
			require.Equal(t, "true", word(s.Verified))
			require.Equal(t, "true", word(s.Trusted))
			require.Equal(t, "true", word(s.Present))
			require.Equal(t, signature.KindOMS, *s.Kind)
			require.Zero(t, *s.Unlisted)
			require.EqualValues(t, 1, *s.Ignored, "the .gitignore")
			require.True(t, strings.HasPrefix(*s.Signer, c.signer), *s.Signer)
			if c.bundle != "shards" { // as the payloads state it
				require.Equal(t, "sha256:1677b708b8dfa3cb2260746e304fd090fd855d9c9bc13473503e147701ad43bf", *s.RootDigest)
			}

			s = inspect(t, files, false, trust(t, c.trust))
			require.Equal(t, "unknown", word(s.Verified))
			require.Equal(t, "true", word(s.Trusted))
			require.Len(t, s.Problems, 1)
			require.Contains(t, s.Problems[0], "run with --hash")
		})
	}
}

func TestSignature_WhatDoesNotFit(t *testing.T) {
	t.Parallel()
	signed := with(model(t), inspecttest.Files{"model.sig": bundle(t, "p256")})
	sharded := with(model(t), inspecttest.Files{"model.sig": bundle(t, "shards")})
	weights := signed["model.safetensors"]
	changed := weights[:150] + "X" + weights[151:]
	for name, c := range map[string]struct {
		files    inspecttest.Files
		trust    string
		verified string
		// early is what is known without hashing.
		early   string
		trusted string
		says    []string
	}{
		"one byte changed": {with(signed, inspecttest.Files{"model.safetensors": changed}), "p256.pub", "false", "unknown", "true",
			[]string{`"model.sig": the bytes are not those that were signed of "model.safetensors".`}},
		"one byte of a shard changed": {with(sharded, inspecttest.Files{"model.safetensors": changed}), "p256.pub", "false", "unknown", "true",
			[]string{`"model.sig": the bytes are not those that were signed of "model.safetensors".`}},
		"a byte at the end of a shard": {with(sharded, inspecttest.Files{"model.safetensors": weights[:200] + "!" + weights[201:]}), "p256.pub", "false", "unknown", "true", nil},
		"a file added": {with(signed, inspecttest.Files{"extra.bin": "x"}), "p256.pub", "false", "false", "true",
			[]string{`"model.sig": it does not list "extra.bin".`}},
		"a file added deeper in a folder named like Git's": {with(signed, inspecttest.Files{"a/.git/x": "x"}), "p256.pub", "false", "false", "true",
			[]string{`"model.sig": it does not list "a/.git/x".`}},
		"a file removed": {without(signed, "config.json"), "p256.pub", "false", "false", "true",
			[]string{`"model.sig": it lists what is not there "config.json".`}},
		"a file renamed": {without(with(signed, inspecttest.Files{"Config.json": signed["config.json"]}), "config.json"), "p256.pub", "false", "false", "true",
			[]string{`"model.sig": it does not list "Config.json".`, `"model.sig": it lists what is not there "config.json".`}},
		"a file of shards that grew": {with(sharded, inspecttest.Files{"model.safetensors": weights + strings.Repeat("x", 100)}), "p256.pub", "false", "false", "true",
			[]string{`"model.sig": its shards do not make up the size of "model.safetensors".`}},
		"a file of shards that grew within its last shard": {with(sharded, inspecttest.Files{"model.safetensors": weights + "x"}), "p256.pub", "false", "unknown", "true",
			[]string{`"model.sig": the bytes are not those that were signed of "model.safetensors".`}},
		"an empty file has no shard": {with(sharded, inspecttest.Files{"more.txt": ""}), "p256.pub", "true", "unknown", "true", []string{}},
		"another key":                {signed, "other.pub", "false", "false", "false", nil},
		"no key":                     {signed, "", "unknown", "unknown", "false", nil},
		"an expired certificate": {with(signed, inspecttest.Files{"model.sig": bundle(t, "expired")}), "root.pem", "false", "false", "false",
			[]string{`"model.sig": its certificate is valid from 2025-01-01 to 2025-02-01, and not on the day of the check.`}},
		"a certificate for something else": {with(signed, inspecttest.Files{"model.sig": bundle(t, "server")}), "root.pem", "false", "false", "false",
			[]string{`"model.sig": its certificate is not one for signing.`}},
		"a certificate of strangers": {with(signed, inspecttest.Files{"model.sig": bundle(t, "leaf")}), "stranger.pem", "true", "unknown", "false",
			[]string{`"model.sig": its certificate leads to none of those that were given, so its signer is not trusted.`}},
		"a certificate and nobody trusted": {with(signed, inspecttest.Files{"model.sig": bundle(t, "leaf")}), "", "true", "unknown", "false",
			[]string{`"model.sig": no keys or certificates of signers were given, so its signer is not trusted.`}},
		"another hash": {with(signed, inspecttest.Files{"model.sig": bundle(t, "blake3")}), "p256.pub", "unknown", "unknown", "true",
			[]string{`"model.sig": it was hashed by "blake3", which is not computed here, so the bytes cannot be held against it.`}},
		"another hash, and a file added": {with(signed, inspecttest.Files{"model.sig": bundle(t, "blake3"), "x": "x"}), "p256.pub", "false", "false", "true", nil},
		"cut short": {with(signed, inspecttest.Files{"model.sig": signed["model.sig"][:500]}), "p256.pub", "false", "false", "false",
			[]string{`"model.sig": it is not whole JSON.`}},
		"a path left out by the signer": {with(signed, inspecttest.Files{"model.sig": bundle(t, "ignoring")}), "p256.pub", "true", "unknown", "true",
			[]string{`"model.sig": it leaves out, by the will of whoever signed, "a/b.txt".`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			by := trust(t)
			if c.trust != "" {
				by = trust(t, c.trust)
			}
			s := inspect(t, c.files, true, by)
			require.Equal(t, c.verified, word(s.Verified), "%v", s.Problems)
			require.Equal(t, c.trusted, word(s.Trusted))
			if c.says != nil {
				require.Equal(t, c.says, s.Problems)
			}
			if c.verified != "true" {
				require.NotEmpty(t, s.Problems)
			}
			early := inspect(t, c.files, false, by)
			require.Equal(t, c.early, word(early.Verified), "%v", early.Problems)
		})
	}
}

// statement is what a bundle signs, to be changed by tests.
type statement map[string]any

// remake signs a statement again after a change, with the key of the tests.
func remake(t testing.TB, name string, change func(s statement, b map[string]any)) string {
	t.Helper()
	var b map[string]any
	require.NoError(t, json.Unmarshal([]byte(bundle(t, name)), &b))
	envelope := b["dsseEnvelope"].(map[string]any)
	payload, err := base64.StdEncoding.DecodeString(envelope["payload"].(string))
	require.NoError(t, err)
	var s statement
	require.NoError(t, json.Unmarshal(payload, &s))
	change(s, b)
	payload, err = json.Marshal(s)
	require.NoError(t, err)
	sign(t, envelope, payload)
	text, err := json.Marshal(b)
	require.NoError(t, err)
	return string(text)
}

// sign puts a payload with its signature into an envelope.
func sign(t testing.TB, envelope map[string]any, payload []byte) {
	t.Helper()
	text, err := os.ReadFile(key("p256.key"))
	require.NoError(t, err)
	block, _ := pem.Decode(text)
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	require.NoError(t, err)
	kind, _ := envelope["payloadType"].(string)
	digest := sha256.Sum256(fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(kind), kind, len(payload), payload))
	made, err := ecdsa.SignASN1(rand.Reader, private.(*ecdsa.PrivateKey), digest[:])
	require.NoError(t, err)
	envelope["payload"] = base64.StdEncoding.EncodeToString(payload)
	list, _ := envelope["signatures"].([]any)
	for i := range list {
		list[i].(map[string]any)["sig"] = base64.StdEncoding.EncodeToString(made)
	}
}

// resources returns the list of a statement.
func (s statement) resources() []any { return s["predicate"].(map[string]any)["resources"].([]any) }

func (s statement) serialization() map[string]any {
	return s["predicate"].(map[string]any)["serialization"].(map[string]any)
}

// seal sets the list and the digest over it.
func (s statement) seal(list []any) {
	s["predicate"].(map[string]any)["resources"] = list
	root := sha256.New()
	for _, r := range list {
		raw, _ := hex.DecodeString(r.(map[string]any)["digest"].(string))
		root.Write(raw)
	}
	s["subject"].([]any)[0].(map[string]any)["digest"] = map[string]any{"sha256": hex.EncodeToString(root.Sum(nil))}
}

// named returns a list with another name at a place.
func (s statement) named(i int, name string) {
	list := s.resources()
	list[i].(map[string]any)["name"] = name
	s.seal(list)
}

func TestSignature_Hostile(t *testing.T) {
	t.Parallel()
	files := model(t)
	for name, c := range map[string]struct {
		bundle string
		change func(s statement, b map[string]any)
		says   string
	}{
		"nothing changed": {"p256", func(statement, map[string]any) {}, ""},
		"in order of whole names": {"p256", func(s statement, _ map[string]any) {
			list := s.resources()
			list[1], list[2] = list[2], list[1]
			s.seal(list)
		}, ""},
		"shards in order of whole names": {"shards", func(s statement, _ map[string]any) {
			list := s.resources()
			slices.SortFunc(list, func(a, b any) int {
				return strings.Compare(a.(map[string]any)["name"].(string), b.(map[string]any)["name"].(string))
			})
			s.seal(list)
		}, ""},
		"in another order": {"p256", func(s statement, _ map[string]any) {
			list := s.resources()
			list[0], list[5] = list[5], list[0]
			s.seal(list)
		}, "its files are not in order of name"},
		"re-ordered without a new digest": {"p256", func(s statement, _ map[string]any) {
			list := s.resources()
			list[1], list[2] = list[2], list[1]
		}, "its digest over all files is not that of the files that it lists"},
		"payload type": {"p256", func(_ statement, b map[string]any) { b["dsseEnvelope"].(map[string]any)["payloadType"] = "text/plain" },
			`the type of its payload is "text/plain", not application/vnd.in-toto+json`},
		"media type": {"p256", func(_ statement, b map[string]any) {
			b["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.2"
		},
			`its media type is "application/vnd.dev.sigstore.bundle+json;version=0.2", not application/vnd.dev.sigstore.bundle.v0.3+json`},
		"a second signature": {"p256", func(_ statement, b map[string]any) {
			e := b["dsseEnvelope"].(map[string]any)
			e["signatures"] = append(e["signatures"].([]any), map[string]any{"sig": "", "keyid": ""})
		}, "it has 2 signatures, and a bundle has one"},
		"no signature": {"p256", func(_ statement, b map[string]any) { b["dsseEnvelope"].(map[string]any)["signatures"] = []any{} },
			"it has 0 signatures, and a bundle has one"},
		"a key and a certificate": {"leaf", func(_ statement, b map[string]any) {
			b["verificationMaterial"].(map[string]any)["publicKey"] = map[string]any{"hint": "x"}
		}, "it names 2 ways to verify it, and a bundle names one: a key, a chain of certificates or a certificate"},
		"out of the folder": {"p256", func(s statement, _ map[string]any) { s.named(0, "../README.md") }, `the name "../README.md" leads out of the model`},
		"out in the middle": {"p256", func(s statement, _ map[string]any) { s.named(0, "a/../../x") }, `the name "a/../../x" leads out of the model`},
		"from the root":     {"p256", func(s statement, _ map[string]any) { s.named(0, "/etc/passwd") }, `the name "/etc/passwd" starts at the root`},
		"not plain":         {"p256", func(s statement, _ map[string]any) { s.named(0, "./README.md") }, `the name "./README.md" is not in its plain form`},
		"empty name":        {"p256", func(s statement, _ map[string]any) { s.named(0, "") }, `the name "" names everything or nothing`},
		"twice":             {"p256", func(s statement, _ map[string]any) { s.named(0, "config.json") }, `the name "config.json" is listed twice`},
		"a mark from the right": {"p256", func(s statement, _ map[string]any) { s.named(0, "../\u202etxt.exe") },
			`the name "../\u202etxt.exe" leads out of the model`},
		"a folder left out above": {"p256", func(s statement, _ map[string]any) { s.serialization()["ignore_paths"] = []any{"../x"} },
			`the path "../x" that it leaves out leads out of the model`},
		"everything left out": {"p256", func(s statement, _ map[string]any) { s.serialization()["ignore_paths"] = []any{"."} },
			`the path "." that it leaves out names everything or nothing`},
		"no files": {"p256", func(s statement, _ map[string]any) { s.seal([]any{}) }, "it lists no file"},
		"another method": {"p256", func(s statement, _ map[string]any) { s.serialization()["method"] = "tensors" },
			`it was hashed by the method "tensors", which is not known`},
		"half a shard": {"shards", func(s statement, _ map[string]any) { s.serialization()["shard_size"] = 0.5 }, `its size of shards is "0.5"`},
		"no shard":     {"shards", func(s statement, _ map[string]any) { s.serialization()["shard_size"] = -64 }, `its size of shards is "-64"`},
		"shards of another size": {"shards", func(s statement, _ map[string]any) {
			s.serialization()["shard_size"] = 63
			for _, r := range s.resources() {
				r.(map[string]any)["algorithm"] = "sha256"
			}
		},
			`the name "model.safetensors:0:64" is not one of a shard of 63 bytes`},
		"a hash that differs": {"p256", func(s statement, _ map[string]any) { s.resources()[0].(map[string]any)["algorithm"] = "md5" },
			`"README.md" is hashed by "md5", the others by "sha256"`},
		"two subjects": {"p256", func(s statement, _ map[string]any) { s["subject"] = append(s["subject"].([]any), map[string]any{}) },
			"it has 2 subjects, and a signature of a model has one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := inspect(t, with(files, inspecttest.Files{"model.sig": remake(t, c.bundle, c.change)}), true, trust(t, "p256.pub", "root.pem"))
			if c.says == "" {
				require.Empty(t, s.Problems)
				require.Equal(t, "true", word(s.Verified))
				return
			}
			require.Equal(t, []string{`"model.sig": ` + c.says + "."}, s.Problems)
			require.Equal(t, "false", word(s.Verified))
			require.Equal(t, "false", word(s.Trusted))
			require.Nil(t, s.Signer)
			require.Nil(t, s.RootDigest)
		})
	}
}

func TestSignature_TextsThatAreNoBundles(t *testing.T) {
	t.Parallel()
	valid := bundle(t, "p256")
	for name, c := range map[string]struct {
		text, says string
		present    string
	}{
		"a PGP signature": {"-----BEGIN PGP SIGNATURE-----\n", "it is not a Sigstore bundle; it was not verified", "false"},
		"empty":           {"", "it is not a Sigstore bundle; it was not verified", "false"},
		"of one file": {`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{},"messageSignature":{}}`,
			"it is a Sigstore bundle for the bytes of one file, not for a model; it was not verified", "false"},
		"of something else": {remake(t, "p256", func(s statement, _ map[string]any) { s["predicateType"] = "https://slsa.dev/provenance/v1" }),
			`it states "https://slsa.dev/provenance/v1", which is no signature of a model in version 1.0; it was not verified`, "false"},
		"a key twice":         {strings.Replace(valid, `{"`, `{"MediaType":"x","`, 1), `it has the key "mediaType" twice`, "true"},
		"not UTF-8":           {strings.Replace(valid, `"keyid"`, "\"key\xffid\"", 1), "", "true"},
		"deep":                {strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100), "its JSON is nested more than 32 deep", "true"},
		"more behind":         {valid + "{}", "", "true"},
		"Base64 that is none": {strings.Replace(valid, `"payload":"`, `"payload":"*`, 1), "", "true"},
		"another form":        {`{"mediaType": 7}`, "it is not JSON of this form", "true"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := inspect(t, with(model(t), inspecttest.Files{"model.sig": c.text}), true, trust(t, "p256.pub"))
			require.Equal(t, c.present, word(s.Present), "%v", s.Problems)
			require.NotEqual(t, "true", word(s.Verified))
			require.NotEqual(t, "true", word(s.Trusted))
			require.Len(t, s.Problems, 1)
			if c.says != "" {
				require.Equal(t, `"model.sig": `+c.says+".", s.Problems[0])
			}
		})
	}
}

func TestSignature_WhereItLies(t *testing.T) {
	t.Parallel()
	inside := func(folder string) inspecttest.Files {
		out := inspecttest.Files{}
		for p, text := range model(t) {
			out[folder+p] = text
		}
		return out
	}
	for name, c := range map[string]struct {
		files    inspecttest.Files
		verified string
		unlisted int64
	}{
		"beside the model's folder":    {with(inside("model/"), inspecttest.Files{"model.sig": bundle(t, "p256")}), "true", 0},
		"in the model's folder":        {with(inside("some/"), inspecttest.Files{"some/x.oms.json": bundle(t, "p256")}), "true", 0},
		"beside a folder it is not of": {with(inside("other/"), inspecttest.Files{"model.sig": bundle(t, "p256")}), "false", 8},
		"with something beside":        {with(inside("model/"), inspecttest.Files{"model.sig": bundle(t, "p256"), "b.bin": "x"}), "false", 1},
		"with the submission":          {with(inside(""), inspecttest.Files{"model.sig": bundle(t, "p256"), "weighbridge.yaml": "{}"}), "true", 0},
		"two of them":                  {with(inside(""), inspecttest.Files{"a.sig": bundle(t, "p256"), "b.sig": bundle(t, "p256")}), "false", 0},
		"a foreign one beside":         {with(inside(""), inspecttest.Files{"a.sig": bundle(t, "p256"), "weights.sig": "\x00\x01"}), "false", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := inspect(t, c.files, true, trust(t, "p256.pub"))
			require.Equal(t, c.verified, word(s.Verified), "%v", s.Problems)
			require.Equal(t, c.unlisted, *s.Unlisted)
		})
	}
}

func TestSignature_Sums(t *testing.T) {
	t.Parallel()
	sum := func(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }
	good := sum("weights") + "  a.bin\n" + sum("text") + " *sub/b.txt\n"
	files := inspecttest.Files{"a.bin": "weights", "sub/b.txt": "text"}
	for name, c := range map[string]struct {
		files    inspecttest.Files
		verified string
		unlisted int64
		says     []string
	}{
		"all of it":         {with(files, inspecttest.Files{"SHA256SUMS": good}), "true", 0, []string{}},
		"as BSD does":       {with(files, inspecttest.Files{"checksums.txt": "SHA256 (a.bin) = " + sum("weights") + "\nSHA256 (./sub/b.txt) = " + sum("text")}), "true", 0, []string{}},
		"one file":          {with(files, inspecttest.Files{"a.bin.sha256": sum("weights") + "\n"}), "true", 1, []string{}},
		"one file, by name": {with(files, inspecttest.Files{"sub/b.txt.sha256": strings.ToUpper(sum("text")) + "  b.txt\r\n"}), "true", 1, []string{}},
		"another byte": {with(files, inspecttest.Files{"SHA256SUMS": good, "a.bin": "Weights"}), "false", 0,
			[]string{`"SHA256SUMS": the bytes do not have the digest that it gives of "a.bin".`}},
		"one is missing": {inspecttest.Files{"SHA256SUMS": good, "a.bin": "weights"}, "false", 0,
			[]string{`"SHA256SUMS": it lists what is not there "sub/b.txt".`}},
		"more than it lists": {with(files, inspecttest.Files{"SHA256SUMS": good, "c": "c"}), "true", 1, []string{}},
		"leads out": {with(files, inspecttest.Files{"sub/SHA256SUMS": sum("weights") + "  ../a.bin\n"}), "false", 2,
			[]string{`"sub/SHA256SUMS": the name "../a.bin" leads out of the model.`}},
		"says two things": {with(files, inspecttest.Files{"SHA256SUMS": good + sum("x") + "  a.bin"}), "false", 0,
			[]string{`"SHA256SUMS": it has two digests of "a.bin".`}},
		"other hashes too": {with(files, inspecttest.Files{"SHA256SUMS": "# sums\n\n" + good + strings.Repeat("a", 32) + "  a.bin\nMD5 (a.bin) = 0\nwhat\n"}), "true", 0,
			[]string{`"SHA256SUMS": lines of other hashes than SHA-256 (2) are not computed here.`, `"SHA256SUMS": lines that are not understood: 1.`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := inspect(t, c.files, true, trust(t, "p256.pub"))
			require.Equal(t, c.verified, word(s.Verified), "%v", s.Problems)
			require.Equal(t, c.says, s.Problems)
			require.Equal(t, "false", word(s.Trusted))
			require.Nil(t, s.Signer)
			require.Equal(t, c.unlisted, *s.Unlisted)
			require.Equal(t, signature.KindSums, *s.Kind)
			if c.verified == "true" {
				s = inspect(t, c.files, false, signature.Trust{})
				require.Equal(t, "unknown", word(s.Verified))
				require.Contains(t, strings.Join(s.Problems, " "), "run with --hash")
			}
		})
	}
	s := inspect(t, with(files, inspecttest.Files{"SHA256SUMS": "nothing\n"}), true, signature.Trust{})
	require.Equal(t, "false", word(s.Present))
}

func TestSignature_Nothing(t *testing.T) {
	t.Parallel()
	s := inspect(t, model(t), true, trust(t, "p256.pub"))
	require.Equal(t, "false", word(s.Present))
	require.Nil(t, s.Verified)
	require.Nil(t, s.Trusted)
	require.Equal(t, []string{}, s.Problems)
	require.NotNil(t, s.RootDigest)

	// The files that the reference implementation signed, in order of whole names.
	root := sha256.New()
	files := model(t)
	for _, p := range []string{"README.md", "a-b/c.txt", "a/b.txt", "config.json", "empty.txt", "model.safetensors", "模型.txt"} {
		sum := sha256.Sum256([]byte(files[p]))
		root.Write(sum[:])
	}
	require.Equal(t, string(pipeline.DigestOf(root.Sum(nil))), *s.RootDigest)
	s = inspect(t, model(t), false, signature.Trust{})
	require.Nil(t, s.RootDigest)
}

func TestSignature_TooLong(t *testing.T) {
	t.Parallel()
	s := inspect(t, inspecttest.Files{"model.sig": strings.Repeat(" ", signature.MaxText+1), "SHA256SUMS": strings.Repeat("\n", signature.MaxText+1)}, true, signature.Trust{})
	require.Equal(t, "unknown", word(s.Verified))
	require.Equal(t, []string{`"model.sig": it is longer than the 4 MiB that are read.`, `"SHA256SUMS": it is longer than the 4 MiB that are read.`}, s.Problems)
	require.Nil(t, s.Unlisted)
}

func TestLoadTrust(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	certificate, err := os.ReadFile(key("root.pem"))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		file string
		want error
		says string
	}{
		"not there":            {filepath.Join(folder, "none.pem"), pipeline.ErrUsage, `"none.pem" cannot be opened`},
		"a private key":        {key("p256.key"), pipeline.ErrInvalid, "holds a private key"},
		"Ed25519":              {key("ed25519.pub"), pipeline.ErrInvalid, "holds a key of another kind than P-256, P-384 or P-521"},
		"no PEM":               {write("text", "hello"), pipeline.ErrInvalid, "holds no public key and no certificate"},
		"a request":            {write("csr", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"), pipeline.ErrInvalid, `"CERTIFICATE REQUEST", which is neither`},
		"a broken certificate": {write("broken", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), pipeline.ErrInvalid, "cannot be parsed"},
		"a broken key":         {write("key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), pipeline.ErrInvalid, "cannot be parsed"},
		"too long":             {write("long", strings.Repeat("\n", 1<<20)+string(certificate)), pipeline.ErrInvalid, "longer than 1 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := signature.LoadTrust([]string{c.file}, time.Now())
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, c.says)
			var told *pipeline.Error
			require.ErrorAs(t, err, &told)
			require.NotEmpty(t, told.Hint)
			require.NotContains(t, told.Message, folder)
		})
	}
	both, err := signature.LoadTrust([]string{key("p256.pub"), key("root.pem")}, time.Now())
	require.NoError(t, err)
	require.False(t, both.Empty())
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"p256", "shards", "leaf", "ignoring", "blake3"} {
		f.Add([]byte(bundle(f, name)), false)
		var b struct {
			Envelope struct{ Payload []byte } `json:"dsseEnvelope"`
		}
		require.NoError(f, json.Unmarshal([]byte(bundle(f, name)), &b))
		f.Add(b.Envelope.Payload, true)
	}
	by := trust(f, "p256.pub", "root.pem")
	original := model(f)
	f.Fuzz(func(t *testing.T, text []byte, payload bool) {
		if payload { // as what was signed, so that the statement is reached
			envelope := map[string]any{"payload": base64.StdEncoding.EncodeToString(text), "payloadType": "application/vnd.in-toto+json",
				"signatures": []any{map[string]any{"sig": "AAAA"}}}
			var err error
			text, err = json.Marshal(map[string]any{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
				"verificationMaterial": map[string]any{"publicKey": map[string]any{"hint": "x"}}, "dsseEnvelope": envelope})
			require.NoError(t, err)
		}
		b, err := signature.Parse(text)
		if err != nil {
			require.ErrorIs(t, err, pipeline.ErrMalformed)
			return
		}
		for _, r := range b.Resources {
			require.NotContains(t, strings.Split(r.Path, "/"), "..")
			require.False(t, strings.HasPrefix(r.Path, "/"))
		}
		s := inspect(t, with(original, inspecttest.Files{"model.sig": string(text)}), true, by)
		if s.Verified != nil && *s.Verified {
			require.True(t, bytes.Contains(text, []byte("payload")), "only what was signed verifies")
			require.NotNil(t, s.Signer)
		}
	})
}

func FuzzSums(f *testing.F) {
	f.Add("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a\n")
	f.Add("SHA256 (a) = e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
	f.Add("\\e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a\\nb\n")
	f.Fuzz(func(t *testing.T, text string) {
		s := inspect(t, inspecttest.Files{"SHA256SUMS": text, "a": "", "sub/a.sha256": text, "sub/a": ""}, true, signature.Trust{})
		require.Nil(t, s.Signer)
		require.NotEqual(t, "true", word(s.Trusted))
	})
}
