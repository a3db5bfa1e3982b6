package sandbox

// incompleteLifetime is how long, in seconds, a first payment may take. After that, incomplete becomes
// incomplete_expired.
const incompleteLifetime = 23 * 3600

// trialNotice is how long before a trial's end that end is announced, in seconds.
const trialNotice = 3 * 86400

// renewalNotice is how long before a renewal invoice.upcoming is sent, in seconds.
const renewalNotice = 7 * 86400

type subscription struct {
	base
	BillingCycleAnchor   int64                    `json:"billing_cycle_anchor"`
	CancelAt             stamp                    `json:"cancel_at"`
	CancelAtPeriodEnd    bool                     `json:"cancel_at_period_end"`
	CanceledAt           stamp                    `json:"canceled_at"`
	CancellationDetails  cancellationDetails      `json:"cancellation_details"`
	CollectionMethod     string                   `json:"collection_method"`
	Currency             string                   `json:"currency"`
	CurrentPeriodEnd     int64                    `json:"current_period_end"`
	CurrentPeriodStart   int64                    `json:"current_period_start"`
	Customer             string                   `json:"customer"`
	DaysUntilDue         *int64                   `json:"days_until_due"`
	DefaultPaymentMethod text                     `json:"default_payment_method"`
	Description          text                     `json:"description"`
	Discount             *discount                `json:"discount"`
	EndedAt              stamp                    `json:"ended_at"`
	Items                listOf[subscriptionItem] `json:"items"`
	LatestInvoice        text                     `json:"latest_invoice"`
	Metadata             map[string]string        `json:"metadata"`
	PauseCollection      *pauseCollection         `json:"pause_collection"`
	PaymentSettings      map[string]any           `json:"payment_settings"`
	PendingUpdate        *pendingUpdate           `json:"pending_update"`
	Schedule             text                     `json:"schedule"`
	StartDate            int64                    `json:"start_date"`
	Status               string                   `json:"status"`
	TestClock            text                     `json:"test_clock"`
	TrialEnd             stamp                    `json:"trial_end"`
	TrialSettings        trialSettings            `json:"trial_settings"`
	TrialStart           stamp                    `json:"trial_start"`
	Hidden               struct {
		StubFree       bool   // the time until a future anchor is not charged
		TrialNoticed   bool   // customer.subscription.trial_will_end was sent
		Noticed        int64  // the period end that invoice.upcoming was last sent for
		PendingInvoice string // the invoice whose payment applies PendingUpdate
		PeriodDiscount string // the discount that the current period was billed with
	} `json:"_sandbox"`
}

type cancellationDetails struct {
	Comment  text `json:"comment"`
	Feedback text `json:"feedback"`
	Reason   text `json:"reason"`
}

type trialSettings struct {
	EndBehavior endBehavior `json:"end_behavior"`
}

type endBehavior struct {
	MissingPaymentMethod string `json:"missing_payment_method"`
}

// pendingUpdate is a change of items that waits for its invoice to be paid.
type pendingUpdate struct {
	BillingCycleAnchor stamp               `json:"billing_cycle_anchor"`
	ExpiresAt          int64               `json:"expires_at"`
	SubscriptionItems  []*subscriptionItem `json:"subscription_items"`
	TrialEnd           stamp               `json:"trial_end"`
	TrialFromPlan      *bool               `json:"trial_from_plan"`
}

type subscriptionItem struct {
	base
	Metadata     map[string]string `json:"metadata"`
	Price        *price            `json:"price"`
	Quantity     int64             `json:"quantity"`
	Subscription string            `json:"subscription"`
}

func (i *subscriptionItem) amount() int64 { return i.Price.UnitAmount * i.Quantity }

func (s *subscription) ended() bool {
	return s.Status == "canceled" || s.Status == "incomplete_expired"
}

// begun reports whether a subscription's billing has begun and continues.
func (s *subscription) begun() bool {
	return s.Status == "active" || s.Status == "past_due" || s.Status == "unpaid"
}

func (s *subscription) cycle() *recurring { return s.Items.Data[0].Price.Recurring }

// nextDue returns when the subscription next has due work. That is the earliest of these times:
//   - the ends of its period and its trial, and the notices before them;
//   - the ends of its pause and its discount;
//   - its planned cancellation;
//   - the deadlines of a first payment and of a pending update.
func (s *subscription) nextDue() int64 {
	due := s.CurrentPeriodEnd
	switch s.Status {
	case "incomplete":
		return s.Created + incompleteLifetime
	case "trialing":
		if !s.Hidden.TrialNoticed {
			due = max(s.Created, int64(s.TrialEnd)-trialNotice)
		}
	case "active", "past_due", "unpaid":
	case "paused":
		due = 0 // nothing is due until it is resumed
	default:
		return 0
	}
	if s.wantsNotice() {
		due = sooner(due, max(s.Created, s.CurrentPeriodEnd-renewalNotice))
	}
	if s.PendingUpdate != nil {
		due = sooner(due, s.PendingUpdate.ExpiresAt)
	}
	if s.Discount != nil {
		due = sooner(due, int64(s.Discount.End))
	}
	if s.PauseCollection != nil {
		due = sooner(due, int64(s.PauseCollection.ResumesAt))
	}
	return sooner(due, int64(s.CancelAt))
}

// sooner returns the earlier of two times. 0 means never.
func sooner(a, b int64) int64 {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// wantsNotice reports whether invoice.upcoming must still be sent for the next renewal. A period that is no longer than
// the notice gets none.
func (s *subscription) wantsNotice() bool {
	return s.renews() && s.Hidden.Noticed != s.CurrentPeriodEnd &&
		s.CurrentPeriodEnd-s.CurrentPeriodStart > renewalNotice
}

func (s *subscription) renews() bool {
	return (s.Status == "active" || s.Status == "trialing" || s.Status == "past_due") && !s.CancelAtPeriodEnd &&
		(s.CancelAt == 0 || int64(s.CancelAt) > s.CurrentPeriodEnd)
}

// cardFor returns the payment method that a subscription's invoices are charged to: its own default, else the
// customer's, else the customer's old default source. It returns nil if there is none. Like Stripe, it does not use
// other attached cards.
func (w *world) cardFor(s *subscription, holder *customer) *paymentMethod {
	if s != nil {
		if method := w.PaymentMethods.get(string(s.DefaultPaymentMethod)); method != nil {
			return method
		}
	}
	if method := w.PaymentMethods.get(string(holder.InvoiceSettings.DefaultPaymentMethod)); method != nil {
		return method
	}
	return w.PaymentMethods.get(string(holder.DefaultSource))
}

// subscriptionAt finds a subscription by its id and makes its clock the current one.
func (c *call) subscriptionAt(id, param string) (*subscription, error) {
	found := c.Subscriptions.get(id)
	if found == nil {
		return nil, noSuch("subscription", id, param)
	}
	c.clock = string(found.TestClock)
	return found, nil
}

func getSubscription(c *call) (any, error) { return c.subscriptionAt(c.id, "id") }

// listSubscriptions leaves out canceled subscriptions unless the request asks for them, as Stripe does.
func listSubscriptions(c *call) (any, error) {
	p, status := c.p, c.p.Text("status")
	matches := func(s *subscription) bool {
		switch status {
		case "all":
			return true
		case "":
			return s.Status != "canceled" && s.Status != "incomplete_expired"
		case "ended":
			return s.ended()
		}
		return s.Status == status
	}
	startFilter, err := timeFilter(p, "current_period_start")
	if err != nil {
		return nil, err
	}
	endFilter, err := timeFilter(p, "current_period_end")
	if err != nil {
		return nil, err
	}
	return list(c, &c.Subscriptions, "subscription", func(s *subscription) bool {
		return matches(s) && (!p.Has("customer") || s.Customer == p.Text("customer")) &&
			startFilter(s.CurrentPeriodStart) && endFilter(s.CurrentPeriodEnd) &&
			(!p.Has("collection_method") || s.CollectionMethod == p.Text("collection_method")) &&
			(!p.Has("price") || s.priced(p.Text("price"))) &&
			(!p.Has("test_clock") || string(s.TestClock) == p.Text("test_clock"))
	})
}

func (s *subscription) priced(priceID string) bool {
	for _, item := range s.Items.Data {
		if item.Price.ID == priceID {
			return true
		}
	}
	return false
}
