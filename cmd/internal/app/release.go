package app

import (
	"context"
	"fmt"

	"weighbridge/pipeline"
	"weighbridge/pipeline/release"
	"weighbridge/storage/object/dir"
	"weighbridge/storage/object/limit"
	"weighbridge/storage/object/meter"
	"weighbridge/storage/object/retry"
	"weighbridge/storage/object/s3"
)

// Release says what to release.
type Release struct {
	// Source and Place are as the user wrote them.
	Source, Place string
	// Objects are what was approved, Approval the envelope that says so, and Same tells
	// whether another envelope is for the same bytes.
	Objects  []release.Object
	Approval []byte
	Same     func(marker []byte) bool
	Replace  bool
	Observer release.Observer
}

// Release brings approved objects to a place. Errors are those of [release.Run], and
// those of opening the two.
func (a *App) Release(ctx context.Context, r Release) (release.Result, error) {
	from, err := pipeline.ParseSource(r.Source)
	if err != nil {
		return release.Result{}, err
	}
	to, err := pipeline.ParseSource(r.Place)
	if err != nil {
		return release.Result{}, err
	}
	if within(from, to) || within(to, from) {
		return release.Result{}, &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("%s and %s lie within each other", from, to),
			Hint: "name a release place outside the source"}
	}
	source, done, err := a.open(from)
	if err != nil {
		return release.Result{}, err
	}
	defer done()
	place, held, closePlace, err := a.openPlace(to)
	if err != nil {
		return release.Result{}, err
	}
	result, err := release.Run(ctx, release.Request{From: from, Source: source, Place: place, Held: held, Objects: r.Objects,
		Approval: r.Approval, Same: r.Same, Replace: r.Replace, Observer: r.Observer})
	if cerr := closePlace(); err == nil {
		err = cerr
	}
	return result, err
}

// within tells whether one source holds the other, as far as their names tell.
func within(outer, inner pipeline.Source) bool {
	o, i := outer.String(), inner.String()
	return outer.Scheme == inner.Scheme && len(i) >= len(o) && i[:len(o)] == o && (len(i) == len(o) || o[len(o)-1] == '/' || i[len(o)] == '/')
}

// openPlace opens the place for writing, and for reading what lies there.
func (a *App) openPlace(to pipeline.Source) (pipeline.Place, pipeline.Store, func() error, error) {
	if to.Scheme == pipeline.SchemeDir {
		place, err := dir.OpenPlace(to)
		if err != nil {
			return nil, nil, nil, err
		}
		held, err := dir.Open(to)
		if err != nil {
			return nil, nil, nil, err
		}
		return place, held, place.Close, nil
	}
	opts, staging := a.Settings.Release, a.Settings.S3
	opts.Concurrency = Concurrency
	place, err := s3.OpenPlace(to, opts, s3.PlaceOptions{Source: &staging})
	if err != nil {
		return nil, nil, nil, err
	}
	held := retry.New(limit.New(meter.New(place.Store, nil), Concurrency), retry.Default())
	return place, held, place.Close, nil
}

// Tag marks the approved objects in their bucket. Each is hashed with its pin before, and
// the tag is set on that pin. An error matches [pipeline.ErrChanged] where the source is
// not what was approved, and [pipeline.ErrUsage] where it is no bucket.
func (a *App) Tag(ctx context.Context, r Release, key, value string) (release.Result, error) {
	from, err := pipeline.ParseSource(r.Source)
	if err != nil {
		return release.Result{}, err
	}
	if from.Scheme != pipeline.SchemeS3 {
		return release.Result{}, &pipeline.Error{Code: pipeline.CodeUsage, Message: "only objects in a bucket have tags", Hint: "name s3://bucket/prefix/"}
	}
	source, done, err := a.open(from)
	if err != nil {
		return release.Result{}, err
	}
	defer done()
	opts := a.Settings.Release
	opts.Concurrency = Concurrency
	tagger, err := s3.OpenPlace(from, opts, s3.PlaceOptions{})
	if err != nil {
		return release.Result{}, err
	}
	result, err := release.Tag(ctx, release.Request{From: from, Source: source, Objects: r.Objects, Observer: r.Observer}, tagger, key, value)
	if cerr := tagger.Close(); err == nil {
		err = cerr
	}
	return result, err
}
