package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/access"
	"weighbridge/cmd/internal/app"
	"weighbridge/cmd/internal/cli"
	"weighbridge/cmd/internal/config"
	"weighbridge/cmd/internal/httpapi"
	"weighbridge/fixtures"
	"weighbridge/fixtures/s3server"
	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
	bucket "weighbridge/storage/object/s3"
)

// office is a desk that is served over HTTP, with a bucket that it reads, and tokens of the
// people who use it: sam submits and sees every case, as somebody with the database does, rita and ravi review, audrey audits, and ci is a machine
// that submits. It and the commands have one clock.
type office struct {
	*testing.T
	dir     string
	bucket  *s3server.Server
	service *app.Service
	mux     *access.Mux
	url     string
	tokens  map[string]string
	now     time.Time
}

// staging is the bucket's folder.
func (o *office) at(name string) string { return filepath.Join(o.dir, name) }

// newOffice opens an office whose desk judges by rules and signs with release.pem, with
// the models in its bucket.
func newOffice(t *testing.T, rules config.Rules, models map[string]fixtures.Model) *office {
	t.Helper()
	o := &office{T: t, dir: t.TempDir(), tokens: map[string]string{}, now: settledAt()}
	for name, m := range models {
		require.NoError(t, m.Write(o.at("staging/"+name)))
	}
	o.write("look.yaml", twoPack)
	o.write("sub.yaml", "destination: {country: JP}\n")
	var err error
	o.bucket, err = s3server.Start(context.WithoutCancel(t.Context()), s3server.Options{Folders: map[string]string{"staging": o.at("staging")}, SecretAccessKey: secret})
	require.NoError(t, err)
	t.Cleanup(func() { _ = o.bucket.Close() })
	(&desk{T: t, dir: o.dir, now: o.now}).key("release", "trust.yaml")
	o.serve(rules)
	return o
}

func (o *office) write(name, text string) {
	o.Helper()
	require.NoError(o, os.WriteFile(o.at(name), []byte(text), 0o600))
}

// serve opens the desk.
func (o *office) serve(rules config.Rules) {
	o.Helper()
	for i, name := range rules.Files {
		rules.Files[i] = o.at(name)
	}
	clock := func() time.Time { return o.now }
	a := &app.App{Logger: hclog.NewNullLogger(), Now: clock, Settings: config.Settings{DB: o.at("desk.db"), Rules: rules,
		S3: bucket.Options{Endpoint: o.bucket.URL(), Region: o.bucket.Region(), AccessKeyID: o.bucket.AccessKeyID(), SecretAccessKey: secret}}}
	queue, err := a.OpenQueue(o.Context())
	require.NoError(o, err)
	o.Cleanup(func() { require.NoError(o, queue.DB.Close()) })
	text, err := os.ReadFile(o.at("release.pem"))
	require.NoError(o, err)
	key, err := attest.ParsePrivateKey(text, []byte(deskPassphrase))
	require.NoError(o, err)
	work := &worker{ctx: context.WithoutCancel(o.Context())}
	o.Cleanup(work.wait.Wait)
	o.service = &app.Service{App: a, Queue: queue, Signer: key, Jobs: work}
	work.service = o.service

	server := httptest.NewUnstartedServer(nil)
	o.url = "http://" + server.Listener.Addr().String()
	public, err := url.Parse(o.url)
	require.NoError(o, err)
	o.mux = access.NewMux(access.Options{Accounts: queue.DB, Tokens: queue.DB, Sessions: queue.DB, Links: queue.DB, Logger: hclog.NewNullLogger(), Now: clock, PublicURL: public})
	o.api()
	server.Config.Handler = o.mux.Handler()
	server.Start()
	o.Cleanup(server.Close)

	for name, roles := range map[string][]pipeline.ActorRole{"sam": {pipeline.RoleSubmitter, pipeline.RoleAuditor}, "rita": {pipeline.RoleReviewer}, "ravi": {pipeline.RoleReviewer}, "audrey": {pipeline.RoleAuditor}} {
		account, err := queue.DB.SignIn(o.Context(), pipeline.Account{Issuer: "https://id.example.org", Subject: name, Name: name, Roles: roles, CreatedAt: o.now, SeenAt: o.now})
		require.NoError(o, err)
		o.token(name, access.Identity{Account: &account, Actor: pipeline.Actor{Name: name, Known: pipeline.KnownSignedIn, Roles: roles}}, access.Wanted{Label: "test", Roles: roles})
	}
	o.token("ci", access.Identity{Actor: pipeline.Actor{Name: "ada", Known: pipeline.KnownSignedIn, Roles: []pipeline.ActorRole{pipeline.RoleAdmin}}},
		access.Wanted{Label: "pipeline", Machine: "ci", Roles: []pipeline.ActorRole{pipeline.RoleSubmitter}})
}

func (o *office) token(name string, who access.Identity, wanted access.Wanted) {
	o.Helper()
	wanted.Term = 365 * 24 * time.Hour
	_, text, err := o.mux.MakeToken(o.Context(), who, wanted)
	require.NoError(o, err)
	o.tokens[name] = text
}

// worker runs checks at once.
type worker struct {
	ctx     context.Context
	service *app.Service
	wait    sync.WaitGroup
}

func (w *worker) Enqueue(_ context.Context, id uuid.UUID) error {
	w.wait.Go(func() {
		for {
			again, err := w.service.RunCheck(w.ctx, id, "one")
			if again == 0 || err != nil {
				return
			}
		}
	})
	return nil
}

// environ returns the environment of a command: the bucket and its credentials, and more.
func (o *office) environ(more map[string]string) func(string) string {
	return func(name string) string {
		if value, ok := more[name]; ok {
			return value
		}
		return map[string]string{"WEIGHBRIDGE_KEY_PASSPHRASE": deskPassphrase, "AWS_ENDPOINT_URL_S3": o.bucket.URL(), "AWS_REGION": o.bucket.Region(),
			"AWS_ACCESS_KEY_ID": o.bucket.AccessKeyID(), "AWS_SECRET_ACCESS_KEY": secret}[name]
	}
}

func (o *office) command(env map[string]string, args ...string) outcome {
	o.Helper()
	return call(o.T, cli.Environment{Now: func() time.Time { return o.now }, Getenv: o.environ(env)}, args...)
}

// run runs a command without a desk, as somebody. It signs with the desk's key.
func (o *office) run(who string, args ...string) outcome {
	o.Helper()
	return o.command(map[string]string{"WEIGHBRIDGE_ACTOR": who, "WEIGHBRIDGE_KEY": o.at("release.pem")}, args...)
}

// ask runs a command that asks the desk as somebody.
func (o *office) ask(who string, args ...string) outcome {
	o.Helper()
	got := o.command(map[string]string{"WEIGHBRIDGE_SERVER": o.url, "WEIGHBRIDGE_TOKEN": o.tokens[who]}, args...)
	for _, token := range o.tokens {
		require.NotContains(o, got.stdout+got.stderr, token)
	}
	return got
}

// want asks the desk and expects a status.
func (o *office) want(status int, who string, args ...string) string {
	o.Helper()
	got := o.ask(who, args...)
	require.Equal(o, status, got.status, "%s %s\n%s%s", who, strings.Join(args, " "), got.stdout, got.stderr)
	return got.stdout
}

// twoPack asks for two people's review of everything.
var twoPack = strings.Replace(lookPack, "effect: review\n", "effect: review\n    quorum: two\n", 1)

// only turns every pack that ships off.
func only(files ...string) config.Rules {
	rules := config.Rules{Files: files}
	packs, err := app.Packs(config.Rules{}, nil)
	if err != nil {
		panic(err)
	}
	for _, p := range packs {
		rules = rules.With(p.Pack.Name, pipeline.ModeOff)
	}
	return rules
}

// What differs between two queues that were asked the same: ids and digests of events, how
// it is known who acts, how many events came before, and how long it took.
var (
	anyID     = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[78][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)
	anyDigest = regexp.MustCompile(`(sha256:)?[0-9a-f]{64}`)
	differing = []struct {
		find *regexp.Regexp
		by   string
	}{
		{regexp.MustCompile(`"known": "(asserted|token)"`), `"known": "…"`},
		{regexp.MustCompile(`,\s*"roles": \[[^\]]*\]`), ""},
		{regexp.MustCompile(`"(seq|count)": \d+`), `"$1": …`},
		{regexp.MustCompile(`"seconds": [0-9.e-]+`), `"seconds": …`},
		{regexp.MustCompile(`[0-9.]+ s\b`), `… s`},
		{regexp.MustCompile(`[0-9.]+ seconds`), `… seconds`},
	}
)

// plain takes from an output what differs.
func plain(text string) string {
	for _, d := range differing {
		text = d.find.ReplaceAllString(text, d.by)
	}
	for name, find := range map[string]*regexp.Regexp{"id": anyID, "digest": anyDigest} {
		seen := map[string]string{}
		text = find.ReplaceAllStringFunc(text, func(found string) string {
			if seen[found] == "" {
				seen[found] = fmt.Sprintf("%s-%d", name, len(seen)+1)
			}
			return seen[found]
		})
	}
	return text
}

// answerOf is what a gate answers, without the report that stands before it.
func answerOf(t *testing.T, text string) string {
	t.Helper()
	if !strings.HasPrefix(text, "{") {
		return text[strings.LastIndex(text, "Gate "):]
	}
	var said struct {
		Verdict string
		Case    json.RawMessage
		Gate    json.RawMessage
	}
	require.NoError(t, json.Unmarshal([]byte(text), &said))
	return said.Verdict + string(said.Case) + string(said.Gate)
}

// TestServer_SameOutput goes one way through the commands twice: on a database of their
// own, and through a desk. Nothing that they write tells which it was.
func TestServer_SameOutput(t *testing.T) {
	t.Parallel()
	llama, err := fixtures.Load("llama-3-70b")
	require.NoError(t, err)
	mistral, err := fixtures.Load("mistral-7b")
	require.NoError(t, err)
	o := newOffice(t, config.Rules{}, map[string]fixtures.Model{"llama": llama, "mistral": mistral, "tiny": fixtures.Tiny()})
	const source = "s3://staging/llama/"
	steps := []struct {
		who  string
		args string
		// grab keeps the case that the JSON output names.
		grab bool
		// own is true where the desk refuses in its own words.
		own bool
	}{
		{who: "sam", args: "queue list"},
		{who: "sam", args: "check " + source + " --format json", grab: true},
		{who: "sam", args: "check " + source},
		{who: "sam", args: "check " + source + " --format markdown"},
		{who: "sam", args: "check " + source + " --format sarif"},
		{who: "sam", args: "check " + source + " --format junit"},
		{who: "sam", args: "check " + source + " --format html"},
		{who: "sam", args: "check s3://staging/tiny/ --hash --format json"},
		{who: "sam", args: "check s3://staging/mistral/ --pack seed-article --pack integrity --submission SUB"},
		{who: "sam", args: "check s3://staging/nothing/"},
		{who: "sam", args: "check s3://nowhere/m/ --format json"},
		{who: "sam", args: "check " + source + " --pack nothing --format json", own: true},
		{who: "rita", args: "queue list"},
		{who: "rita", args: "queue list --state all --format json"},
		{who: "rita", args: "queue list --state cleared,open --verdict clear"},
		{who: "rita", args: "queue list --state all --text LLAMA"},
		{who: "rita", args: "queue list --state approved"},
		{who: "rita", args: "queue list --limit 201"},
		{who: "rita", args: "queue list --needs-me"},
		{who: "sam", args: "queue list --needs-me"},
		{who: "rita", args: "queue list --state all --family llama --min-params 10_000_000_000 --source s3://staging/ --submitter Sam --pack seed-article --rule SEED-01"},
		{who: "rita", args: "queue list --overdue --older-than 1h --max-params 5"},
		{who: "rita", args: "queue assign CASE ravi --due 2999-12-31 --format json"},
		{who: "rita", args: "queue list --needs-me"},
		{who: "rita", args: "queue list --assignee RAVI --claimant ravi"},
		{who: "rita", args: "queue assign CASE sam"},
		{who: "rita", args: "queue assign CASE --nobody"},
		{who: "rita", args: "queue list --cursor nonsense --format json"},
		{who: "rita", args: "queue show CASE"},
		{who: "rita", args: "queue show CASE --format json"},
		{who: "rita", args: "queue show END"},
		{who: "rita", args: "queue show abcdef123"},
		{who: "rita", args: "queue show 01a20a4c-1af6-7941-8304-408031720ab6 --format json"},
		{who: "sam", args: "queue show CASE"},
		{who: "sam", args: "queue claim CASE", own: true},
		{who: "rita", args: "queue claim CASE"},
		{who: "ravi", args: "queue claim CASE"},
		{who: "ravi", args: "queue claim CASE --take-over --format json"},
		{who: "rita", args: "queue claim CASE --release"},
		{who: "ravi", args: "queue claim CASE --release"},
		{who: "rita", args: "queue comment CASE --comment where-does-it-go?"},
		{who: "sam", args: "queue comment CASE --comment to-Japan --format json"},
		{who: "rita", args: "queue decide CASE maybe --reason other --comment x"},
		{who: "rita", args: "queue decide CASE approve --reason because --comment x", own: true},
		{who: "rita", args: "queue decide CASE approve --reason other --comment x --until 2020-01-01"},
		{who: "sam", args: "queue decide CASE approve --reason other --comment x", own: true},
		{who: "rita", args: "queue decide CASE approve --reason evidence_sufficient --comment seen --until 2999-12-31"},
		{who: "ravi", args: "queue decide CASE approve --reason evidence_sufficient --comment seen"},
		{who: "ravi", args: "queue claim CASE"},
		{who: "ravi", args: "queue show CASE"},
		{who: "ravi", args: "queue show CASE --format json"},
		{who: "ravi", args: "queue list --state approved --format json"},
		{who: "sam", args: "check " + source + " --format json"},
		{who: "sam", args: "gate " + source + " --format json"},
		{who: "sam", args: "gate " + source},
		{who: "sam", args: "gate " + source + " --trust TRUST --approval-out OUT"},
		{who: "sam", args: "gate " + source + " --submission SUB"},
		{who: "sam", args: "gate s3://staging/mistral/ --submission SUB --format markdown"},
		{who: "sam", args: "gate s3://staging/mistral/ --format json"},
	}
	cases := map[string]string{}
	for i, step := range steps {
		var texts [2]outcome
		for j, side := range []string{"own", "desk"} {
			id := cases[side]
			words := strings.Fields(step.args)
			var args []string
			for _, word := range words {
				switch word {
				case "CASE":
					word = id
				case "END":
					word = id[len(id)-8:]
				case "SUB":
					word = o.at("sub.yaml")
				case "TRUST":
					word = o.at("trust.yaml")
				case "OUT":
					word = o.at(side + ".json")
				}
				args = append(args, word)
			}
			if side == "own" {
				args = append(args, "--db", o.at("own.db"))
				texts[j] = o.run(step.who, args...)
			} else {
				texts[j] = o.ask(step.who, args...)
			}
			if step.grab {
				var said struct{ Case struct{ ID string } }
				require.NoError(t, json.Unmarshal([]byte(texts[j].stdout), &said), texts[j].stdout+texts[j].stderr)
				cases[side] = said.Case.ID
			}
		}
		what := fmt.Sprintf("%d: %s: %s\n%s\n%s", i, step.who, step.args, texts[0].stdout+texts[0].stderr, texts[1].stdout+texts[1].stderr)
		require.Equal(t, texts[0].status, texts[1].status, what)
		if step.own {
			continue
		}
		if strings.HasPrefix(step.args, "gate") {
			// A gate that asks a desk weighs without the desk's memory of earlier models.
			for j := range texts {
				texts[j].stdout = answerOf(t, texts[j].stdout)
			}
		}
		require.Equal(t, plain(texts[0].stdout), plain(texts[1].stdout), what)
		require.Equal(t, plain(texts[0].stderr), plain(texts[1].stderr), what)
	}
	for _, side := range []string{"own", "desk"} {
		got := o.run("", "gate", source, "--approval", o.at(side+".json"), "--trust", o.at("trust.yaml"))
		require.Equal(t, 0, got.status, got.stdout+got.stderr)
	}
}

// TestServer_Pipeline is a gate in a pipeline, from an unknown model to an open gate: the
// gate has the desk check what it does not know, two people decide, and the waiting gate
// opens and leaves the signed approval.
func TestServer_Pipeline(t *testing.T) {
	t.Parallel()
	o := newOffice(t, only("look.yaml"), map[string]fixtures.Model{"m": fixtures.Tiny()})
	gate := func(more ...string) []string {
		return append([]string{"gate", "s3://staging/m/", "--pack", o.at("look.yaml"), "--submission", o.at("sub.yaml")}, more...)
	}
	var said struct {
		Case struct{ ID, State string }
		Gate struct {
			Open       bool
			ReasonCode string `json:"reason_code"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(o.want(10, "ci", gate("--format", "json")...)), &said))
	require.Equal(t, "open", said.Case.State)
	require.Equal(t, "not_approved", said.Gate.ReasonCode)
	require.Contains(t, o.want(0, "rita", "queue", "list"), "ci")
	require.Contains(t, o.want(0, "rita", "queue", "show", said.Case.ID), "two reviewers")

	waiting := make(chan outcome, 1)
	go func() {
		waiting <- o.ask("ci", gate("--wait", "2m", "--trust", o.at("trust.yaml"), "--approval-out", o.at("approval.json"), "--format", "json")...)
	}()
	approve := func(who string) string {
		return o.want(0, who, "queue", "decide", said.Case.ID, "approve", "--reason", "evidence_sufficient", "--comment", "seen")
	}
	require.Contains(t, approve("rita"), "is claimed")
	require.Contains(t, approve("ravi"), "Signed: sha256:")
	opened := <-waiting
	require.Equal(t, 0, opened.status, opened.stdout+opened.stderr)
	require.NoError(t, json.Unmarshal([]byte(opened.stdout), &said))
	require.True(t, said.Gate.Open)
	require.Equal(t, "approved", said.Case.State)

	// The approval holds without the desk, and for nothing else.
	alone := []string{"--approval", o.at("approval.json"), "--trust", o.at("trust.yaml")}
	byApproval := o.run("", append([]string{"gate", "s3://staging/m/", "--submission", o.at("sub.yaml")}, alone...)...)
	require.Equal(t, 0, byApproval.status, byApproval.stdout+byApproval.stderr)
	other := o.run("", append([]string{"gate", "s3://staging/m/"}, alone...)...)
	require.Equal(t, 10, other.status, other.stdout+other.stderr)

	// Whoever has a role may ask, a model of which nobody knows is given to the desk by
	// those only who may submit, and without a token nobody is answered.
	o.want(0, "audrey", gate()...)
	require.Contains(t, o.ask("audrey", "gate", "s3://staging/m/", "--pack", o.at("look.yaml")).stderr, "audrey may not do this")
	require.Contains(t, o.want(10, "ci", "gate", "s3://staging/m/", "--pack", o.at("look.yaml")), "another submission")
	o.want(2, "ci", gate("--approval-out", o.at("approval.json"))...)
	o.want(0, "ci", gate("--approval-out", o.at("again.json"))...)
	signed, err := os.ReadFile(o.at("approval.json"))
	require.NoError(t, err)
	again, err := os.ReadFile(o.at("again.json"))
	require.NoError(t, err)
	require.Equal(t, string(signed), string(again))

	// The script of pipelines asks the desk as a command does.
	env := map[string]string{"WEIGHBRIDGE_SOURCE": "s3://staging/m/", "WEIGHBRIDGE_PACKS": "look.yaml", "WEIGHBRIDGE_SUBMISSION": "sub.yaml"}
	for _, name := range []string{"AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		env[name] = o.environ(nil)(name)
	}
	env["WEIGHBRIDGE_SERVER"], env["WEIGHBRIDGE_TOKEN"] = o.url, o.tokens["ci"]
	scripted := runNamed(t, "gate-report", o.dir, env)
	require.Equal(t, 0, scripted.status, scripted.output)
	require.NotContains(t, scripted.output, o.tokens["ci"])
	given, err := os.ReadFile(filepath.Join(scripted.folder, "approval.json"))
	require.NoError(t, err)
	require.Equal(t, string(signed), string(given))
	for _, token := range []string{"", "wb_nobody", strings.Repeat("x", 100)} {
		o.tokens["nobody"] = token
		got := o.command(map[string]string{"WEIGHBRIDGE_SERVER": o.url, "WEIGHBRIDGE_TOKEN": token}, gate("--format", "json")...)
		require.Equal(t, 1, got.status)
		require.Contains(t, got.stdout, `"denied"`)
		require.Contains(t, got.stdout, "--token-file")
	}
	delete(o.tokens, "nobody")

	// The desk reads what the gate has no credentials for.
	none := map[string]string{"WEIGHBRIDGE_SERVER": o.url, "WEIGHBRIDGE_TOKEN": o.tokens["ci"], "AWS_ACCESS_KEY_ID": "stranger", "AWS_SECRET_ACCESS_KEY": "none"}
	blind := o.command(none, "gate", "s3://staging/m/", "--submission", o.at("sub.yaml"))
	require.Equal(t, 0, blind.status, blind.stdout+blind.stderr)

	// A revoked approval closes it, and so do other bytes.
	id := uuid.MustParse(said.Case.ID)
	_, err = o.service.Queue.Revoke(t.Context(), pipeline.Ballot{Case: id, Actor: pipeline.Actor{Name: "rita", Known: pipeline.KnownToken, Roles: []pipeline.ActorRole{pipeline.RoleReviewer}}, Reason: pipeline.ReasonOther, Comment: "wrong licence"})
	require.NoError(t, err)
	require.Contains(t, o.want(20, "ci", gate()...), "revoked")
	require.NoError(t, os.WriteFile(o.at("staging/m/more.json"), []byte("{}"), 0o600))
	require.NoError(t, json.Unmarshal([]byte(o.want(10, "ci", gate("--format", "json")...)), &said))
	require.NotEqual(t, id.String(), said.Case.ID)
	_, err = o.service.Queue.DB.VerifyAudit(t.Context(), nil)
	require.NoError(t, err)
}

// TestServer_OthersCases: who only submits meets their own cases, and hears of no other's.
func TestServer_OthersCases(t *testing.T) {
	t.Parallel()
	m, err := fixtures.Load("mistral-7b")
	require.NoError(t, err)
	o := newOffice(t, only("look.yaml"), map[string]fixtures.Model{"one": m, "two": m})
	var first, second struct {
		Case struct {
			ID            string
			SameStructure []any `json:"same_structure"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(o.want(10, "sam", "check", "s3://staging/one/", "--format", "json")), &first))
	said := o.want(10, "ci", "check", "s3://staging/two/", "--format", "json")
	require.NoError(t, json.Unmarshal([]byte(said), &second))
	require.Empty(t, second.Case.SameStructure)
	require.NotContains(t, said, "s3://staging/one/")
	require.NotContains(t, o.want(0, "ci", "queue", "list"), "s3://staging/one/")
	for _, args := range [][]string{{"show", first.Case.ID}, {"comment", first.Case.ID, "--comment", "mine?"}} {
		require.Contains(t, o.want(1, "ci", append(append([]string{"queue"}, args...), "--format", "json")...), "not_found", args)
	}
	require.NoError(t, json.Unmarshal([]byte(o.want(0, "rita", "queue", "show", second.Case.ID, "--format", "json")), &struct{ Report any }{&second}))
	require.Len(t, second.Case.SameStructure, 1)
}

// TestServer_Folder: a folder is read where it lies, and the desk is asked what was decided
// on its digests.
func TestServer_Folder(t *testing.T) {
	t.Parallel()
	o := newOffice(t, only("look.yaml"), map[string]fixtures.Model{"m": fixtures.Tiny()})
	require.NoError(t, fixtures.Tiny().Write(o.at("copy")))
	gate := func(more ...string) []string {
		return append([]string{"gate", o.at("copy"), "--pack", o.at("look.yaml"), "--hash"}, more...)
	}
	require.Contains(t, o.want(10, "ci", gate()...), "CLOSED")
	require.Equal(t, "No case matches.\n", o.want(0, "rita", "queue", "list"), "the desk cannot read a folder")
	var said struct{ Case struct{ ID string } }
	require.NoError(t, json.Unmarshal([]byte(o.want(10, "sam", "check", "s3://staging/m/", "--hash", "--format", "json")), &said))
	for _, who := range []string{"rita", "ravi"} {
		o.want(0, who, "queue", "decide", said.Case.ID, "approve", "--reason", "evidence_sufficient", "--comment", "seen")
	}
	require.Contains(t, o.want(0, "ci", gate()...), "OPEN", "the same bytes elsewhere")
	require.Contains(t, o.want(0, "ci", "gate", o.at("copy"), "--pack", "seed-article"), "the verdict is clear")
	require.Contains(t, o.ask("ci", "check", o.at("copy")).stderr, "this desk checks buckets only")
	require.NoError(t, os.WriteFile(o.at("copy/more.json"), []byte("{}"), 0o600))
	require.Contains(t, o.want(10, "ci", gate()...), "CLOSED")
}

// TestServer_IsNoDesk: what answers is something else, and nothing opens.
func TestServer_IsNoDesk(t *testing.T) {
	t.Parallel()
	o := newOffice(t, only("look.yaml"), map[string]fixtures.Model{"m": fixtures.Tiny()})
	for _, args := range [][]string{{"queue", "list"}, {"check", "s3://staging/m/"}, {"gate", "s3://staging/m/"}} {
		got := o.command(map[string]string{"WEIGHBRIDGE_SERVER": o.bucket.URL(), "WEIGHBRIDGE_TOKEN": o.tokens["ci"]}, append(args, "--format", "json")...)
		require.Equal(t, 1, got.status, got.stdout)
		require.Contains(t, got.stdout, `"weighbridge.error/1"`)
		require.NotContains(t, got.stdout+got.stderr, o.tokens["ci"])
	}
}

// api registers the API with the office's mux.
func (o *office) api() {
	o.Helper()
	_, err := httpapi.Register(o.mux, httpapi.Options{Service: o.service, Keys: o.mux, Replies: o.service.Queue.DB, Logger: hclog.NewNullLogger(), PublicURL: o.url})
	require.NoError(o, err)
}
