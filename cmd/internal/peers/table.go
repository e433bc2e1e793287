package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// results are the runs of all programs at one delay.
type results struct {
	delay time.Duration
	names []string
	of    [][]measured // as names
}

// table writes the medians and how they compare.
func table(model string, files int, atOnce, waiting results) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s weight files, medians of %d runs in turn\n\n", model, thousands(int64(files)), len(atOnce.of[0]))
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "delay\tprogram\twall s\tfrom\tto\tprocessor s\tpeak MB\trequests\ta file\tMB read\tparameters\t") // into memory
	for _, r := range []results{atOnce, waiting} {
		for i, name := range r.names {
			runs := r.of[i]
			requests := median(runs, func(m measured) int64 { return m.requests })
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.3f\t%s\t%s\t\n", r.delay, name,
				seconds(median(runs, wall)), seconds(least(runs, wall)), seconds(most(runs, wall)),
				seconds(median(runs, func(m measured) time.Duration { return m.processor })),
				megabytes(median(runs, func(m measured) int64 { return m.memory })),
				thousands(requests), float64(requests)/float64(max(files, 1)),
				megabytes(median(runs, func(m measured) int64 { return m.bytes })),
				thousands(median(runs, func(m measured) int64 { return m.parameters }))) // into memory
		}
	}
	_ = w.Flush() // into memory
	b.WriteString("\n")
	for _, r := range []results{atOnce, waiting} {
		peer := len(r.names) - 1
		for i, name := range r.names[:peer] {
			fmt.Fprintf(&b, "At %s, %s takes %.1f times the wall time of %s, and %.1f times its processor time.\n", r.delay, r.names[peer],
				ratio(r.of[peer], r.of[i], wall), name, ratio(r.of[peer], r.of[i], func(m measured) time.Duration { return m.processor }))
		}
	}
	for i, name := range waiting.names {
		// A listing, an index and the wave of shards follow each other.
		fmt.Fprintf(&b, "%s: %s with the delay is %.2f times three delays and the run without.\n", name, seconds(median(waiting.of[i], wall)),
			float64(median(waiting.of[i], wall))/float64(3*waiting.delay+median(atOnce.of[i], wall)))
	}
	return b.String()
}

func wall(m measured) time.Duration { return m.wall }

func ratio(a, b []measured, of func(measured) time.Duration) float64 {
	return float64(median(a, of)) / float64(max(median(b, of), 1))
}

// sorted returns one figure of all runs, least first.
func sorted[T cmp.Ordered](runs []measured, of func(measured) T) []T {
	figures := make([]T, len(runs))
	for i, m := range runs {
		figures[i] = of(m)
	}
	slices.Sort(figures)
	return figures
}

func median[T cmp.Ordered](runs []measured, of func(measured) T) T {
	return sorted(runs, of)[len(runs)/2]
}

func least[T cmp.Ordered](runs []measured, of func(measured) T) T { return sorted(runs, of)[0] }

func most[T cmp.Ordered](runs []measured, of func(measured) T) T {
	return sorted(runs, of)[len(runs)-1]
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()) }

func megabytes(n int64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f", float64(n)/1e6)
}

// thousands writes a count with separators.
func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}
