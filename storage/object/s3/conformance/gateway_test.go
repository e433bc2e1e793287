package conformance_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
	"golang.org/x/sys/unix"

	"weighbridge/pipeline"
	"weighbridge/storage/object/s3"
)

const (
	accessKey = "conformance"
	secretKey = "conformance-secret-never-to-be-seen"
	region    = "us-east-1"
)

// gateway is the one server of this process: versitygw allows no second one, and it
// makes the served folder the working directory.
type gateway struct {
	address string
	root    string
	// writer writes through the gateway, which Weighbridge never does.
	writer  *minio.Client
	buckets atomic.Int64
}

var server gateway

func TestMain(m *testing.M) {
	code, err := serve(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// serve starts the gateway, runs the tests and stops it.
func serve(m *testing.M) (code int, err error) {
	base, err := os.MkdirTemp("", "weighbridge-conformance-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(base)) }()
	server.root = filepath.Join(base, "buckets")
	versions := filepath.Join(base, "versions")
	for _, dir := range []string{server.root, versions} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return 0, err
		}
	}
	if err := unix.Setxattr(server.root, "user.etag", []byte("probe"), 0); err != nil {
		return 0, fmt.Errorf("%s lies on a file system without user extended attributes (%w); set TMPDIR to one with them, such as ext4", base, err)
	}
	if err := unix.Removexattr(server.root, "user.etag"); err != nil {
		return 0, err
	}
	if server.address, err = freeAddress(); err != nil {
		return 0, err
	}
	server.writer, err = minio.New(server.address, &minio.Options{Creds: credentials.NewStaticV4(accessKey, secretKey, ""), Region: region})
	if err != nil {
		return 0, err
	}
	backend, err := posix.New(server.root, meta.XattrMeta{}, posix.PosixOpts{VersioningDir: versions, CopyObjectThreshold: 5 << 30})
	if err != nil {
		return 0, err
	}
	ctx, stop := context.WithCancel(context.Background()) // TestMain has no context to inherit
	ended := make(chan error, 1)
	go func() {
		ended <- embedgw.RunVersityGW(ctx, backend, &embedgw.Config{
			RootUserAccess: accessKey, RootUserSecret: secretKey, Region: region, Ports: []string{server.address},
			MaxConnections: 1024, MaxRequests: 1024, MultipartMaxParts: 10000, KeepAlive: true, Quiet: true,
		})
	}()
	defer func() {
		stop()
		<-ended
	}()
	if err := answers(server.address, ended); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// answers waits until the gateway accepts connections.
func answers(address string, ended <-chan error) error {
	for range 300 {
		select {
		case err := <-ended:
			return fmt.Errorf("versitygw ended at once: %w", err)
		default:
		}
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return conn.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("versitygw does not answer on %s", address)
}

// bucket makes a new bucket: a folder that the gateway never saw before.
func (g *gateway) bucket(t *testing.T) string {
	t.Helper()
	name := fmt.Sprintf("bucket-%d", g.buckets.Add(1))
	require.NoError(t, os.Mkdir(filepath.Join(g.root, name), 0o755))
	return name
}

// put writes a file behind the gateway's back, as a fixture does.
func (g *gateway) put(t *testing.T, bucket, key string, data []byte) {
	t.Helper()
	path := filepath.Join(g.root, bucket, filepath.FromSlash(key))
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, data, 0o644))
	sum := sha256.Sum256(data)
	require.NoError(t, unix.Setxattr(path, "user.etag", []byte(hex.EncodeToString(sum[:16])), 0))
}

// rewrite puts a file in the place of an object that may have been uploaded. What the
// upload left with it, such as its checksum, goes with the old file.
func (g *gateway) rewrite(bucket, key string, data []byte) error {
	path := filepath.Join(g.root, bucket, filepath.FromSlash(key))
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	return unix.Setxattr(path, "user.etag", []byte(hex.EncodeToString(sum[:16])), 0)
}

func (g *gateway) remove(t *testing.T, bucket, key string) {
	t.Helper()
	require.NoError(t, os.Remove(filepath.Join(g.root, bucket, filepath.FromSlash(key))))
}

func (g *gateway) options() s3.Options {
	return s3.Options{Endpoint: "http://" + g.address, Region: region, AccessKeyID: accessKey, SecretAccessKey: secretKey,
		NoInstanceRole: true}
}

func (g *gateway) open(t *testing.T, bucket string, opts s3.Options) *s3.Store {
	t.Helper()
	s, err := s3.Open(pipeline.Source{Scheme: pipeline.SchemeS3, Bucket: bucket, Prefix: "p/"}, opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func (g *gateway) upload(t *testing.T, bucket, key string, data string) {
	t.Helper()
	_, err := g.writer.PutObject(t.Context(), bucket, key, strings.NewReader(data), int64(len(data)), minio.PutObjectOptions{})
	require.NoError(t, err)
}

// uploadSummed uploads with a SHA-256 that the gateway checks and keeps.
func (g *gateway) uploadSummed(t *testing.T, bucket, key string, data []byte) {
	t.Helper()
	core := minio.Core{Client: g.writer}
	sum := sha256.Sum256(data)
	_, err := core.PutObject(t.Context(), bucket, key, bytes.NewReader(data), int64(len(data)), "", hex.EncodeToString(sum[:]),
		minio.PutObjectOptions{DisableMultipart: true, DisableContentSha256: true,
			UserMetadata: map[string]string{"X-Amz-Checksum-Sha256": base64.StdEncoding.EncodeToString(sum[:])}})
	require.NoError(t, err)
}

// uploadParts uploads in parts of a size, with a SHA-256 of each.
func (g *gateway) uploadParts(t *testing.T, bucket, key string, data []byte, size int) {
	t.Helper()
	core := minio.Core{Client: g.writer}
	upload, err := core.NewMultipartUpload(t.Context(), bucket, key, minio.PutObjectOptions{
		UserMetadata: map[string]string{"X-Amz-Checksum-Algorithm": "SHA256", "X-Amz-Checksum-Type": "COMPOSITE"}})
	require.NoError(t, err)
	var parts []minio.CompletePart
	for i := 0; i < len(data); i += size {
		piece := data[i:min(i+size, len(data))]
		sum := sha256.Sum256(piece)
		text := base64.StdEncoding.EncodeToString(sum[:])
		header := http.Header{}
		header.Set("X-Amz-Checksum-Sha256", text)
		part, err := core.PutObjectPart(t.Context(), bucket, key, upload, len(parts)+1, bytes.NewReader(piece), int64(len(piece)),
			minio.PutObjectPartOptions{CustomHeader: header})
		require.NoError(t, err)
		parts = append(parts, minio.CompletePart{PartNumber: len(parts) + 1, ETag: part.ETag, ChecksumSHA256: text})
	}
	_, err = core.CompleteMultipartUpload(t.Context(), bucket, key, upload, parts, minio.PutObjectOptions{})
	require.NoError(t, err)
}
