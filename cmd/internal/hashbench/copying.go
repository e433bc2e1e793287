package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// The buckets of the server: what is to be released, without and with the store's SHA-256,
// and where it is released to.
const (
	staging  = "staging"
	hashed   = "hashed"
	released = "released"
)

// server is the S3 server, run as a process of its own, with keys that it alone knows.
type server struct {
	root string
	env  []string
	stop func() error
}

func (s settings) serve(ctx context.Context, root string) (*server, error) {
	keys := []string{"AWS_ACCESS_KEY_ID=hashbench", "AWS_SECRET_ACCESS_KEY=" + rand.Text(), "AWS_REGION=us-east-1"}
	cmd := exec.CommandContext(ctx, s.gateway, "serve", root) //nolint:gosec // the user names the server
	cmd.Env = append(os.Environ(), keys...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	address, err := addressIn(out)
	stop := func() error { return errors.Join(in.Close(), cmd.Wait()) }
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the server tells no address: %w", err), stop())
	}
	env := append(keys, "AWS_ENDPOINT_URL_S3="+address)
	for _, one := range env {
		env = append(env, "WEIGHBRIDGE_RELEASE_"+one)
	}
	return &server{root: root, env: env, stop: stop}, nil
}

// addressIn returns the line with the server's URL. The server's libraries write others.
func addressIn(out io.Reader) (string, error) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "http://") {
			return lines.Text(), nil
		}
	}
	return "", errors.Join(io.ErrUnexpectedEOF, lines.Err())
}

// copying times releases of the many files, and of the large one.
func (s settings) copying(ctx context.Context, out io.Writer) (err error) {
	many, err := s.many()
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp(s.folder, "copying-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	root := filepath.Join(work, "buckets")
	for _, bucket := range []string{staging, hashed, released} {
		if err := os.MkdirAll(filepath.Join(root, bucket), 0o755); err != nil {
			return err
		}
	}
	models := []model{{name: "many", lies: many, summed: true}}
	if s.large > 0 {
		m := model{name: "large", lies: filepath.Join(work, "large")}
		if err := hole(m.lies, int64(s.large*(1<<30))); err != nil {
			return err
		}
		models = append(models, m)
	}
	for _, m := range models {
		if err := stage(m.lies, filepath.Join(root, staging, m.name)); err != nil {
			return err
		}
	}
	store, err := s.serve(ctx, root)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.stop()) }()
	for _, m := range models {
		b := copyBench{settings: s, server: store, model: m, work: work}
		if err := b.run(ctx, out); err != nil {
			return err
		}
	}
	return nil
}

// hole makes a folder with one file that has a header and nothing behind it.
func hole(folder string, size int64) error {
	size = whole(size)
	head, err := header("large", size)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	path := filepath.Join(folder, "large"+ending)
	return errors.Join(os.WriteFile(path, head, 0o600), os.Truncate(path, size))
}

// stage puts a folder into a bucket without copying it.
func stage(folder, bucket string) error {
	names, err := weights(folder)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(bucket, 0o755); err != nil {
		return err
	}
	for _, name := range names {
		if err := os.Link(name, filepath.Join(bucket, filepath.Base(name))); err != nil {
			return err
		}
	}
	return nil
}

// model is what is released.
type model struct {
	name, lies string
	// summed is true where the objects are small enough for the store to hold a SHA-256 of
	// each as a whole.
	summed bool
}

// copyBench times the releases of one model.
type copyBench struct {
	settings
	*server
	model
	work string
	want map[string]string // digests by name
}

// trial is one way to bring the model to a place.
type trial struct {
	name string
	// from is where it lies, and plain whether it is copied without Weighbridge.
	from  string
	plain bool
	// beside is the plain copy that a release is held against.
	beside *trial
	took   []time.Duration
}

func (b *copyBench) run(ctx context.Context, out io.Writer) error {
	bytes, err := warm(b.lies)
	if err != nil {
		return err
	}
	if err := b.approve(ctx); err != nil {
		return err
	}
	staged := "s3://" + staging + "/" + b.name + "/"
	plain := &trial{name: "plain copy", from: staged, plain: true}
	trials := []*trial{plain, {name: "release, folder to bucket", from: b.lies, beside: plain}, {name: "release, bucket to bucket, not hashed", from: staged, beside: plain}}
	if b.summed {
		there := "s3://" + hashed + "/" + b.name + "/"
		if _, err := b.release(ctx, b.lies, there); err != nil {
			return err
		}
		plain := &trial{name: "plain copy of hashed objects", from: there, plain: true}
		trials = append(trials, plain, &trial{name: "release, bucket to bucket, hashed", from: there, beside: plain})
	}
	sums := peers()
	for round := range b.rounds {
		for _, p := range sums {
			got, took, err := b.peer(ctx, p, b.lies, runtime.NumCPU())
			if err != nil {
				return err
			}
			if !maps.Equal(got, b.want) {
				return fmt.Errorf("the files are %v by Weighbridge and %v by %s", b.want, got, p.name)
			}
			p.took = append(p.took, took)
		}
		for _, t := range trials {
			if err := b.try(ctx, t, round == b.rounds-1); err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
		}
	}
	return b.tell(out, bytes, trials, sums)
}

// tell writes a line for each program that hashes, and for each trial.
func (b *copyBench) tell(out io.Writer, bytes int64, trials []*trial, sums []*peer) error {
	gb, first := float64(bytes)/1e9, sums[0]
	line := func(name string, took float64, more string) error {
		_, err := fmt.Fprintf(out, "%-38s %.1f GB: %6.2f s (%.2f GB/s)%s\n", name, gb, took, gb/took, more)
		return err
	}
	for _, p := range sums {
		if err := line(p.name, median(p.took).Seconds(), ""); err != nil {
			return err
		}
	}
	for _, t := range trials {
		took := median(t.took).Seconds()
		more := fmt.Sprintf(": %.2f times as fast as %s", median(first.took).Seconds()/took, first.name)
		if t.beside != nil {
			more += fmt.Sprintf(", %.2f times as fast as a %s", median(t.beside.took).Seconds()/took, t.beside.name)
		}
		if err := line(t.name, took, more); err != nil {
			return err
		}
	}
	return nil
}

// approve has the model checked with all its bytes, and cleared or approved with a
// signature.
func (b *copyBench) approve(ctx context.Context) error {
	b.env = append(b.env, "WEIGHBRIDGE_KEY_PASSPHRASE="+rand.Text())
	at := func(name string) string { return filepath.Join(b.work, b.name+"-"+name) }
	if _, _, err := timed(ctx, []string{b.weighbridge, "key", "new", at("key.pem"), "--trust", at("trust.yaml")}, runtime.NumCPU(), b.env...); err != nil {
		return err
	}
	queue := []string{"--db", at("queue.db")}
	// Numbers that nobody trained match rules of other packs.
	text, _, err := timed(ctx, append([]string{b.weighbridge, "check", b.lies, "--hash", "--pack", "integrity", "--key", at("key.pem"), "--format", "json"}, queue...), runtime.NumCPU(), b.env...)
	if failed(err) {
		return err
	}
	var r struct {
		Case     struct{ ID, State string }
		Facts    struct{ Params struct{ Upper int64 } }
		Artifact struct {
			Objects []struct{ Path, SHA256 string }
		}
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return err
	}
	b.want = map[string]string{}
	for _, o := range r.Artifact.Objects {
		b.want[o.Path] = strings.TrimPrefix(o.SHA256, "sha256:")
	}
	if r.Case.State != "cleared" { // more than a billion parameters of no known family
		for _, who := range []string{"first", "second"} {
			if _, _, err := timed(ctx, append([]string{b.weighbridge, "queue", "decide", r.Case.ID, "approve", "--actor", who, "--key", at("key.pem"), "--reason", "risk_accepted",
				"--comment", fmt.Sprintf("up to %d parameters", r.Facts.Params.Upper)}, queue...), runtime.NumCPU(), b.env...); err != nil {
				return err
			}
		}
	}
	_, _, err = timed(ctx, append([]string{b.weighbridge, "approval", "show", r.Case.ID, "--out", at("approval.json")}, queue...), runtime.NumCPU(), b.env...)
	return err
}

// release runs a release, which must bring every object, within the store where it can.
func (b *copyBench) release(ctx context.Context, from, to string) (time.Duration, error) {
	text, took, err := timed(ctx, []string{b.weighbridge, "release", from, to, "--format", "json",
		"--approval", filepath.Join(b.work, b.name+"-approval.json"), "--trust", filepath.Join(b.work, b.name+"-trust.yaml")}, runtime.NumCPU(), b.env...)
	if err != nil {
		return took, err
	}
	var r struct{ Copied, Sent int }
	if err := json.Unmarshal(text, &r); err != nil {
		return took, err
	}
	copied, sent := len(b.want), 0
	if !strings.HasPrefix(from, "s3://") {
		copied, sent = sent, copied
	}
	if r.Copied != copied || r.Sent != sent {
		return took, fmt.Errorf("of %d objects %d were copied by the store and %d sent", len(b.want), r.Copied, r.Sent)
	}
	return took, nil
}

// try times one trial, has what it brought hashed by another program where asked, and takes
// it away.
func (b *copyBench) try(ctx context.Context, t *trial, verified bool) (err error) {
	place := filepath.Join(b.root, released, b.name)
	defer func() { err = errors.Join(err, os.RemoveAll(place)) }()
	if err := flush(ctx); err != nil {
		return err
	}
	to := "s3://" + released + "/" + b.name + "/"
	var took time.Duration
	if t.plain {
		_, took, err = timed(ctx, []string{b.gateway, "copy", t.from, to}, runtime.NumCPU(), b.env...)
	} else {
		took, err = b.release(ctx, t.from, to)
	}
	if err != nil {
		return err
	}
	t.took = append(t.took, took)
	if !verified {
		return nil
	}
	others := peers()
	got, _, err := b.peer(ctx, others[len(others)-1], place, runtime.NumCPU())
	if err == nil && !maps.Equal(got, b.want) {
		err = fmt.Errorf("what arrived is %v, not %v", got, b.want)
	}
	return err
}

// flush has the system write what it keeps, where it can be asked to: what an earlier run
// left would slow the next one down.
func flush(ctx context.Context) error {
	if _, err := exec.LookPath("sync"); err != nil {
		return nil // then the runs share what is left to write
	}
	return exec.CommandContext(ctx, "sync").Run()
}
