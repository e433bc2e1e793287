package retry_test

import (
	"context"
	"fmt"
	"io"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"weighbridge/pipeline"
	"weighbridge/storage/object/mem"
	"weighbridge/storage/object/objecttest"
	"weighbridge/storage/object/retry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	errBusy    = &pipeline.Error{Code: pipeline.CodeUnavailable, Message: "busy", Hint: "later"}
	errShort   = &pipeline.Error{Code: pipeline.CodeProtocol, Message: "short", Err: io.ErrUnexpectedEOF}
	errWrong   = &pipeline.Error{Code: pipeline.CodeProtocol, Message: "wrong range"}
	errDenied  = &pipeline.Error{Code: pipeline.CodeDenied, Message: "denied"}
	errChanged = &pipeline.Error{Code: pipeline.CodeChanged, Message: "changed"}
	errAbsent  = &pipeline.Error{Code: pipeline.CodeNotFound, Message: "absent"}
)

// flaky fails the first calls with the errors of a script, and cuts bodies short.
type flaky struct {
	pipeline.Store
	script []error
	// cut ends each body after so many bytes with cutErr, while it is above 0.
	cut    int
	cutErr error
	calls  int
}

func (f *flaky) next() error {
	f.calls++
	if len(f.script) == 0 {
		return nil
	}
	err := f.script[0]
	f.script = f.script[1:]
	return err
}

func (f *flaky) List(ctx context.Context, token string) (pipeline.Page, error) {
	if err := f.next(); err != nil {
		return pipeline.Page{}, err
	}
	return f.Store.List(ctx, token)
}

func (f *flaky) Open(ctx context.Context, o pipeline.Object, offset, length int64) (io.ReadCloser, error) {
	if err := f.next(); err != nil {
		return nil, err
	}
	body, err := f.Store.Open(ctx, o, offset, length)
	if err != nil || f.cut == 0 {
		return body, err
	}
	return &cutBody{ReadCloser: body, left: f.cut, err: f.cutErr}, nil
}

type cutBody struct {
	io.ReadCloser
	left int
	err  error
}

func (c *cutBody) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, c.err
	}
	n, err := c.ReadCloser.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// clock is a time that passes by sleeping only.
type clock struct {
	now    time.Time
	sleeps []time.Duration
}

func (c *clock) policy(tries int) retry.Policy {
	return retry.Policy{Tries: tries, Base: time.Second, Cap: 4 * time.Second, Total: time.Minute,
		Now: func() time.Time { return c.now }, Rand: func() float64 { return 1 },
		Sleep: func(ctx context.Context, d time.Duration) error {
			c.now = c.now.Add(d)
			c.sleeps = append(c.sleeps, d)
			return ctx.Err()
		}}
}

func repeat(err error, n int) []error {
	var all []error
	for range n {
		all = append(all, err)
	}
	return all
}

func newFlaky(t *testing.T, size int) (*flaky, pipeline.Object) {
	t.Helper()
	m := mem.New(pipeline.Source{})
	m.Put("a", objecttest.Data(1, size))
	return &flaky{Store: m}, objecttest.Pin(t, m, "a")
}

func TestWhatIsRetried(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		script []error
		want   error
		calls  int
	}{
		{"works at once", nil, nil, 1},
		{"busy once", repeat(errBusy, 1), nil, 2},
		{"busy, then short", []error{errBusy, errShort, errBusy}, nil, 4},
		{"busy to the end", repeat(errBusy, 9), pipeline.ErrUnavailable, 5},
		{"short to the end", repeat(errShort, 9), pipeline.ErrProtocol, 5},
		{"wrong range", repeat(errWrong, 1), pipeline.ErrProtocol, 1},
		{"denied", repeat(errDenied, 1), pipeline.ErrDenied, 1},
		{"changed", repeat(errChanged, 1), pipeline.ErrChanged, 1},
		{"absent", repeat(errAbsent, 1), pipeline.ErrNotFound, 1},
		{"cancelled below", repeat(fmt.Errorf("x: %w", context.Canceled), 1), context.Canceled, 1},
		{"busy, then denied", []error{errBusy, errDenied}, pipeline.ErrDenied, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, call := range []func(s pipeline.Store, o pipeline.Object) error{
				func(s pipeline.Store, _ pipeline.Object) error { _, err := s.List(t.Context(), ""); return err },
				func(s pipeline.Store, o pipeline.Object) error {
					_, err := objecttest.Read(t.Context(), s, o, 0, 10)
					return err
				},
			} {
				f, o := newFlaky(t, 10)
				f.script = c.script
				s := retry.New(f, new(clock).policy(5))
				require.Same(t, f, s.Unwrap())
				err := call(s, o)
				if c.want == nil {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, c.want)
				}
				require.Equal(t, c.calls, f.calls)
			}
		})
	}
}

func TestGivingUpSaysSoAndKeepsTheHint(t *testing.T) {
	t.Parallel()
	f, _ := newFlaky(t, 10)
	f.script = repeat(errBusy, 9)
	_, err := retry.New(f, new(clock).policy(3)).List(t.Context(), "")
	require.EqualError(t, err, "gave up after 3 tries: busy")
	var told *pipeline.Error
	require.ErrorAs(t, err, &told)
	require.Equal(t, "later", told.Hint)
}

func TestWaitsGrowToTheCap(t *testing.T) {
	t.Parallel()
	f, _ := newFlaky(t, 10)
	f.script = repeat(errBusy, 6)
	c := new(clock)
	_, err := retry.New(f, c.policy(7)).List(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, []time.Duration{1e9, 2e9, 4e9, 4e9, 4e9, 4e9}, c.sleeps)
}

func TestJitterIsFull(t *testing.T) {
	t.Parallel()
	f, _ := newFlaky(t, 10)
	f.script = repeat(errBusy, 2)
	c := new(clock)
	p := c.policy(7)
	draws := []float64{0, 0.25}
	p.Rand = func() float64 { d := draws[0]; draws = draws[1:]; return d }
	_, err := retry.New(f, p).List(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, []time.Duration{0, 500 * time.Millisecond}, c.sleeps)
}

func TestBoundedInTotalTime(t *testing.T) {
	t.Parallel()
	f, _ := newFlaky(t, 10)
	f.script = repeat(errBusy, 1000)
	c := new(clock)
	p := c.policy(math.MaxInt)
	_, err := retry.New(f, p).List(t.Context(), "")
	require.ErrorIs(t, err, pipeline.ErrUnavailable)
	require.LessOrEqual(t, c.now.Sub(time.Time{}), p.Total)
	require.Greater(t, f.calls, 10)
}

func TestContextEndsTheWait(t *testing.T) {
	t.Parallel()
	f, _ := newFlaky(t, 10)
	f.script = repeat(errBusy, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	p := new(clock).policy(100)
	p.Sleep = func(ctx context.Context, _ time.Duration) error {
		cancel()
		return ctx.Err()
	}
	_, err := retry.New(f, p).List(ctx, "")
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, f.calls)

	p.Sleep = nil // the real one
	p.Base = time.Hour
	f.script = repeat(errBusy, 1000)
	timeout, stop := context.WithTimeout(t.Context(), time.Millisecond)
	defer stop()
	p.Total = 24 * time.Hour
	p.Cap = time.Hour
	_, err = retry.New(f, p).List(timeout, "")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestBrokenBodyIsResumed(t *testing.T) {
	t.Parallel()
	const size = 1000
	for _, c := range []struct {
		name  string
		cut   int
		err   error
		want  error
		calls int
	}{
		{"short twice", 400, errShort, nil, 3},
		{"reset twice", 400, errBusy, nil, 3},
		{"ends without an error", 400, io.EOF, nil, 3},
		{"too often", 100, errBusy, pipeline.ErrUnavailable, 5},
		{"never more than nothing", -1, errShort, pipeline.ErrProtocol, 5},
		{"changed in the body", 400, errChanged, pipeline.ErrChanged, 1},
		{"denied in the body", 400, errDenied, pipeline.ErrDenied, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, o := newFlaky(t, size)
			f.cut, f.cutErr = c.cut, c.err
			if c.cut < 0 {
				f.cut = 0
				f.Store = stopped{f.Store, c.err}
			}
			data, err := objecttest.Read(t.Context(), retry.New(f, new(clock).policy(5)), o, 0, size)
			require.Equal(t, c.calls, f.calls)
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
				require.Equal(t, objecttest.Data(1, size)[:len(data)], data, "what was delivered is right")
				return
			}
			require.NoError(t, err)
			require.Equal(t, objecttest.Data(1, size), data)
		})
	}
}

// stopped gives bodies that fail before the first byte.
type stopped struct {
	pipeline.Store
	err error
}

func (s stopped) Open(ctx context.Context, o pipeline.Object, offset, length int64) (io.ReadCloser, error) {
	body, err := s.Store.Open(ctx, o, offset, length)
	if err != nil {
		return nil, err
	}
	return &cutBody{ReadCloser: body, err: s.err}, nil
}

func TestProgressStartsTheCountAnew(t *testing.T) {
	t.Parallel()
	const size = 20 << 20
	f, o := newFlaky(t, size)
	f.cut, f.cutErr = 2<<20, errBusy
	data, err := objecttest.Read(t.Context(), retry.New(f, new(clock).policy(3)), o, 0, size)
	require.NoError(t, err)
	require.Len(t, data, size)
	require.Equal(t, 10, f.calls)
}

func TestClosedBodyStaysClosed(t *testing.T) {
	t.Parallel()
	f, o := newFlaky(t, 10)
	body, err := retry.New(f, new(clock).policy(3)).Open(t.Context(), o, 0, 10)
	require.NoError(t, err)
	require.NoError(t, body.Close())
	require.NoError(t, body.Close())
	_, err = body.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, io.EOF)
}
