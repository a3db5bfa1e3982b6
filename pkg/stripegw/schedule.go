package stripegw

import (
	"context"

	stripe "github.com/stripe/stripe-go/v76"

	"github.com/pointsync/pointsync/pkg/billing"
)

// scheduled is what a subscription will be once the current phase of its schedule, which has to be expanded, is over. Nil where
// it then goes on as it is.
func (g *Gateway) scheduled(ctx context.Context, s *stripe.Subscription) (*billing.ScheduledChange, error) {
	if s.Schedule == nil || s.Schedule.Status != stripe.SubscriptionScheduleStatusActive || s.Schedule.CurrentPhase == nil {
		return nil, nil
	}
	for _, phase := range s.Schedule.Phases {
		if phase.StartDate < s.Schedule.CurrentPhase.EndDate || len(phase.Items) == 0 || phase.Items[0].Price == nil {
			continue
		}
		wanted := phase.Items[0]
		if s.Items != nil && len(s.Items.Data) > 0 && s.Items.Data[0].Price.ID == wanted.Price.ID && s.Items.Data[0].Quantity == wanted.Quantity {
			return nil, nil
		}
		item, err := g.itemOfPrice(ctx, billing.PriceID(wanted.Price.ID))
		return &billing.ScheduledChange{Plan: item, Quantity: wanted.Quantity, At: at(phase.StartDate)}, err
	}
	return nil, nil
}

// ReleaseSchedule lets a subscription go on as it is, led by no schedule any more. A schedule that has ended is released already.
// EStripeUnavailable, EStripeRefused.
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
	return s.Status != stripe.SubscriptionScheduleStatusActive && s.Status != stripe.SubscriptionScheduleStatusNotStarted
}

// ScheduleItem gives a subscription another price and quantity from its period's end on: a schedule takes it over as it is, and is told
// of a phase after that. Cut off between the two, the schedule changes nothing, and a repeat under the same key goes on with it.
// EStripeUnavailable, EStripeRefused.
func (g *Gateway) ScheduleItem(ctx context.Context, n NewItem) error {
	if err := n.checkWrite(); err != nil {
		return err
	}
	begin := &stripe.SubscriptionScheduleParams{FromSubscription: stripe.String(string(n.Subscription))}
	begin.Context = ctx
	begin.SetIdempotencyKey(n.Key + "-schedule")
	s, err := g.api.SubscriptionSchedules.New(begin)
	if err != nil {
		return g.failure(err, "schedule the change")
	}
	if len(s.Phases) == 0 {
		return billing.Errorf(billing.EStripeRefused, "Stripe made a schedule without a phase.")
	}
	now := s.Phases[len(s.Phases)-1]
	params := &stripe.SubscriptionScheduleParams{
		EndBehavior:       stripe.String(string(stripe.SubscriptionScheduleEndBehaviorRelease)),
		ProrationBehavior: stripe.String("none"),
		Phases:            []*stripe.SubscriptionSchedulePhaseParams{currentPhase(now), nextPhase(now, n)},
	}
	params.Context = ctx
	params.SetIdempotencyKey(n.Key + "-phases")
	_, err = g.api.SubscriptionSchedules.Update(s.ID, params)
	return g.failure(err, "schedule the change")
}

// currentPhase says of a phase what a schedule's update has to repeat, or would take away.
func currentPhase(now *stripe.SubscriptionSchedulePhase) *stripe.SubscriptionSchedulePhaseParams {
	to := &stripe.SubscriptionSchedulePhaseParams{StartDate: stripe.Int64(now.StartDate), EndDate: stripe.Int64(now.EndDate), Coupon: couponOf(now)}
	for _, item := range now.Items {
		to.Items = append(to.Items, &stripe.SubscriptionSchedulePhaseItemParams{Price: stripe.String(item.Price.ID), Quantity: stripe.Int64(item.Quantity)})
	}
	if now.TrialEnd != 0 {
		to.TrialEnd = stripe.Int64(now.TrialEnd)
	}
	if now.DefaultPaymentMethod != nil {
		to.DefaultPaymentMethod = stripe.String(now.DefaultPaymentMethod.ID)
	}
	return to
}

func nextPhase(now *stripe.SubscriptionSchedulePhase, n NewItem) *stripe.SubscriptionSchedulePhaseParams {
	to := &stripe.SubscriptionSchedulePhaseParams{
		Items:             []*stripe.SubscriptionSchedulePhaseItemParams{{Price: stripe.String(string(n.Price)), Quantity: stripe.Int64(n.Quantity)}},
		Iterations:        stripe.Int64(1), // after it the schedule lets the subscription go
		ProrationBehavior: stripe.String("none"),
		Coupon:            couponOf(now),
	}
	if now.DefaultPaymentMethod != nil {
		to.DefaultPaymentMethod = stripe.String(now.DefaultPaymentMethod.ID)
	}
	return to
}

// couponOf keeps a discount: a phase that names none ends the subscription's.
func couponOf(now *stripe.SubscriptionSchedulePhase) *string {
	if now.Coupon == nil {
		return nil
	}
	return stripe.String(now.Coupon.ID)
}
