// Package app wires stores, inspectors, rules and the queue into runs. It holds no
// logic of its own beyond the order in which they are put together.
package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"weighbridge/cmd/internal/config"
	"weighbridge/inspectors/all"
	"weighbridge/pipeline"
	"weighbridge/pipeline/engine"
	"weighbridge/pipeline/policy"
	"weighbridge/pipeline/review"
	"weighbridge/pipeline/submission"
	"weighbridge/storage/object/dir"
	"weighbridge/storage/object/limit"
	"weighbridge/storage/object/meter"
	"weighbridge/storage/object/retry"
	"weighbridge/storage/object/s3"
	"weighbridge/storage/sqldb"
)

// Concurrency is how many requests are under way at the same time at most.
const Concurrency = 256

// Version is the version of the program.
const Version = "0.1.0"

// App runs what commands ask for.
type App struct {
	Settings config.Settings
	Logger   hclog.Logger
	Observer engine.Observer
	// Now tells the time, for the queue and the age of lists. Where it is nil, the queue goes
	// by the system, and lists by the end of the as-of day.
	Now func() time.Time
	// Inventory knows the models that were checked before; nil where no queue was opened.
	Inventory pipeline.Inventory
}

// Run says what to run.
type Run struct {
	// Source is as the user wrote it.
	Source string
	// Submission is the path of a submission file, "" for none.
	Submission string
	// Declared is a submission that was read already; it takes the place of a file.
	Declared *pipeline.Submission
	// Packs are names or files of packs that enforce; none means the packs that
	// ship, in their default modes.
	Packs []string
	// Selected are packs that were chosen already; they take the place of Packs.
	Selected []policy.Selected
	// AsOf is the day the rules are applied for.
	AsOf time.Time
	// NoRules leaves the judging out.
	NoRules bool
	// Keep asks for copies of what was read.
	Keep bool
	// Hash asks for the SHA-256 of every object.
	Hash bool
	// NoSubmission leaves a submission at the source's root alone.
	NoSubmission bool
}

var tool = pipeline.Tool{Name: "weighbridge", Version: Version}

// engine returns what judges facts: the assessors with the operator's lists, and the
// judge over the packs.
func (a *App) engine(packs []string) (*engine.Engine, error) {
	selected, err := Packs(a.Settings.Rules, packs)
	if err != nil {
		return nil, err
	}
	return a.engineWith(selected)
}

func (a *App) engineWith(selected []policy.Selected) (e *engine.Engine, err error) {
	e = &engine.Engine{Tool: tool}
	if e.Judge, err = policy.NewJudge(selected); err != nil {
		return nil, err
	}
	e.Assessors, err = a.assessors(a.Settings.Lists)
	return e, err
}

// Weigh runs one source from end to end, without the queue. Errors are those of
// [engine.Engine.Run], and ErrUsage or ErrInvalid for what was asked.
func (a *App) Weigh(ctx context.Context, run Run) (*pipeline.Weighing, error) {
	src, err := pipeline.ParseSource(run.Source)
	if err != nil {
		return nil, err
	}
	e := &engine.Engine{Tool: tool}
	switch {
	case run.NoRules:
		e.Assessors, err = a.assessors(config.Lists{})
	case run.Selected != nil:
		e, err = a.engineWith(run.Selected)
	default:
		e, err = a.engine(run.Packs)
	}
	if err != nil {
		return nil, err
	}
	trust, err := all.LoadTrust(a.Settings.Signers, run.AsOf)
	if err != nil {
		return nil, err
	}
	e.Readers, e.Derivers, e.Observer, e.Limits = all.Readers(), all.Derivers(all.Options{Trust: trust}), a.Observer, engine.Limits{Concurrency: Concurrency}
	declaredIn := "submission"
	if run.Submission != "" {
		declaredIn = filepath.Base(run.Submission)
	}
	req := engine.Request{Source: src, AsOf: run.AsOf, Keep: run.Keep, Hash: run.Hash, SubmissionName: declaredIn,
		ParseSubmission: func(text []byte) (*pipeline.Submission, error) {
			return submission.Load(bytes.NewReader(text), pipeline.SubmissionName)
		}}
	if run.NoSubmission {
		req.ParseSubmission = nil
	}
	if req.Submission = run.Declared; req.Submission == nil && run.Submission != "" {
		if req.Submission, err = LoadSubmission(run.Submission); err != nil {
			return nil, err
		}
	}
	store, done, err := a.open(src)
	if err != nil {
		return nil, err
	}
	defer done()
	req.Store, req.Cost = store.Store, store.cost
	w, err := e.Run(ctx, req)
	if err != nil {
		return nil, err
	}
	a.Logger.Debug("weighed", "source", src.String(), "verdict", w.Report.Verdict,
		"requests", w.Report.Cost.Requests, "bytes", w.Report.Cost.BytesRead)
	return w, nil
}

// LoadSubmission reads a submission from a file. An error matches
// [pipeline.ErrUsage] where the file cannot be opened, and else is one of
// [submission.Load].
func LoadSubmission(path string) (*pipeline.Submission, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: "the submission file cannot be opened", Err: err,
			Hint: "name an existing file; \"weighbridge submission init\" writes one to fill in"}
	}
	defer func() { _ = f.Close() }()
	return submission.Load(f, path)
}

// opened is a store with everything around it.
type opened struct {
	pipeline.Store
	cost func() pipeline.Cost
}

// open returns the store of a source, counted, limited and repeated, in this order
// from the inside: every try counts, and holds its place.
func (a *App) open(src pipeline.Source) (opened, func(), error) {
	var backend pipeline.Store
	done := func() {}
	switch src.Scheme {
	case pipeline.SchemeDir:
		folder, err := dir.Open(src)
		if err != nil {
			return opened{}, nil, err
		}
		backend = folder
	default:
		opts := a.Settings.S3
		opts.Concurrency = Concurrency
		bucket, err := s3.Open(src, opts)
		if err != nil {
			return opened{}, nil, err
		}
		backend = bucket
		done = func() { _ = bucket.Close() }
	}
	counted := meter.New(backend, nil)
	return opened{retry.New(limit.New(counted, Concurrency), retry.Default()), counted.Cost}, done, nil
}

// Queue is the database of cases and the desk where they are decided.
type Queue struct {
	*review.Desk
	DB *sqldb.DB
}

// OpenQueue opens the queue that the settings name, making the file where there is
// none. The caller closes DB.
func (a *App) OpenQueue(ctx context.Context) (*Queue, error) {
	if err := a.Settings.RequireDB(); err != nil {
		return nil, err
	}
	return a.openQueue(ctx)
}

// ExistingQueue is [App.OpenQueue] for what only looks at a queue or changes what is in it:
// a name that was mistyped must not pass for an empty queue.
func (a *App) ExistingQueue(ctx context.Context) (*Queue, error) {
	if err := a.Settings.RequireDB(); err != nil {
		return nil, err
	}
	if _, err := os.Stat(a.Settings.DB); errors.Is(err, fs.ErrNotExist) && !strings.Contains(a.Settings.DB, "://") {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("there is no queue at %q", a.Settings.DB),
			Hint: "name the database that check or gate wrote to"}
	}
	return a.openQueue(ctx)
}

func (a *App) openQueue(ctx context.Context) (*Queue, error) {
	db, err := sqldb.Open(ctx, a.Settings.DB)
	if err != nil {
		return nil, fmt.Errorf("open the queue: %w", err)
	}
	a.Inventory = db
	options := []review.Option{review.WithExceptions(db), review.WithDue(a.Settings.Serve.Due)}
	if a.Now != nil {
		options = append(options, review.WithClock(a.Now))
	}
	return &Queue{Desk: review.New(db, options...), DB: db}, nil
}
