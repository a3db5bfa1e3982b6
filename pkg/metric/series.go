package metric

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// other is the value of a label whose own value is not in its set.
const other = "other"

// label is a label of a series, and the closed set of its values.
type label struct {
	name   string
	values []string
}

// of returns a value of the set: the given one, or other.
func (l label) of(value string) string {
	if slices.Contains(l.values, value) {
		return value
	}
	return other
}

// closed replaces the values that are not in their sets.
func closed(labels []label, values []string) []string {
	for i, l := range labels {
		values[i] = l.of(values[i])
	}
	return values
}

func labelNames(labels []label) []string {
	list := make([]string, len(labels))
	for i, l := range labels {
		list[i] = l.name
	}
	return list
}

// names returns the values of a typed set as a label has them.
func names[T ~string](set []T) []string {
	list := make([]string, len(set))
	for i, v := range set {
		list[i] = string(v)
	}
	return list
}

// counter is a counter with labels of closed sets.
type counter struct {
	vec    *prometheus.CounterVec
	labels []label
}

func newCounter(name, help string, labels ...label) counter {
	c := counter{prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labelNames(labels)), labels}
	c.begin(nil)
	return c
}

// begin makes the series of every combination of values, at 0, whose first values are given.
func (c counter) begin(values []string) {
	if len(values) == len(c.labels) {
		c.vec.WithLabelValues(values...)
		return
	}
	for _, v := range c.labels[len(values)].values {
		c.begin(append(values[:len(values):len(values)], v))
	}
}

func (c counter) add(n float64, values ...string) {
	c.vec.WithLabelValues(closed(c.labels, values)...).Add(n)
}

// gauge is a gauge without labels. It does not exist until it is set.
type gauge struct{ vec *prometheus.GaugeVec }

func newGauge(name, help string) gauge {
	return gauge{prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, nil)}
}

func (g gauge) set(v float64) { g.vec.WithLabelValues().Set(v) }

// The bounds of histograms, in seconds. One second is a bound of each, because that is the promise.
var (
	steps = []float64{0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300}
	// Stripe gives an event's time in whole seconds, and sends it again for three days.
	slow = []float64{1, 2, 5, 10, 30, 60, 300, 900, 3600, 6 * 3600, 24 * 3600}
)

// histogram is a histogram of seconds with labels of closed sets. Without labels, it exists from the start.
type histogram struct {
	vec    *prometheus.HistogramVec
	labels []label
}

func newHistogram(name, help string, bounds []float64, labels ...label) histogram {
	opts := prometheus.HistogramOpts{Name: name, Help: help, Buckets: bounds}
	h := histogram{prometheus.NewHistogramVec(opts, labelNames(labels)), labels}
	if len(labels) == 0 {
		h.vec.WithLabelValues()
	}
	return h
}

// observe counts a duration. Two clocks may differ a little, so one below 0 counts as 0.
func (h histogram) observe(d time.Duration, values ...string) {
	h.vec.WithLabelValues(closed(h.labels, values)...).Observe(max(d, 0).Seconds())
}
