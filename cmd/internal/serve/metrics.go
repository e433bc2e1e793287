package serve

import (
	"context"
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"weighbridge/cmd/internal/app"
	"weighbridge/pipeline"
)

// Counter is what the metrics read of the queue.
type Counter interface {
	pipeline.QueueCounter
	Checks(ctx context.Context, filter pipeline.CheckFilter) (pipeline.PageOf[pipeline.Check], error)
	Deliveries(ctx context.Context, filter pipeline.DeliveryFilter) (pipeline.PageOf[pipeline.Delivery], error)
	AuditHead(ctx context.Context) (pipeline.AuditHead, error)
}

// Metrics is what the desk tells of itself in the text format of Prometheus. No name of an
// artifact or of a person is in any label.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

// NewMetrics returns the metrics of a desk.
func NewMetrics(counter Counter, logger hclog.Logger, now func() time.Time) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weighbridge_http_requests_total",
			Help: "Requests that were answered, by route, method and status."}, []string{"route", "method", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "weighbridge_http_request_seconds",
			Help: "How long requests took, by route.", Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60}}, []string{"route"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "weighbridge_build_info", Help: "Always 1; the labels name the program.",
		ConstLabels: prometheus.Labels{"version": app.Version, "go": runtime.Version()}})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.seconds, build, &queueCollector{counter: counter, logger: logger, now: now},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler writes the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 3, Timeout: 10 * time.Second})
}

// methodOf is a method as a label. Clients may send any word as a method, and each would be
// kept for good.
func methodOf(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return method
	}
	return "other"
}

// Observe counts one request. route is the pattern that it matched.
func (m *Metrics) Observe(route, method string, status int, took time.Duration) {
	if route == "" {
		route = "none"
	}
	m.requests.WithLabelValues(route, methodOf(method), strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
}

// queueCollector reads the queue's counters when it is asked, so that they are those of
// the database whoever writes it.
type queueCollector struct {
	counter Counter
	logger  hclog.Logger
	now     func() time.Time
}

const (
	// mostCounted bounds what is counted one by one.
	mostCounted = 10_000
	// mostDeliveries bounds the notices that are counted by reading them.
	mostDeliveries = 1000
)

var (
	casesDesc   = prometheus.NewDesc("weighbridge_cases", "Cases in the queue, by state and verdict.", []string{"state", "verdict"}, nil)
	overdueDesc = prometheus.NewDesc("weighbridge_cases_overdue", "Undecided cases past their due date, 10,000 at most.", nil, nil)
	checksDesc  = prometheus.NewDesc("weighbridge_checks_active", "Checks that wait or run, 200 at most.", []string{"state"}, nil)
	deadDesc    = prometheus.NewDesc("weighbridge_deliveries", "Notices that wait, or that no receiver took, 1,000 at most each.", []string{"state"}, nil)
	auditDesc   = prometheus.NewDesc("weighbridge_audit_events_total", "Events in the audit log.", nil, nil)
)

// Describe implements [prometheus.Collector].
func (q *queueCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{casesDesc, overdueDesc, checksDesc, deadDesc, auditDesc} {
		out <- d
	}
}

// Collect implements [prometheus.Collector]. What cannot be read is left out and logged.
func (q *queueCollector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	failed := func(err error) bool {
		if err != nil {
			q.logger.Warn("a metric could not be read", "error", err)
		}
		return err != nil
	}
	if counts, err := q.counter.Counts(ctx); !failed(err) {
		for state, verdicts := range counts {
			for verdict, n := range verdicts {
				gauge(casesDesc, float64(n), string(state), string(verdict))
			}
		}
	}
	if n, err := q.counter.CountCases(ctx, pipeline.CaseFilter{OverdueAt: q.now()}, mostCounted); !failed(err) {
		gauge(overdueDesc, float64(n))
	}
	if checks, err := q.counter.Checks(ctx, pipeline.CheckFilter{Active: true, Limit: 200}); !failed(err) {
		n := map[pipeline.CheckState]int{pipeline.CheckQueued: 0, pipeline.CheckRunning: 0}
		for _, c := range checks.Items {
			n[c.State]++
		}
		for state, count := range n {
			gauge(checksDesc, float64(count), string(state))
		}
	}
	for _, state := range []pipeline.DeliveryState{pipeline.DeliveryWaiting, pipeline.DeliveryDead} {
		n, filter := 0, pipeline.DeliveryFilter{State: state, Limit: 200}
		for {
			page, err := q.counter.Deliveries(ctx, filter)
			if failed(err) {
				break
			}
			n += len(page.Items)
			if filter.Cursor = page.Next; filter.Cursor == "" || n >= mostDeliveries {
				gauge(deadDesc, float64(n), string(state))
				break
			}
		}
	}
	if head, err := q.counter.AuditHead(ctx); !failed(err) {
		out <- prometheus.MustNewConstMetric(auditDesc, prometheus.CounterValue, float64(head.Count))
	}
}
