package serve_test

import (
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/config"
	"weighbridge/cmd/internal/serve"
	"weighbridge/pipeline"
)

// A desk that starts with other rules judges its queue again, once.
func TestOpen_OtherRules(t *testing.T) {
	t.Parallel()
	settings := config.Settings{DB: filepath.Join(t.TempDir(), "q.db"), Actor: "operator", Serve: config.Serve{Listen: "127.0.0.1:0"}}
	at := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}
	open := func() *serve.Desk {
		desk, err := serve.Open(t.Context(), serve.Options{Settings: settings, Dev: true, Now: time.Now, Logger: hclog.NewNullLogger()}, at)
		require.NoError(t, err)
		return desk
	}
	desk := open()
	jobs := func() (n int) {
		require.NoError(t, desk.Service.Queue.DB.Writer().QueryRowContext(t.Context(), "SELECT count(*) FROM river_job WHERE kind = 'rejudge'").Scan(&n))
		return n
	}
	require.Zero(t, jobs(), "there is nothing to compare with at the first start")
	require.NoError(t, desk.Close())
	settings.Rules.Modes = map[string]pipeline.Mode{"kr": pipeline.ModeEnforce}
	desk = open()
	require.Equal(t, 1, jobs())
	require.NoError(t, desk.Service.RejudgeAll(t.Context(), "rules changed"))
	require.NoError(t, desk.Close())
	desk = open()
	require.Equal(t, 1, jobs())
	require.NoError(t, desk.Close())
}
