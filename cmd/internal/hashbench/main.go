// Command hashbench times what Weighbridge does with every byte of a model, "check --hash"
// and "release", beside programs that do as little as can be done with them. It runs both
// sides one after the other within each round, and gives the ratio of the medians. All
// programs must come to the same digests, else it fails.
//
// # Hashing
//
// "weighbridge check --hash" is timed beside sha256sum on the same files. Builds of
// sha256sum differ in whether they use the processor's instructions for SHA-256; those of
// openssl do, so it is timed too where it is installed.
//
// Three ways are timed: one core for each program, as many cores as there are, where
// sha256sum goes through the files one after the other as it always does, and as many cores
// with one file alone. Cores are held to by taskset where it is installed. The files are
// written once and read once before the first round, so that where they fit into memory the
// time is that of hashing and not of the disk.
//
// # Copying
//
// "weighbridge release" is timed beside a plain server-side copy by the same S3 server, one
// request an object (in parts above 5 GiB), and beside sha256sum on the same files, with as
// many cores as there are. The server runs on the same machine and on its disk, so it and
// Weighbridge share the cores; what the system has not written yet is written before each
// run. Released are a folder to a bucket, a bucket to a bucket where the store holds the
// SHA-256 of each object, and where it does not. A single file above 5 GiB, nearly all of
// it a hole, is released too: within the store it is copied in parts of the default size.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

type settings struct {
	weighbridge string
	gateway     string
	folder      string
	gigabytes   float64
	large       float64
	files       int
	rounds      int
	// hash and copy say what to time.
	hash, copy bool
}

func main() {
	var s settings
	flag.StringVar(&s.weighbridge, "weighbridge", "bin/weighbridge", "the binary of Weighbridge")
	flag.StringVar(&s.gateway, "gateway", "bin/gateway", "the S3 server and its plain copy, from storage/object/s3/conformance/gateway")
	flag.StringVar(&s.folder, "dir", filepath.Join(os.TempDir(), "weighbridge-hashbench"), "folder for the files; it is kept")
	flag.Float64Var(&s.gigabytes, "gb", 10, "gigabytes (10^9 bytes) in all")
	flag.Float64Var(&s.large, "large", 5.1, "gibibytes (2^30 bytes) of the one large file that is copied, 0 for none")
	flag.IntVar(&s.files, "files", 4, "files")
	flag.IntVar(&s.rounds, "rounds", 3, "rounds")
	flag.BoolVar(&s.hash, "hash", true, "time hashing")
	flag.BoolVar(&s.copy, "copy", true, "time copying; up to five times the gigabytes are on the disk at once")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := s.run(ctx, os.Stdout)
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "hashbench:", err) // there is nobody else to tell
		os.Exit(1)
	}
}

// way is one way to run both programs.
type way struct {
	name  string
	cores int
	// single is true where there is one file only.
	single bool
}

func (s settings) run(ctx context.Context, out io.Writer) error {
	if s.files < 1 || s.rounds < 1 || s.gigabytes <= 0 {
		return errors.New("-files, -rounds and -gb are to be above zero")
	}
	if s.hash {
		if err := s.hashing(ctx, out); err != nil {
			return err
		}
	}
	if s.copy {
		return s.copying(ctx, out)
	}
	return nil
}

// many makes the files that are hashed and copied.
func (s settings) many() (string, error) {
	folder := filepath.Join(s.folder, "many")
	return folder, write(folder, s.files, int64(s.gigabytes*1e9)/int64(s.files))
}

func (s settings) hashing(ctx context.Context, out io.Writer) error {
	one := filepath.Join(s.folder, "one")
	many, err := s.many()
	if err := errors.Join(err, write(one, 1, int64(s.gigabytes*1e9)/2)); err != nil {
		return err
	}
	ways := []way{{"one core", 1, false}}
	if n := runtime.NumCPU(); n > 1 {
		ways = append(ways, way{fmt.Sprintf("%d cores", n), n, false}, way{fmt.Sprintf("%d cores, one file", n), n, true})
	}
	for _, w := range ways {
		folder := many
		if w.single {
			folder = one
		}
		if err := s.compare(ctx, out, w, folder); err != nil {
			return err
		}
	}
	return nil
}

// peer is a program that ours is timed beside. Its output has a line "DIGEST  NAME" or
// "DIGEST *NAME" for each file.
type peer struct {
	name    string
	command []string
	took    []time.Duration
}

func peers() []*peer {
	list := []*peer{{name: "sha256sum", command: []string{"sha256sum"}}}
	if _, err := exec.LookPath("openssl"); err == nil {
		list = append(list, &peer{name: "openssl dgst", command: []string{"openssl", "dgst", "-sha256", "-r"}})
	}
	return list
}

// compare runs all programs in one way and writes a line for each peer.
func (s settings) compare(ctx context.Context, out io.Writer, w way, folder string) error {
	bytes, err := warm(folder)
	if err != nil {
		return err
	}
	others := peers()
	var ours []time.Duration
	for range s.rounds {
		got, took, err := s.check(ctx, folder, w.cores)
		if err != nil {
			return err
		}
		ours = append(ours, took)
		for _, p := range others {
			want, took, err := s.peer(ctx, p, folder, w.cores)
			if err != nil {
				return err
			}
			p.took = append(p.took, took)
			for name, digest := range want {
				if got[name] != digest {
					return fmt.Errorf("%s: %q by Weighbridge and %q by %s", name, got[name], digest, p.name)
				}
			}
		}
	}
	gb := float64(bytes) / 1e9
	o := median(ours).Seconds()
	for _, p := range others {
		t := median(p.took).Seconds()
		if _, err := fmt.Fprintf(out, "%-18s %.1f GB: %-12s %6.2f s (%.2f GB/s), weighbridge check --hash %6.2f s (%.2f GB/s): %.2f times as fast\n",
			w.name, gb, p.name, t, gb/t, o, gb/o, t/o); err != nil {
			return err
		}
	}
	return nil
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}

const (
	// ending is that of the files.
	ending = ".safetensors"
	// headerSize is the length of their headers, in bytes, which is padded with spaces.
	headerSize = 248
)

// header begins a file of safetensors of so many bytes: a matrix of 4,096 numbers a row. It
// returns an error where there is no place for a row.
func header(name string, size int64) ([]byte, error) {
	const columns, width = 4096, 2
	rows := (size - 8 - headerSize) / (columns * width)
	if rows < 1 {
		return nil, fmt.Errorf("a file of %d bytes is too small", size)
	}
	text := fmt.Sprintf(`{"%s.weight":{"dtype":"BF16","shape":[%d,%d],"data_offsets":[0,%d]}}`, name, rows, columns, rows*columns*width)
	return fmt.Appendf(binary.LittleEndian.AppendUint64(nil, headerSize), "%-*s", headerSize, text), nil
}

// whole rounds a size down to one that a header explains to the last byte.
func whole(size int64) int64 { return size - (size-8-headerSize)%8192 }

// write makes files of random bytes behind a header, where they are not there yet.
func write(folder string, files int, size int64) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	size = whole(size)
	for i := range files {
		name := fmt.Sprintf("part-%02d", i)
		path := filepath.Join(folder, name+ending)
		if info, err := os.Stat(path); err == nil && info.Size() == size {
			continue
		}
		head, err := header(name, size)
		if err != nil {
			return err
		}
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		w := bufio.NewWriterSize(f, 1<<20)
		_, err = io.CopyN(w, io.MultiReader(bytes.NewReader(head), rand.NewChaCha8([32]byte{byte(i)})), size)
		if err := errors.Join(err, w.Flush(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// weights returns the files of a folder, in order.
func weights(folder string) ([]string, error) {
	names, err := filepath.Glob(filepath.Join(folder, "*"+ending))
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("%s holds no files", folder)
	}
	return names, err
}

// warm reads everything once.
func warm(folder string) (int64, error) {
	names, err := weights(folder)
	var sum int64
	for _, name := range names {
		f, ferr := os.Open(name)
		if ferr != nil {
			return 0, ferr
		}
		n, cerr := io.Copy(io.Discard, f)
		sum += n
		err = errors.Join(err, cerr, f.Close())
	}
	return sum, err
}

// pinned holds a command to so many cores, where the system can.
func pinned(cores int, command ...string) []string {
	if _, err := exec.LookPath("taskset"); err != nil {
		return command
	}
	return append([]string{"taskset", "-c", fmt.Sprintf("0-%d", cores-1)}, command...)
}

// mostSaid is how many bytes of a command's output an error holds.
const mostSaid = 500

// timed runs a command with the process's environment and more.
func timed(ctx context.Context, command []string, cores int, more ...string) (stdout []byte, took time.Duration, err error) {
	var out, failed bytes.Buffer
	cmd := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // the lists are in this package
	cmd.Stdout, cmd.Stderr = &out, &failed
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", cores), "WEIGHBRIDGE_DB=", "WEIGHBRIDGE_CONFIG=")
	cmd.Env = append(cmd.Env, more...)
	started := time.Now()
	err = cmd.Run()
	took = time.Since(started)
	if err != nil {
		said := out.Bytes() // an error in JSON, or a whole report
		err = fmt.Errorf("%s: %w: %s%s", strings.Join(command, " "), err, failed.Bytes(), said[:min(len(said), mostSaid)])
	}
	return out.Bytes(), took, err
}

// peer returns the digests by file name.
func (s settings) peer(ctx context.Context, p *peer, folder string, cores int) (map[string]string, time.Duration, error) {
	names, err := weights(folder)
	if err != nil {
		return nil, 0, err
	}
	out, took, err := timed(ctx, pinned(cores, slices.Concat(p.command, names)...), cores)
	digests := map[string]string{}
	for line := range strings.Lines(string(out)) {
		digest, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		digests[filepath.Base(strings.TrimLeft(name, " *"))] = digest
	}
	if err == nil && len(digests) != len(names) {
		err = fmt.Errorf("%s gave %d digests for %d files", p.name, len(digests), len(names))
	}
	return digests, took, err
}

// failed tells whether a check gave no report. Random weights may ask for a person, so that
// it ends with another status than 0 and a report.
func failed(err error) bool {
	var exit *exec.ExitError
	return err != nil && (!errors.As(err, &exit) || exit.ExitCode() < 10)
}

// check returns the digests of the report by file name.
func (s settings) check(ctx context.Context, folder string, cores int) (map[string]string, time.Duration, error) {
	out, took, err := timed(ctx, pinned(cores, s.weighbridge, "check", folder, "--hash", "--format", "json"), cores)
	if failed(err) {
		return nil, took, err
	}
	var r struct {
		Artifact struct {
			Objects []struct{ Path, SHA256 string }
		}
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return nil, took, err
	}
	digests := map[string]string{}
	for _, o := range r.Artifact.Objects {
		digests[o.Path] = strings.TrimPrefix(o.SHA256, "sha256:")
	}
	return digests, took, nil
}
