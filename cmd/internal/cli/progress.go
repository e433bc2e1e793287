package cli

import (
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"weighbridge/pipeline/engine"
)

// bars shows how many objects of a run were read, on a terminal only.
type bars struct {
	engine.Silent
	env Environment

	mu    sync.Mutex
	pool  *mpb.Progress
	bar   *mpb.Bar
	total int
}

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

// stop removes the bar, finished or not.
func (b *bars) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bar == nil {
		return
	}
	b.bar.Abort(true)
	b.pool.Wait()
	b.bar = nil
}
