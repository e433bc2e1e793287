package cli_test

import (
	"crypto/ed25519"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/youmark/pkcs8"

	"weighbridge/cmd/internal/cli"
	"weighbridge/fixtures"
	"weighbridge/pipeline/attest"
)

// lookPack asks for a review of everything.
const lookPack = `pack: looks
version: "1"
title: Asks for a review of everything that has parameters
rules:
  - id: L-1
    title: Anything
    jurisdiction: scenario
    status: organisation
    effective: {from: 2025-01-01}
    when: params.effective_lower > 0
    effect: review
    accept: measured
    message: "{{params.effective_lower}} parameters"
    cite: [{title: "House rule", url: "https://example.org/rule", accessed: 2026-11-23}]
    review_by: 2027-06-01
    examples:
      match: [{params: {effective_lower: 1}}]
      no_match: [{params: {effective_lower: 0}}]
`

// settledAt is when the cases of the tests below are settled and signed.
func settledAt() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

// deskPassphrase opens the keys of every desk.
const deskPassphrase = "correct horse battery"

// desk is a folder with a model, a queue, keys and trust files, and a clock.
type desk struct {
	*testing.T
	dir string
	now time.Time
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	return newDeskAt(t, settledAt())
}

// newDeskAt returns a desk whose keys count from an hour before.
func newDeskAt(t *testing.T, at time.Time) *desk {
	t.Helper()
	d := &desk{T: t, dir: t.TempDir(), now: at.Add(-time.Hour)}
	d.model("a")
	d.write("look.yaml", lookPack)
	d.write("sub.yaml", "destination: {country: JP}\n")
	d.key("release", "trust.yaml")
	d.key("stranger", "stranger.yaml")
	d.now = at
	return d
}

func (d *desk) at(name string) string { return filepath.Join(d.dir, name) }

func (d *desk) write(name, text string) {
	d.Helper()
	require.NoError(d, os.WriteFile(d.at(name), []byte(text), 0o600))
}

func (d *desk) read(name string) string {
	d.Helper()
	text, err := os.ReadFile(d.at(name))
	require.NoError(d, err)
	return string(text)
}

func (d *desk) model(name string) {
	d.Helper()
	require.NoError(d, fixtures.Tiny().Write(d.at(name)))
}

// key makes a key pair and a trust file as "key new" does, but that a passphrase costs
// next to nothing to try: what it costs in earnest would be most of what these tests take.
func (d *desk) key(name, trust string) {
	d.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	require.NoError(d, err)
	sealed, err := pkcs8.MarshalPrivateKey(private, []byte(deskPassphrase), &pkcs8.Opts{Cipher: pkcs8.AES256CBC,
		KDFOpts: pkcs8.ScryptOpts{SaltSize: 16, CostParameter: 2, BlockSize: 1, ParallelizationParameter: 1}})
	require.NoError(d, err)
	text := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: sealed})
	d.write(name+".pem", string(text))
	key, err := attest.ParsePrivateKey(text, []byte(deskPassphrase))
	require.NoError(d, err)
	public, err := key.Public().MarshalPEM()
	require.NoError(d, err)
	d.write(name+".pem.pub", string(public))
	listed, err := attest.AddTrusted(nil, trust, attest.TrustedKey{Name: name, Key: key.Public(), NotBefore: &d.now})
	require.NoError(d, err)
	d.write(trust, string(listed))
}

func (d *desk) run(args ...string) outcome {
	d.Helper()
	return call(d.T, cli.Environment{Now: func() time.Time { return d.now }, Getenv: func(name string) string {
		return map[string]string{"WEIGHBRIDGE_KEY_PASSPHRASE": deskPassphrase, "WEIGHBRIDGE_ACTOR": "sam"}[name]
	}}, args...)
}

func (d *desk) want(status int, args ...string) string {
	d.Helper()
	got := d.run(args...)
	require.Equal(d, status, got.status, "%s\n%s%s", strings.Join(args, " "), got.stdout, got.stderr)
	return got.stdout
}

// settle checks the model and approves it, and returns the case. flags are those of the
// check and of the vote.
func (d *desk) settle(model string, check, vote []string) string {
	d.Helper()
	id := d.ask(model, check)
	d.want(0, append([]string{"queue", "decide", id, "approve", "--reason", "evidence_sufficient", "--comment", "seen", "--actor", "rita", "--db", d.at("q.db")}, vote...)...)
	return id
}

// ask checks the model and returns the case.
func (d *desk) ask(model string, check []string) string {
	d.Helper()
	var said struct{ Case struct{ ID string } }
	text := d.want(10, append([]string{"check", d.at(model), "--pack", d.at("look.yaml"), "--db", d.at("q.db"), "--format", "json"}, check...)...)
	require.NoError(d, json.Unmarshal([]byte(text), &said))
	return said.Case.ID
}

// takeBack revokes what a case was approved for, in the queue.
func (d *desk) takeBack(id string) {
	d.Helper()
	d.want(0, "approval", "revoke", id, "--reason", "other", "--comment", "no", "--db", d.at("q.db"))
}

// revoke takes back the approval of the file signed.json, in the queue and on a list.
func (d *desk) revoke(list string) {
	d.Helper()
	var said struct{ Approval struct{ Case string } }
	require.NoError(d, json.Unmarshal([]byte(d.want(0, "approval", "verify", d.at("large"), "--approval", d.at("signed.json"), "--trust", d.at("trust.yaml"), "--format", "json")), &said))
	d.want(0, "approval", "revoke", said.Approval.Case, "--reason", "other", "--comment", "no", "--db", d.at("q.db"), "--key", d.at("release.pem"), "--revocations", d.at(list))
}

// gate runs a gate and returns its answer.
func (d *desk) gate(args ...string) (status int, code, reason string) {
	d.Helper()
	got := d.run(append([]string{"gate", "--format", "json"}, args...)...)
	var said struct {
		Gate *struct {
			Open       bool
			Reason     string
			ReasonCode string `json:"reason_code"`
		}
		Code, Message string
	}
	require.NoError(d, json.Unmarshal([]byte(got.stdout), &said), got.stdout)
	if said.Gate == nil {
		return got.status, said.Code, said.Message
	}
	require.Equal(d, got.status == 0, said.Gate.Open)
	return got.status, said.Gate.ReasonCode, said.Gate.Reason
}

func (d *desk) byQueue(model string, more ...string) (int, string, string) {
	d.Helper()
	return d.gate(append([]string{d.at(model), "--pack", d.at("look.yaml"), "--db", d.at("q.db")}, more...)...)
}

func (d *desk) byApproval(model string, more ...string) (int, string, string) {
	d.Helper()
	return d.gate(append([]string{d.at(model), "--approval", d.at("approval.json")}, more...)...)
}

// Each reason that keeps a gate without a database closed has its own code, sentence and
// exit status.
func TestGate_ByApproval(t *testing.T) {
	t.Parallel()
	trust := func(d *desk) []string { return []string{"--trust", d.at("trust.yaml")} }
	// dated returns a trust file whose key has other times or uses.
	dated := func(line string) func(*desk) []string {
		return func(d *desk) []string {
			text := d.read("trust.yaml")
			if field, _, _ := strings.Cut(line, ":"); field == "not_before" {
				at := strings.Index(text, "not_before:")
				end := at + strings.Index(text[at:], "\n")
				text = text[:at] + line + text[end:]
			} else {
				before, _, _ := strings.Cut(text, "not_before:")
				indent := before[strings.LastIndex(before, "\n"):]
				text = strings.Replace(text, "not_before:", line+indent+"not_before:", 1)
			}
			d.write("dated.yaml", text)
			return []string{"--trust", d.at("dated.yaml")}
		}
	}
	envelope := func(name string) func(*desk) []string {
		return func(d *desk) []string {
			d.write("approval.json", d.read(name))
			return trust(d)
		}
	}
	tests := []struct {
		name   string
		flags  func(*desk) []string
		later  time.Duration
		status int
		code   string
		reason string
	}{
		{"Holds", trust, time.Hour, 0, "approved", "every object is the one that was approved"},
		{"LastMoment", trust, 36*time.Hour - time.Second, 0, "approved", ""},
		{"Expired", trust, 36 * time.Hour, 10, "term_ended", "the approval ended at 2026-11-25T00:00:00Z"},
		{"ClockBefore", trust, -time.Hour, 10, "signed_in_the_future", "it claims to be signed at"},
		{"UnknownKey", func(d *desk) []string { return []string{"--trust", d.at("stranger.yaml")} }, 0, 20, "unknown_key", "no trusted key has signed this"},
		{"KeyNotYetValid", dated("not_before: 2026-11-24T00:00:00Z"), 24 * time.Hour, 20, "key_not_yet_valid", "counts from"},
		{"KeyEnded", dated("not_after: 2026-11-23T11:30:00Z"), 0, 20, "key_no_longer_valid", "counted until"},
		{"KeyRevoked", dated("revoked_at: 2026-11-23T12:30:00Z"), time.Hour, 20, "key_revoked", "is revoked since"},
		{"KeyForCheckpoints", dated("uses: [checkpoint]"), 0, 20, "key_not_for_this", "is not trusted for signing: approval"},
		{"OtherSubmission", func(d *desk) []string { return append(trust(d), "--submission", d.at("sub.yaml")) }, 0, 10, "other_submission", "another submission"},
		{"OtherBytes", func(d *desk) []string { d.write("a/config.json", "{}"); return trust(d) }, 0, 10, "other_bytes", `"config.json" was`},
		{"SignedByAStrangerToo", func(d *desk) []string {
			var e map[string]any
			require.NoError(d, json.Unmarshal([]byte(d.read("approval.json")), &e))
			e["signatures"] = append(e["signatures"].([]any), map[string]string{"keyid": "ab", "sig": "AAAA"})
			text, err := json.Marshal(e)
			require.NoError(d, err)
			d.write("approval.json", string(text))
			return trust(d)
		}, 0, 20, "stranger_signature", "which is not trusted"},
		{"TypeSwapped", func(d *desk) []string {
			d.write("approval.json", strings.Replace(d.read("approval.json"), "application/vnd.in-toto+json", "application/vnd.weighbridge.checkpoint.v1+json", 1))
			return trust(d)
		}, 0, 20, "signature_wrong", "does not fit what is signed"},
		{"ACheckpoint", envelope("checkpoint.json"), 0, 20, "payload_type", "the envelope holds"},
		{"AResult", envelope("svr.json"), 0, 20, "predicate_type", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			id := d.settle("a", []string{"--hash"}, []string{"--key", d.at("release.pem"), "--until", "2026-11-24"})
			d.want(0, "approval", "show", id, "--db", d.at("q.db"), "--out", d.at("approval.json"))
			d.write("svr.json", d.want(0, "approval", "show", id, "--svr", "--key", d.at("release.pem"), "--db", d.at("q.db")))
			d.write("checkpoint.json", d.want(0, "audit", "checkpoint", "--key", d.at("release.pem"), "--db", d.at("q.db")))
			d.now = d.now.Add(test.later)
			status, code, reason := d.byApproval("a", test.flags(d)...)
			require.Equal(t, fmt.Sprint(test.status, test.code), fmt.Sprint(status, code), reason)
			require.Contains(t, reason, test.reason)
		})
	}
}

// An approval without digests holds at its place, until something is written again there.
func TestGate_StoreBound(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.settle("a", nil, []string{"--key", d.at("release.pem")})
	d.want(0, "approval", "show", id, "--db", d.at("q.db"), "--out", d.at("approval.json"))
	status, code, reason := d.byApproval("a", "--trust", d.at("trust.yaml"))
	require.Equal(t, "0approved", fmt.Sprint(status, code))
	require.Contains(t, reason, "it holds while nothing in this place changes")
	status, code, _ = d.byQueue("a", "--trust", d.at("trust.yaml"))
	require.Equal(t, "0approved", fmt.Sprint(status, code))
	require.Contains(t, d.want(0, "check", "--help"), "EXIT STATUS")
	require.Contains(t, d.want(0, "queue", "show", id, "--db", d.at("q.db")), "store-bound")
	require.Contains(t, d.want(0, "approval", "verify", d.at("a"), "--approval", d.at("approval.json"), "--trust", d.at("trust.yaml")), "to the pins of one store")

	d.model("copy")
	status, code, reason = d.byApproval("copy", "--trust", d.at("trust.yaml"))
	require.Equal(t, "10other_bytes", fmt.Sprint(status, code))
	require.Contains(t, reason, "the approval is for the pins of")
	d.write("a/config.json", "{ }")
	status, code, reason = d.byApproval("a", "--trust", d.at("trust.yaml"))
	require.Equal(t, "10other_bytes", fmt.Sprint(status, code))
	require.Contains(t, reason, `"config.json" was`)

	// Hashed later, the same settlement is signed once more, for the bytes.
	d = newDesk(t)
	id = d.settle("a", nil, []string{"--key", d.at("release.pem")})
	d.want(10, "check", d.at("a"), "--pack", d.at("look.yaml"), "--hash", "--key", d.at("release.pem"), "--db", d.at("q.db"))
	d.want(0, "approval", "show", id, "--db", d.at("q.db"), "--out", d.at("approval.json"))
	d.model("copy")
	status, code, _ = d.byApproval("copy", "--trust", d.at("trust.yaml"))
	require.Equal(t, "0approved", fmt.Sprint(status, code))
	d.want(0, "audit", "verify", "--db", d.at("q.db"))
}

// An open gate hands out the signed approval that opened it, and a closed one none.
func TestGate_HandsOutTheApproval(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.settle("a", nil, []string{"--key", d.at("release.pem")})
	d.want(0, "approval", "show", id, "--db", d.at("q.db"), "--out", d.at("approval.json"))
	// Signed once more by somebody else, and later for the bytes: what counts goes out.
	d.want(0, "approval", "show", id, "--db", d.at("q.db"), "--again", "--key", d.at("stranger.pem"))
	out := func(name string) []string { return []string{"--approval-out", d.at(name)} }
	status, _, _ := d.byQueue("a", append(out("one.json"), "--trust", d.at("trust.yaml"))...)
	require.Zero(t, status)
	require.Equal(t, d.read("approval.json"), d.read("one.json"))
	status, _, _ = d.byQueue("a", out("newest.json")...)
	require.Zero(t, status)
	d.want(0, "approval", "verify", d.at("a"), "--approval", d.at("newest.json"), "--trust", d.at("stranger.yaml"))
	status, _, _ = d.byApproval("a", append(out("two.json"), "--trust", d.at("trust.yaml"))...)
	require.Zero(t, status)
	require.Equal(t, d.read("approval.json"), d.read("two.json"))
	d.want(10, "check", d.at("a"), "--pack", d.at("look.yaml"), "--hash", "--key", d.at("release.pem"), "--db", d.at("q.db"))
	status, _, _ = d.byQueue("a", append(out("three.json"), "--trust", d.at("trust.yaml"))...)
	require.Zero(t, status)
	require.NotEqual(t, d.read("one.json"), d.read("three.json"))
	require.Contains(t, d.want(0, "approval", "verify", d.at("a"), "--approval", d.at("three.json"), "--trust", d.at("trust.yaml")), "to the bytes")

	d.want(2, "gate", d.at("a"), "--db", d.at("q.db"), "--approval-out", d.at("one.json"))
	status, _, _ = d.byQueue("a", append(out("four.json"), "--submission", d.at("sub.yaml"))...)
	require.Equal(t, 10, status)
	status, _, _ = d.byApproval("a", append(out("four.json"), "--trust", d.at("stranger.yaml"))...)
	require.Equal(t, 20, status)
	require.NoFileExists(t, d.at("four.json"))

	// Nobody signed it.
	d = newDesk(t)
	d.settle("a", nil, nil)
	status, code, _ := d.byQueue("a", out("five.json")...)
	require.Equal(t, "0approved", fmt.Sprint(status, code))
	status, code, _ = d.byQueue("a", append(out("five.json"), "--trust", d.at("trust.yaml"))...)
	require.Equal(t, "10not_signed", fmt.Sprint(status, code))
	require.NoFileExists(t, d.at("five.json"))
}

// Each reason that keeps a gate with a database closed.
func TestGate_ByQueue(t *testing.T) {
	t.Parallel()
	signed := []string{"--key", "release.pem"}
	tests := []struct {
		name   string
		vote   []string
		more   []string
		later  time.Duration
		do     func(*desk, string)
		status int
		code   string
	}{
		{name: "Approved", status: 0, code: "approved"},
		{name: "ApprovedAndSigned", vote: signed, more: []string{"--trust", "trust.yaml"}, status: 0, code: "approved"},
		{name: "NotSigned", more: []string{"--trust", "trust.yaml"}, status: 10, code: "not_signed"},
		{name: "UnknownKey", vote: signed, more: []string{"--trust", "stranger.yaml"}, status: 20, code: "unknown_key"},
		{name: "Expired", vote: []string{"--until", "2026-11-24"}, later: 48 * time.Hour, status: 10, code: "term_ended"},
		{name: "OtherSubmission", more: []string{"--submission", "sub.yaml"}, status: 10, code: "other_submission"},
		{name: "OtherBytes", do: func(d *desk, _ string) { d.write("a/config.json", "{ }") }, status: 10, code: "other_bytes"},
		{name: "Revoked", do: func(d *desk, id string) {
			d.want(0, "approval", "revoke", id, "--reason", "other", "--comment", "no", "--db", d.at("q.db"))
		}, status: 20, code: "approval_revoked"},
		{name: "RevokedOnTheList", vote: signed, more: []string{"--trust", "trust.yaml", "--revocations", "list.json"}, do: func(d *desk, id string) {
			d.want(0, "approval", "revoke", id, "--reason", "other", "--comment", "no", "--db", d.at("q.db"), "--key", d.at("release.pem"), "--revocations", d.at("list.json"))
			require.NoError(d, os.Rename(d.at("kept.db"), d.at("q.db"))) // a queue that does not know of it
		}, status: 20, code: "approval_revoked"},
		{name: "TamperedSignature", vote: signed, more: []string{"--trust", "trust.yaml"}, do: func(d *desk, _ string) { d.write("trust.yaml", d.read("stranger.yaml")) }, status: 20, code: "unknown_key"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			files := func(args []string) (out []string) {
				for _, a := range args {
					if strings.Contains(a, ".") {
						a = d.at(a)
					}
					out = append(out, a)
				}
				return out
			}
			id := d.settle("a", nil, files(test.vote))
			d.write("kept.db", d.read("q.db"))
			if test.do != nil {
				test.do(d, id)
			}
			d.now = d.now.Add(test.later)
			status, code, reason := d.byQueue("a", files(test.more)...)
			require.Equal(t, fmt.Sprint(test.status, test.code), fmt.Sprint(status, code), reason)
			require.NotEmpty(t, reason)
		})
	}
	d := newDesk(t)
	status, code, _ := d.byQueue("a")
	require.Equal(t, "10not_approved", fmt.Sprint(status, code))
}

// What is cleared is signed by the check that clears it, and again only where it must be.
func TestCheck_SignsWhatIsCleared(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	check := []string{"check", d.at("a"), "--pack", "seed-article", "--hash", "--db", d.at("q.db"), "--key", d.at("release.pem")}
	require.Contains(t, d.want(0, check...), "bound to the bytes; signed")
	d.want(0, check...)
	var list []struct{ Case, Bound, Standing string }
	require.NoError(t, json.Unmarshal([]byte(d.want(0, "approval", "list", "--db", d.at("q.db"), "--format", "json")), &list))
	require.Len(t, list, 1)
	require.Equal(t, "content", list[0].Bound)
	require.Equal(t, "holds", list[0].Standing)
	d.want(0, "approval", "show", list[0].Case, "--db", d.at("q.db"), "--out", d.at("approval.json"))
	status, code, _ := d.byApproval("a", "--trust", d.at("trust.yaml"))
	require.Equal(t, "0cleared", fmt.Sprint(status, code))
	d.want(0, "key", "new", d.at("second.pem"), "--trust", d.at("trust.yaml"))
	d.want(0, "approval", "show", list[0].Case, "--db", d.at("q.db"), "--again", "--key", d.at("second.pem"), "--out", d.at("again.json"))
	d.write("approval.json", d.read("again.json"))
	status, code, _ = d.byApproval("a", "--trust", d.at("trust.yaml"))
	require.Equal(t, "0cleared", fmt.Sprint(status, code))
	require.NoError(t, json.Unmarshal([]byte(d.want(0, "approval", "list", "--db", d.at("q.db"), "--format", "json")), &list))
	require.Len(t, list, 2)
}

// The commands that write make a checkpoint when the newest one is too old, and refuse to
// where the log does not fit it.
func TestCheckpoints_OnASchedule(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.write("wb.yaml", "db: q.db\napprovals: {key: release.pem, trust: trust.yaml}\naudit: {checkpoint_every: 24h, folder: checkpoints}\n")
	made := func() []string {
		names, err := filepath.Glob(d.at("checkpoints/*"))
		require.NoError(t, err)
		for i := range names {
			names[i] = filepath.Base(names[i])
		}
		return names
	}
	check := []string{"check", d.at("a"), "--pack", d.at("look.yaml"), "--config", d.at("wb.yaml"), "--format", "json"}
	var said struct{ Case struct{ ID string } }
	require.NoError(t, json.Unmarshal([]byte(d.want(10, check...)), &said))
	require.Equal(t, []string{"checkpoint-000000000001-20261123T120000Z.json"}, made())
	d.now = d.now.Add(23 * time.Hour)
	comment := []string{"queue", "comment", said.Case.ID, "--comment", "one", "--config", d.at("wb.yaml")}
	d.want(0, comment...)
	require.Len(t, made(), 1)
	d.now = d.now.Add(time.Hour)
	d.want(0, comment...)
	require.Equal(t, "checkpoint-000000000003-20261124T120000Z.json", made()[1])
	d.want(0, "audit", "verify", "--head", d.at("checkpoints/"+made()[0]), "--config", d.at("wb.yaml"))
	d.want(2, "audit", "verify", "--head", d.at("checkpoints/"+made()[0]), "--db", d.at("q.db"))
	d.want(1, "audit", "verify", "--head", d.at("checkpoints/"+made()[0]), "--db", d.at("q.db"), "--trust", d.at("stranger.yaml"))

	// Another log in the same place does not have that head.
	require.NoError(t, os.Remove(d.at("q.db")))
	_, _ = os.Remove(d.at("q.db-wal")), os.Remove(d.at("q.db-shm"))
	d.now = d.now.Add(24 * time.Hour)
	got := d.run(check...)
	require.Equal(t, 1, got.status)
	require.Contains(t, got.stdout, "tampered")
	require.Len(t, made(), 2)
}
