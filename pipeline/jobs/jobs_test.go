package jobs_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"weighbridge/pipeline/jobs"
	"weighbridge/storage/sqldb"
)

// The tests run one after the other: River gives up a start that takes ten seconds.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// work is what the jobs of a test do.
type work struct {
	mu    sync.Mutex
	ran   map[uuid.UUID]int
	names map[string]bool
	stale []uuid.UUID
	done  chan uuid.UUID
	check jobs.Check
}

func newWork() *work {
	return &work{ran: map[uuid.UUID]int{}, names: map[string]bool{}, done: make(chan uuid.UUID, 1000)}
}

func (w *work) run(ctx context.Context, id uuid.UUID, worker string) (time.Duration, error) {
	w.mu.Lock()
	w.ran[id]++
	w.names[worker] = true
	check := w.check
	w.mu.Unlock()
	if check != nil {
		again, err := check(ctx, id, worker)
		if again > 0 || err != nil {
			return again, err
		}
	}
	w.done <- id
	return 0, nil
}

func (w *work) options(db *sqldb.DB) jobs.Options {
	return jobs.Options{DB: db.Writer(), Logger: slog.New(slog.DiscardHandler), Workers: 4, Check: w.run,
		Stale: func(context.Context, int) ([]uuid.UUID, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.stale, nil
		},
		Rejudge: func(context.Context, string) error { return nil }}
}

func database(t *testing.T) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), filepath.Join(t.TempDir(), "q.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func started(t *testing.T, o jobs.Options) *jobs.Jobs {
	t.Helper()
	j, err := jobs.Open(t.Context(), o)
	require.NoError(t, err)
	require.NoError(t, j.Start(t.Context()))
	return j
}

func stop(t *testing.T, j *jobs.Jobs) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
	defer cancel()
	require.NoError(t, j.Stop(ctx))
}

// await waits until every one of the checks was done.
func (w *work) await(t *testing.T, ids ...uuid.UUID) {
	t.Helper()
	open := map[uuid.UUID]bool{}
	for _, id := range ids {
		open[id] = true
	}
	for len(open) > 0 {
		select {
		case id := <-w.done:
			delete(open, id)
		case <-time.After(time.Minute):
			t.Fatalf("%d checks were not done in a minute", len(open))
		}
	}
}

func some(n int) []uuid.UUID {
	out := make([]uuid.UUID, n)
	for i := range out {
		out[i] = uuid.Must(uuid.NewV7())
	}
	return out
}

// What is asked for is run, by two processes on one database too, each check once.
func TestEnqueue(t *testing.T) {
	db, w := database(t), newWork()
	first, second := started(t, w.options(db)), started(t, w.options(db))
	ids := some(40)
	for _, id := range ids {
		require.NoError(t, first.Enqueue(t.Context(), id))
	}
	w.await(t, ids...)
	stop(t, second)
	stop(t, first)
	for _, id := range ids {
		require.Equal(t, 1, w.ran[id])
	}
	require.Len(t, w.names, 40, "each run has a name of its own")
}

// A check that asks for it is tried again; one that failed is not, and holds nothing up.
func TestAgain(t *testing.T) {
	db, w := database(t), newWork()
	ids := some(2)
	w.check = func(_ context.Context, id uuid.UUID, _ string) (time.Duration, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		switch {
		case id == ids[1]:
			return 0, errors.New("a fault")
		case w.ran[id] < 3:
			return time.Millisecond, nil
		}
		return 0, nil
	}
	j := started(t, w.options(db))
	require.NoError(t, j.Enqueue(t.Context(), ids[1]))
	require.NoError(t, j.Enqueue(t.Context(), ids[0]))
	w.await(t, ids[0])
	stop(t, j)
	require.Equal(t, 3, w.ran[ids[0]])
	require.Equal(t, 1, w.ran[ids[1]])
}

// Checks that nobody works on are taken up when work begins, and looking for them again
// piles nothing up.
func TestStale(t *testing.T) {
	db, w := database(t), newWork()
	ids := some(30)
	hold := make(chan struct{})
	w.stale = ids
	w.check = func(ctx context.Context, _ uuid.UUID, _ string) (time.Duration, error) {
		select {
		case <-hold:
		case <-ctx.Done():
		}
		return 0, nil
	}
	o := w.options(db)
	o.Workers, o.StaleEvery = 1, 50*time.Millisecond
	var looked sync.WaitGroup
	looked.Add(8)
	times, stale := 0, o.Stale
	o.Stale = func(ctx context.Context, limit int) ([]uuid.UUID, error) {
		w.mu.Lock()
		times++
		if times <= 8 {
			looked.Done()
		}
		w.mu.Unlock()
		return stale(ctx, limit)
	}
	j := started(t, o)
	looked.Wait()
	w.mu.Lock()
	w.stale = nil
	w.mu.Unlock()
	close(hold)
	w.await(t, ids...)
	stop(t, j)
	twice := 0
	for _, id := range ids {
		twice += w.ran[id] - 1
	}
	require.LessOrEqual(t, twice, 1, "only the one that was running had no job that waited")
}

// Stopping waits for what runs, and then cuts it short.
func TestStop(t *testing.T) {
	db, w := database(t), newWork()
	id, began, cut := some(1)[0], make(chan struct{}), make(chan error, 1)
	w.check = func(ctx context.Context, _ uuid.UUID, _ string) (time.Duration, error) {
		close(began)
		<-ctx.Done()
		cut <- ctx.Err()
		return 0, nil
	}
	j := started(t, w.options(db))
	require.NoError(t, j.Enqueue(t.Context(), id))
	<-began
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.NoError(t, j.Stop(ctx))
	require.ErrorIs(t, <-cut, context.Canceled)
}

// Tasks come round, and a fault of one keeps nothing up.
func TestTasks(t *testing.T) {
	db, w := database(t), newWork()
	came, told := make(chan struct{}, 100), make(chan string, 1)
	o := w.options(db)
	o.Tasks = []jobs.Task{
		{Name: "fails", Every: 20 * time.Millisecond, Run: func(context.Context) error { return errors.New("a fault") }},
		{Name: "comes", Every: 20 * time.Millisecond, Run: func(context.Context) error { came <- struct{}{}; return nil }},
	}
	o.Rejudge = func(_ context.Context, cause string) error { told <- cause; return nil }
	j := started(t, o)
	require.NoError(t, j.RejudgeAll(t.Context(), "rules changed"))
	for range 3 {
		<-came
	}
	require.Equal(t, "rules changed", <-told)
	stop(t, j)
}
