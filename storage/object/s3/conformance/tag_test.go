package conformance_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"weighbridge/fixtures"
)

// version is a version of an object with its tags.
type version struct {
	key, id string
	latest  bool
	tags    map[string]string
}

// versions returns what a bucket holds, by key and newest first.
func versions(t *testing.T, bucket string) (out []version) {
	t.Helper()
	for o := range server.writer.ListObjects(t.Context(), bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		require.NoError(t, o.Err)
		v := version{key: o.Key, id: o.VersionID, latest: o.IsLatest, tags: map[string]string{}}
		got, err := server.writer.GetObjectTagging(t.Context(), bucket, o.Key, minio.GetObjectTaggingOptions{VersionID: o.VersionID})
		if minio.ToErrorResponse(err).Code != "NoSuchTagSet" {
			require.NoError(t, err)
			v.tags = got.ToMap()
		}
		out = append(out, v)
	}
	return out
}

// tagged returns the ids of the versions that a bucket policy would let be read.
func tagged(t *testing.T, bucket string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, v := range versions(t, bucket) {
		if v.tags["weighbridge"] == "approved" {
			require.NotContains(t, out, v.key, "one version of an object at most")
			out[v.key] = v.id
		}
	}
	return out
}

// A release by tag marks the approved versions, and no others: not older and newer ones of
// the same objects, not what lies beside the model. In a wrong state nothing is marked.
func TestRelease_TagsTheApprovedVersions(t *testing.T) {
	t.Setenv("WEIGHBRIDGE_KEY_PASSPHRASE", "correct horse battery")
	t.Setenv("WEIGHBRIDGE_RELEASE_AWS_ACCESS_KEY_ID", accessKey)
	t.Setenv("WEIGHBRIDGE_RELEASE_AWS_SECRET_ACCESS_KEY", secretKey)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	run := func(status int, args ...string) string {
		t.Helper()
		out, got := weighbridge(t, args...)
		require.Equal(t, status, got, "%v\n%s", args, out)
		return string(out)
	}
	require.NoError(t, os.WriteFile(at("look.yaml"), []byte(lookPack), 0o600))
	run(0, "key", "new", at("release.pem"), "--trust", at("trust.yaml"))
	run(0, "key", "new", at("stranger.pem"), "--trust", at("stranger.yaml"))

	bucket := server.bucket(t)
	require.NoError(t, server.writer.EnableVersioning(t.Context(), bucket))
	require.NoError(t, fixtures.Tiny().Write(at("model")))
	files, err := os.ReadDir(at("model"))
	require.NoError(t, err)
	server.upload(t, bucket, "m/config.json", `{"older": true}`)
	server.upload(t, bucket, "m-2/config.json", "{}")
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(at("model"), f.Name()))
		require.NoError(t, err)
		server.upload(t, bucket, "m/"+f.Name(), string(text))
	}
	// What the submitter declares lies beside the model and is not a part of it.
	server.upload(t, bucket, "m/weighbridge.yaml", "destination: {country: JP}\n")
	approved := map[string]string{}
	for _, v := range versions(t, bucket) {
		if v.latest && strings.HasPrefix(v.key, "m/") && v.key != "m/weighbridge.yaml" {
			approved[v.key] = v.id
		}
	}
	require.Len(t, approved, len(files))

	source := "s3://" + bucket + "/m/"
	queue := []string{"--db", at("q.db"), "--pack", at("look.yaml")}
	tag := func(status int, args ...string) (said struct{ Code, Message, Tag string }) {
		t.Helper()
		text := run(status, append([]string{"release", source, "--tag", "weighbridge=approved", "--format", "json"}, args...)...)
		require.NoError(t, json.Unmarshal([]byte(text), &said), text)
		return said
	}
	trusted := append([]string{"--trust", at("trust.yaml")}, queue...)

	// Nobody has looked, then nobody has decided, then one of two has.
	require.Equal(t, "usage", tag(2, trusted...).Code)
	a, status := check(t, append([]string{"check", source, "--hash"}, queue...)...)
	require.Equal(t, 10, status)
	for _, who := range []string{"rita", "omar"} {
		require.Equal(t, "not_approved", tag(10, trusted...).Code)
		run(0, "queue", "decide", a.Case.ID, "approve", "--reason", "evidence_sufficient", "--comment", "seen by "+who, "--actor", who, "--key", at("release.pem"), "--db", at("q.db"))
	}
	run(0, "approval", "show", a.Case.ID, "--db", at("q.db"), "--out", at("approval.json"))
	require.Equal(t, "unknown_key", tag(20, append([]string{"--trust", at("stranger.yaml")}, queue...)...).Code)
	require.Empty(t, tagged(t, bucket))

	// An object was replaced after the approval: nothing is marked, by queue and by file.
	byFile := []string{"--trust", at("trust.yaml"), "--approval", at("approval.json")}
	config, err := os.ReadFile(filepath.Join(at("model"), "config.json"))
	require.NoError(t, err)
	server.upload(t, bucket, "m/config.json", string(config)+"\n")
	require.Equal(t, "other_bytes", tag(10, trusted...).Code)
	require.Contains(t, tag(10, byFile...).Message, `"config.json" has another size`)
	require.Empty(t, tagged(t, bucket))
	for _, v := range versions(t, bucket) {
		if v.latest && v.key == "m/config.json" {
			require.NoError(t, server.writer.RemoveObject(t.Context(), bucket, v.key, minio.RemoveObjectOptions{VersionID: v.id}))
		}
	}

	// Keys that may not write leave nothing behind either.
	t.Setenv("WEIGHBRIDGE_RELEASE_AWS_SECRET_ACCESS_KEY", "wrong")
	require.Equal(t, "denied", tag(1, trusted...).Code)
	require.Empty(t, tagged(t, bucket))
	t.Setenv("WEIGHBRIDGE_RELEASE_AWS_SECRET_ACCESS_KEY", secretKey)

	require.Equal(t, "weighbridge=approved", tag(0, trusted...).Tag)
	require.Equal(t, approved, tagged(t, bucket))
	tag(0, byFile...) // again
	require.Equal(t, approved, tagged(t, bucket))

	// A newer version has no tag, and gets none; the approved one keeps its own.
	server.upload(t, bucket, "m/config.json", "{}")
	require.Equal(t, approved, tagged(t, bucket))
	require.Equal(t, "changed_under_review", tag(10, byFile...).Code)
	require.Equal(t, approved, tagged(t, bucket))

	run(0, "approval", "revoke", a.Case.ID, "--reason", "other", "--comment", "wrong licence", "--key", at("release.pem"), "--revocations", at("list.json"), "--db", at("q.db"))
	require.Equal(t, "approval_revoked", tag(20, "--trust", at("trust.yaml"), "--db", at("q.db"), "--case", a.Case.ID).Code)
	require.Equal(t, "approval_revoked", tag(20, append(byFile, "--revocations", at("list.json"))...).Code)
}

// The policy of the README asks for the tag that its commands set. A store takes it, but for
// the condition on tags, which the gateway does not know and Amazon's does.
func TestRelease_PolicyOfTheReadme(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(repository(), "README.md"))
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	require.Len(t, blocks, 1)
	var policy struct {
		Statement []struct {
			Sid, Effect string
			Action      []string
			Condition   map[string]map[string]string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(blocks[0][1]), &policy))
	require.Len(t, policy.Statement, 2)
	reads, tags := policy.Statement[0], policy.Statement[1]
	require.Equal(t, []string{"s3:GetObject", "s3:GetObjectVersion"}, reads.Action)
	for key, value := range reads.Condition["StringNotEquals"] {
		require.Contains(t, string(text), "--tag "+strings.TrimPrefix(key, "s3:ExistingObjectTag/")+"="+value)
	}
	require.Len(t, tags.Action, 4)
	for _, s := range policy.Statement {
		require.Equal(t, "Deny", s.Effect)
		require.Len(t, s.Condition, map[string]int{reads.Sid: 2, tags.Sid: 1}[s.Sid])
	}
	bucket := server.bucket(t)
	whole := strings.ReplaceAll(blocks[0][1], ":::models/", ":::"+bucket+"/")
	known := regexp.MustCompile(`"StringNotEquals": \{[^}]*\},\s*`).ReplaceAllString(whole, "")
	require.Less(t, len(known), len(whole))
	require.NoError(t, server.writer.SetBucketPolicy(t.Context(), bucket, known))
}
