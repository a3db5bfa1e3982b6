package stripegw

import (
	"context"
	"time"

	stripe "github.com/stripe/stripe-go/v76"

	"github.com/pointsync/pointsync/pkg/billing"
)

// lookAhead adds the future of a subscription of ours: when it ends, however that was set, and what it will be later.
// Its schedule has to be expanded.
func (g *Gateway) lookAhead(ctx context.Context, s *stripe.Subscription, to *billing.StripeSubscription) error {
	if to.EndedAt != nil {
		to.EndsAt = to.EndedAt
		return nil
	}
	if to.EndsAt = atOrNil(s.CancelAt); s.CancelAtPeriodEnd {
		to.EndsAt = earlier(to.EndsAt, s.CurrentPeriodEnd)
	}
	if err := g.lookAtSchedule(ctx, s, to); err != nil {
		return err
	}
	to.CancelAtPeriodEnd = to.EndsAt != nil && to.EndsAt.Equal(to.CurrentPeriodEnd)
	return nil
}

func (g *Gateway) lookAtSchedule(ctx context.Context, s *stripe.Subscription, to *billing.StripeSubscription) error {
	led, ours := s.Schedule, itemOfOurs(s)
	if led == nil || ours == nil || led.Status != stripe.SubscriptionScheduleStatusActive || led.CurrentPhase == nil {
		return nil
	}
	for _, phase := range led.Phases {
		if phase.StartDate < led.CurrentPhase.EndDate {
			continue
		}
		wanted, item, err := g.phaseItem(ctx, phase, ours.Price.ID, to.Item)
		if err != nil {
			return err
		}
		if wanted == nil { // it no longer contains what we sold
			to.EndsAt = earlier(to.EndsAt, phase.StartDate)
			return nil
		}
		if to.Scheduled == nil && (wanted.Price.ID != ours.Price.ID || wanted.Quantity != ours.Quantity) {
			to.Scheduled = &billing.ScheduledChange{Plan: item, Quantity: wanted.Quantity, At: at(phase.StartDate)}
		}
	}
	if led.EndBehavior == stripe.SubscriptionScheduleEndBehaviorCancel && len(led.Phases) > 0 {
		to.EndsAt = earlier(to.EndsAt, led.Phases[len(led.Phases)-1].EndDate)
	}
	return nil
}

// phaseItem returns our item of a phase, and which of the catalogue's items it is. The item of the subscription's
// current price is known already.
func (g *Gateway) phaseItem(
	ctx context.Context, phase *stripe.SubscriptionSchedulePhase, price, item string,
) (*stripe.SubscriptionSchedulePhaseItem, string, error) {
	for _, wanted := range phase.Items {
		if wanted.Price == nil {
			continue
		}
		if wanted.Price.ID == price {
			return wanted, item, nil
		}
		if found, err := g.itemOfPrice(ctx, billing.PriceID(wanted.Price.ID)); err != nil || found != "" {
			return wanted, found, err
		}
	}
	return nil, "", nil
}

// earlier returns the earlier of two times. The first may be nil.
func earlier(t *time.Time, seconds int64) *time.Time {
	if other := at(seconds); t == nil || other.Before(*t) {
		return &other
	}
	return t
}

// ReleaseSchedule lets a subscription continue as it is, no longer controlled by a schedule. A schedule that has ended
// is released already. Errors: EStripeUnavailable, EStripeRefused.
func (g *Gateway) ReleaseSchedule(ctx context.Context, id billing.ScheduleID, key string) error {
	if err := need("the schedule", string(id)); err != nil {
		return err
	}
	params := &stripe.SubscriptionScheduleReleaseParams{}
	params.Context = ctx
	params.SetIdempotencyKey(key)
	_, err := g.api.SubscriptionSchedules.Release(string(id), params)
	if !isBadRequest(err) {
		return g.failure(err, "take the scheduled change back")
	}
	look := &stripe.SubscriptionScheduleParams{}
	look.Context = ctx
	if s, lookErr := g.api.SubscriptionSchedules.Get(string(id), look); lookErr == nil && ended(s) {
		return nil
	}
	return g.failure(err, "take the scheduled change back")
}

func ended(s *stripe.SubscriptionSchedule) bool {
	return s.Status != stripe.SubscriptionScheduleStatusActive &&
		s.Status != stripe.SubscriptionScheduleStatusNotStarted
}

// ScheduleItem gives a subscription another price and quantity from the end of its period. If a schedule controls it,
// that schedule is rewritten, and what it had for later is lost. Otherwise a new schedule takes the subscription over
// as it is, and a second call adds a phase after that. If the process stops between the two calls, the schedule
// changes nothing, and a repeat under the same key continues with it. Errors: EStripeUnavailable, EStripeRefused.
func (g *Gateway) ScheduleItem(ctx context.Context, n NewItem, led billing.ScheduleID, periodEnd int64) error {
	if err := n.checkWrite(); err != nil {
		return err
	}
	s, err := g.scheduleOf(ctx, n, led)
	if err != nil {
		return g.failure(err, "schedule the change")
	}
	now := phaseNow(s)
	if now == nil {
		return billing.Errorf(billing.EStripeRefused, "Stripe made a schedule without a phase.")
	}
	next, err := g.nextPhase(ctx, now, n)
	if err != nil {
		return g.failure(err, "schedule the change")
	}
	params := phases(
		ctx, n.Key+"-phases", stripe.SubscriptionScheduleEndBehaviorRelease, currentPhase(now, periodEnd), next,
	)
	_, err = g.api.SubscriptionSchedules.Update(s.ID, params)
	return g.failure(err, "schedule the change")
}

// EndScheduled lets a subscription that a schedule controls end with its period, whatever the schedule had for later.
// Errors: EStripeUnavailable, EStripeRefused.
func (g *Gateway) EndScheduled(ctx context.Context, led billing.ScheduleID, periodEnd int64, key string) error {
	s, err := g.scheduleOf(ctx, NewItem{}, led)
	if err != nil {
		return g.failure(err, "end the subscription")
	}
	now := phaseNow(s)
	if now == nil {
		return billing.Errorf(billing.EStripeRefused, "The schedule of the subscription has no phase.")
	}
	_, err = g.api.SubscriptionSchedules.Update(
		s.ID, phases(ctx, key, stripe.SubscriptionScheduleEndBehaviorCancel, currentPhase(now, periodEnd)),
	)
	return g.failure(err, "end the subscription")
}

// scheduleOf returns the schedule that controls a subscription, or creates one.
func (g *Gateway) scheduleOf(
	ctx context.Context, n NewItem, led billing.ScheduleID,
) (*stripe.SubscriptionSchedule, error) {
	params := &stripe.SubscriptionScheduleParams{}
	params.Context = ctx
	if led != "" {
		return g.api.SubscriptionSchedules.Get(string(led), params)
	}
	params.FromSubscription = stripe.String(string(n.Subscription))
	params.SetIdempotencyKey(n.Key + "-schedule")
	return g.api.SubscriptionSchedules.New(params)
}

// phaseNow returns the phase that a schedule is in, or nil if there is none. A schedule that has just taken a
// subscription over has only one phase.
func phaseNow(s *stripe.SubscriptionSchedule) (now *stripe.SubscriptionSchedulePhase) {
	for _, phase := range s.Phases {
		if s.CurrentPhase == nil || phase.StartDate == s.CurrentPhase.StartDate {
			now = phase
		}
	}
	return now
}

func phases(
	ctx context.Context, key string, end stripe.SubscriptionScheduleEndBehavior,
	to ...*stripe.SubscriptionSchedulePhaseParams,
) *stripe.SubscriptionScheduleParams {
	params := &stripe.SubscriptionScheduleParams{
		EndBehavior: stripe.String(string(end)), ProrationBehavior: stripe.String("none"), Phases: to,
	}
	params.Context = ctx
	params.SetIdempotencyKey(key)
	return params
}

// currentPhase returns the parts of a phase that an update of the schedule has to repeat, or it would remove them. The
// phase ends with the period.
func currentPhase(now *stripe.SubscriptionSchedulePhase, periodEnd int64) *stripe.SubscriptionSchedulePhaseParams {
	to := &stripe.SubscriptionSchedulePhaseParams{
		StartDate: stripe.Int64(now.StartDate), EndDate: stripe.Int64(periodEnd), Coupon: couponOf(now),
	}
	for _, item := range now.Items {
		to.Items = append(
			to.Items,
			&stripe.SubscriptionSchedulePhaseItemParams{
				Price: stripe.String(item.Price.ID), Quantity: stripe.Int64(item.Quantity),
			},
		)
	}
	if now.TrialEnd != 0 {
		to.TrialEnd = stripe.Int64(now.TrialEnd)
	}
	if now.DefaultPaymentMethod != nil {
		to.DefaultPaymentMethod = stripe.String(now.DefaultPaymentMethod.ID)
	}
	return to
}

// nextPhase returns a phase with the new price in place of ours. It keeps other items that an operator added.
func (g *Gateway) nextPhase(
	ctx context.Context, now *stripe.SubscriptionSchedulePhase, n NewItem,
) (*stripe.SubscriptionSchedulePhaseParams, error) {
	to := &stripe.SubscriptionSchedulePhaseParams{
		Items: []*stripe.SubscriptionSchedulePhaseItemParams{
			{Price: stripe.String(string(n.Price)), Quantity: stripe.Int64(n.Quantity)},
		},
		Iterations:        stripe.Int64(1), // after it the schedule releases the subscription
		ProrationBehavior: stripe.String("none"),
		Coupon:            couponOf(now),
	}
	if len(now.Items) > 1 {
		for _, item := range now.Items {
			ours, err := g.itemOfPrice(ctx, billing.PriceID(item.Price.ID))
			if err != nil {
				return nil, err
			}
			if ours == "" {
				to.Items = append(
					to.Items,
					&stripe.SubscriptionSchedulePhaseItemParams{
						Price: stripe.String(item.Price.ID), Quantity: stripe.Int64(item.Quantity),
					},
				)
			}
		}
	}
	if now.DefaultPaymentMethod != nil {
		to.DefaultPaymentMethod = stripe.String(now.DefaultPaymentMethod.ID)
	}
	return to, nil
}

// couponOf keeps a discount, because a phase without a coupon ends the subscription's discount.
func couponOf(now *stripe.SubscriptionSchedulePhase) *string {
	if now.Coupon == nil {
		return nil
	}
	return stripe.String(now.Coupon.ID)
}
