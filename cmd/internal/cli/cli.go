// Package cli is the command line: it reads flags, calls the app, renders results and
// sets the exit status. Standard output carries results only; progress and logs go to
// standard error.
package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"weighbridge/cmd/internal/app"
	"weighbridge/cmd/internal/config"
	"weighbridge/cmd/internal/logging"
	"weighbridge/pipeline"
	"weighbridge/pipeline/engine"
	"weighbridge/pipeline/report"
)

// The exit statuses.
const (
	exitClear        = 0
	exitFailed       = 1
	exitUsage        = 2
	exitReview       = 10
	exitBlock        = 20
	exitInconclusive = 30
)

const exitHelp = `
EXIT STATUS
  0   clear: no enforced rule stopped these facts and none was left undecided
  10  review: a person must decide
  20  block: an enforced rule blocks this
  30  inconclusive: something could not be read or weighed
  1   no report could be made
  2   wrong usage`

// helpExit is the status of commands that only hold others, or tell about the program.
const helpExit = `
EXIT STATUS
  0   done
  2   wrong usage`

// Environment is what the program sees of the world around it.
type Environment struct {
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	// Terminal is true where standard error is one.
	Terminal bool
	Now      func() time.Time
}

// System returns the environment of the process.
func System() Environment {
	return Environment{Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv,
		Terminal: term.IsTerminal(int(os.Stderr.Fd())), Now: time.Now}
}

// status is an exit status that is no failure: the result is on standard output.
type status int

// Error says which status it is; it is never shown.
func (s status) Error() string { return "exit status" }

// Main runs one command line and returns the exit status.
func Main(ctx context.Context, args []string, env Environment) int {
	c := &cli{env: env, program: args[0]}
	root := c.root()
	root.SetArgs(args[1:])
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitClear
	}
	var s status
	if errors.As(err, &s) {
		return int(s)
	}
	c.fail(err, wantsJSON(args))
	return exitOf(err)
}

func exitOf(err error) int {
	var own *pipeline.Error
	if !errors.As(err, &own) {
		return exitFailed
	}
	switch own.Code {
	case pipeline.CodeUsage, pipeline.CodeInvalid:
		return exitUsage
	}
	return exitFailed
}

// wantsJSON reports whether the caller asked for JSON, even where the arguments could
// not be parsed.
func wantsJSON(args []string) bool {
	for i, a := range args {
		if a == "--format=json" || (a == "--format" && i+1 < len(args) && args[i+1] == "json") {
			return true
		}
	}
	return false
}

// fail tells that there is no result: in JSON on standard output, or in sentences on
// standard error.
func (c *cli) fail(err error, asJSON bool) {
	f := report.FailureOf(err)
	if asJSON {
		_ = report.JSON(c.env.Stdout, f)
		return
	}
	// Faults of a file come one on a line; what is quoted in them is escaped already.
	var lines []string
	for line := range strings.SplitSeq(f.Message, "\n") {
		lines = append(lines, report.Clean(line))
	}
	text := "weighbridge: " + strings.Join(lines, "\n  ") + "\n"
	if f.Hint != "" {
		text += "  " + report.Clean(f.Hint) + "\n"
	}
	_, _ = io.WriteString(c.env.Stderr, text)
}

type cli struct {
	env      Environment
	program  string
	settings config.Settings
	modes    []string
}

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "weighbridge",
		Short: "Weigh AI models where they lie, judge them, and hold the decision to the bytes",
		Long: `Weighbridge reads the headers of a model in S3-compatible storage or a folder, says
exactly how many parameters it holds and what it is, judges it by rules, and puts the
case before a person whose decision holds for those bytes and no others.

Begin with: weighbridge demo
` + exitHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	// A variable that was not set in a script must not count as "not given".
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		var err error
		cmd.Flags().Visit(func(f *pflag.Flag) {
			if f.Value.Type() == "string" && f.Value.String() == "" {
				err = usage("--" + f.Name + " is empty")
			}
		})
		return err
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err.Error()) })
	root.CompletionOptions.HiddenDefaultCmd = true
	f := root.PersistentFlags()
	f.StringVar(&c.settings.File, "config", "", "configuration file (or "+config.EnvFile+")")
	f.StringArrayVar(&c.modes, "mode", nil, "give a rule pack another mode, as PACK=enforce, PACK=report or PACK=off; may be repeated")
	f.StringVar(&c.settings.DB, "db", "", "database of the queue, a SQLite file (or "+config.EnvDB+")")
	f.StringVar(&c.settings.Actor, "actor", "", "who acts (or "+config.EnvActor+", else the operating-system user)")
	f.StringVar(&c.settings.LogLevel, "log-level", "warn", "off, error, warn, info, debug or trace")
	f.BoolVar(&c.settings.Quiet, "quiet", false, "show no progress")
	s := &c.settings.S3
	f.StringVar(&s.Endpoint, "endpoint-url", "", "URL of the S3-compatible store (or AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL)")
	f.StringVar(&s.Region, "region", "", "region to sign for (or AWS_REGION)")
	f.StringVar(&s.Profile, "profile", "", "profile of the shared credentials file (or AWS_PROFILE)")
	f.StringVar(&s.AccessKeyID, "access-key-id", "", "access key (or AWS_ACCESS_KEY_ID)")
	f.StringVar(&s.SecretAccessKey, "secret-access-key", "", "secret key; other users can see it in the process list, so AWS_SECRET_ACCESS_KEY is better")
	f.StringVar(&s.SessionToken, "session-token", "", "session token (or AWS_SESSION_TOKEN)")
	f.BoolVar(&s.Anonymous, "anonymous", false, "send unsigned requests, for public buckets")
	root.AddCommand(c.checkCommand(), c.gateCommand(), c.inspectCommand(), c.queueCommand(), c.rulesCommand(), c.submissionCommand(),
		c.auditCommand(), c.approvalCommand(), c.releaseCommand(), c.keyCommand(), c.serveCommand(), c.dbCommand(), c.demoCommand(), c.commentCommand(), c.versionCommand())
	return root
}

func usage(message string) error {
	return &pipeline.Error{Code: pipeline.CodeUsage, Message: message, Hint: "see --help of the command"}
}

// noCommand refuses words that are no command.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("there is no command " + args[0] + " of " + cmd.CommandPath())
	}
	return nil
}

// exactly requires a number of arguments, naming them.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != len(names) && len(names) == 0 {
			return usage(cmd.CommandPath() + " takes no arguments")
		}
		if len(args) != len(names) {
			return usage(cmd.CommandPath() + " takes " + strings.Join(names, " and "))
		}
		return nil
	}
}

// app returns the app for a command. progress is shown where asked and possible.
func (c *cli) app(observer engine.Observer) (*app.App, error) {
	logger, err := logging.New(c.env.Stderr, c.settings.LogLevel)
	if err != nil {
		return nil, err
	}
	settings, err := c.resolve()
	if err != nil {
		return nil, err
	}
	return &app.App{Settings: settings, Logger: logger, Observer: observer, Now: c.env.Now}, nil
}

// resolve returns the settings of the call.
func (c *cli) resolve() (config.Settings, error) {
	settings := c.settings
	for _, text := range c.modes {
		name, mode, found := strings.Cut(text, "=")
		parsed, err := config.ModeOf(mode)
		if !found || err != nil {
			return settings, usage("--mode takes PACK=enforce, PACK=report or PACK=off")
		}
		settings.Rules = settings.Rules.With(name, parsed)
	}
	return settings.Resolve(c.env.Getenv)
}

// format is a flag with a closed set of values.
type format struct {
	value   string
	allowed []string
}

func formatFlag(cmd *cobra.Command, allowed ...string) *format {
	f := &format{value: allowed[0], allowed: allowed}
	cmd.Flags().Var(f, "format", choice(allowed))
	return f
}

// choice names what there is to choose from: "a or b", "a, b or c".
func choice(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// String returns the value.
func (f *format) String() string { return f.value }

// Type names the flag's type in help texts.
func (f *format) Type() string { return "format" }

// Set takes one of the allowed values.
func (f *format) Set(v string) error {
	if !slices.Contains(f.allowed, v) {
		return errors.New("use " + choice(f.allowed))
	}
	f.value = v
	return nil
}

func (f *format) json() bool { return f.value == "json" }

// command returns the words with which this program was started, for texts that tell
// what to try next.
func (c *cli) command() string {
	if strings.Contains(c.program, "go-build") {
		return "go run ./cmd/weighbridge"
	}
	if strings.ContainsRune(c.program, filepath.Separator) {
		return c.program
	}
	return "weighbridge"
}
