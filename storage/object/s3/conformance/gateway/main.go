// Command gateway is the S3 server that whole runs of Weighbridge are timed on, and the
// plain copy that they are timed beside: what any client of S3 asks a store to do, with no
// pin, no digest and no look at what came of it. It is for the benchmark in
// cmd/internal/hashbench and for nothing else.
//
//	gateway serve ROOT            serve a folder of buckets until standard input ends
//	gateway copy s3://A/P/ s3://B/Q/   copy all objects below a prefix within the store
//
// serve writes its URL as a line of its own to standard output when it answers. Both take the keys
// from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; copy takes the store from
// AWS_ENDPOINT_URL_S3. ROOT must lie on a file system with user extended attributes. The
// files that lie there when serve begins, and were not put there through S3, get an ETag,
// without which they could not be pinned; they have no checksum.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

const (
	region = "us-east-1"
	// sideBySide is how many objects a copy has under way at the same time, as a release
	// has by default.
	sideBySide = 8
	// mostAtOnce is the largest object, in bytes, that S3 copies in one request.
	mostAtOnce = 5 << 30
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "gateway:", err) // there is nobody else to tell
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 2 && args[0] == "serve":
		return serve(ctx, args[1], os.Stdin, os.Stdout)
	case len(args) == 3 && args[0] == "copy":
		return copyAll(ctx, args[1], args[2])
	}
	return errors.New("usage: gateway serve ROOT | gateway copy s3://FROM/ s3://TO/")
}

// serve serves until stop ends.
func serve(ctx context.Context, root string, stop io.Reader, out io.Writer) error {
	if err := giveETags(root); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it ends with the process
	if err != nil {
		return err
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return err
	}
	backend, err := posix.New(root, meta.XattrMeta{}, posix.PosixOpts{CopyObjectThreshold: mostAtOnce})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- embedgw.RunVersityGW(ctx, backend, &embedgw.Config{
			RootUserAccess: os.Getenv("AWS_ACCESS_KEY_ID"), RootUserSecret: os.Getenv("AWS_SECRET_ACCESS_KEY"), Region: region,
			Ports: []string{address}, MaxConnections: 1024, MaxRequests: 1024, MultipartMaxParts: 10_000, KeepAlive: true, Quiet: true,
		})
	}()
	if err := answers(ctx, address, ended); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, "http://"+address); err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, stop) // whatever ends it, it is the end
		cancel()
	}()
	return <-ended
}

// giveETags gives every file that has no ETag one.
func giveETags(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error { //nolint:gosec // the operator of the benchmark names the folder
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		err = unix.Setxattr(path, "user.etag", []byte(uuid.NewString()), unix.XATTR_CREATE)
		if errors.Is(err, unix.EEXIST) {
			return nil
		}
		return err
	})
}

// answers waits until the server accepts connections.
func answers(ctx context.Context, address string, ended <-chan error) error {
	var dialer net.Dialer
	for range 300 {
		select {
		case err := <-ended:
			return fmt.Errorf("the server ended at once: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
	}
	return fmt.Errorf("the server does not answer on %s", address)
}

// copyAll copies as plainly as a client of S3 can: one request an object, and parts of
// 5 GiB where one request is not enough.
func copyAll(ctx context.Context, from, to string) error {
	source, err := place(from)
	if err != nil {
		return err
	}
	dest, err := place(to)
	if err != nil {
		return err
	}
	endpoint, err := url.Parse(os.Getenv("AWS_ENDPOINT_URL_S3"))
	if err != nil {
		return err
	}
	transport, err := minio.DefaultTransport(endpoint.Scheme == "https")
	if err != nil {
		return err
	}
	transport.ResponseHeaderTimeout = 0 // the server answers when it has copied
	client, err := minio.New(endpoint.Host, &minio.Options{Region: region, Transport: transport, Secure: endpoint.Scheme == "https",
		Creds: credentials.NewStaticV4(os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), "")})
	if err != nil {
		return err
	}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(sideBySide)
	for o := range client.ListObjectsIter(ctx, source.bucket, minio.ListObjectsOptions{Prefix: source.prefix, Recursive: true}) {
		if o.Err != nil {
			return errors.Join(o.Err, group.Wait())
		}
		group.Go(func() error {
			src := minio.CopySrcOptions{Bucket: source.bucket, Object: o.Key}
			dst := minio.CopyDestOptions{Bucket: dest.bucket, Object: dest.prefix + strings.TrimPrefix(o.Key, source.prefix)}
			if o.Size > mostAtOnce {
				_, err := client.ComposeObject(gctx, dst, src)
				return err
			}
			_, err := client.CopyObject(gctx, dst, src)
			return err
		})
	}
	return group.Wait()
}

// prefix is a part of a bucket.
type prefix struct{ bucket, prefix string }

func place(text string) (prefix, error) {
	rest, ok := strings.CutPrefix(text, "s3://")
	bucket, below, slash := strings.Cut(rest, "/")
	if !ok || !slash || bucket == "" || below == "" || !strings.HasSuffix(below, "/") {
		return prefix{}, fmt.Errorf("%q is not s3://BUCKET/PREFIX/", text)
	}
	return prefix{bucket, below}, nil
}
