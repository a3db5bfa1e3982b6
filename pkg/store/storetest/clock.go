package storetest

import (
	"sync"
	"time"
)

// Epoch is when every Clock begins: a time of whole seconds, so that expected values are easy to write.
var Epoch = time.Date(2030, time.January, 1, 12, 0, 0, 0, time.UTC)

// Clock is a clock that stands still until it is told. It may be read and moved from any goroutine.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock answers a clock that shows Epoch.
func NewClock() *Clock { return &Clock{now: Epoch} }

// Now is the time that the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Set moves the clock, also backwards.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

// Advance moves the clock and answers what it then shows.
func (c *Clock) Advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}
