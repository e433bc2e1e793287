package serve_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/app"
	"weighbridge/cmd/internal/config"
	"weighbridge/cmd/internal/serve"
	"weighbridge/fixtures/s3server"
	"weighbridge/pipeline"
	"weighbridge/storage/object/s3"
)

// deskProcess holds the settings of a desk in JSON, in a process that is that desk.
const deskProcess = "WEIGHBRIDGE_TEST_DESK"

func TestMain(m *testing.M) {
	if text := os.Getenv(deskProcess); text != "" {
		if err := beDesk(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// beDesk serves a desk until it is told to stop, or killed.
func beDesk(text string) error {
	var settings config.Settings
	if err := json.Unmarshal([]byte(text), &settings); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	listener, err := serve.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		return err
	}
	desk, err := serve.Open(ctx, serve.Options{Settings: settings, Dev: true, Now: time.Now, Lease: 3 * time.Second,
		Logger: hclog.New(&hclog.LoggerOptions{Output: os.Stderr, Level: hclog.Warn})}, listener.Addr())
	if err != nil {
		return err
	}
	fmt.Println("open") //nolint:forbidigo // this process is the desk of a test
	if err := desk.Server.Run(ctx, listener); err != nil {
		return err
	}
	return desk.Close()
}

// smallModel writes a safetensors file with one tensor.
func smallModel(t *testing.T, folder string, rows int) {
	t.Helper()
	require.NoError(t, os.MkdirAll(folder, 0o755))
	header := fmt.Sprintf(`{"w":{"dtype":"F32","shape":[%d,2],"data_offsets":[0,%d]}}`, rows, rows*8)
	file := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	file = append(append(file, header...), make([]byte, rows*8)...)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "model.safetensors"), file, 0o600))
}

// nobody runs nothing: what is asked for is found by its state.
type nobody struct{}

func (nobody) Enqueue(context.Context, uuid.UUID) error { return nil }

// A desk is killed again and again while a hundred checks run. In the end every check has
// exactly one case, and nothing was recorded twice.
func TestKill(t *testing.T) {
	t.Parallel()
	const checks = 100
	models := t.TempDir()
	for i := range checks {
		smallModel(t, filepath.Join(models, fmt.Sprintf("m%03d", i)), i+1)
	}
	bucket, err := s3server.Start(t.Context(), s3server.Options{Folders: map[string]string{"staging": models}, Delay: 20 * time.Millisecond})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, bucket.Close()) })
	settings := config.Settings{DB: filepath.Join(t.TempDir(), "q.db"), Actor: "operator", Serve: config.Serve{Listen: "127.0.0.1:0", Workers: 25},
		S3: s3.Options{Endpoint: bucket.URL(), Region: bucket.Region(), AccessKeyID: bucket.AccessKeyID(), SecretAccessKey: bucket.SecretAccessKey()}}
	a := &app.App{Settings: settings, Logger: hclog.NewNullLogger()}
	queue, err := a.OpenQueue(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, queue.DB.Close()) })
	service := &app.Service{App: a, Queue: queue, Jobs: nobody{}}
	sam := pipeline.Actor{Name: "sam", Known: pipeline.KnownToken, Roles: []pipeline.ActorRole{pipeline.RoleSubmitter}}
	for i := range checks {
		_, err := service.Ask(t.Context(), app.Asked{Source: fmt.Sprintf("s3://staging/m%03d/", i)}, sam)
		require.NoError(t, err)
	}
	done := func() int {
		active, err := queue.DB.Checks(t.Context(), pipeline.CheckFilter{Active: true, Limit: 200})
		require.NoError(t, err)
		return checks - len(active.Items)
	}

	text, err := json.Marshal(settings)
	require.NoError(t, err)
	begin := func() *exec.Cmd {
		self, err := os.Executable()
		require.NoError(t, err)
		cmd := exec.CommandContext(t.Context(), self)
		cmd.Env = append(os.Environ(), deskProcess+"="+string(text))
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		line, err := bufio.NewReader(out).ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "open", strings.TrimSpace(line))
		return cmd
	}
	kills := 0
	for done() < checks && kills < 5 {
		cmd := begin()
		time.Sleep(time.Duration(200+rand.IntN(2500)) * time.Millisecond)
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait())
		kills++
	}
	t.Logf("%d checks had ended after %d kills", done(), kills)
	last := begin()
	require.Eventually(t, func() bool { return done() == checks }, 3*time.Minute, 100*time.Millisecond)
	require.NoError(t, last.Process.Signal(syscall.SIGTERM))
	require.NoError(t, last.Wait(), "a desk that is told to stop leaves in order")

	cases := map[uuid.UUID]bool{}
	list, err := queue.DB.Checks(t.Context(), pipeline.CheckFilter{Limit: 200})
	require.NoError(t, err)
	require.Len(t, list.Items, checks)
	again := 0
	for _, c := range list.Items {
		require.Equal(t, pipeline.CheckDone, c.State, "%+v", c.Failure)
		cases[*c.Case] = true
		again += c.Attempt - 1
	}
	require.Len(t, cases, checks)
	t.Logf("%d checks were begun again", again)
	total, err := queue.DB.CountCases(t.Context(), pipeline.CaseFilter{}, 1000)
	require.NoError(t, err)
	require.EqualValues(t, checks, total)
	head, err := queue.DB.VerifyAudit(t.Context(), nil)
	require.NoError(t, err)
	opened := 0
	for after := int64(0); after < head.Count; {
		events, err := queue.DB.AuditEvents(t.Context(), after, 1000)
		require.NoError(t, err)
		for _, e := range events {
			if e.Kind == pipeline.EventOpened || e.Kind == pipeline.EventCleared {
				opened++
			}
			after = e.Seq
		}
	}
	require.Equal(t, checks, opened, "every case came to be once")
}
