package sandbox

// subscriptionSchedule leads a subscription through phases. Each phase has its own items.
type subscriptionSchedule struct {
	base
	CanceledAt           stamp             `json:"canceled_at"`
	CompletedAt          stamp             `json:"completed_at"`
	CurrentPhase         *phaseSpan        `json:"current_phase"`
	Customer             string            `json:"customer"`
	EndBehavior          string            `json:"end_behavior"`
	Metadata             map[string]string `json:"metadata"`
	Phases               []schedulePhase   `json:"phases"`
	ReleasedAt           stamp             `json:"released_at"`
	ReleasedSubscription text              `json:"released_subscription"`
	Status               string            `json:"status"`
	Subscription         text              `json:"subscription"`
	TestClock            text              `json:"test_clock"`
}

type phaseSpan struct {
	EndDate   int64 `json:"end_date"`
	StartDate int64 `json:"start_date"`
}

// live reports whether a schedule still has something to do.
func (s *subscriptionSchedule) live() bool { return s.Status == "not_started" || s.Status == "active" }

// nextDue returns when the next phase begins, or the last one ends.
func (s *subscriptionSchedule) nextDue() int64 {
	switch s.Status {
	case "not_started":
		return s.Phases[0].StartDate
	case "active":
		return s.CurrentPhase.EndDate
	}
	return 0
}

// at returns the index of the phase that a time falls into, or -1 if there is none.
func (s *subscriptionSchedule) at(now int64) int {
	for n, phase := range s.Phases {
		if phase.StartDate <= now && now < phase.EndDate {
			return n
		}
	}
	return -1
}

func (c *call) schedule() (*subscriptionSchedule, error) {
	found := c.Schedules.get(c.id)
	if found == nil {
		return nil, noSuch("subscription schedule", c.id, "id")
	}
	c.clock = string(found.TestClock)
	return found, nil
}

// liveSchedule finds a schedule that can still be changed.
func (c *call) liveSchedule(verb string) (*subscriptionSchedule, error) {
	found, err := c.schedule()
	if err == nil && !found.live() {
		err = invalid(
			"",
			"You cannot %s a subscription schedule that is currently in the `%s` status: it must be `not_started` or `active`.",
			verb, found.Status,
		)
	}
	return found, err
}

func getSchedule(c *call) (any, error) { return c.schedule() }

func listSchedules(c *call) (any, error) {
	p := c.p
	happened := func(name string, at stamp) bool {
		matches, err := timeFilter(p, name)
		return !p.Has(name) || err == nil && at != 0 && matches(int64(at))
	}
	return list(c, &c.Schedules, "subscription_schedule", func(s *subscriptionSchedule) bool {
		return (!p.Has("customer") || s.Customer == p.Text("customer")) &&
			(!p.Has("scheduled") || (s.Status == "not_started") == p.Flag("scheduled")) &&
			happened("canceled_at", s.CanceledAt) && happened(
			"completed_at", s.CompletedAt,
		) && happened("released_at", s.ReleasedAt)
	})
}

// createSchedule plans phases for a future subscription. With from_subscription it takes over an existing subscription
// as it is.
func createSchedule(c *call) (any, error) {
	p := c.p
	if id := p.Text("from_subscription"); id != "" {
		return c.adoptSubscription(id)
	}
	if p.Text("customer") == "" {
		return nil, missing("customer")
	}
	holder, err := c.customerAt(p.Text("customer"), "customer")
	if err != nil {
		return nil, err
	}
	c.on(holder)
	if len(p.List("phases")) == 0 {
		return nil, missing("phases")
	}
	begins := p.Int("start_date")
	if begins == 0 {
		begins = c.now()
	}
	if begins < c.now() {
		return nil, invalid("start_date", "The sandbox does not backdate: start_date must be now or in the future.")
	}
	phases, err := c.phases(holder, begins, "")
	if err != nil {
		return nil, err
	}
	made, err := c.newSchedule(holder)
	if err != nil {
		return nil, err
	}
	made.Phases, made.Status = phases, "not_started"
	c.Schedules.add(made)
	if begins > c.now() {
		c.emit("subscription_schedule.created", made)
		return made, nil
	}
	c.beginSchedule(made, "subscription_schedule.created")
	return made, nil
}

// newSchedule makes a schedule from the parameters that are about it as a whole. It is not in the table yet.
func (c *call) newSchedule(holder *customer) (*subscriptionSchedule, error) {
	made := &subscriptionSchedule{
		base:        c.begin("sub_sched_1", "subscription_schedule"),
		Customer:    holder.ID,
		EndBehavior: "release",
		Metadata:    mergedMetadata(nil, c.p),
		TestClock:   holder.TestClock,
	}
	return made, c.setEnd(made)
}

func (c *call) setEnd(s *subscriptionSchedule) error {
	switch behavior := c.p.Text("end_behavior"); behavior {
	case "":
	case "cancel", "release":
		s.EndBehavior = behavior
	default:
		return invalid("end_behavior", "The sandbox ends a schedule by `cancel` or `release` only.")
	}
	if c.p.Has("default_settings") {
		return invalid(
			"default_settings",
			"The sandbox takes a phase's settings from the phase only: leave out `default_settings`.",
		)
	}
	return nil
}

// adoptSubscription makes a schedule with one phase: the subscription's current period, with what it has now.
func (c *call) adoptSubscription(id string) (any, error) {
	for _, name := range []string{"customer", "start_date", "phases", "end_behavior", "metadata", "default_settings"} {
		if c.p.Has(name) {
			return nil, invalid(name, "You cannot set `%s` if `from_subscription` is set.", name)
		}
	}
	s, err := c.subscriptionAt(id, "from_subscription")
	if err != nil {
		return nil, err
	}
	if s.Schedule != "" {
		return nil, invalid(
			"from_subscription", "The subscription is already attached to the schedule `%s`.", s.Schedule,
		)
	}
	if !s.begun() && s.Status != "trialing" {
		return nil, invalid(
			"from_subscription", "You cannot migrate a subscription that is %s to a schedule.", s.Status,
		)
	}
	made, err := c.newSchedule(c.Customers.get(s.Customer))
	if err != nil {
		return nil, err
	}
	made.Status, made.Subscription = "active", text(s.ID)
	made.Phases = []schedulePhase{phaseOf(s)}
	made.CurrentPhase = &phaseSpan{StartDate: s.CurrentPeriodStart, EndDate: s.CurrentPeriodEnd}
	c.Schedules.add(made)
	c.emit("subscription_schedule.created", made)
	c.change("customer.subscription.updated", s, func() { s.Schedule = text(made.ID) })
	return made, nil
}

// updateSchedule plans a schedule again. Phases that are over may be left out. Changes to the current phase take effect
// now.
func updateSchedule(c *call) (any, error) {
	found, err := c.liveSchedule("update")
	if err != nil {
		return nil, err
	}
	changed, now := *found, c.now()
	if err := c.setEnd(&changed); err != nil {
		return nil, err
	}
	changed.Metadata = mergedMetadata(found.Metadata, c.p)
	current := 0
	if c.p.Has("phases") {
		if changed.Phases, err = c.replanned(found); err != nil {
			return nil, err
		}
		if current = changed.at(now); found.Status == "active" && current < 0 {
			return nil, invalid(
				"phases",
				"You must specify the current phase of an active subscription schedule, and it cannot end before now.",
			)
		}
	}
	if found.Status == "active" && c.p.Has("phases") {
		changed.CurrentPhase = changed.Phases[current].span()
	}
	c.change("subscription_schedule.updated", found, func() { *found = changed })
	if found.Status == "active" && c.p.Has("phases") {
		c.enterPhase(found, current, c.p.Text("proration_behavior"))
	}
	return found, nil
}

// replanned returns the phases of an update.
func (c *call) replanned(found *subscriptionSchedule) ([]schedulePhase, error) {
	if len(c.p.List("phases")) == 0 {
		return nil, missing("phases")
	}
	begins, currency := found.Phases[0].StartDate, ""
	if s := c.Subscriptions.get(string(found.Subscription)); s != nil {
		begins, currency = found.CurrentPhase.StartDate, s.Currency
	}
	first := c.p.List("phases")[0]
	switch {
	case first.Text("start_date") == "now":
		begins = c.now()
	case first.Has("start_date"):
		begins = first.Int("start_date")
	}
	if found.Status == "not_started" && begins < c.now() {
		return nil, invalid(
			"phases[0][start_date]", "The sandbox does not backdate: a schedule must start now or in the future.",
		)
	}
	return c.phases(c.Customers.get(found.Customer), begins, currency)
}
