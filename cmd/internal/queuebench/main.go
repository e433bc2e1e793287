// Command queuebench times pages of a large queue in the embedded database: the first
// page of what waits for a reviewer, the newest cases, a filtered page, a page reached deep
// by cursor, the page of a case, and the counts. Each is read by ten readers at once that
// never pause, while one writer claims, comments on and releases cases without pausing
// either. Every change of the writer is flushed to the disk.
//
// The queue is filled once and kept in the folder; later runs use it again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"weighbridge/pipeline"
	"weighbridge/pipeline/review"
	"weighbridge/storage/sqldb"
	"weighbridge/storage/sqldb/sqldbtest/fill"
)

type settings struct {
	cases   int
	folder  string
	readers int
	time    time.Duration
	deep    int
}

func main() {
	var s settings
	flag.IntVar(&s.cases, "cases", 1_000_000, "cases in the queue")
	flag.StringVar(&s.folder, "dir", filepath.Join(os.TempDir(), "weighbridge-queuebench"), "folder for the database; it is kept")
	flag.IntVar(&s.readers, "readers", 10, "readers at once")
	flag.DurationVar(&s.time, "time", 15*time.Second, "how long each kind of page is read")
	flag.IntVar(&s.deep, "deep", 2000, "pages of 200 cases before the deep one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := s.run(ctx, os.Stdout)
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "queuebench:", err) // there is nobody else to tell
		os.Exit(1)
	}
}

func (s settings) run(ctx context.Context, out io.Writer) error {
	path := filepath.Join(s.folder, fmt.Sprintf("queue-%d.db", s.cases))
	if err := s.fill(ctx, out, path); err != nil {
		return err
	}
	db, err := sqldb.Open(ctx, path)
	if err != nil {
		return err
	}
	kinds, err := s.kinds(ctx, db)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	_, _ = fmt.Fprintf(out, "%s cases, %d readers, one writer, %d cores, %v each\n\n", pipeline.Separated(int64(s.cases)), s.readers, runtime.NumCPU(), s.time)
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "page\tread\tp50 ms\tp99 ms\tmost ms\twritten\tp50 ms\tp99 ms\t")
	for _, k := range kinds {
		read, written, err := s.measure(ctx, db, k)
		if err != nil {
			return errors.Join(fmt.Errorf("%s: %w", k.name, err), db.Close())
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", k.name, pipeline.Separated(int64(len(read))), at(read, 50), at(read, 99), at(read, 100),
			pipeline.Separated(int64(len(written))), at(written, 50), at(written, 99))
	}
	return errors.Join(table.Flush(), db.Close())
}

// fill makes the queue, under another name until it is whole.
func (s settings) fill(ctx context.Context, out io.Writer, path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(s.folder, 0o700); err != nil {
		return fmt.Errorf("make the folder: %w", err)
	}
	part := path + ".part"
	for _, name := range []string{part, part + "-wal", part + "-shm"} {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove what an earlier run left: %w", err)
		}
	}
	begun := time.Now()
	db, err := sqldb.Open(ctx, part)
	if err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	if err := fill.SQLite(ctx, part, s.cases); err != nil {
		return err
	}
	info, err := os.Stat(part)
	if err != nil {
		return fmt.Errorf("measure the database: %w", err)
	}
	_, _ = fmt.Fprintf(out, "filled in %.0f s: %s bytes\n", time.Since(begun).Seconds(), pipeline.Separated(info.Size()))
	return os.Rename(part, path)
}

// kind is one kind of page.
type kind struct {
	name string
	read func(ctx context.Context, r *rand.Rand) error
}

// kinds lists what is measured.
func (s settings) kinds(ctx context.Context, db *sqldb.DB) ([]kind, error) {
	page := func(name string, least int, filter func(*rand.Rand) pipeline.CaseFilter) kind {
		return kind{name, func(ctx context.Context, r *rand.Rand) error {
			p, err := db.Cases(ctx, filter(r))
			if err == nil && len(p.Items) < least {
				err = fmt.Errorf("the page has %d cases and should have %d", len(p.Items), least)
			}
			return err
		}}
	}
	undecided := []pipeline.State{pipeline.StateOpen, pipeline.StateClaimed, pipeline.StateChangesRequested}
	deep, err := s.cursor(ctx, db, pipeline.CaseFilter{})
	if err != nil {
		return nil, err
	}
	deepUrgent, err := s.cursor(ctx, db, pipeline.CaseFilter{Order: pipeline.OrderUrgent, States: undecided})
	if err != nil {
		return nil, err
	}
	mine := func(r *rand.Rand) pipeline.CaseFilter {
		return pipeline.CaseFilter{NeedsReviewer: fill.Reviewer(r.IntN(fill.Reviewers)), Order: pipeline.OrderUrgent}
	}
	return []kind{
		page("first page, waits for me", 50, mine),
		page("first page, undecided by due date", 50, func(*rand.Rand) pipeline.CaseFilter {
			return pipeline.CaseFilter{States: undecided, Order: pipeline.OrderUrgent}
		}),
		page("first page, newest", 50, func(*rand.Rand) pipeline.CaseFilter { return pipeline.CaseFilter{} }),
		page("verdict, family, rule", 0, func(r *rand.Rand) pipeline.CaseFilter {
			pack, rule := fill.Rule(r.IntN(30))
			return pipeline.CaseFilter{Verdicts: []pipeline.Verdict{pipeline.VerdictBlock}, Family: fill.Family(r.IntN(20)), Pack: pack, Rule: rule}
		}),
		page("the same, undecided by due date", 0, func(r *rand.Rand) pipeline.CaseFilter {
			pack, rule := fill.Rule(r.IntN(30))
			return pipeline.CaseFilter{Verdicts: []pipeline.Verdict{pipeline.VerdictBlock}, Family: fill.Family(r.IntN(20)), Pack: pack, Rule: rule,
				States: undecided, Order: pipeline.OrderUrgent}
		}),
		page("a text that no case holds", 0, func(r *rand.Rand) pipeline.CaseFilter {
			return pipeline.CaseFilter{Text: fmt.Sprintf("none-%06d", r.IntN(1_000_000))}
		}),
		page("a part of one source", 1, func(r *rand.Rand) pipeline.CaseFilter {
			return pipeline.CaseFilter{Text: fill.Model(r.IntN(s.cases)), Order: pipeline.OrderUrgent}
		}),
		page("a text of many cases", 50, func(*rand.Rand) pipeline.CaseFilter { return pipeline.CaseFilter{Text: "MODEL"} }),
		page("deep page, newest", 1, func(*rand.Rand) pipeline.CaseFilter { return pipeline.CaseFilter{Cursor: deep} }),
		page("deep page, by due date", 1, func(*rand.Rand) pipeline.CaseFilter {
			return pipeline.CaseFilter{Cursor: deepUrgent, States: undecided, Order: pipeline.OrderUrgent}
		}),
		{"case page", func(ctx context.Context, r *rand.Rand) error { return readCase(ctx, db, s.any(r)) }},
		{"count, waits for me, up to 1,000", func(ctx context.Context, r *rand.Rand) error {
			_, err := db.CountCases(ctx, mine(r), 1000)
			return err
		}},
		{"counts by state and verdict", func(ctx context.Context, _ *rand.Rand) error {
			_, err := db.Counts(ctx)
			return err
		}},
	}, nil
}

// cursor goes through pages one after the other, as far as there are any.
func (s settings) cursor(ctx context.Context, db *sqldb.DB, f pipeline.CaseFilter) (string, error) {
	f.Limit = 200
	for range s.deep {
		page, err := db.Cases(ctx, f)
		if err != nil {
			return "", err
		}
		if page.Next == "" || len(page.Items) < f.Limit {
			break
		}
		last := f.Cursor
		if f.Cursor = page.Next; last == f.Cursor {
			return "", errors.New("the cursor stands still")
		}
	}
	return f.Cursor, nil
}

// any is an id near that of a case: ids begin with the moment a case was opened.
func (s settings) any(r *rand.Rand) uuid.UUID {
	var id uuid.UUID
	ms := uint64(fill.Begin().Add(time.Duration(r.IntN(max(s.cases-1, 1))) * time.Minute).UnixMilli())
	for i := range 6 {
		id[5-i] = byte(ms >> (8 * i))
	}
	return id
}

func readCase(ctx context.Context, db *sqldb.DB, near uuid.UUID) error {
	ids, err := db.CaseIDs(ctx, near, 1)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return errors.New("there is no case after " + near.String())
	}
	if _, err := db.History(ctx, ids[0]); err != nil {
		return err
	}
	_, err = db.Report(ctx, ids[0])
	return err
}

// measure reads for a while and returns how long each read, and each change, took, in
// order.
func (s settings) measure(ctx context.Context, db *sqldb.DB, k kind) (read, written []time.Duration, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	end := time.Now().Add(s.time)
	times, errs := make([][]time.Duration, s.readers+1), make([]error, s.readers+1)
	var wg sync.WaitGroup
	loop := func(i int, once func(*rand.Rand) error) {
		r := rand.New(rand.NewPCG(5, uint64(i))) //nolint:gosec // the same each time
		for time.Now().Before(end) {
			begun := time.Now()
			if err := once(r); err != nil {
				if ctx.Err() == nil { // else another one has failed, and stopped this one
					errs[i] = err
				}
				cancel()
				return
			}
			times[i] = append(times[i], time.Since(begun))
		}
	}
	for i := range s.readers {
		wg.Go(func() { loop(i, func(r *rand.Rand) error { return k.read(ctx, r) }) })
	}
	wg.Go(func() {
		w := writer{db: db, desk: review.New(db), any: s.any}
		loop(s.readers, func(r *rand.Rand) error { return w.once(ctx, r) })
	})
	wg.Wait()
	read, written = slices.Concat(times[:s.readers]...), times[s.readers]
	slices.Sort(read)
	slices.Sort(written)
	return read, written, errors.Join(errs...)
}

// writer claims and releases cases, and comments on those that are settled, one after the
// other.
type writer struct {
	db   *sqldb.DB
	desk *review.Desk
	any  func(*rand.Rand) uuid.UUID
}

func (w writer) once(ctx context.Context, r *rand.Rand) error {
	ids, err := w.db.CaseIDs(ctx, w.any(r), 1)
	if err != nil || len(ids) == 0 {
		return err
	}
	who := pipeline.Actor{Name: fill.Reviewer(r.IntN(fill.Reviewers)), Known: pipeline.KnownAsserted}
	_, err = w.desk.Claim(ctx, pipeline.Claim{Case: ids[0], Actor: who, TakeOver: true})
	switch pipeline.ErrorCode(err) {
	case "":
		_, err = w.desk.Release(ctx, pipeline.Claim{Case: ids[0], Actor: who})
		return err
	case pipeline.CodeTransition, pipeline.CodeForbidden:
		_, err = w.desk.Comment(ctx, pipeline.Remark{Case: ids[0], Actor: who, Text: "seen"})
	}
	return err
}

// at is the time that so many percent of the sorted times do not exceed, in milliseconds.
func at(sorted []time.Duration, percent int) string {
	if len(sorted) == 0 {
		return "-"
	}
	i := (len(sorted)*percent + 99) / 100
	return fmt.Sprintf("%.1f", float64(sorted[max(i-1, 0)].Microseconds())/1000)
}
