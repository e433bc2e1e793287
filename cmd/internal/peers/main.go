// Command peers times Weighbridge beside huggingface.js, the library that counts a
// model's parameters from the same headers in the browser and in Node.js.
//
// Both read the same folder: a large model with its true headers and no weights.
// Weighbridge reads it over the S3 protocol, huggingface.js over that of a model hub;
// both servers run in this process, on loopback, and wait the same time before each
// answer. Every run is a process of its own, and the programs take turns, so that
// whatever else the machine does falls on all of them. Figures are medians.
//
// It is a benchmark and no test: it needs Node.js and a package from the npm registry.
// Run it by "make bench-peers".
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"weighbridge/fixtures"
	"weighbridge/fixtures/s3server"
)

// bucket is the bucket that the models lie in.
const bucket = "staging"

type settings struct {
	model       string
	weighbridge string
	scripts     string
	runs        int
	delay       time.Duration
	write       string
}

func main() {
	var s settings
	flag.StringVar(&s.model, "model", "deepseek-v3", "table of fixtures/models to read")
	flag.StringVar(&s.weighbridge, "weighbridge", "bin/weighbridge", "the binary of Weighbridge")
	flag.StringVar(&s.scripts, "scripts", "bin/peers", "folder with weigh.mjs and its packages")
	flag.IntVar(&s.runs, "runs", 9, "runs of each program at each delay")
	flag.DurationVar(&s.delay, "delay", 30*time.Millisecond, "wait before each answer in the second part; the first has none")
	flag.StringVar(&s.write, "write", "", "only write the model below this folder")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := s.run(ctx, os.Stdout)
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "peers:", err) // there is nobody else to tell
		os.Exit(1)
	}
}

func (s settings) run(ctx context.Context, out io.Writer) error {
	if s.write != "" {
		return writeModel(s.model, s.write)
	}
	if s.runs < 1 || s.delay < 0 {
		return errors.New("-runs must be 1 or more, and -delay not negative")
	}
	folder, err := os.MkdirTemp("", "weighbridge-peers-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }() // nothing of worth
	if err := s.writeApart(ctx, folder); err != nil {
		return err
	}
	atOnce, err := s.compare(ctx, folder, 0)
	if err != nil {
		return err
	}
	waiting, err := s.compare(ctx, folder, s.delay)
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(folder, s.model, "*.safetensors"))
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, table(s.model, len(files), atOnce, waiting))
	return err
}

func writeModel(name, folder string) error {
	m, err := fixtures.Load(name)
	if err != nil {
		return err
	}
	return m.Write(filepath.Join(folder, m.Name))
}

// writeApart writes the model in a process of its own. The system counts the peak
// memory of the process that starts another one to that other one, and the table of a
// large model takes more than what is to be measured.
func (s settings) writeApart(ctx context.Context, folder string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, "-model", s.model, "-write", folder) //nolint:gosec // it is this program
	cmd.Stderr = os.Stderr
	return cmd.Run()
}

// compare runs each program in turn, after one run of each that warms the caches of
// the system and is not counted.
func (s settings) compare(ctx context.Context, folder string, delay time.Duration) (results, error) {
	store, err := s3server.Start(ctx, s3server.Options{Folders: map[string]string{bucket: folder}, Delay: delay})
	if err != nil {
		return results{}, err
	}
	defer func() { _ = store.Close() }() // nothing is written
	models, err := startHub(ctx, folder, delay)
	if err != nil {
		return results{}, err
	}
	defer func() { _ = models.close() }() // nothing is written

	programs := s.programs(store, models)
	found := results{delay: delay, of: make([][]measured, len(programs))}
	for round := range s.runs + 1 {
		for i, p := range programs {
			m, err := p.measure(ctx)
			if err != nil {
				return results{}, fmt.Errorf("%s: %w", p.name, err)
			}
			if round > 0 {
				found.of[i] = append(found.of[i], m)
			}
		}
	}
	for _, p := range programs {
		found.names = append(found.names, p.name)
	}
	return found, nil
}

// programs lists what is compared: the peer last.
func (s settings) programs(store *s3server.Server, models *hub) []program {
	source := "s3://" + bucket + "/" + s.model + "/"
	overS3 := append(clean(os.Environ()), "AWS_ENDPOINT_URL_S3="+store.URL(), "AWS_REGION="+store.Region(),
		"AWS_ACCESS_KEY_ID="+store.AccessKeyID(), "AWS_SECRET_ACCESS_KEY="+store.SecretAccessKey())
	counts := func() (requests, bytes int64) {
		requests, bytes = store.RequestCount(), store.BytesSent()
		store.Reset()
		return requests, bytes
	}
	return []program{
		{name: "weighbridge check", command: []string{s.weighbridge, "check", source, "--format", "json"},
			env: overS3, counts: counts, parameters: parametersOfReport},
		{name: "weighbridge inspect", command: []string{s.weighbridge, "inspect", source, "--format", "json"},
			env: overS3, counts: counts, parameters: parametersOfReport},
		{name: "huggingface.js", command: []string{"node", filepath.Join(s.scripts, "weigh.mjs"), models.url, "owner/" + s.model},
			env: clean(os.Environ()), counts: models.counts, parameters: parametersOfPeer},
	}
}

// clean leaves out what would change where the programs read and write.
func clean(environ []string) []string {
	var kept []string
	for _, e := range environ {
		if !strings.HasPrefix(e, "AWS_") && !strings.HasPrefix(e, "WEIGHBRIDGE_") && !strings.HasPrefix(e, "HF_") {
			kept = append(kept, e)
		}
	}
	return kept
}
