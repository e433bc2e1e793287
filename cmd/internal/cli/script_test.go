package cli_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite"

	"weighbridge/fixtures"
	"weighbridge/fixtures/hostile"
	"weighbridge/fixtures/s3server"
)

// secret is the secret key of every server in the scripts. No output may hold it.
const secret = "do-not-show-this-key-5f2c"

// TestScripts runs the program as a user does, a process for each command.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("WEIGHBRIDGE_ACTOR", "sam")
			env.Setenv("AWS_SECRET_ACCESS_KEY", secret)
			env.Values["bucket"] = new(*s3server.Server)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "model": model, "hostile": hostileFile, "flip": flip, "forge": forge, "json": jsonField, "grab": grab, "mode": mode, "s3": s3, "tamper": tamper, "twin": twin,
		},
	})
}

func must(ts *testscript.TestScript, err error) {
	if err != nil {
		ts.Fatalf("%v", err)
	}
}

// exits CODE COMMAND ARG... runs a command and compares its exit status, which may be
// one of several parted by commas. It holds
// every run to what holds for all: a result leaves standard error alone, an error
// leaves standard output alone but in JSON, and secrets show in neither.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARG...")
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	stdout, stderr := ts.ReadFile("stdout"), ts.ReadFile("stderr")
	if !slices.Contains(strings.Split(args[0], ","), strconv.Itoa(got)) {
		ts.Fatalf("exit status %d, not %s", got, args[0])
	}
	if strings.Contains(stdout+stderr, secret) {
		ts.Fatalf("the secret key shows")
	}
	failed := got == 1 || got == 2
	inJSON := slices.Contains(args, "json") || slices.Contains(args, "--format=json")
	result := slices.Contains(args, "test") // rules test: failures are its result
	switch {
	case !failed && stderr != "":
		ts.Fatalf("there is a result, and standard error is not empty")
	case !failed && stdout == "":
		ts.Fatalf("there is no result")
	case failed && inJSON && stderr != "":
		ts.Fatalf("the error is to be on standard output only")
	case failed && !inJSON && !result && (stdout != "" || stderr == ""):
		ts.Fatalf("the error is to be on standard error only")
	}
}

// model NAME FOLDER [without FILE] lays a model out.
func model(ts *testscript.TestScript, _ bool, args []string) {
	m, err := func() (fixtures.Model, error) {
		switch args[0] {
		case "exactly-10b":
			return fixtures.Exactly10B(), nil
		case "one-over-10b":
			return fixtures.OneOver10B(), nil
		case "tiny":
			return fixtures.Tiny(), nil
		}
		return fixtures.Load(args[0])
	}()
	must(ts, err)
	var opts []fixtures.WriteOption
	if len(args) == 4 && args[2] == "without" {
		opts = append(opts, fixtures.Without(args[3]))
	}
	must(ts, m.Write(ts.MkAbs(args[1]), opts...))
}

// hostile CASE FILE writes one of the hostile files.
func hostileFile(ts *testscript.TestScript, _ bool, args []string) {
	for _, c := range hostile.Cases() {
		if c.Name == args[0] {
			must(ts, c.Write(ts.MkAbs(args[1])))
			return
		}
	}
	ts.Fatalf("there is no case %s", args[0])
}

// flip FILE changes one byte of the header of a weight file, which stays well formed.
// flip FILE weights changes its last byte, which no header shows.
func flip(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(ts, err)
	if len(args) == 2 && args[1] == "weights" {
		end, err := f.Seek(-1, io.SeekEnd)
		must(ts, err)
		last := make([]byte, 1)
		_, err = f.ReadAt(last, end)
		must(ts, err)
		_, err = f.WriteAt([]byte{last[0] ^ 1}, end)
		must(ts, errors.Join(err, f.Close()))
		return
	}
	head := make([]byte, 512)
	_, err = f.Read(head)
	must(ts, err)
	at := bytes.Index(head, []byte(`"format":"pt"`))
	if at < 0 {
		ts.Fatalf("%s does not begin as expected", args[0])
	}
	_, err = f.WriteAt([]byte("q"), int64(at+len(`"format":"`)))
	must(ts, errors.Join(err, f.Close()))
}

// forge FILE changes what a signed approval says, and leaves its signature.
func forge(ts *testscript.TestScript, _ bool, args []string) {
	text, err := os.ReadFile(ts.MkAbs(args[0]))
	must(ts, err)
	var envelope map[string]any
	must(ts, json.Unmarshal(text, &envelope))
	payload, err := base64.StdEncoding.DecodeString(envelope["payload"].(string))
	must(ts, err)
	changed := bytes.Replace(payload, []byte("evidence_sufficient"), []byte("licence_obtained"), 1)
	if bytes.Equal(changed, payload) {
		ts.Fatalf("%s does not say what is to be changed", args[0])
	}
	envelope["payload"] = base64.StdEncoding.EncodeToString(changed)
	text, err = json.Marshal(envelope)
	must(ts, err)
	must(ts, os.WriteFile(ts.MkAbs(args[0]), text, 0o600))
}

// field returns what stands at a dot-parted path of the last standard output.
func field(ts *testscript.TestScript, path string) any {
	d := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	d.UseNumber()
	var v any
	must(ts, d.Decode(&v))
	for part := range strings.SplitSeq(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			found, ok := at[part]
			if !ok {
				ts.Fatalf("there is no %s of %s", part, path)
			}
			v = found
		case []any:
			if part == "length" {
				v = json.Number(strconv.Itoa(len(at)))
				continue
			}
			i, err := strconv.Atoi(part)
			must(ts, err)
			if i >= len(at) {
				ts.Fatalf("%s has %d elements only", path, len(at))
			}
			v = at[i]
		default:
			ts.Fatalf("%s goes below a value", path)
		}
	}
	return v
}

// json PATH VALUE compares a field of the JSON on standard output; "<=N" is an upper
// bound, "~TEXT" a part, and "length" is a list's.
func jsonField(ts *testscript.TestScript, neg bool, args []string) {
	got := fmt.Sprint(field(ts, args[0]))
	holds := got == args[1]
	if bound, ok := strings.CutPrefix(args[1], "<="); ok {
		n, err := strconv.ParseInt(got, 10, 64)
		must(ts, err)
		most, err := strconv.ParseInt(bound, 10, 64)
		must(ts, err)
		holds = n <= most
	}
	if part, ok := strings.CutPrefix(args[1], "~"); ok {
		holds = strings.Contains(got, part)
	}
	if holds == neg {
		ts.Fatalf("%s is %s", args[0], got)
	}
}

// grab NAME PATH sets a variable to a field of the JSON on standard output.
func grab(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], fmt.Sprint(field(ts, args[1])))
}

// mode FILE BITS compares who may do what with a file.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[0]))
	must(ts, err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); (got == args[1]) == neg {
		ts.Fatalf("%s has the mode %s", args[0], got)
	}
}

// s3 start BUCKET FOLDER serves a folder and points the environment at it.
// s3 start BUCKET FOLDER overwrites KEY does so, and the object has another ETag at
// every look, as if it were uploaded again and again.
// s3 start BUCKET FOLDER unpinned does so, and no object has an ETag.
// s3 fault KEY STATUS CODE answers reads of an object with an error.
// s3 sent MOST fails where more bytes of objects were sent.
func s3(ts *testscript.TestScript, _ bool, args []string) {
	at := ts.Value("bucket").(**s3server.Server)
	switch args[0] {
	case "start":
		opts := s3server.Options{Folders: map[string]string{args[1]: ts.MkAbs(args[2])}, SecretAccessKey: secret}
		if len(args) == 5 && args[3] == "overwrites" {
			var looks atomic.Int64
			opts.ETag = func(_, key string) string {
				if key == args[4] {
					return fmt.Sprint("look-", looks.Add(1))
				}
				return "one"
			}
		}
		if len(args) == 4 && args[3] == "unpinned" {
			opts.ETag = func(string, string) string { return "" }
		}
		server, err := s3server.Start(context.Background(), opts)
		must(ts, err)
		ts.Defer(func() { _ = server.Close() })
		*at = server
		ts.Setenv("AWS_ENDPOINT_URL_S3", server.URL())
		ts.Setenv("AWS_ACCESS_KEY_ID", server.AccessKeyID())
		ts.Setenv("AWS_REGION", server.Region())
	case "fault":
		status, err := strconv.Atoi(args[2])
		must(ts, err)
		(*at).Inject(s3server.Fault{Key: args[1], Status: status, Code: args[3]})
	case "sent":
		most, err := strconv.ParseInt(args[1], 10, 64)
		must(ts, err)
		if sent := (*at).BytesSent(); sent > most {
			ts.Fatalf("%d bytes of objects were sent", sent)
		}
	default:
		ts.Fatalf("there is no s3 %s", args[0])
	}
}

// tamper FILE SQL changes a queue behind the program's back: what protects the log
// within the database is dropped first.
func tamper(ts *testscript.TestScript, _ bool, args []string) {
	file := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(ts.MkAbs(args[0]))}
	db, err := sql.Open("sqlite", file.String()+"?_pragma=foreign_keys(0)")
	must(ts, err)
	defer func() { _ = db.Close() }()
	triggers := names(ts, db)
	if len(triggers) == 0 {
		ts.Fatalf("nothing protects the log")
	}
	for _, name := range triggers {
		_, err := db.Exec("DROP TRIGGER " + name)
		must(ts, err)
	}
	done, err := db.Exec(args[1])
	must(ts, err)
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		ts.Fatalf("nothing was changed (%v)", err)
	}
}

// names returns the names of all triggers.
func names(ts *testscript.TestScript, db *sql.DB) []string {
	rows, err := db.Query("SELECT name FROM sqlite_master WHERE type = 'trigger'")
	must(ts, err)
	defer func() { _ = rows.Close() }()
	var out []string
	for rows.Next() {
		var name string
		must(ts, rows.Scan(&name))
		out = append(out, name)
	}
	must(ts, rows.Err())
	return out
}
