package billing

import (
	"testing"
	"time"
)

// TestAttempts proves the pauses of the documentation: 5 passwords at once, then pauses of 1, 2, 4 seconds and so on,
// up to 5 minutes, for ever. Two attempts are forgotten after 10 quiet minutes.
func TestAttempts(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	var c AttemptCount
	var pauses []time.Duration
	for range 18 {
		wait := c.Wait(AttemptPair, now)
		pauses = append(pauses, wait)
		now = now.Add(wait)
		c = c.Next(AttemptPair, now)
	}
	for i, want := range []time.Duration{0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256} {
		if pauses[i] != want*time.Second {
			t.Errorf("before attempt %d: %s, want %ds", i+1, pauses[i], want)
		}
	}
	if last := pauses[len(pauses)-1]; last < 4*time.Minute || last > 5*time.Minute {
		t.Errorf("the longest pause: %s", last)
	}
	level := c.Level(AttemptPair, now)
	if got := c.Level(AttemptPair, now.Add(10*time.Minute)); got != level-2 {
		t.Errorf("level %d after 10 minutes, and %d before", got, level)
	}
	if c.Level(AttemptPair, c.ZeroAt) != 0 || c.Wait(AttemptPair, c.ZeroAt) != 0 {
		t.Error("attempts that are forgotten count")
	}
	large := AttemptCount{LastAt: now, ZeroAt: now.Add(100 * time.Hour)}
	if wait := large.Wait(AttemptPair, now); wait != 5*time.Minute {
		t.Errorf("the pause of a large count: %s", wait)
	}
}
