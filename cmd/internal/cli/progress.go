package cli

import (
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"weighbridge/pipeline/engine"
)

// bars shows how many objects of a run were read, and how many bytes hashed, on a
// terminal only.
type bars struct {
	engine.Silent
	env Environment

	mu    sync.Mutex
	pool  *mpb.Progress
	bar   *mpb.Bar
	total int
	// hashing is the bar of the bytes that are hashed.
	hashing *mpb.Bar
}

var _ engine.HashObserver = (*bars)(nil)

// progress returns an observer that shows progress where standard error is a terminal.
func (c *cli) progress() *bars {
	return &bars{env: c.env, total: map[bool]int{true: -1}[c.settings.Quiet || !c.env.Terminal]}
}

// Listed starts the bar.
func (b *bars) Listed(objects int, _ int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.total < 0 || objects == 0 {
		return
	}
	b.pool = mpb.New(mpb.WithOutput(b.env.Stderr), mpb.WithWidth(40))
	b.bar = b.pool.AddBar(int64(objects), mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name("reading headers ")), mpb.AppendDecorators(decor.CountersNoUnit("%d / %d files")))
}

// Inspected moves the bar on.
func (b *bars) Inspected(string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bar != nil {
		b.bar.Increment()
	}
}

// Hashing starts the bar of bytes.
func (b *bars) Hashing(_ int, bytes int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pool == nil || bytes == 0 {
		return
	}
	b.hashing = b.pool.AddBar(bytes, mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name("hashing ")),
		mpb.AppendDecorators(decor.CountersKiloByte("% .1f / % .1f"), decor.Name(", "), decor.AverageETA(decor.ET_STYLE_GO)))
}

// Hashed moves the bar of bytes on.
func (b *bars) Hashed(bytes int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.hashing != nil {
		b.hashing.IncrInt64(bytes)
	}
}

// stop removes the bars, finished or not.
func (b *bars) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bar == nil {
		return
	}
	b.bar.Abort(true)
	if b.hashing != nil {
		b.hashing.Abort(true)
	}
	b.pool.Wait()
	b.bar, b.hashing, b.pool = nil, nil, nil
}
