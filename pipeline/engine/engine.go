package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"weighbridge/pipeline"
)

// Limits bound what one run may use. Zero fields take the default.
type Limits struct {
	// Objects is the largest number of objects under a source. Default 200,000.
	Objects int
	// Concurrency is how many objects are read side by side. Default 256.
	Concurrency int
	// Object is the time that all inspections of one object may take. Default
	// five minutes.
	Object time.Duration
	// Run is the time that a run may take, without hashing. Default one hour.
	Run time.Duration
	// Hash is the time that hashing may take on top. Default 24 hours.
	Hash time.Duration
}

func (l Limits) withDefaults() Limits {
	if l.Objects == 0 {
		l.Objects = 200_000
	}
	if l.Concurrency == 0 {
		l.Concurrency = 256
	}
	if l.Object == 0 {
		l.Object = 5 * time.Minute
	}
	if l.Run == 0 {
		l.Run = time.Hour
	}
	if l.Hash == 0 {
		l.Hash = 24 * time.Hour
	}
	return l
}

// Observer is told how a run goes. Its methods are called by many goroutines.
type Observer interface {
	// Listed is called once the source is pinned.
	Listed(objects int, bytes int64)
	// Inspected is called after the last inspection of an object.
	Inspected(object string)
}

// HashObserver is an [Observer] that is told how hashing goes as well.
type HashObserver interface {
	// Hashing is called once before bytes are hashed, with how many objects and bytes
	// there are to read.
	Hashing(objects int, bytes int64)
	// Hashed is called after every few megabytes, and where a store's digest makes reading
	// an object superfluous, with how many bytes are done.
	Hashed(bytes int64)
}

// Silent is an [Observer] that does nothing.
type Silent struct{}

// Listed does nothing.
func (Silent) Listed(int, int64) {}

// Inspected does nothing.
func (Silent) Inspected(string) {}

// Engine runs sources. Its fields are set once and then only read.
type Engine struct {
	Readers  []pipeline.Reader
	Derivers []pipeline.Deriver
	// Assessors run after the derivers, in their order, and again whenever a stored
	// case is judged.
	Assessors []pipeline.Assessor
	// Judge is nil where only facts are wanted.
	Judge    pipeline.Judge
	Limits   Limits
	Observer Observer
	Tool     pipeline.Tool
}

// Request is one run.
type Request struct {
	Source pipeline.Source
	Store  pipeline.Store
	// Submission is what the submitter declares, nil where nothing was given. It
	// has been read from the file named SubmissionName.
	Submission     *pipeline.Submission
	SubmissionName string
	// ParseSubmission reads a weighbridge.yaml that lies at the source's root. It
	// is used where Submission is nil; where it is nil itself, the file is left
	// alone.
	ParseSubmission func(text []byte) (*pipeline.Submission, error)
	// AsOf is the day the rules are applied for.
	AsOf time.Time
	// Keep asks for compressed copies of what was read, for the case.
	Keep bool
	// Hash asks for the SHA-256 of every object, and with them for the content digest.
	// Every byte is then read once, but for objects whose SHA-256 the store holds; see
	// [pipeline.Digester].
	Hash bool
	// Cost returns what the store was asked so far; nil where nobody counts.
	Cost func() pipeline.Cost
}

// Run weighs one source and judges it.
//
// It returns an error only where no report could be made: the source cannot be
// listed ([pipeline.ErrNotFound], [pipeline.ErrDenied], [pipeline.ErrUnavailable]),
// an object changed since the listing ([pipeline.ErrChanged]), there are more objects
// than the limit ([pipeline.ErrOverLimit]), the submission cannot be read
// ([pipeline.ErrInvalid]), or ctx ended. Everything else is in the report.
func (e *Engine) Run(ctx context.Context, req Request) (*pipeline.Weighing, error) {
	limits := e.Limits.withDefaults()
	within := limits.Run
	if req.Hash {
		within += limits.Hash
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	started := time.Now()
	r := &run{engine: e, req: req, limits: limits, observer: e.Observer, wishless: map[string]bool{}}
	if r.observer == nil {
		r.observer = Silent{}
	}
	if req.Keep {
		r.zips = newZips()
	}
	if err := r.pin(ctx); err != nil {
		return nil, err
	}
	r.observer.Listed(len(r.snapshot.Objects), r.snapshot.Bytes())
	r.open()
	if err := r.readAll(ctx); err != nil {
		return nil, err
	}
	if err := r.declare(); err != nil {
		return nil, err
	}
	if req.Hash {
		if err := r.hashAll(ctx); err != nil {
			return nil, err
		}
	}
	r.derive(ctx)
	r.inspections = append(r.inspections, assess(ctx, e.Assessors, req.Source.String(), &r.facts, req.AsOf)...)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("the run was stopped: %w", err)
	}
	return r.conclude(ctx, started)
}

type run struct {
	engine   *Engine
	req      Request
	limits   Limits
	observer Observer

	snapshot    pipeline.Snapshot
	sessions    []session
	objects     []object // as snapshot.Objects
	readings    pipeline.Readings
	facts       pipeline.FactSet
	inspections []pipeline.Inspection
	submission  *pipeline.Submission
	// declared names where the submission was read from.
	declared string
	notes    []string
	zips     zips
	// wishless names the readers that failed when they were asked for a wish.
	wishless map[string]bool
}

// session is one reader at work.
type session struct {
	name string
	pipeline.ReaderRun
}

// object is what became of one object of the snapshot. Only the goroutine that reads
// it writes to it.
type object struct {
	done        bool
	reading     pipeline.ObjectReading
	inspections []pipeline.Inspection
	kept        *pipeline.Kept
	submission  []byte
	twofold     bool // two formats explain it
	weighed     bool // a reader said what the object is
	// role is what a reader that leaves the rest to others says the object is.
	role pipeline.Role
}

// mostEmptyPages is how many pages without a name may follow each other. A store may
// answer with some, where it passes over names that were deleted.
const mostEmptyPages = 1000

// pin lists the source to its end.
func (r *run) pin(ctx context.Context) error {
	r.snapshot.Source = r.req.Source
	token := ""
	empty := 0
	for {
		page, err := r.req.Store.List(ctx, token)
		if err != nil {
			return fmt.Errorf("list %s: %w", r.req.Source, err)
		}
		r.snapshot.Objects = append(r.snapshot.Objects, page.Objects...)
		r.snapshot.Skipped = append(r.snapshot.Skipped, page.Skipped...)
		if n := len(r.snapshot.Objects) + len(r.snapshot.Skipped); n > r.limits.Objects {
			return &pipeline.Error{Code: pipeline.CodeOverLimit,
				Message: fmt.Sprintf("the source holds more than %d objects", r.limits.Objects),
				Hint:    "name the folder of one model, not of many"}
		}
		if page.Next == "" {
			break
		}
		if empty++; len(page.Objects)+len(page.Skipped) > 0 {
			empty = 0
		}
		if page.Next == token || empty > mostEmptyPages {
			return &pipeline.Error{Code: pipeline.CodeProtocol, Message: "the store's listing does not come to an end"}
		}
		token = page.Next
	}
	slices.SortFunc(r.snapshot.Objects, func(a, b pipeline.Object) int { return compareText(a.Path, b.Path) })
	slices.SortFunc(r.snapshot.Skipped, func(a, b pipeline.Skipped) int { return compareText(a.Path, b.Path) })
	for i := 1; i < len(r.snapshot.Objects); i++ {
		if r.snapshot.Objects[i].Path == r.snapshot.Objects[i-1].Path {
			return &pipeline.Error{Code: pipeline.CodeProtocol,
				Message: fmt.Sprintf("the store lists %q twice", r.snapshot.Objects[i].Path)}
		}
	}
	return nil
}

func compareText(a, b string) int {
	if a < b {
		return -1
	}
	if a > b {
		return 1
	}
	return 0
}

func (r *run) open() {
	r.objects = make([]object, len(r.snapshot.Objects))
	for _, reader := range r.engine.Readers {
		var opened pipeline.ReaderRun
		name := reader.Name()
		if err := guarded(func() error { opened = reader.Open(r.snapshot.Objects); return nil }); err != nil {
			r.fail(name, err)
			continue
		}
		r.sessions = append(r.sessions, session{name, opened})
	}
}

// fail records that an inspector failed on the artifact as a whole. It is called by
// one goroutine at a time.
func (r *run) fail(inspector string, err error) {
	r.inspections = append(r.inspections, pipeline.Inspection{Inspector: inspector, Status: pipeline.InspectionFailed, Reason: reason(err)})
}

// readAll reads the guides, then everything else in one wave. Only a change under
// review or the end of ctx is an error.
func (r *run) readAll(ctx context.Context) error {
	for _, stage := range []pipeline.Stage{pipeline.StageGuides, pipeline.StageBodies} {
		group, gctx := errgroup.WithContext(ctx)
		group.SetLimit(r.limits.Concurrency)
		for i, o := range r.snapshot.Objects {
			if r.objects[i].done {
				continue
			}
			wish, wished := r.wish(o, stage)
			if stage == pipeline.StageGuides && !wished {
				continue
			}
			r.objects[i].done = true
			group.Go(func() error {
				defer r.observer.Inspected(o.Path)
				return r.readObject(gctx, o, wish, wished, &r.objects[i])
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// readObject turns what can go wrong with one object into a status, except what must
// end the run.
func (r *run) readObject(ctx context.Context, o pipeline.Object, wish int64, wished bool, out *object) error {
	octx, cancel := context.WithTimeout(ctx, r.limits.Object)
	defer cancel()
	out.reading.Object = o
	out.reading.Role = pipeline.RoleUnknown
	out.reading.Status = pipeline.InspectionOK
	err := r.inspect(octx, o, wish, wished, out)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pipeline.ErrChanged):
		return changed(o, err)
	case ctx.Err() != nil:
		return fmt.Errorf("the run was stopped: %w", context.Cause(ctx))
	case octx.Err() != nil:
		err = fmt.Errorf("reading took longer than %s", r.limits.Object)
	}
	out.record(sniffer, o, pipeline.InspectionFailed, reason(err))
	return nil
}

// changed is the error that ends a run because an object is no longer the pinned one.
func changed(o pipeline.Object, err error) error {
	return &pipeline.Error{Code: pipeline.CodeChanged,
		Message: fmt.Sprintf("%q changed under review", o.Path),
		Hint:    "nothing was recorded; wait until the upload is finished and run again", Err: err}
}

// record adds an inspection and keeps the worst status.
func (out *object) record(inspector string, o pipeline.Object, status pipeline.InspectionStatus, why string) {
	out.inspections = append(out.inspections, pipeline.Inspection{Inspector: inspector, Object: o.Path, Status: status, Reason: why})
	if status == pipeline.InspectionMalformed || status == pipeline.InspectionFailed {
		out.reading.Status = status
	}
}

// reason returns the sentence of an error for a report.
func reason(err error) string {
	var e *pipeline.Error
	if errors.As(err, &e) && e.Message != "" {
		return e.Message
	}
	return err.Error()
}

// declare merges the submission into the facts.
func (r *run) declare() error {
	r.submission = r.req.Submission
	name := r.req.SubmissionName
	if r.submission == nil && r.req.ParseSubmission != nil {
		for _, s := range r.snapshot.Skipped {
			if s.Path == pipeline.SubmissionName {
				return &pipeline.Error{Code: pipeline.CodeInvalid,
					Message: fmt.Sprintf("%s at the source's root cannot be read: it is a %s", s.Path, s.Reason),
					Hint:    "give the submission by --submission"}
			}
		}
		for i, o := range r.snapshot.Objects {
			if o.Path != pipeline.SubmissionName {
				continue
			}
			if r.objects[i].submission == nil {
				return &pipeline.Error{Code: pipeline.CodeInvalid,
					Message: fmt.Sprintf("%s at the source's root could not be read, or is longer than %d bytes", o.Path, smallText),
					Hint:    "give the submission by --submission"}
			}
			parsed, err := r.req.ParseSubmission(r.objects[i].submission)
			if err != nil {
				return err
			}
			r.submission, name = parsed, o.Path
			r.notes = append(r.notes, "The submission was read from "+o.Path+" at the source's root. It would be published with the model; keep it elsewhere and give it by --submission.")
		}
	}
	if name == "" {
		name = "submission"
	}
	r.declared = name
	r.facts.Declare(r.submission, name)
	return nil
}

// derive gathers what was read and runs the derivers, each behind its own recovery.
func (r *run) derive(ctx context.Context) {
	for i := range r.objects {
		r.readings.Objects = append(r.readings.Objects, r.objects[i].reading)
		r.inspections = append(r.inspections, r.objects[i].inspections...)
	}
	r.objectFacts()
	for _, s := range r.sessions {
		if err := guarded(func() error { s.Finish(&r.readings, &r.facts); return nil }); err != nil {
			r.fail(s.name, err)
		}
	}
	slices.SortFunc(r.readings.Tables, func(a, b *pipeline.Table) int { return compareText(a.Object, b.Object) })
	slices.SortFunc(r.readings.Configs, func(a, b pipeline.Config) int { return compareText(a.Object, b.Object) })
	for _, d := range r.engine.Derivers {
		status := pipeline.Inspection{Inspector: d.Name(), Status: pipeline.InspectionOK}
		if err := guarded(func() error { return d.Derive(ctx, &r.readings, &r.facts) }); err != nil {
			status.Status, status.Reason = pipeline.InspectionFailed, reason(err)
		}
		r.inspections = append(r.inspections, status)
	}
	// Only now is known what the artifact shows.
	r.facts.Contradict(r.submission, r.declared)
}

// mostUnread is how many names that were not followed are told one by one.
const mostUnread = 5

func (r *run) objectFacts() {
	var unpinned, pointers, twofold int64
	var evidence, pointed, both []pipeline.Evidence
	for i, o := range r.readings.Objects {
		if r.objects[i].twofold {
			twofold++
			both = append(both, pipeline.Evidence{Object: o.Path})
		}
		if !o.Pinned() {
			unpinned++
			evidence = append(evidence, pipeline.Evidence{Object: o.Path})
		}
		if o.Role == pipeline.RolePointer {
			pointers++
			pointed = append(pointed, pipeline.Evidence{Object: o.Path})
		}
	}
	r.facts.Set("objects.unpinned", unpinned, pipeline.BasisMeasured, evidence...)
	r.facts.Set("objects.twofold", twofold, pipeline.BasisMeasured, both...)
	r.facts.Set("objects.skipped", int64(len(r.snapshot.Skipped)), pipeline.BasisMeasured)
	var unread int64
	var left []pipeline.Evidence
	for _, s := range r.snapshot.Skipped {
		if s.Unread {
			unread++
			left = append(left, pipeline.Evidence{Object: s.Path, Where: s.Reason})
		}
	}
	r.facts.Set("objects.unread", unread, pipeline.BasisMeasured, left...)
	for i, at := range left {
		if i == mostUnread {
			r.notes = append(r.notes, fmt.Sprintf("%d more names were not followed.", len(left)-i))
			break
		}
		r.notes = append(r.notes, fmt.Sprintf("%s was not followed: it is a %s.", at.Object, at.Where))
	}
	r.facts.Set("headers.pointers", pointers, pipeline.BasisMeasured, pointed...)
	if unpinned > 0 {
		r.notes = append(r.notes, fmt.Sprintf("Objects that are unpinned: %d. The store gives them neither an ETag nor a version id, so only size and time could be watched.", unpinned))
	}
}

// conclude judges the facts and writes the report.
func (r *run) conclude(ctx context.Context, started time.Time) (*pipeline.Weighing, error) {
	report := pipeline.Report{
		Schema:      pipeline.ReportSchema,
		Tool:        r.engine.Tool,
		AsOf:        r.req.AsOf.Format(time.DateOnly),
		Artifact:    r.artifact(),
		Submission:  pipeline.SubmissionRef{Present: r.submission != nil},
		Facts:       r.facts.Facts,
		FactsIndex:  r.facts.Index(),
		Inspections: append([]pipeline.Inspection{}, r.inspections...),
		Notes:       append([]string{}, r.notes...),
		Disclaimer:  pipeline.Disclaimer,
	}
	if r.submission != nil {
		digest := pipeline.SubmissionDigest(r.submission)
		report.Submission.Digest = &digest
	}
	if err := r.engine.judge(ctx, &r.facts, r.req.AsOf, &report); err != nil {
		return nil, err
	}
	if r.req.Cost != nil {
		report.Cost = r.req.Cost()
	}
	report.Cost.Seconds = time.Since(started).Seconds()
	w := &pipeline.Weighing{Report: report, Submission: r.submission}
	for i := range r.objects {
		if k := r.objects[i].kept; k != nil && r.req.Keep && k.Path != pipeline.SubmissionName {
			w.Kept = append(w.Kept, *k)
		}
	}
	return w, nil
}

func (r *run) artifact() pipeline.Artifact {
	sums := map[string]string{}
	a := pipeline.Artifact{
		Source:       r.snapshot.Source.String(),
		PinDigest:    r.snapshot.PinDigest(),
		ContentBasis: "none",
		Bytes:        r.snapshot.Bytes(),
		Objects:      make([]pipeline.ArtifactObject, 0, len(r.objects)),
		Skipped:      append([]pipeline.Skipped{}, r.snapshot.Skipped...),
	}
	for i := range r.objects {
		o := &r.objects[i]
		if o.kept != nil {
			sums[o.kept.Path] = string(o.kept.Digest[len("sha256:"):])
		}
		a.Objects = append(a.Objects, pipeline.ArtifactObject{
			Object: o.reading.Object, Format: o.reading.Format, Role: o.reading.Role, Pinned: o.reading.Pinned(), SHA256: o.reading.SHA256})
	}
	r.content(&a)
	a.HeaderDigest = r.snapshot.HeaderDigest(sums)
	return a
}

// guarded turns a panic of an inspector into an error.
func guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &pipeline.Error{Code: pipeline.CodeInternal, Message: fmt.Sprintf("the inspector failed with a fault of its own (%v)", p)}
		}
	}()
	return f()
}
