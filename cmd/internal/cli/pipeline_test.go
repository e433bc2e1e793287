package cli_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"

	"weighbridge/cmd/internal/forge/forgetest"
	"weighbridge/fixtures"
	"weighbridge/pipeline"
)

// The tests below run .ci/check-report and .ci/gate-report, which the GitHub Action and the
// GitLab template run, as processes of their own against stand-ins for the two forges.

const repository = "../../.."

// ciRun is one run of the script.
type ciRun struct {
	status                  int
	output, summary, values string
	folder                  string
}

// runScript runs .ci/check-report in a folder that holds a model, with the given environment
// and nothing else but a path.
func runScript(t *testing.T, work string, env map[string]string) ciRun {
	t.Helper()
	return runNamed(t, "check-report", work, env)
}

// runNamed is [runScript] for one of the scripts.
func runNamed(t *testing.T, name, work string, env map[string]string) ciRun {
	t.Helper()
	script, err := filepath.Abs(filepath.Join(repository, ".ci", name))
	require.NoError(t, err)
	bin := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "sh", script)
	cmd.Dir = work
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + bin, "WEIGHBRIDGE=" + program(t), "WEIGHBRIDGE_REPORTS=" + filepath.Join(work, "reports"),
		"GITHUB_OUTPUT=" + filepath.Join(bin, "output"), "GITHUB_STEP_SUMMARY=" + filepath.Join(bin, "summary")}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	run := ciRun{output: string(out), folder: filepath.Join(work, "reports")}
	if folder, given := env["WEIGHBRIDGE_REPORTS"]; given {
		run.folder = folder
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		run.status = exit.ExitCode()
	} else {
		require.NoError(t, err)
	}
	text := func(name string) string {
		b, err := os.ReadFile(filepath.Join(bin, name))
		if !errors.Is(err, os.ErrNotExist) {
			require.NoError(t, err)
		}
		return string(b)
	}
	run.summary, run.values = text("summary"), text("output")
	return run
}

// workFolder returns a folder with a model of more than ten billion parameters, a small one
// and one that is malformed.
func workFolder(t *testing.T) string {
	t.Helper()
	work := t.TempDir()
	require.NoError(t, fixtures.OneOver10B().Write(filepath.Join(work, "large")))
	require.NoError(t, fixtures.Tiny().Write(filepath.Join(work, "tiny")))
	require.NoError(t, os.MkdirAll(filepath.Join(work, "broken"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(work, "broken", "model.safetensors"), []byte("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"), 0o644))
	return work
}

func TestCheckReport_Status(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		env    map[string]string
		want   int
		result string // "" where there is no report
	}{
		"review":                      {map[string]string{"WEIGHBRIDGE_SOURCE": "large"}, 10, "review"},
		"review is passed over":       {map[string]string{"WEIGHBRIDGE_SOURCE": "large", "WEIGHBRIDGE_FAIL_ON": "block,inconclusive"}, 0, "review"},
		"review is named":             {map[string]string{"WEIGHBRIDGE_SOURCE": "large", "WEIGHBRIDGE_FAIL_ON": "review"}, 10, "review"},
		"inconclusive":                {map[string]string{"WEIGHBRIDGE_SOURCE": "broken"}, 30, "inconclusive"},
		"inconclusive is passed over": {map[string]string{"WEIGHBRIDGE_SOURCE": "broken", "WEIGHBRIDGE_FAIL_ON": "never"}, 0, "inconclusive"},
		"clear":                       {map[string]string{"WEIGHBRIDGE_SOURCE": "tiny"}, 0, "clear"},
		"no such folder":              {map[string]string{"WEIGHBRIDGE_SOURCE": "nothing", "WEIGHBRIDGE_FAIL_ON": "never"}, 1, ""},
		"no source":                   {nil, 2, ""},
		"another verdict":             {map[string]string{"WEIGHBRIDGE_SOURCE": "tiny", "WEIGHBRIDGE_FAIL_ON": "warn"}, 2, ""},
		"a pattern for a verdict":     {map[string]string{"WEIGHBRIDGE_SOURCE": "tiny", "WEIGHBRIDGE_FAIL_ON": "*"}, 2, ""},
		"a path with a line feed":     {map[string]string{"WEIGHBRIDGE_SOURCE": "tiny", "WEIGHBRIDGE_SARIF": "a\nverdict=clear"}, 2, ""},
		"no such submission":          {map[string]string{"WEIGHBRIDGE_SOURCE": "tiny", "WEIGHBRIDGE_SUBMISSION": "no.yaml"}, 2, ""},
		// Everything below is text, never a part of a command or an option.
		"a source that is a command":  {map[string]string{"WEIGHBRIDGE_SOURCE": "$(touch made); `touch made`"}, 1, ""},
		"a source that is an option":  {map[string]string{"WEIGHBRIDGE_SOURCE": "--help"}, 1, ""},
		"a pack that is a command":    {map[string]string{"WEIGHBRIDGE_SOURCE": "tiny", "WEIGHBRIDGE_PACKS": "seed-article\n$(touch made)"}, 2, ""},
		"an error that is a command":  {map[string]string{"WEIGHBRIDGE_SOURCE": "x\n::set-output name=a::b ##[command]"}, 1, ""},
		"a submission and two packs":  {map[string]string{"WEIGHBRIDGE_SOURCE": "large", "WEIGHBRIDGE_SUBMISSION": "large.yaml", "WEIGHBRIDGE_PACKS": "seed-article\n\nintegrity\n"}, 10, "review"},
		"packs without the threshold": {map[string]string{"WEIGHBRIDGE_SOURCE": "large", "WEIGHBRIDGE_PACKS": "integrity"}, 0, "clear"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			work := workFolder(t)
			require.NoError(t, os.WriteFile(filepath.Join(work, "large.yaml"), []byte("destination: {country: JP}\n"), 0o644))
			got := runScript(t, work, test.env)
			require.Equal(t, test.want, got.status, got.output)
			require.NoFileExists(t, filepath.Join(work, "made"))
			for line := range strings.Lines(got.output) {
				require.False(t, strings.HasPrefix(strings.TrimSpace(line), "::"), line)
			}
			require.NotContains(t, got.output, "##[")
			if test.result == "" {
				require.Empty(t, got.values)
				require.Empty(t, got.summary)
				require.NoFileExists(t, filepath.Join(got.folder, "report.json"))
				require.NotEmpty(t, got.output, "it says why")
				return
			}
			require.Contains(t, got.values, "verdict="+test.result+"\n")
			require.Contains(t, got.output, "the verdict is "+test.result)
			require.Contains(t, got.summary, "## Weighbridge: "+strings.ToUpper(test.result))
			var r pipeline.Report
			text, err := os.ReadFile(filepath.Join(got.folder, "report.json"))
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(text, &r))
			require.Equal(t, test.result, string(r.Verdict))
			for line := range strings.Lines(got.values) {
				key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
				if key != "verdict" && key != "status" {
					require.FileExists(t, value)
				}
			}
		})
	}
}

func TestCheckReport_OldReportsAreGone(t *testing.T) {
	t.Parallel()
	work := workFolder(t)
	require.Equal(t, 0, runScript(t, work, map[string]string{"WEIGHBRIDGE_SOURCE": "tiny"}).status)
	got := runScript(t, work, map[string]string{"WEIGHBRIDGE_SOURCE": "nothing"})
	require.Equal(t, 1, got.status)
	left, err := os.ReadDir(got.folder)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestCheckReport_Comment(t *testing.T) {
	t.Parallel()
	for _, forge := range []string{"github", "gitlab"} {
		t.Run(forge, func(t *testing.T) {
			t.Parallel()
			s := &forgetest.Server{}
			me := "github-actions[bot]"
			if forge == "gitlab" {
				me = "project_42_bot"
				s.Me = me
			}
			s.Start()
			t.Cleanup(s.Close)
			work := workFolder(t)
			env := map[string]string{"WEIGHBRIDGE_SOURCE": "large", "WEIGHBRIDGE_COMMENT": "true"}
			if forge == "github" {
				env["GITHUB_ACTIONS"], env["GITHUB_API_URL"], env["GITHUB_REPOSITORY"] = "true", s.GitHub(), forgetest.Project
				env["GITHUB_TOKEN"], env["WEIGHBRIDGE_PULL_REQUEST"], env["GITHUB_WORKSPACE"] = forgetest.Token, forgetest.Number, work
			} else {
				env["CI_API_V4_URL"], env["CI_PROJECT_ID"], env["CI_MERGE_REQUEST_IID"] = s.GitLab(), forgetest.ProjectID, forgetest.Number
				env["WEIGHBRIDGE_GITLAB_TOKEN"], env["CI_PROJECT_DIR"] = forgetest.Token, work
			}
			const marker = "<!-- weighbridge:report source=./large -->\n"
			s.Add("mallory", marker+"all is well")
			for range 150 {
				s.Add("ann", "a comment")
			}

			got := runScript(t, work, env)
			require.Equal(t, 10, got.status, got.output)
			require.Contains(t, got.output, "comment created")
			all := s.Comments()
			require.Len(t, all, 152)
			require.Equal(t, me, all[151].By)
			require.True(t, strings.HasPrefix(all[151].Body, marker+"## Weighbridge: REVIEW\n"), all[151].Body)

			// The same model, now small: the same comment.
			require.NoError(t, os.RemoveAll(filepath.Join(work, "large")))
			require.NoError(t, fixtures.Tiny().Write(filepath.Join(work, "large")))
			got = runScript(t, work, env)
			require.Equal(t, 0, got.status, got.output)
			require.Contains(t, got.output, "comment updated")
			after := s.Comments()
			require.Len(t, after, 152)
			require.Equal(t, all[:151], after[:151], "nobody else's comment is touched")
			require.True(t, strings.HasPrefix(after[151].Body, marker+"## Weighbridge: CLEAR\n"), after[151].Body)
			require.Empty(t, s.Faults())

			// Another source has a comment of its own.
			env["WEIGHBRIDGE_SOURCE"] = "tiny"
			require.Equal(t, 0, runScript(t, work, env).status)
			require.Len(t, s.Comments(), 153)
		})
	}
}

// A refusal is a warning: the report is there all the same, and the status is the check's.
func TestCheckReport_CommentRefused(t *testing.T) {
	t.Parallel()
	s := &forgetest.Server{Refuse: 403}
	s.Start()
	t.Cleanup(s.Close)
	got := runScript(t, workFolder(t), map[string]string{"WEIGHBRIDGE_SOURCE": "large", "WEIGHBRIDGE_COMMENT": "true", "GITHUB_ACTIONS": "true",
		"GITHUB_API_URL": s.GitHub(), "GITHUB_REPOSITORY": forgetest.Project, "GITHUB_TOKEN": forgetest.Token, "WEIGHBRIDGE_PULL_REQUEST": forgetest.Number})
	require.Equal(t, 10, got.status, got.output)
	require.Contains(t, got.output, "the forge answered 403")
	require.Contains(t, got.output, "::warning title=Weighbridge::the comment could not be posted")
	require.NotContains(t, got.output, forgetest.Token)
	require.Contains(t, got.summary, "## Weighbridge: REVIEW")
	require.Empty(t, s.Comments())
}

func TestCheckReport_NoPullRequest(t *testing.T) {
	t.Parallel()
	got := runScript(t, workFolder(t), map[string]string{"WEIGHBRIDGE_SOURCE": "tiny", "WEIGHBRIDGE_COMMENT": "true", "GITHUB_ACTIONS": "true"})
	require.Equal(t, 0, got.status, got.output)
	require.Contains(t, got.output, "no comment")
}

// gateDesk is a folder with the model "large" and the same bytes as "copy", a queue in which
// the model is approved for all its bytes, with the signed approval as a file, and a list
// that revokes another one.
func gateDesk(t *testing.T) *desk {
	t.Helper()
	d := newDeskAt(t, time.Now()) // by which the scripts go
	d.model("large")
	d.model("copy")
	id := d.settle("large", []string{"--hash"}, []string{"--key", d.at("release.pem")})
	d.want(0, "approval", "show", id, "--db", d.at("q.db"), "--out", d.at("signed.json"))
	d.want(0, "approval", "revoke", d.settle("a", []string{"--submission", d.at("sub.yaml")}, []string{"--key", d.at("release.pem")}), "--reason", "other", "--comment", "no",
		"--db", d.at("q.db"), "--key", d.at("release.pem"), "--revocations", d.at("other-list.json"))
	return d
}

func TestGateReport(t *testing.T) {
	t.Parallel()
	approval := map[string]string{"WEIGHBRIDGE_SOURCE": "large", "WEIGHBRIDGE_APPROVAL": "signed.json", "WEIGHBRIDGE_TRUST": "trust.yaml"}
	queue := map[string]string{"WEIGHBRIDGE_SOURCE": "large", "WEIGHBRIDGE_DB": "q.db", "WEIGHBRIDGE_PACKS": "look.yaml\n"}
	with := func(base map[string]string, pairs ...string) map[string]string {
		out := maps.Clone(base)
		for i := 0; i < len(pairs); i += 2 {
			out[pairs[i]] = pairs[i+1]
		}
		return out
	}
	tests := map[string]struct {
		env    map[string]string
		do     func(*desk)
		want   int
		code   string // "" where there is no answer
		signed bool   // whether there is a signed approval afterwards
	}{
		"by approval":                {approval, nil, 0, "approved", true},
		"the same bytes elsewhere":   {with(approval, "WEIGHBRIDGE_SOURCE", "copy"), nil, 0, "approved", true},
		"not on the list":            {with(approval, "WEIGHBRIDGE_REVOCATIONS", "other-list.json"), nil, 0, "approved", true},
		"packs are not for it":       {with(approval, "WEIGHBRIDGE_PACKS", "look.yaml", "WEIGHBRIDGE_WAIT", "1s"), nil, 0, "approved", true},
		"other bytes":                {approval, func(d *desk) { d.write("large/config.json", "{ }") }, 10, "other_bytes", false},
		"another submission":         {with(approval, "WEIGHBRIDGE_SUBMISSION", "sub.yaml"), nil, 10, "other_submission", false},
		"signed by a stranger":       {with(approval, "WEIGHBRIDGE_TRUST", "stranger.yaml"), nil, 20, "unknown_key", false},
		"revoked":                    {with(approval, "WEIGHBRIDGE_REVOCATIONS", "list.json"), func(d *desk) { d.revoke("list.json") }, 20, "approval_revoked", false},
		"by queue":                   {with(queue, "WEIGHBRIDGE_TRUST", "trust.yaml"), nil, 0, "approved", true},
		"by queue, no trust":         {queue, nil, 0, "approved", true},
		"by queue, revoked":          {queue, func(d *desk) { d.revoke("list.json") }, 20, "approval_revoked", false},
		"by queue, nobody decided":   {with(queue, "WEIGHBRIDGE_SOURCE", "copy", "WEIGHBRIDGE_WAIT", "1ms"), nil, 10, "not_approved", false},
		"clear, without a queue":     {with(queue, "WEIGHBRIDGE_DB", "", "WEIGHBRIDGE_PACKS", "seed-article"), nil, 0, "clear", false},
		"review, without a queue":    {with(queue, "WEIGHBRIDGE_DB", ""), nil, 10, "not_approved", false},
		"no trusted key":             {with(approval, "WEIGHBRIDGE_TRUST", ""), nil, 2, "", false},
		"no such approval":           {with(approval, "WEIGHBRIDGE_APPROVAL", "no.json"), nil, 2, "", false},
		"no source":                  {with(approval, "WEIGHBRIDGE_SOURCE", ""), nil, 2, "", false},
		"no such folder":             {with(approval, "WEIGHBRIDGE_SOURCE", "nothing"), nil, 1, "", false},
		"an approval that is none":   {with(approval, "WEIGHBRIDGE_APPROVAL", "look.yaml"), nil, 1, "", false},
		"a source that is a command": {with(approval, "WEIGHBRIDGE_SOURCE", "$(touch made); `touch made`"), nil, 1, "", false},
		"an approval that is one":    {with(approval, "WEIGHBRIDGE_APPROVAL", "$(touch made)"), nil, 2, "", false},
		"an error that is a command": {with(approval, "WEIGHBRIDGE_SOURCE", "x\n::set-output name=a::b ##[command]"), nil, 1, "", false},
		"a folder with a line feed":  {with(approval, "WEIGHBRIDGE_REPORTS", "a\ngate=open"), nil, 2, "", false},
		"a name that is a command":   {approval, func(d *desk) { d.write("large/::set-output name=gate::open", "{ }") }, 10, "other_bytes", false},
		"the approval of its own folder": {with(approval, "WEIGHBRIDGE_APPROVAL", "reports/approval.json"), func(d *desk) {
			require.NoError(d, os.MkdirAll(d.at("reports"), 0o755))
			d.write("reports/approval.json", d.read("signed.json"))
		}, 2, "", true},
	}
	shared := gateDesk(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, env := shared, with(test.env)
			if test.do != nil {
				d = gateDesk(t)
				test.do(d)
			} else if env["WEIGHBRIDGE_REPORTS"] == "" {
				env["WEIGHBRIDGE_REPORTS"] = t.TempDir()
			}
			got := runNamed(t, "gate-report", d.dir, env)
			require.Equal(t, test.want, got.status, got.output)
			require.NoFileExists(t, d.at("made"))
			for line := range strings.Lines(got.output) {
				require.False(t, strings.HasPrefix(strings.TrimSpace(line), "::"), line)
			}
			require.NotContains(t, got.output, "##[")
			kept := filepath.Join(got.folder, "approval.json")
			if test.signed {
				text, err := os.ReadFile(kept)
				require.NoError(t, err)
				require.Equal(t, d.read("signed.json"), string(text))
			} else {
				require.NoFileExists(t, kept)
				kept = ""
			}
			if test.code == "" {
				require.Empty(t, got.values)
				require.Empty(t, got.summary)
				require.NoFileExists(t, filepath.Join(got.folder, "gate.json"))
				require.NotEmpty(t, got.output, "it says why")
				return
			}
			word := map[bool]string{true: "open", false: "closed"}[test.want == 0]
			answer := filepath.Join(got.folder, "gate.json")
			require.Equal(t, fmt.Sprintf("gate=%s\ngate-status=%d\ngate-reason=%s\ngate-json=%s\napproval=%s\n", word, test.want, test.code, answer, kept), got.values)
			require.Contains(t, got.output, fmt.Sprintf("the gate is %s (%s)", word, test.code))
			require.Contains(t, got.summary, fmt.Sprintf("the gate is %s** (`%s`)", word, test.code))
			var said struct {
				Gate struct {
					Open   bool
					Reason string
				}
			}
			text, err := os.ReadFile(answer)
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(text, &said))
			require.Equal(t, test.want == 0, said.Gate.Open)
			require.Contains(t, got.output, strings.ReplaceAll(said.Gate.Reason, "::", ": :"), "the log says why")
		})
	}
}

// What an earlier run left does not pass for this one's.
func TestGateReport_OldAnswersAreGone(t *testing.T) {
	t.Parallel()
	d := gateDesk(t)
	env := map[string]string{"WEIGHBRIDGE_SOURCE": "large", "WEIGHBRIDGE_APPROVAL": "signed.json", "WEIGHBRIDGE_TRUST": "trust.yaml"}
	require.Equal(t, 0, runNamed(t, "gate-report", d.dir, env).status)
	env["WEIGHBRIDGE_TRUST"] = "no.yaml"
	got := runNamed(t, "gate-report", d.dir, env)
	require.Equal(t, 1, got.status, got.output)
	left, err := os.ReadDir(got.folder)
	require.NoError(t, err)
	require.Empty(t, left)
}

// step is a step of a composite action.
type step struct {
	ID    string            `yaml:"id"`
	Name  string            `yaml:"name"`
	If    string            `yaml:"if"`
	Uses  string            `yaml:"uses"`
	With  map[string]string `yaml:"with"`
	Shell string            `yaml:"shell"`
	Env   map[string]string `yaml:"env"`
	Run   string            `yaml:"run"`
}

func TestAction(t *testing.T) {
	t.Parallel()
	var action struct {
		Name        string `yaml:"name"`
		Description string `yaml:"description"`
		Author      string `yaml:"author"`
		Branding    any    `yaml:"branding"`
		Inputs      map[string]struct {
			Description string `yaml:"description"`
			Required    bool   `yaml:"required"`
			Default     string `yaml:"default"`
		} `yaml:"inputs"`
		Outputs map[string]struct {
			Description string `yaml:"description"`
			Value       string `yaml:"value"`
		} `yaml:"outputs"`
		Runs struct {
			Using string `yaml:"using"`
			Steps []step `yaml:"steps"`
		} `yaml:"runs"`
	}
	strictYAML(t, "action.yml", &action)
	require.Equal(t, "composite", action.Runs.Using)

	used := map[string]bool{}
	inputs := regexp.MustCompile(`inputs\.([a-z-]+)`)
	for _, s := range action.Runs.Steps {
		require.NotContains(t, s.Run, "${{", "an input would be a part of the command")
		if s.Uses != "" {
			name, _, _ := strings.Cut(s.Uses, "@")
			require.Contains(t, []string{"actions/setup-go", "actions/upload-artifact"}, name, "no other action than these")
		} else {
			require.Equal(t, "bash", s.Shell, "GitHub asks for the shell of each step")
		}
		texts := []string{s.If}
		for _, text := range s.Env {
			texts = append(texts, text)
		}
		for _, text := range s.With {
			texts = append(texts, text)
		}
		for _, match := range inputs.FindAllStringSubmatch(strings.Join(texts, "\n"), -1) {
			require.Contains(t, action.Inputs, match[1])
			used[match[1]] = true
		}
	}
	for name, input := range action.Inputs {
		require.NotEmpty(t, input.Description, name)
		require.True(t, used[name], "the input %s does nothing", name)
	}
	scripts := map[string]string{"check": "check-report", "gate": "gate-report"}
	set := map[string]string{}
	for id, name := range scripts {
		path := filepath.Join(repository, ".ci", name)
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		set[id] = string(text)
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.NotZero(t, info.Mode()&0o111, "it can be run")
		at := slices.IndexFunc(action.Runs.Steps, func(s step) bool { return s.ID == id })
		require.Contains(t, action.Runs.Steps[at].Run, ".ci/"+name)
		documented(t, string(text), action.Runs.Steps[at].Env)
	}
	value := regexp.MustCompile(`^\$\{\{ steps\.(check|gate)\.outputs\.([a-z-]+) \}\}$`)
	for name, output := range action.Outputs {
		match := value.FindStringSubmatch(output.Value)
		require.NotNil(t, match, output.Value)
		require.Equal(t, name, match[2])
		require.Contains(t, set[match[1]], "printf '"+name+"=%s\\n'", "the script sets it")
	}

	// The gate decides where it is asked, and what it said is kept where it is closed too.
	at := func(name string) step {
		return action.Runs.Steps[slices.IndexFunc(action.Runs.Steps, func(s step) bool { return s.ID == name || strings.HasPrefix(s.Uses, name) })]
	}
	require.Equal(t, "inputs.gate == 'true'", at("gate").If)
	require.Equal(t, "${{ inputs.gate == 'true' && 'never' || inputs.fail-on }}", at("check").Env["WEIGHBRIDGE_FAIL_ON"])
	upload := at("actions/upload-artifact@")
	require.True(t, strings.HasPrefix(upload.If, "always() && steps.gate.outputs.gate-json != ''"), upload.If)
	require.Equal(t, "${{ steps.gate.outputs.gate-json }}\n${{ steps.gate.outputs.approval }}\n", upload.With["path"])
	require.Equal(t, "false", action.Inputs["gate"].Default)
	built := slices.IndexFunc(action.Runs.Steps, func(s step) bool { return strings.HasPrefix(s.Run, "go build ") })
	require.Contains(t, action.Runs.Steps[built].Run, `"$RUNNER_TEMP/weighbridge-bin" >>"$GITHUB_PATH"`, "later steps find the program")
}

// documented holds the variables that a pipeline sets to those that the script reads.
func documented(t *testing.T, script string, env map[string]string) {
	t.Helper()
	for name := range env {
		own := strings.HasPrefix(name, "WEIGHBRIDGE_") && !strings.HasPrefix(name, "WEIGHBRIDGE_INPUT_") && name != "WEIGHBRIDGE_COMMENT_AUTHOR"
		if own {
			require.Contains(t, script, name)
		}
	}
}

// The steps of the action beside setup-go are run as GitHub would run them.
func TestAction_Steps(t *testing.T) {
	t.Parallel()
	var action struct {
		Runs struct {
			Steps []step `yaml:"steps"`
		} `yaml:"runs"`
	}
	text, err := os.ReadFile(filepath.Join(repository, "action.yml"))
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &action))
	root, err := filepath.Abs(repository)
	require.NoError(t, err)
	work, temp := workFolder(t), t.TempDir()
	d := gateDesk(t)
	for _, s := range action.Runs.Steps {
		switch s.ID {
		case "check":
		case "gate":
			cmd := exec.CommandContext(t.Context(), "sh", "-c", s.Run)
			cmd.Dir = d.dir
			// The trust file is that of the job, and the list of revocations an input.
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + temp, "RUNNER_TEMP=" + temp, "GITHUB_ACTION_PATH=" + root, "GITHUB_OUTPUT=" + filepath.Join(temp, "gate"),
				"WEIGHBRIDGE_TRUST=trust.yaml"}
			for name := range s.Env {
				value := map[string]string{"WEIGHBRIDGE_SOURCE": "large", "WEIGHBRIDGE_INPUT_BINARY": program(t), "WEIGHBRIDGE_APPROVAL": "signed.json",
					"WEIGHBRIDGE_INPUT_REVOCATIONS": "other-list.json"}[name]
				cmd.Env = append(cmd.Env, name+"="+value)
			}
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, string(out))
			values, err := os.ReadFile(filepath.Join(temp, "gate"))
			require.NoError(t, err)
			require.Contains(t, string(values), "gate=open\n")
			require.FileExists(t, filepath.Join(temp, "weighbridge-reports", "approval.json"))
			continue
		default:
			continue // building is the business of go build
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-c", s.Run)
		cmd.Dir = work
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + temp, "RUNNER_TEMP=" + temp, "GITHUB_ACTION_PATH=" + root, "GITHUB_OUTPUT=" + filepath.Join(temp, "output")}
		for name := range s.Env { // what a workflow that gives two inputs leads to
			value := map[string]string{"WEIGHBRIDGE_SOURCE": "large", "WEIGHBRIDGE_INPUT_BINARY": program(t), "WEIGHBRIDGE_FAIL_ON": "block", "WEIGHBRIDGE_COMMENT": "false"}[name]
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		values, err := os.ReadFile(filepath.Join(temp, "output"))
		require.NoError(t, err)
		require.Contains(t, string(values), "verdict=review\n")
		require.FileExists(t, filepath.Join(temp, "weighbridge-reports", "report.sarif"))
	}
}

func TestGitLabTemplate(t *testing.T) {
	t.Parallel()
	var template struct {
		Job struct {
			Stage     string              `yaml:"stage"`
			Image     string              `yaml:"image"`
			Rules     []map[string]string `yaml:"rules"`
			Variables map[string]string   `yaml:"variables"`
			Script    []string            `yaml:"script"`
			Artifacts struct {
				When   string            `yaml:"when"`
				Expire string            `yaml:"expire_in"`
				Paths  []string          `yaml:"paths"`
				Report map[string]string `yaml:"reports"`
			} `yaml:"artifacts"`
		} `yaml:"weighbridge"`
	}
	strictYAML(t, ".ci/gitlab/weighbridge.gitlab-ci.yml", &template)
	job := template.Job
	require.NotEmpty(t, job.Script)
	require.Equal(t, "always", job.Artifacts.When, "a job that fails has its report too")
	var scripts string
	for _, name := range []string{".ci/check-report", ".ci/gate-report"} {
		text, err := os.ReadFile(filepath.Join(repository, name))
		require.NoError(t, err)
		scripts += string(text)
	}
	for _, own := range []string{"WEIGHBRIDGE_VERSION", "WEIGHBRIDGE_GATE"} { // the job's
		delete(job.Variables, own)
	}
	documented(t, scripts, job.Variables)

	// All but fetching and building is run here: the last lines of the job.
	root, err := filepath.Abs(repository)
	require.NoError(t, err)
	run := func(work string, env ...string) (int, string, *forgetest.Server) {
		s := &forgetest.Server{Me: "project_42_bot"}
		s.Start()
		t.Cleanup(s.Close)
		code := t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(code, "bin"), 0o755))
		require.NoError(t, os.Symlink(program(t), filepath.Join(code, "bin", "weighbridge")))
		require.NoError(t, os.Symlink(filepath.Join(root, ".ci"), filepath.Join(code, ".ci")))
		lines := []string{"set -eu", "weighbridge_code='" + code + "'"}
		for _, line := range job.Script {
			if !strings.HasPrefix(line, "weighbridge_code=") && !strings.HasPrefix(line, "git ") && !strings.HasPrefix(line, "go ") {
				lines = append(lines, line)
			}
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.Join(lines, "\n"))
		cmd.Dir = work
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + code, "WEIGHBRIDGE_SOURCE=large", "WEIGHBRIDGE_GITLAB_TOKEN=" + forgetest.Token, "CI_PROJECT_DIR=" + work,
			"CI_API_V4_URL=" + s.GitLab(), "CI_PROJECT_ID=" + forgetest.ProjectID, "CI_MERGE_REQUEST_IID=" + forgetest.Number}
		for name, value := range job.Variables {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		cmd.Env = append(cmd.Env, env...)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return exit.ExitCode(), string(out), s
		}
		require.NoError(t, err, string(out))
		return 0, string(out), s
	}
	kept := func(work string) (out []string) {
		for _, path := range append(job.Artifacts.Paths, job.Artifacts.Report["junit"]) {
			if _, err := os.Stat(filepath.Join(work, path)); err != nil {
				require.ErrorIs(t, err, os.ErrNotExist)
				out = append(out, filepath.Base(path))
			}
		}
		return out
	}
	work := workFolder(t)
	status, out, s := run(work, "WEIGHBRIDGE_GATE=false")
	require.Equal(t, 10, status, out)
	require.Len(t, s.Comments(), 1)
	require.Equal(t, []string{"gate.json", "approval.json"}, kept(work), "the gate was not asked")

	// The gate decides: the same review does not fail the job, and a closed gate does.
	d := gateDesk(t)
	gate := []string{"WEIGHBRIDGE_GATE=true", "WEIGHBRIDGE_PACKS=look.yaml", "WEIGHBRIDGE_APPROVAL=signed.json"}
	status, out, s = run(d.dir, append(gate, "WEIGHBRIDGE_TRUST=trust.yaml")...)
	require.Equal(t, 0, status, out)
	require.Contains(t, out, "the verdict is review")
	require.Len(t, s.Comments(), 1)
	require.Empty(t, kept(d.dir))
	status, out, _ = run(d.dir, append(gate, "WEIGHBRIDGE_TRUST=stranger.yaml")...)
	require.Equal(t, 20, status, out)
	require.Equal(t, []string{"approval.json"}, kept(d.dir))
}

// strictYAML reads a file of the repository; a key that has no field is an error.
func strictYAML(t *testing.T, path string, into any) {
	t.Helper()
	f, err := os.Open(filepath.Join(repository, path))
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	d := yaml.NewDecoder(f)
	d.KnownFields(true)
	require.NoError(t, d.Decode(into))
	var more any
	require.ErrorIs(t, d.Decode(&more), io.EOF)
}
