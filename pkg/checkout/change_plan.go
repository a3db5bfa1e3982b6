package checkout

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// previewLife is how long the date of a preview, and with it the previewed amount, stays valid.
const previewLife = 10 * time.Minute

// wantedPlan returns the requested plan from the catalogue.
func (s *Service) wantedPlan(r ChangeRequest) (billing.Plan, error) {
	plan, ok := s.catalog.Plan(r.Plan)
	if !ok {
		return plan, billing.Invalid("/plan", "is not a plan of the catalogue")
	}
	if plan.Retired {
		return plan, billing.Invalid("/plan", "is no longer sold; who has it keeps it")
	}
	return plan, plan.CheckQuantity(max(r.Quantity, 1))
}

// planChange returns the steps to another plan or quantity. The change replaces what was to come, by a schedule or a
// cancellation. A change that is charged replaces it as soon as the charge is paid.
func (s *Service) planChange(
	ctx context.Context, v view, plan billing.Plan, r ChangeRequest,
) (billing.ChangeSteps, error) {
	m, err := decideMove(v, plan, r)
	if err != nil {
		return billing.ChangeSteps{}, err
	}
	steps := replacing(v.terms)
	steps.Action = m.action
	switch m.action {
	case billing.ActionNone:
		steps.Uncancel, steps.Undate = false, false
		return steps, nil
	case billing.ActionSchedule:
		if steps.Schedule, steps.Release = steps.Release, ""; steps.Schedule != "" { // its end is rewritten with it
			steps.Uncancel, steps.Undate = false, false
		}
		steps.PeriodEnd = v.terms.CurrentPeriodEnd.Unix()
	case billing.ActionCharge, billing.ActionInvoice:
		if steps.ProrationDate, err = prorationDate(v, r.ProrationDate); err != nil {
			return steps, err
		}
	}
	steps.Item, steps.Quantity = v.terms.ItemID, m.quantity
	steps.Price, err = s.stripe.PlanPrice(ctx, plan)
	return steps, err
}

// prorationDate returns the date of a recent preview, in Unix seconds, or 0 for none.
func prorationDate(v view, seconds int64) (int64, error) {
	if seconds == 0 {
		return 0, nil
	}
	at := time.Unix(seconds, 0)
	if at.After(v.now) || v.now.Sub(at) > previewLife || at.Before(v.terms.CurrentPeriodStart) {
		return 0, billing.Invalid(
			"/proration_date", "is not that of a preview of the last %d minutes", int(previewLife.Minutes()),
		)
	}
	return seconds, nil
}

// move is a change of plan or quantity, before its steps are planned.
type move struct {
	action   billing.ChangeAction
	quantity int64
}

// decideMove decides whether a change happens now or at the period's end. A more expensive plan starts now, and the
// customer pays for it; a cheaper one waits for the end of the paid period. A longer interval starts now, a shorter one
// waits. Errors: EConflict, EInvalid.
func decideMove(v view, plan billing.Plan, r ChangeRequest) (m move, err error) {
	t := v.terms
	if err := changeable(t.Status); err != nil {
		return m, err
	}
	m.quantity = r.Quantity
	if m.quantity == 0 {
		m.quantity = max(t.Quantity, 1)
	}
	if err := plan.CheckQuantity(m.quantity); err != nil {
		return m, err
	}
	if plan.Currency != t.Currency {
		return m, billing.Invalid("/plan", "is sold in %s, and the subscription is in %s", plan.Currency, t.Currency)
	}
	interval, now := intervalDays[plan.Interval], intervalDays[t.Interval]*t.IntervalCount
	switch {
	case plan.ID == t.Item && m.quantity == t.Quantity:
		if t.Scheduled == nil && !t.Pending {
			return m, billing.Errorf(
				billing.EConflict,
				"The subscription is of this plan and quantity already. If it is to end, POST /subscription/resume keeps it.",
			)
		}
		m.action = billing.ActionNone // a change that is under way is withdrawn
	case t.Status == billing.SubTrialing:
		m.action = billing.ActionSwap
	case interval < now, interval == now && plan.Amount*m.quantity < t.UnitAmount*t.Quantity:
		m.action = billing.ActionSchedule
	case t.PaysLater:
		m.action = billing.ActionInvoice
	default:
		m.action = billing.ActionCharge
	}
	if m.action == billing.ActionCharge || m.action == billing.ActionInvoice {
		return m, chargeable(v)
	}
	return m, nil
}

// chargeable refuses a charge while another is under way or unpaid, or while collection is paused. Errors: EConflict.
func chargeable(v view) error {
	switch {
	case v.terms.UnderWay:
		return billing.Errorf(
			billing.EConflict,
			"A payment of the subscription is under way. Ask again when the bank has decided, which may take days.",
		)
	case v.owes:
		return billing.Errorf(billing.EConflict, "The change before this one is not paid yet. Ask again when it is.")
	case v.terms.CollectionPaused != nil:
		return billing.Errorf(
			billing.EConflict, "The collection of payments is paused. Resume it (POST /subscription/resume) first.",
		)
	}
	return nil
}

// intervalDays serves to compare intervals; it does not measure them.
var intervalDays = map[billing.Interval]int64{
	billing.IntervalDay: 1, billing.IntervalWeek: 7, billing.IntervalMonth: 30, billing.IntervalYear: 365,
}

// changeable refuses a change in a state that has to be fixed first.
func changeable(status billing.SubscriptionStatus) error {
	var why string
	switch status {
	case billing.SubActive, billing.SubTrialing:
		return nil
	case billing.SubPastDue:
		why = "The last payment failed. Pay it in the billing portal (POST /portal) first."
	case billing.SubUnpaid:
		why = "Payments are owed. Pay them in the billing portal (POST /portal) first, or cancel now."
	case billing.SubIncomplete:
		why = "The first payment is not made yet. Finish it, or cancel now and subscribe again."
	case billing.SubPaused:
		why = "The subscription is paused. Resume it (POST /subscription/resume) first."
	default:
		why = "The subscription has ended. Subscribe again (POST /checkout)."
	}
	return billing.Errorf(billing.EConflict, "%s", why)
}

// planCancel returns the steps to the subscription's end. An end with the period replaces a later end, never an earlier
// one.
func planCancel(v view, at billing.CancelTime) (billing.ChangeSteps, error) {
	t := v.terms
	steps := billing.ChangeSteps{Subscription: t.ID, Void: replacing(t).Void}
	switch t.Status {
	case billing.SubCanceled, billing.SubIncompleteExpired:
		return steps, billing.Errorf(billing.EConflict, "The subscription has ended already.")
	}
	if at == billing.CancelNow {
		steps.Action = billing.ActionCancelNow // a schedule ends with its subscription
		return steps, nil
	}
	switch t.Status {
	case billing.SubActive, billing.SubTrialing, billing.SubPastDue:
	default:
		return steps, billing.Errorf(
			billing.EConflict,
			"The subscription is %s: it has no period to end with. Cancel it now ({\"at\": \"now\"}).", t.Status,
		)
	}
	if t.EndsAt != nil && !t.EndsAt.After(t.CurrentPeriodEnd) {
		return steps, billing.Errorf(
			billing.EConflict, "The subscription ends on %s already.", t.EndsAt.UTC().Format(time.RFC3339),
		)
	}
	steps.Action, steps.Schedule, steps.PeriodEnd = billing.ActionCancel, t.Schedule, t.CurrentPeriodEnd.Unix()
	return steps, nil
}

// planResume returns the steps that make the subscription continue, with nothing to come and with payments collected.
func planResume(v view) (billing.ChangeSteps, error) {
	t := v.terms
	steps := replacing(t)
	steps.Void, steps.Unpause = "", t.CollectionPaused != nil
	switch {
	case t.Status == billing.SubCanceled, t.Status == billing.SubIncompleteExpired:
		return steps, billing.Errorf(
			billing.EConflict, "The subscription has ended and cannot be resumed. Subscribe again (POST /checkout).",
		)
	case t.Status == billing.SubPaused:
		steps.Action = billing.ActionRestart
	case !steps.Replaces():
		return steps, billing.Errorf(
			billing.EConflict, "There is nothing to resume: the subscription goes on as it is.",
		)
	}
	return steps, nil
}

// replacing returns the steps that leave a subscription as it is, with nothing to come.
func replacing(t stripegw.Terms) billing.ChangeSteps {
	steps := billing.ChangeSteps{Subscription: t.ID, Release: t.Schedule, Uncancel: t.Cancels, Undate: t.HasEndDate}
	if t.Pending {
		steps.Void = t.Owes.ID
	}
	if t.CanceledAt != nil {
		steps.CanceledAt = t.CanceledAt.Unix()
	}
	return steps
}
