// Package jobs is machine work on the job queue: checks that were asked for, tasks that
// come round by the clock, and judging the queue again. It knows how work is queued, tried
// again, and stopped, and nothing of what the work is: that it is handed as functions.
//
// Jobs carry ids only. What is to be done stands in the row of a check, so a job may be
// lost, and may run twice: on starting, and every half a minute, checks that nobody works
// on are queued again ([Options.Stale]), and the lease of a check keeps two workers apart.
// That is why jobs are not made unique: a job that a killed process left as running would
// then keep its check from being queued again.
//
// The queue is River (github.com/riverqueue/river), in the queue's own database. Only its
// driver for SQLite is wired. River calls that driver young; the tests of this package
// kill processes over it.
package jobs

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"weighbridge/pipeline"
)

// Check runs one check. Nothing is left to do for it where again is 0; else it is tried
// again after that time. An error is for the log, and the check is then found again as one
// that nobody works on.
type Check func(ctx context.Context, id uuid.UUID, worker string) (again time.Duration, err error)

// Task is work that comes round.
type Task struct {
	Name  string
	Every time.Duration
	Run   func(ctx context.Context) error
}

// Rejudge judges every stored case again, for a cause that the cases it opens are told.
type Rejudge func(ctx context.Context, cause string) error

// Options say what there is to do.
type Options struct {
	// DB is the connection that writes. It is not closed.
	DB     *sql.DB
	Logger *slog.Logger
	// Workers is how many checks run side by side.
	Workers int
	Check   Check
	// Stale returns the checks that nobody works on.
	Stale   func(ctx context.Context, limit int) ([]uuid.UUID, error)
	Rejudge Rejudge
	Tasks   []Task
	// StaleEvery is how often Stale is asked, 30 s where it is 0.
	StaleEvery time.Duration
}

// Queues keep long work from holding up short work.
const (
	queueChecks = "checks"
	queueTasks  = "tasks"
)

const (
	staleDefault = 30 * time.Second
	// staleBatch is how many checks are queued again at a time.
	staleBatch = 500
	// listPage is how many jobs are listed at a time.
	listPage = 1000
	// keepDone is how long jobs that are done are kept to be looked at.
	keepDone = time.Hour
)

// Jobs queues work and runs it.
type Jobs struct {
	client *river.Client[*sql.Tx]
	o      Options
	worker string
}

type checkArgs struct {
	ID uuid.UUID `json:"id"`
}

// Kind names the job.
func (checkArgs) Kind() string { return "check" }

type taskArgs struct {
	Name string `json:"name"`
}

// Kind names the job.
func (taskArgs) Kind() string { return "task" }

type rejudgeArgs struct {
	Cause string `json:"cause"`
}

// Kind names the job.
func (rejudgeArgs) Kind() string { return "rejudge" }

// Open prepares the queue's tables and returns the queue. Work begins with Start.
func Open(ctx context.Context, o Options) (*Jobs, error) {
	driver := riversqlite.New(o.DB)
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: o.Logger})
	if err != nil {
		return nil, fmt.Errorf("read the migrations of the job queue: %w", err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeInternal, Message: "the tables of the job queue could not be made", Err: err}
	}
	if o.StaleEvery == 0 {
		o.StaleEvery = staleDefault
	}
	j := &Jobs{o: o, worker: uuid.NewString()}
	workers := river.NewWorkers()
	river.AddWorker(workers, &checkWorker{jobs: j})
	river.AddWorker(workers, &taskWorker{jobs: j})
	river.AddWorker(workers, &rejudgeWorker{jobs: j})
	j.client, err = river.NewClient(driver, &river.Config{
		Logger: o.Logger, Workers: workers, JobTimeout: -1, MaxAttempts: 1000,
		Queues:                      map[string]river.QueueConfig{queueChecks: {MaxWorkers: max(1, o.Workers)}, queueTasks: {MaxWorkers: 2}},
		CompletedJobRetentionPeriod: keepDone, CancelledJobRetentionPeriod: keepDone, DiscardedJobRetentionPeriod: 24 * time.Hour,
		PeriodicJobs: j.periodic(),
	})
	if err != nil {
		return nil, fmt.Errorf("prepare the job queue: %w", err)
	}
	return j, nil
}

// periodic are the tasks, and looking for checks that nobody works on.
func (j *Jobs) periodic() []*river.PeriodicJob {
	j.o.Tasks = append([]Task{{Name: "stale checks", Every: j.o.StaleEvery, Run: j.takeUp}}, j.o.Tasks...)
	var out []*river.PeriodicJob
	for _, t := range j.o.Tasks {
		args := taskArgs{Name: t.Name}
		// A task that fails comes round again; it is not tried again before that.
		opts := &river.InsertOpts{Queue: queueTasks, MaxAttempts: 1}
		out = append(out, river.NewPeriodicJob(river.PeriodicInterval(t.Every),
			func() (river.JobArgs, *river.InsertOpts) { return args, opts }, &river.PeriodicJobOpts{RunOnStart: true}))
	}
	return out
}

// Enqueue has a check run soon.
func (j *Jobs) Enqueue(ctx context.Context, check uuid.UUID) error {
	_, err := j.client.Insert(ctx, checkArgs{ID: check}, &river.InsertOpts{Queue: queueChecks})
	if err != nil {
		return fmt.Errorf("enqueue a check: %w", err)
	}
	return nil
}

// RejudgeAll has every stored case judged again soon.
func (j *Jobs) RejudgeAll(ctx context.Context, cause string) error {
	_, err := j.client.Insert(ctx, rejudgeArgs{Cause: cause}, &river.InsertOpts{Queue: queueTasks, MaxAttempts: 3})
	if err != nil {
		return fmt.Errorf("enqueue judging again: %w", err)
	}
	return nil
}

// Start begins to work, first on checks that an earlier process left behind.
func (j *Jobs) Start(ctx context.Context) error {
	if err := j.takeUp(ctx); err != nil {
		return err
	}
	if err := j.client.Start(ctx); err != nil {
		return fmt.Errorf("start the job queue: %w", err)
	}
	return nil
}

// Stop takes no new jobs and waits for those that run until the context ends; then their
// contexts are cancelled.
func (j *Jobs) Stop(ctx context.Context) error {
	err := j.client.Stop(ctx)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		hard, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = j.client.StopAndCancel(hard)
	}
	if err != nil {
		return fmt.Errorf("stop the job queue: %w", err)
	}
	return nil
}

// takeUp queues checks again that nobody works on.
func (j *Jobs) takeUp(ctx context.Context) error {
	ids, err := j.o.Stale(ctx, staleBatch)
	if err != nil || len(ids) == 0 {
		return err
	}
	waiting, err := j.waiting(ctx)
	if err != nil {
		return err
	}
	var many []river.InsertManyParams
	for _, id := range ids {
		if !waiting[id] {
			many = append(many, river.InsertManyParams{Args: checkArgs{ID: id}, InsertOpts: &river.InsertOpts{Queue: queueChecks}})
		}
	}
	if len(many) == 0 {
		return nil
	}
	if _, err := j.client.InsertMany(ctx, many); err != nil {
		return fmt.Errorf("enqueue checks again: %w", err)
	}
	return nil
}

// waiting returns the checks that have a job which will run. One that is said to be
// running does not count: who ran it may be gone, and if not, the check has a lease.
func (j *Jobs) waiting(ctx context.Context) (map[uuid.UUID]bool, error) {
	out := map[uuid.UUID]bool{}
	params := river.NewJobListParams().Kinds(checkArgs{}.Kind()).First(listPage).
		States(rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateScheduled)
	for {
		page, err := j.client.JobList(ctx, params)
		if err != nil {
			return nil, fmt.Errorf("list the jobs: %w", err)
		}
		for _, job := range page.Jobs {
			var args checkArgs
			if json.Unmarshal(job.EncodedArgs, &args) == nil {
				out[args.ID] = true
			}
		}
		if len(page.Jobs) < listPage {
			return out, nil
		}
		params = params.After(page.LastCursor)
	}
}

type checkWorker struct {
	river.WorkerDefaults[checkArgs]
	jobs *Jobs
}

// Work runs a check. The job is done even where the check failed: that stands in its row.
func (w *checkWorker) Work(ctx context.Context, job *river.Job[checkArgs]) error {
	// Each run is a worker of its own: a job that River runs twice does not share a lease.
	again, err := w.jobs.o.Check(ctx, job.Args.ID, fmt.Sprintf("%s/%d/%d", w.jobs.worker, job.ID, job.Attempt))
	switch {
	case again > 0:
		return river.JobSnooze(again)
	case err != nil:
		return river.JobCancel(fmt.Errorf("check %s: %w", job.Args.ID, err))
	}
	return nil
}

type taskWorker struct {
	river.WorkerDefaults[taskArgs]
	jobs *Jobs
}

// Work runs a task.
func (w *taskWorker) Work(ctx context.Context, job *river.Job[taskArgs]) error {
	for _, t := range w.jobs.o.Tasks {
		if t.Name == job.Args.Name {
			if err := t.Run(ctx); err != nil {
				return fmt.Errorf("%s: %w", t.Name, err)
			}
		}
	}
	return nil // a task of an earlier version
}

type rejudgeWorker struct {
	river.WorkerDefaults[rejudgeArgs]
	jobs *Jobs
}

// Work judges everything again.
func (w *rejudgeWorker) Work(ctx context.Context, job *river.Job[rejudgeArgs]) error {
	return w.jobs.o.Rejudge(ctx, job.Args.Cause)
}
