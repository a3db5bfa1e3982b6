package sandbox

// testClock is a separate clock for the customers created on it. Its own dates follow the main clock.
type testClock struct {
	base
	DeletesAfter int64  `json:"deletes_after"`
	FrozenTime   int64  `json:"frozen_time"`
	Name         text   `json:"name"`
	Status       string `json:"status"`
}

const (
	testClockLifetime = 30 * 86400
	longestAdvance    = 2 * 366 * 86400 // if no subscription limits it
)

func createTestClock(c *call) (any, error) {
	made := &testClock{
		base:       c.begin("clock_1", "test_helpers.test_clock"),
		FrozenTime: c.p.Int("frozen_time"),
		Name:       text(c.p.Text("name")),
		Status:     "ready",
	}
	made.DeletesAfter = made.Created + testClockLifetime
	if made.FrozenTime < 1 {
		return nil, invalid("frozen_time", "Invalid timestamp: must be a positive Unix timestamp.")
	}
	c.TestClocks.add(made)
	c.emit("test_helpers.test_clock.created", made)
	return made, nil
}

func (c *call) testClock() (*testClock, error) {
	if found := c.TestClocks.get(c.id); found != nil {
		return found, nil
	}
	return nil, noSuch("test clock", c.id, "id")
}

func getTestClock(c *call) (any, error) { return c.testClock() }

func listTestClocks(c *call) (any, error) { return list(c, &c.TestClocks, "test clock", nil) }

// advanceTestClock does everything that is due on the way at once. But it responds as Stripe does, which works on it
// for a while: with the status advancing. The next request finds it ready.
func advanceTestClock(c *call) (any, error) {
	found, err := c.testClock()
	if err != nil {
		return nil, err
	}
	to := c.p.Int("frozen_time")
	if to <= found.FrozenTime {
		return nil, invalid("frozen_time", "Cannot move the test clock to a time before its current frozen time.")
	}
	if to > c.furthest(found) {
		return nil, invalid(
			"frozen_time",
			"You may only advance a test clock up to two intervals ahead of the shortest subscription on it, or two years where it has none.",
		)
	}
	found.Status = "advancing"
	c.emit("test_helpers.test_clock.advancing", found)
	c.runDue(found.ID, to)
	found.FrozenTime = to
	shown := render(found)
	found.Status = "ready"
	c.emit("test_helpers.test_clock.ready", found)
	return shown, nil
}

func (c *call) furthest(clock *testClock) int64 {
	limit := clock.FrozenTime + longestAdvance
	for _, s := range c.Subscriptions.where(
		func(s *subscription) bool { return string(s.TestClock) == clock.ID && !s.ended() },
	) {
		cycle := *s.cycle()
		cycle.IntervalCount *= 2
		limit = min(limit, cycle.next(clock.FrozenTime, clock.FrozenTime))
	}
	return limit
}

// deleteTestClock deletes a clock and the customers that live on it.
func deleteTestClock(c *call) (any, error) {
	found, err := c.testClock()
	if err != nil {
		return nil, err
	}
	c.clock = found.ID
	for _, holder := range c.Customers.where(
		func(each *customer) bool { return string(each.TestClock) == found.ID && !each.Hidden.Deleted },
	) {
		c.eraseCustomer(holder)
	}
	c.clock = ""
	c.emit("test_helpers.test_clock.deleted", found)
	c.TestClocks.remove(found.ID)
	return deleted("test_helpers.test_clock", found.ID), nil
}
